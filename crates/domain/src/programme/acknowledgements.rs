//! Acknowledgements: that a person read a version of a policy, and when they said so.
//!
//! One row per version and person, written once and never changed. It is a register of its own, so
//! that some hundred people do not rewrite the policy's text.

use super::policies::Policy;
use super::{label, named, own};
use crate::register::{self, At, Kept, Needs, Register, Row, Status, Tone};
use kernel::authority::Principal;
use kernel::id::{PrincipalId, shown};
use kernel::{Error, Kernel, Moment, RecordKey, Result};
use schemars::{JsonSchema, Schema, SchemaGenerator};
use serde::{Deserialize, Deserializer, Serialize};
use std::borrow::Cow;

/// That a person acknowledged a version of a policy. Who, when and by which credential is in its
/// entry too.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct Acknowledgement {
    /// The policy.
    pub policy: String,
    /// The label of the version.
    pub version: String,
    /// SHA-256 of the text, in hexadecimal.
    pub sha256: String,
    /// Who: `person:NAME`.
    pub person: String,
}

impl Acknowledgement {
    /// One, if this person may give it.
    pub(super) fn of(
        policy: &Kept<Policy>,
        version: &str,
        person: &str,
        by: &PrincipalId,
        who: Option<&Principal>,
    ) -> Result<Self> {
        if by.as_str() != person {
            let why = "everybody acknowledges for themselves: write your own `person:NAME`";
            return Err(Error::forbidden(why));
        }
        let addressed = |who: &&Principal| own(who) && policy.row.addresses(&who.roles);
        if who.filter(addressed).is_none() {
            return Err(Error::forbidden("this policy does not address you: nothing is asked"));
        }
        let Some(current) = policy.row.current() else {
            return Err(Error::conflict("no version of this policy is in force"));
        };
        if current.version != version {
            let why = format!("the version in force is `{}`: read that one", current.version);
            return Err(Error::invalid("version", why));
        }
        Ok(Self {
            policy: policy.id.clone(),
            version: current.version.clone(),
            sha256: current.sha256.clone(),
            person: person.to_owned(),
        })
    }
}

/// The id of a person's acknowledgement: `POLICY.VERSION_PERSON`. No two have the same, because a
/// policy has no dot in its name and a version no underscore in its label.
fn id_of(policy: &str, version: &str, person: &str) -> Result<String> {
    let known = PrincipalId::parse(person).ok().filter(|id| id.parts().0 == "person");
    let name = known.as_ref().map(|id| id.parts().1).ok_or_else(|| {
        let why = format!("`{}` is no person: write your own `person:NAME`", shown(person));
        Error::invalid("person", why)
    })?;
    named(policy).map_err(|error| Error::invalid("policy", error.message()))?;
    label("version", version)?;
    Ok(format!("{policy}.{version}_{name}"))
}

/// Where a person's acknowledgement lives.
///
/// # Errors
/// `Invalid` for a policy, version or person that is none.
pub(super) fn key_of(
    kernel: &Kernel,
    policy: &str,
    version: &str,
    person: &str,
) -> Result<RecordKey> {
    register::key::<Kept<Acknowledgement>>(kernel, &id_of(policy, version, person)?)
}

/// An acknowledgement to be given.
#[derive(Clone, Debug, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
struct Given {
    /// The policy.
    policy: String,
    /// The label of the version that was read.
    version: String,
    /// Who acknowledges: `person:NAME`, and that is whoever asks.
    person: String,
}

/// An acknowledgement to be given, with the id that follows from it.
#[derive(Clone, Debug)]
pub struct NewAcknowledgement {
    given: Given,
    id: String,
}

impl<'de> Deserialize<'de> for NewAcknowledgement {
    fn deserialize<D: Deserializer<'de>>(from: D) -> std::result::Result<Self, D::Error> {
        let given = Given::deserialize(from)?;
        let id = id_of(&given.policy, &given.version, &given.person);
        let id = id.map_err(|error| serde::de::Error::custom(error.message()))?;
        Ok(Self { given, id })
    }
}

impl JsonSchema for NewAcknowledgement {
    fn schema_name() -> Cow<'static, str> {
        "NewAcknowledgement".into()
    }

    fn json_schema(generator: &mut SchemaGenerator) -> Schema {
        Given::json_schema(generator)
    }
}

impl Row for Acknowledgement {
    const NOUN: &'static str = "acknowledgement";
    const REGISTER: &'static str = "acknowledgements";
    const FORMAT: &'static str = "acknowledgement/v1";
    const ADD: &'static str = "acknowledgement.add";
    const READ: &'static str = "acknowledgement.read";
    const LIST: &'static str = "acknowledgement.list";
    const COMPOSED: bool = true;
    type New = NewAcknowledgement;

    fn id(new: &NewAcknowledgement) -> Option<&str> {
        Some(&new.id)
    }

    fn needs(new: &NewAcknowledgement, needs: &mut Needs<'_>) -> Result<()> {
        needs.row::<Policy>(&new.given.policy)
    }

    fn add(new: &NewAcknowledgement, at: &mut At<'_, '_>) -> Result<Self> {
        let Given { policy, version, person } = &new.given;
        let policy = at.named::<Policy>("policy", policy)?;
        let who = at.rights()?.principal(at.by());
        let row = Self::of(&policy, version, person, at.by(), who.as_deref())?;
        at.tell("of", row.version.clone());
        at.tell("sha256", row.sha256.clone());
        Ok(row)
    }

    fn status(&self, _now: Moment) -> Status {
        Status::of("given", Tone::Good).who(&self.person)
    }
}

/// The register, as the faces know it.
pub const REGISTER: Register = Register::of::<Acknowledgement>(
    "own",
    "Who acknowledged which version of which policy, and when",
)
.serves(&["E1.0"])
.first("Acknowledge a policy: state its version in force; it is the same as `policy acknowledge`")
.columns(&["policy", "version", "person"]);
