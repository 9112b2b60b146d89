//! What every approval shares, of access and of changes: the hash of what is approved, whose
//! approval counts, and the signature of the approver's passkey.
//!
//! Does not: say how many it takes or whom it is about. What is approved says that.

use crate::people::{Passkey, Person, Proof, hex, live_passkeys};
use crate::register::{At, Mark, When, line};
use kernel::authority::{Authority, Principal};
use kernel::id::PrincipalId;
use kernel::{Error, Moment, Result};
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use std::sync::Arc;

pub use crate::people::APPROVERS;

/// Approvals that one row keeps.
const MOST: usize = 50;

/// An approval of what was stated.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct Approval {
    /// Who, and when.
    pub mark: Mark,
    /// The hash of what they approved.
    pub terms_sha256: String,
    /// What they add, if anything.
    pub note: Option<String>,
    /// What their passkey signed, and the passkey; none from somebody who has no passkey yet.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub signed: Option<SignedBy>,
    /// When it was taken back, if it was: by whom or with what.
    pub taken_back: Option<Mark>,
}

/// An approval's signature, with all that is needed to check it.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct SignedBy {
    /// The challenge that it answers, in hexadecimal.
    pub challenge: String,
    /// The public key in its COSE form, in hexadecimal.
    pub public_key: String,
    /// What was signed.
    pub proof: Proof,
}

/// That somebody was asked for an approval by a letter with a link of their own.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[schemars(rename = "ApproverAsked")]
pub struct Asked {
    /// Who: `person:NAME`.
    pub person: String,
    /// SHA-256 of the link's secret, in hexadecimal.
    pub link: String,
    /// When.
    pub at: When,
    /// When the other side took the letter, if it did.
    pub sent: Option<When>,
    /// When they approved by it, if they did; it counts no more.
    pub used: Option<When>,
}

/// What waits for approvals, and whose it needs.
pub trait Waits {
    /// Whether it still waits.
    fn waits(&self, now: Moment) -> bool;
    /// SHA-256 over what is asked for.
    fn terms_sha256(&self) -> &str;
    /// Those whose approval would count.
    fn able(&self, rights: &Authority) -> Vec<String>;
    /// Who was asked by a letter.
    fn asked(&self) -> &[Asked];
    /// The same, to be added to.
    fn asked_mut(&mut self) -> &mut Vec<Asked>;
}

/// Uses the link of somebody's letter up. It counts once, for whom it was made, while what it is
/// about waits; whatever does not count is answered alike.
pub(crate) fn use_link(asked: &mut [Asked], token: Option<&str>, at: &At<'_, '_>) -> Result<()> {
    let Some(token) = token else { return Ok(()) };
    let mut own = asked.iter_mut().filter(|one| one.person == at.by().as_str());
    let open = own.find(|one| is_link(one, token));
    let one = open.ok_or_else(|| {
        Error::forbidden("this link does not count for you: it is somebody else's, or was used")
    })?;
    one.used = Some(When(at.now()));
    Ok(())
}

/// Whether this is the secret of a link that was not used.
pub fn is_link(asked: &Asked, token: &str) -> bool {
    asked.used.is_none() && asked.link == hex(&kernel::token_hash(token))
}

/// The job that asks approvers, by what waits: `access-requests/ID`.
pub const ASK: &str = "approver.ask";

impl Approval {
    /// By whoever acts, of what has this hash and so many approvals before.
    ///
    /// # Errors
    /// `Limit` for too many, `Invalid` with the field, `Forbidden` for a signature that is none.
    pub(crate) fn given(
        terms_sha256: &str,
        before: usize,
        (note, proof): (Option<&str>, Option<&Proof>),
        at: &At<'_, '_>,
    ) -> Result<Self> {
        if before >= MOST {
            return Err(Error::limit(format!("a request keeps {MOST} approvals: ask anew")));
        }
        let note = note.map(|note| line("note", note, 500)).transpose()?;
        let signed = signed(next_challenge(terms_sha256, before), proof, at)?;
        let terms_sha256 = terms_sha256.to_owned();
        Ok(Self { mark: at.mark(), terms_sha256, note, signed, taken_back: None })
    }
}

