//! Copies of the authority that a test changes.

use prover::{Authority, Cache, Claims, Outcome, Result, Solver, prove};
use std::fs;
use std::path::{Path, PathBuf};
use std::time::Duration;

/// The folder that is checked in.
pub fn checked_in() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("../../authority")
}

/// A copy of it.
pub struct Copy {
    folder: tempfile::TempDir,
}

impl Copy {
    pub fn new() -> Self {
        let folder = tempfile::tempdir().unwrap();
        fs::create_dir(folder.path().join("bounds")).unwrap();
        for under in ["", "bounds"] {
            for entry in fs::read_dir(checked_in().join(under)).unwrap() {
                let path = entry.unwrap().path();
                if path.is_file() {
                    let name = path.file_name().unwrap();
                    fs::copy(&path, folder.path().join(under).join(name)).unwrap();
                }
            }
        }
        Self { folder }
    }

    pub fn path(&self) -> &Path {
        self.folder.path()
    }

    /// Puts something else where this stands, once.
    pub fn put(self, file: &str, old: &str, new: &str) -> Self {
        let path = self.path().join(file);
        let text = fs::read_to_string(&path).unwrap();
        assert!(text.contains(old), "`{file}` has no `{old}`");
        fs::write(&path, text.replacen(old, new, 1)).unwrap();
        self
    }

    /// Adds to a file, which need not be there.
    pub fn add(self, file: &str, text: &str) -> Self {
        let path = self.path().join(file);
        let before = fs::read_to_string(&path).unwrap_or_default();
        fs::write(&path, before + text).unwrap();
        self
    }

    pub fn authority(&self) -> Authority {
        Authority::read(self.path()).unwrap()
    }

    /// Proves these permits only, with all forbids, which is quick.
    pub fn proved(&self, permits: &[&str]) -> Outcome {
        self.proved_of(self.authority(), permits, &solver()).unwrap()
    }

    pub fn proved_of(
        &self,
        mut authority: Authority,
        permits: &[&str],
        solver: &Solver,
    ) -> Result<Outcome> {
        authority.permits.retain(|one| permits.contains(&one.id().to_string().as_str()));
        assert_eq!(authority.permits.len(), permits.len(), "a permit is missing");
        let claims = Claims::read(&self.path().join("bounds"), &authority.schema)?;
        prove(&authority, &claims, solver, &Cache::none(), &|_, _| ())
    }
}

/// A set small enough to be proved in a moment, with one bound.
pub fn small() -> Copy {
    let copy = Copy::new();
    for folder in ["", "bounds"] {
        for entry in fs::read_dir(copy.path().join(folder)).unwrap() {
            let path = entry.unwrap().path();
            if path.is_file() && path.extension().is_none_or(|ending| ending != "cedarschema") {
                fs::remove_file(path).unwrap();
            }
        }
    }
    copy.add(
        "all.cedar",
        "@id(\"data-read\") permit (principal is Person, action == Action::\"record.get\", \
         resource is Collection)\n\
         when { context has grant && resource.slot == context.grant.slot };",
    )
    .add(
        "bounds/one.cedar",
        "@id(\"one\") @serves(\"P7\") @says(\"only by grant\")\n\
         forbid (principal is Person, action, resource is Collection)\n\
         unless { context has grant };",
    )
}

/// The real one.
pub fn solver() -> Solver {
    Solver::find(Duration::from_secs(60)).unwrap()
}
