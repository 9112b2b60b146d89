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

#[derive(Deserialize)]
struct Document {
    format: String,
    authority: String,
    solver: By,
    claims: Vec<Claimed>,
}

#[derive(Deserialize)]
struct By {
    name: String,
    version: String,
}

#[derive(Deserialize)]
struct Claimed {
    serves: Vec<String>,
    policies: usize,
    environments: usize,
}

/// What the proof of this release shows of the policies with this hash.
pub(super) fn of_release(loaded: &str) -> Proof {
    read(PROOF, loaded)
}

fn read(text: &str, loaded: &str) -> Proof {
    let document = serde_json::from_str::<Document>(text).ok();
    let Some(document) = document.filter(|document| document.format == FORM) else {
        return Proof::None;
    };
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
