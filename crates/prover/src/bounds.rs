//! Bounds: what no policy may ever allow, as Cedar that reviewers read.
//!
//! A file is a claim; each of its policies is a bound, which only forbids, and says which
//! obligations it serves (`@serves`) and what it promises (`@says`).

use crate::authority::{hashed, parse, set, texts, validate};
use crate::{Problem, Result};
use cedar_policy::{Effect, Policy, PolicyId, PolicySet, Schema};
use std::path::Path;

/// What a claim allows where none of its bounds forbids.
const EVERYTHING: &str = "permit (principal, action, resource);";

/// One bound.
#[derive(Clone, Debug)]
pub struct Bound {
    /// Its name.
    pub id: String,
    /// The obligations it serves.
    pub serves: Vec<String>,
    /// What it promises, in a sentence.
    pub says: String,
    /// The bound itself.
    pub policy: Policy,
}

/// The bounds of one file, which are proved together.
#[derive(Clone, Debug)]
pub struct Claim {
    /// The name of the file, without its ending.
    pub name: String,
    /// The file.
    pub text: String,
    /// What is forbidden.
    pub bounds: Vec<Bound>,
    /// Everything but that.
    pub allowed: PolicySet,
}

/// Every claim.
#[derive(Clone, Debug)]
pub struct Claims {
    /// In the order of their names.
    pub all: Vec<Claim>,
    /// The hash of the files.
    pub digest: String,
}

impl Claims {
    /// Reads the `*.cedar` of a folder.
    ///
    /// # Errors
    /// If a file cannot be read, does not validate, or has something else than bounds in it.
    pub fn read(folder: &Path, schema: &Schema) -> Result<Self> {
        let files = texts(folder, "cedar")?;
        if files.is_empty() {
            let what = format!("`{}` has no bounds: nothing would be proved", folder.display());
            return Err(Problem::new(what));
        }
        let digest = hashed("bailee-bounds/v1", files.iter().map(|(_, text)| text.as_str()));
        let all = files.into_iter().map(|(name, text)| claim(&name, text, schema));
        Ok(Self { all: all.collect::<Result<_>>()?, digest })
    }

    /// Every bound.
    pub fn bounds(&self) -> impl Iterator<Item = &Bound> {
        self.all.iter().flat_map(|claim| &claim.bounds)
    }
}

/// Everything, as a permit of its own.
pub(crate) fn everything() -> Result<Policy> {
    Policy::parse(Some(PolicyId::new("everything")), EVERYTHING)
        .map_err(|error| Problem::new(error.to_string()))
}

fn claim(name: &str, text: String, schema: &Schema) -> Result<Claim> {
    let mut bounds = Vec::new();
    for policy in parse(name, &text)? {
        let id = policy.id().to_string();
        if policy.effect() != Effect::Forbid {
            let what = format!("`{name}`: `{id}` permits; a bound says what is never allowed");
            return Err(Problem::new(what));
        }
        let said = |key: &str| {
            policy.annotation(key).filter(|text| !text.is_empty()).map(str::to_owned).ok_or_else(
                || Problem::new(format!("`{name}`: `{id}` has no `@{key}`: say what it is for")),
            )
        };
        let serves = said("serves")?.split(',').map(|one| one.trim().to_owned()).collect();
        bounds.push(Bound { serves, says: said("says")?, id, policy: policy.clone() });
    }
    bounds.sort_by(|a, b| a.id.cmp(&b.id));
    let everything = everything()?;
    let allowed = set(std::iter::once(&everything).chain(bounds.iter().map(|one| &one.policy)))?;
    validate(schema, &allowed, &format!("the bounds of `{name}`"))?;
    let name = name.trim_end_matches(".cedar").to_owned();
    Ok(Claim { name, text, bounds, allowed })
}