/// SHA-256 in hexadecimal over parts, each with its length before it, so that no two lists of parts
/// have the same.
pub(crate) fn hashed<'a>(parts: impl IntoIterator<Item = &'a str>) -> String {
    let mut bytes = Vec::new();
    for part in parts {
        bytes.extend_from_slice(&(part.len() as u64).to_be_bytes());
        bytes.extend_from_slice(part.as_bytes());
    }
    hex(&kernel::digest(&bytes))
}

/// What the passkey of the next approver signs: over the hash of what is approved, and how many
/// approvals there are.
pub(crate) fn next_challenge(terms_sha256: &str, given: usize) -> [u8; 32] {
    let given = (given as u64).to_be_bytes();
    let parts = [b"bailee approval v1".as_slice(), terms_sha256.as_bytes(), &given];
    kernel::digest(&parts.concat())
}

/// Refuses an approval of something else than what was asked for.
pub(crate) fn check_hash(stated: &str, terms_sha256: &str) -> Result<()> {
    if stated == terms_sha256 {
        return Ok(());
    }
    let why = "it is not the hash of what was asked for: read the request again";
    Err(Error::invalid("terms_sha256", why))
}

/// The person of the provider who may approve at all, or why this is none.
pub(crate) fn approver_of(
    id: &str,
    rights: &Authority,
) -> std::result::Result<Arc<Principal>, &'static str> {
    let known = PrincipalId::parse(id).ok().and_then(|id| rights.principal(&id));
    let Some(one) = known.filter(|one| one.active && one.id.parts().0 == "person") else {
        return Err("they are not there");
    };
    if !one.roles.iter().any(|role| APPROVERS.contains(&role.as_str())) {
        return Err("they hold no role for it");
    }
    if one.vendor.is_some() {
        return Err("only the provider's own people approve");
    }
    Ok(one)
}

/// Everybody whose approval would count.
pub(crate) fn able(rights: &Authority, counts: impl Fn(&str) -> bool) -> Vec<String> {
    let all = rights.principals();
    let able = all.iter().map(|one| one.id.as_str()).filter(|id| counts(id));
    able.map(str::to_owned).collect()
}

/// The people whose approvals of this hash count, each once.
pub(crate) fn of_people<'r>(
    approvals: &'r [Approval],
    terms_sha256: &str,
    counts: impl Fn(&str) -> bool,
) -> Vec<&'r str> {
    let mut people: Vec<&str> = Vec::new();
    for one in approvals {
        let by = one.mark.by.as_str();
        let stands = one.taken_back.is_none() && one.terms_sha256 == terms_sha256;
        if stands && !people.contains(&by) && counts(by) {
            people.push(by);
        }
    }
    people
}

/// What somebody is told whose approval would not count, where so many others' would.
pub(crate) fn not_theirs(by: &str, why: &str, able: usize) -> Error {
    let next = match able {
        0 => "nobody else here may approve it: give another person the role `approver`",
        _ => "ask another approver",
    };
    Error::forbidden(format!("`{by}` does not decide this: {why}; {next}"))
}

/// The signature of an approver's passkey. Whoever has one cannot approve without it, so that a
/// session that others came by is not enough.
fn signed(challenge: [u8; 32], proof: Option<&Proof>, at: &At<'_, '_>) -> Result<Option<SignedBy>> {
    let person = at.late_noun::<Person>(at.by().parts().1)?;
    let person = person.ok_or_else(|| Error::internal("an approver has no row"))?;
    let mut keys = live_passkeys(&person.credentials, at.now());
    let Some(proof) = proof else {
        return match keys.next() {
            None => Ok(None),
            Some(_) => Err(Error::invalid(
                "proof",
                "you have a passkey, and it signs what you approve: approve on the request's page",
            )),
        };
    };
    let own = |one: &&Passkey| one.key_id == proof.key_id;
    let passkey = keys.filter_map(|one| one.passkey.as_ref()).find(own);
    let passkey = passkey.ok_or_else(|| Error::invalid("proof", "it is of no passkey of yours"))?;
    passkey.check(proof, &challenge)?;
    let (challenge, public_key) = (hex(&challenge), passkey.public_key.clone());
    Ok(Some(SignedBy { challenge, public_key, proof: proof.clone() }))
}
