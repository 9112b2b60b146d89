//! Schema and policies, from a folder or from a revision of git.

use crate::{Problem, Result};
use cedar_policy::{
    Effect, Policy, PolicyId, PolicySet, Schema, SchemaFragment, ValidationMode, Validator,
};
use std::fs;
use std::path::Path;
use std::process::Command;
use std::str::FromStr;

/// The schema that comes first; the others continue it.
const FIRST: &str = "schema.cedarschema";

/// A policy set that validated strictly against its schema.
#[derive(Debug)]
pub struct Authority {
    /// The schema.
    pub schema: Schema,
    /// The schema as text, all files one after the other.
    pub text: String,
    /// The schema as JSON.
    pub json: serde_json::Value,
    /// What allows, under the names of their `@id`.
    pub permits: Vec<Policy>,
    /// What forbids.
    pub forbids: Vec<Policy>,
    /// The hash of schema and policies as the server computes it of those it loaded.
    pub digest: String,
}

impl Authority {
    /// Reads `*.cedarschema` and `*.cedar` of a folder.
    ///
    /// # Errors
    /// If a file cannot be read, does not parse or does not validate.
    pub fn read(folder: &Path) -> Result<Self> {
        let mut schemas = texts(folder, "cedarschema")?;
        let policies = texts(folder, "cedar")?;
        schemas.sort_by_key(|(name, _)| (name != FIRST, name.clone()));
        Self::new(&schemas, &policies)
    }

    /// Reads the folder `authority` of a revision of the repository at `root`.
    ///
    /// # Errors
    /// If git does not know the revision, or as [`Self::read`].
    pub fn of_revision(root: &Path, revision: &str) -> Result<Self> {
        if revision.starts_with('-') {
            return Err(Problem::new(format!("`{revision}` is not a revision of this repository")));
        }
        let folder = format!("{revision}:authority");
        let names = git(root, &["ls-tree", "--name-only", &folder])?;
        let (mut schemas, mut policies) = (Vec::new(), Vec::new());
        for name in names.lines() {
            let into = match name.rsplit_once('.') {
                Some((_, "cedarschema")) => &mut schemas,
                Some((_, "cedar")) => &mut policies,
                _ => continue,
            };
            into.push((name.to_owned(), git(root, &["show", &format!("{folder}/{name}")])?));
        }
        schemas.sort_by_key(|(name, _)| (name != FIRST, name.clone()));
        Self::new(&schemas, &policies)
    }

    fn new(schemas: &[(String, String)], policies: &[(String, String)]) -> Result<Self> {
        if schemas.is_empty() || policies.is_empty() {
            return Err(Problem::new("there are no `*.cedarschema` and `*.cedar` files there"));
        }
        let text: String = schemas.iter().map(|(_, text)| text.as_str()).collect();
        let (schema, _) = Schema::from_cedarschema_str(&text)
            .map_err(|error| Problem::new(format!("the schema does not parse: {error}")))?;
        let (fragment, _) = SchemaFragment::from_cedarschema_str(&text)
            .map_err(|error| Problem::new(format!("the schema does not parse: {error}")))?;
        let json = fragment
            .to_json_value()
            .map_err(|error| Problem::new(format!("the schema has no JSON form: {error}")))?;
        let mut set = PolicySet::new();
        for (name, text) in policies {
            for policy in parse(name, text)? {
                set.add(policy).map_err(|error| Problem::new(format!("`{name}`: {error}")))?;
            }
        }
        validate(&schema, &set, "the policies")?;
        let mut all: Vec<Policy> = set.policies().cloned().collect();
        all.sort_by_key(|policy| policy.id().to_string());
        let (permits, forbids) =
            all.into_iter().partition(|policy| policy.effect() == Effect::Permit);
        let texts = policies.iter().map(|(_, text)| text.as_str()).collect();
        let digest = digest(&text, texts);
        Ok(Self { schema, text, json, permits, forbids, digest })
    }

    /// One permit with every forbid, or only the forbids.
    ///
    /// # Errors
    /// If two policies have one name.
    pub fn with(&self, permit: Option<&Policy>) -> Result<PolicySet> {
        set(permit.into_iter().chain(&self.forbids))
    }

    /// Every policy.
    pub fn policies(&self) -> impl Iterator<Item = &Policy> {
        self.permits.iter().chain(&self.forbids)
    }
}

/// The hash of schema and policies; the order of the files of policies is not in it.
fn digest(schema: &str, mut policies: Vec<&str>) -> String {
    policies.sort_unstable();
    hashed("bailee-authority/v1", std::iter::once(schema).chain(policies))
}

/// The hash of texts, in hexadecimal, with its name before it.
pub(crate) fn hashed<'a>(form: &'a str, texts: impl Iterator<Item = &'a str>) -> String {
    let parts: Vec<&[u8]> = std::iter::once(form).chain(texts).map(str::as_bytes).collect();
    let digits = sealing::sha256(&parts).map(|byte| format!("{byte:02x}")).concat();
    format!("sha256:{digits}")
}

/// Policies as a set.
pub(crate) fn set<'a>(policies: impl Iterator<Item = &'a Policy>) -> Result<PolicySet> {
    PolicySet::from_policies(policies.cloned()).map_err(|error| Problem::new(error.to_string()))
}

/// Refuses policies that do not validate strictly.
pub(crate) fn validate(schema: &Schema, set: &PolicySet, whose: &str) -> Result<()> {
    let outcome = Validator::new(schema.clone()).validate(set, ValidationMode::Strict);
    if outcome.validation_passed() {
        return Ok(());
    }
    let all: Vec<_> = outcome.validation_errors().map(ToString::to_string).collect();
    Err(Problem::new(format!("{whose} do not validate: {}", all.join("; "))))
}

/// The policies of a file, each under the name of its `@id`.
pub(crate) fn parse(name: &str, text: &str) -> Result<Vec<Policy>> {
    let set = PolicySet::from_str(text)
        .map_err(|error| Problem::new(format!("`{name}` does not parse: {error:?}")))?;
    let named = set.policies().map(|policy| {
        let id = policy.annotation("id").ok_or_else(|| {
            Problem::new(format!("`{name}`: a policy has no `@id`; give each a name of its own"))
        })?;
        Ok(policy.new_id(PolicyId::new(id)))
    });
    named.collect()
}

/// The files of a folder that end so, with their names, in order.
pub(crate) fn texts(folder: &Path, ending: &str) -> Result<Vec<(String, String)>> {
    let cannot = |path: &Path, error: std::io::Error| {
        Problem::new(format!("cannot read `{}`: {error}", path.display()))
    };
    let mut all = Vec::new();
    for entry in fs::read_dir(folder).map_err(|error| cannot(folder, error))? {
        let path = entry.map_err(|error| cannot(folder, error))?.path();
        if path.extension().is_some_and(|found| found == ending) {
            let name = path.file_name().unwrap_or_default().to_string_lossy().into_owned();
            all.push((name, fs::read_to_string(&path).map_err(|error| cannot(&path, error))?));
        }
    }
    all.sort();
    Ok(all)
}

fn git(root: &Path, arguments: &[&str]) -> Result<String> {
    let output = Command::new("git")
        .current_dir(root)
        .args(arguments)
        .output()
        .map_err(|error| Problem::new(format!("cannot start `git`: {error}")))?;
    if output.status.success() {
        return Ok(String::from_utf8_lossy(&output.stdout).into_owned());
    }
    let said = String::from_utf8_lossy(&output.stderr);
    Err(Problem::new(format!("`git {}`: {}", arguments.join(" "), said.trim())))
}
