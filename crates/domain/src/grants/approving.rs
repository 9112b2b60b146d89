//! What every approval shares, of access and of changes: the hash of what is approved, whose
//! approval counts, the signature of the approver's passkey, and how it ends otherwise.
//!
//! Does not: say how many it takes or whom it is about. What is approved says that.

use crate::people::{Passkey, Person, Proof, hex, live_passkeys};
use crate::register::{At, Mark, Row, When, line, prose};
use kernel::authority::{Authority, Principal};
use kernel::id::PrincipalId;
use kernel::{Error, Moment, Result};
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use std::sync::Arc;
use std::time::Duration;

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

/// How long something waits for its approvals.
pub const WAITING_LIFE: Duration = Duration::from_secs(3 * 86_400);

/// How long what was approved waits for its use: an approval that nobody uses is none.
pub const APPROVED_LIFE: Duration = Duration::from_secs(86_400);

/// How something that waited came to nothing.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "kebab-case")]
#[schemars(rename = "AccessRequestHow")]
pub enum How {
    /// An approver said no.
    Denied,
    /// Whoever asked does not need it any more, or is not there any more.
    Withdrawn,
}

impl How {
    /// The word for it.
    pub fn word(self) -> &'static str {
        match self {
            Self::Denied => "denied",
            Self::Withdrawn => "withdrawn",
        }
    }
}

/// Why something that waited came to nothing.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[schemars(rename = "AccessRequestEnd")]
pub struct Closed {
    /// `denied` or `withdrawn`.
    pub how: How,
    /// Why.
    pub reason: String,
    /// Who, and when.
    pub mark: Mark,
}

/// What a row keeps of the approvals that it takes.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct Approvals {
    /// SHA-256 over what was asked for, which approvals name.
    pub terms_sha256: String,
    /// Approvals it takes.
    pub needed: u32,
    /// What the passkey of the next approver signs, in hexadecimal: SHA-256 over the hash of the
    /// terms and how many approvals there are.
    #[serde(default)]
    pub challenge: String,
    /// First moment at which it lapses, if it is not approved or not used by then.
    pub lapses: When,
    /// The approvals given, those that were taken back among them.
    #[serde(rename = "approvals")]
    pub given: Vec<Approval>,
    /// When the last approval it takes was given.
    pub approved: Option<When>,
    /// How it came to nothing, if it did.
    pub closed: Option<Closed>,
    /// Who was asked by a letter with a link of their own.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub asked: Vec<Asked>,
}

impl Approvals {
    /// None yet, of what has this hash.
    pub(crate) fn of(terms_sha256: String, needed: u32, now: Moment) -> Self {
        Self {
            challenge: hex(&next_challenge(&terms_sha256, 0)),
            terms_sha256,
            needed,
            lapses: When(now.after(WAITING_LIFE)),
            given: vec![],
            approved: None,
            closed: None,
            asked: vec![],
        }
    }

    /// Closes what waited.
    pub(crate) fn close(&mut self, how: How, reason: &str, at: &mut At<'_, '_>) -> Result<()> {
        let reason = prose("reason", reason, 500)?;
        at.tell("reason", &reason);
        self.closed = Some(Closed { how, reason, mark: at.mark() });
        Ok(())
    }
}

/// What waits for approvals, and whose it needs.
pub trait Waits: Row {
    /// What it is called in short, and what whoever comes too late is told to do.
    const LATE: (&'static str, &'static str);

    /// Its approvals.
    fn approvals(&self) -> &Approvals;

    /// The same, to be changed.
    fn approvals_mut(&mut self) -> &mut Approvals;

    /// Whether something can still become of it.
    fn open(&self, now: Moment) -> bool;

    /// Why somebody's approval does not count, if it does not.
    fn barred(&self, id: &str, rights: &Authority) -> Option<&'static str>;

    /// Whether it still waits for approvals.
    fn waits(&self, now: Moment) -> bool {
        self.open(now) && self.approvals().approved.is_none()
    }

    /// Those whose approval would count.
    fn able(&self, rights: &Authority) -> Vec<String> {
        let all = rights.principals();
        let able = all.iter().map(|one| one.id.as_str());
        able.filter(|id| self.barred(id, rights).is_none()).map(str::to_owned).collect()
    }

    /// The people whose approvals count now, each once.
    fn counting(&self, rights: &Authority) -> Vec<&str> {
        let state = self.approvals();
        let mut people: Vec<&str> = Vec::new();
        for one in &state.given {
            let by = one.mark.by.as_str();
            let stands = one.taken_back.is_none() && one.terms_sha256 == state.terms_sha256;
            if stands && !people.contains(&by) && self.barred(by, rights).is_none() {
                people.push(by);
            }
        }
        people
    }

