//! The proof of the policies, as this release brings it, beside the policies that really decide.
//!
//! What is proved and how is decision 0027. Here the proof is only read and compared: it counts for
//! the schema and policies whose hash it names, and for no others.

use super::controls::{Proof, Proven};
use serde::Deserialize;

/// Written by `cargo xtask prove --write`.
const PROOF: &str = include_str!("../../../../authority/proof.json");
/// The form of it that this release reads.
const FORM: &str = "proof/v1";

/// The proof, as the file has it.
#[derive(Deserialize)]
pub struct Document {
    format: String,
    /// The hash of schema and policies that it is of.
    pub authority: String,
    /// The hash of the bounds.
    #[serde(default)]
    pub bounds: String,
    /// The day on which it was made; none in older ones.
    #[serde(default)]
    pub made: Option<String>,
    /// Who answered.
    pub solver: By,
    /// What was proved.
    pub claims: Vec<Claimed>,
}

/// A program and its version.
#[derive(Deserialize)]
pub struct By {
    /// Its name.
    pub name: String,
    /// Its version.
    pub version: String,
}

/// One bound that no policy exceeds.
#[derive(Deserialize)]
pub struct Claimed {
    /// The bound.
    #[serde(default)]
    pub id: String,
    /// What it promises.
    #[serde(default)]
    pub says: String,
    /// The obligations it serves.
    pub serves: Vec<String>,
    /// Policies that were asked.
    pub policies: usize,
    /// Kinds of request in which each was asked.
    pub environments: usize,
}

/// The proof that this release brings, if it can be read.
pub fn document() -> Option<Document> {
    parsed(PROOF)
}

fn parsed(text: &str) -> Option<Document> {
    let document = serde_json::from_str::<Document>(text).ok();
    document.filter(|document| document.format == FORM)
}

/// What the proof of this release shows of the policies with this hash.
pub(super) fn of_release(loaded: &str) -> Proof {
    read(PROOF, loaded)
}

fn read(text: &str, loaded: &str) -> Proof {
    let Some(document) = parsed(text) else { return Proof::None };
    if document.authority != loaded {
        return Proof::Other;
    }
    let by = format!("{} {}", document.solver.name, document.solver.version);
    let each = document.claims.into_iter().map(|one| Proven {
        serves: one.serves,
        policies: one.policies,
        environments: one.environments,
        by: by.clone(),
    });
    Proof::Of(each.collect())
}

#[cfg(test)]
mod tests {
    use super::{FORM, PROOF, of_release, read};
    use crate::measures::controls::Proof;

    /// Fails when policies or schema changed and the proof was not renewed.
    #[test]
    fn the_proof_of_this_release_is_of_its_policies() {
        let policies = crate::policies().unwrap();
        let Proof::Of(proven) = of_release(policies.digest()) else {
            panic!("renew it with `cargo xtask prove --write`");
        };
        for id in ["P7", "P0.1", "E5.6"] {
            let serving = proven.iter().filter(|one| one.serves.iter().any(|known| known == id));
            assert!(serving.count() > 1, "{id}");
        }
    }

    #[test]
    fn a_proof_of_something_else_or_of_no_known_form_is_none() {
        assert!(matches!(of_release("sha256:00"), Proof::Other));
        let digest = crate::policies().unwrap().digest().to_owned();
        for text in ["", "{}", "[]", &PROOF.replace(FORM, "proof/v2"), &PROOF[1..]] {
            assert!(matches!(read(text, &digest), Proof::None), "{text}");
        }
    }
}