    /// The people whose approvals count now, if they are enough.
    ///
    /// # Errors
    /// `Conflict` if they are not.
    fn enough(&self, rights: &Authority) -> Result<Vec<String>> {
        let (counting, needed) = (self.counting(rights), self.approvals().needed);
        if counting.len() >= needed as usize {
            return Ok(counting.into_iter().map(str::to_owned).collect());
        }
        let given = counting.len();
        let why = format!("{given} of {needed} approvals count now: ask another approver");
        Err(Error::conflict(why))
    }

    /// Refuses a step of which nothing can become any more.
    ///
    /// # Errors
    /// `Conflict` with what it is now.
    fn still_open(&self, now: Moment) -> Result<()> {
        if self.open(now) {
            return Ok(());
        }
        let ((noun, anew), word) = (Self::LATE, self.status(now).word);
        Err(Error::conflict(format!("this {noun} is {word}: {anew}")))
    }
}

/// Refuses whoever acts if their approval or refusal would not count.
pub(crate) fn check<R: Waits>(row: &R, at: &At<'_, '_>) -> Result<()> {
    let rights = at.rights()?;
    let by = at.by().as_str();
    let Some(why) = row.barred(by, rights) else { return Ok(()) };
    let next = match row.able(rights).len() {
        0 => "nobody else here may approve it: give another person the role `approver`",
        _ => "ask another approver",
    };
    Err(Error::forbidden(format!("`{by}` does not decide this: {why}; {next}")))
}

/// Approves what waits.
#[derive(Clone, Debug, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Approve {
    /// SHA-256 over what was asked for, as the row shows it: one approves what one read.
    pub terms_sha256: String,
    /// What to add, if anything.
    #[serde(default)]
    pub note: Option<String>,
    /// What your passkey signed for the challenge that the row shows; whoever has a passkey signs.
    #[serde(default)]
    pub proof: Option<Proof>,
    /// The secret of the letter by which you were asked, if you came by it: it counts once.
    #[serde(default)]
    pub letter: Option<String>,
}

impl Approve {
    /// Adds the approval of whoever acts; whether there are enough now.
    ///
    /// # Errors
    /// Whatever keeps it from counting.
    pub(crate) fn add<R: Waits>(&self, row: &mut R, at: &mut At<'_, '_>) -> Result<bool> {
        row.still_open(at.now())?;
        if self.terms_sha256 != row.approvals().terms_sha256 {
            let why = "it is not the hash of what was asked for: read the request again";
            return Err(Error::invalid("terms_sha256", why));
        }
        check(row, at)?;
        if row.counting(at.rights()?).contains(&at.by().as_str()) {
            return Err(Error::conflict("you approved it already: it takes another person"));
        }
        let state = row.approvals_mut();
        use_link(&mut state.asked, self.letter.as_deref(), at)?;
        let said = (self.note.as_deref(), self.proof.as_ref());
        let one = Approval::given(&state.terms_sha256, state.given.len(), said, at)?;
        state.given.push(one);
        state.challenge = hex(&next_challenge(&state.terms_sha256, state.given.len()));
        at.tell("terms", &state.terms_sha256);
        let enough = row.enough(at.rights()?).is_ok();
        let state = row.approvals_mut();
        if enough && state.approved.is_none() {
            state.approved = Some(When(at.now()));
            state.lapses = When(at.now().after(APPROVED_LIFE));
        }
        Ok(enough)
    }
}

/// Refuses what waits.
#[derive(Clone, Debug, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Deny {
    /// Why, which whoever asked can read.
    pub reason: String,
}

impl Deny {
    /// Closes it, by somebody who could have approved it.
    ///
    /// # Errors
    /// Whatever keeps them from deciding.
    pub(crate) fn close<R: Waits>(&self, row: &mut R, at: &mut At<'_, '_>) -> Result<()> {
        row.still_open(at.now())?;
        check(row, at)?;
        row.approvals_mut().close(How::Denied, &self.reason, at)
    }
}

/// Takes back what waits.
#[derive(Clone, Debug, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Withdraw {
    /// Why.
    pub reason: String,
}

impl Withdraw {
    /// Closes it, if whoever acts is one who asked.
    ///
    /// # Errors
    /// Whatever keeps them from it.
    pub(crate) fn close<R: Waits>(
        &self,
        row: &mut R,
        theirs: bool,
        at: &mut At<'_, '_>,
    ) -> Result<()> {
        row.still_open(at.now())?;
        if !theirs {
            return Err(Error::forbidden("whoever asked takes it back: an approver denies it"));
        }
        row.approvals_mut().close(How::Withdrawn, &self.reason, at)
    }
}

/// Uses the link of somebody's letter up. It counts once, for whom it was made, while what it is
/// about waits; whatever does not count is answered alike.
fn use_link(asked: &mut [Asked], token: Option<&str>, at: &At<'_, '_>) -> Result<()> {
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
    fn given(
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
fn next_challenge(terms_sha256: &str, given: usize) -> [u8; 32] {
    let given = (given as u64).to_be_bytes();
    let parts = [b"bailee approval v1".as_slice(), terms_sha256.as_bytes(), &given];
    kernel::digest(&parts.concat())
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
