//! Policies: what the provider's people are held to, in versions.
//!
//! A version is drafted by one person, approved by another and published; from then on everybody it
//! addresses is asked to acknowledge it, and a new version asks again. The register holds the text
//! in force and the one in the making; texts before are in the row's history, their SHA-256 stays.

use super::acknowledgements::{Acknowledgement, key_of};
use super::{SIGNERS, audience, label, named, sha256};
use crate::catalogue::{self, parameters};
use crate::register::{
    self, At, Boxed, Entry, Kept, Mark, Needs, On, Register, Row, Shown, Status, Step, Tone, act,
    line, prose, stated, step,
};
use kernel::engine::Wants;
use kernel::{
    Act, After, Error, Kernel, Moment, Operation, RecordKey, Result, Target, Work, on_house,
};
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

/// Longest text of a policy, in bytes.
const TEXT_BYTES: usize = 200_000;

/// Versions that were in force before and are named in the row; earlier ones are in its history.
const FORMER: usize = 50;

/// A version in the making.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct Drafted {
    /// The label of the version.
    pub version: String,
    /// The text, in Markdown.
    pub text: String,
    /// SHA-256 of the text, in hexadecimal.
    pub sha256: String,
    /// Who wrote it, and when.
    pub author: Mark,
    /// Who approved it, and when, if somebody has.
    pub approved: Option<Mark>,
}

/// The version in force.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct InForce {
    /// The label of the version.
    pub version: String,
    /// The text, in Markdown.
    pub text: String,
    /// SHA-256 of the text, in hexadecimal.
    pub sha256: String,
    /// Who wrote it, and when.
    pub author: Mark,
    /// Who approved it, and when.
    pub approved: Mark,
    /// Who published it, and when.
    pub published: Mark,
}

/// A version that was in force before.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct Former {
    /// The label of the version.
    pub version: String,
    /// SHA-256 of its text, in hexadecimal.
    pub sha256: String,
    /// Who approved it, and when.
    pub approved: Mark,
    /// Who published it, and when.
    pub published: Mark,
    /// Who put another in its place, and when.
    pub replaced: Mark,
}

/// A policy.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct Policy {
    /// Its title.
    pub title: String,
    /// The roles it addresses, or `everyone` alone.
    pub audience: Vec<String>,
    /// Who answers for it: `person:NAME`.
    pub owner: String,
    /// Days after which it is reviewed again.
    pub review_days: u32,
    /// The version in the making, if there is one.
    pub draft: Option<Drafted>,
    /// The version in force, if there is one.
    pub in_force: Option<InForce>,
    /// Versions that were in force before, oldest first.
    pub former: Vec<Former>,
    /// When it was withdrawn, if it was.
    pub withdrawn: Option<Mark>,
}

impl Policy {
    /// The version in force, unless the policy was withdrawn.
    pub fn current(&self) -> Option<&InForce> {
        self.in_force.as_ref().filter(|_| self.withdrawn.is_none())
    }

    /// Whether it addresses somebody with these roles.
    pub fn addresses(&self, roles: &[String]) -> bool {
        super::addresses(&self.audience, roles)
    }

    fn standing(&self) -> Result<()> {
        match self.withdrawn {
            Some(_) => Err(Error::conflict("this policy is withdrawn: add another one")),
            None => Ok(()),
        }
    }
}

/// A policy to be added.
#[derive(Clone, Debug, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct NewPolicy {
    /// The unique name: 1–40 of `a-z 0-9 - _`.
    pub name: String,
    /// Its title.
    pub title: String,
    /// The roles it addresses, or `everyone` alone.
    pub audience: Vec<String>,
    /// Who answers for it: `person:NAME`.
    pub owner: String,
    /// Days after which it is reviewed again; left out, those of the catalogue.
    pub review_days: Option<u32>,
}

impl Row for Policy {
    const NOUN: &'static str = "policy";
    const REGISTER: &'static str = "policies";
    const FORMAT: &'static str = "policy/v1";
    const ADD: &'static str = "policy.add";
    const READ: &'static str = "policy.read";
    const LIST: &'static str = "policy.list";
    type New = NewPolicy;

    fn id(new: &NewPolicy) -> Option<&str> {
        Some(&new.name)
    }

    fn needs(_: &NewPolicy, needs: &mut Needs<'_>) -> Result<()> {
        catalogue::need(needs)
    }

    fn add(new: &NewPolicy, at: &mut At<'_, '_>) -> Result<Self> {
        named(&new.name)?;
        at.person("owner", &new.owner)?;
        let most = parameters(at)?.review_days;
        let review_days = new.review_days.unwrap_or(most);
        if review_days == 0 || review_days > most {
            let why = format!("a policy is reviewed after 1 to {most} days, says the catalogue");
            return Err(Error::invalid("review_days", why));
        }
        Ok(Self {
            title: line("title", &new.title, 200)?,
            audience: audience("audience", &new.audience)?,
            owner: new.owner.clone(),
            review_days,
            draft: None,
            in_force: None,
            former: vec![],
            withdrawn: None,
        })
    }

    fn status(&self, _now: Moment) -> Status {
        if self.withdrawn.is_some() {
            return Status::of("withdrawn", Tone::Past);
        }
        match (&self.draft, &self.in_force) {
            (Some(Drafted { approved: None, version, author, .. }), _) => {
                let what =
                    format!("version {version} waits for approval by another than {}", author.by);
                Status::of("drafted", Tone::Due).what(what).who("approver")
            }
            (Some(Drafted { version, .. }), _) => {
                let what = format!("version {version} is approved: publish it");
                Status::of("approved", Tone::Due).what(what).who(&self.owner)
            }
            (None, None) => {
                Status::of("empty", Tone::Due).what("draft its first version").who(&self.owner)
            }
            (None, Some(_)) => Status::of("in-force", Tone::Good).who(&self.owner),
        }
    }
}

/// Writes a version, in place of a draft that was not published.
#[derive(Clone, Debug, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Draft {
    /// The label of the version: 1–20 of `a-z 0-9 . -`, and none that was in force before.
    pub version: String,
    /// The text, in Markdown, to 200,000 bytes.
    pub text: String,
}

impl Step<Policy> for Draft {
    const ACTION: &'static str = "policy.draft";

    fn apply(&self, row: &mut Policy, at: &mut At<'_, '_>) -> Result<()> {
        row.standing()?;
        let version = label("version", &self.version)?;
        let now = row.in_force.iter().map(|one| &one.version);
        if row.former.iter().map(|one| &one.version).chain(now).any(|used| *used == version) {
            let why =
                format!("version `{version}` is or was in force: give this one another label");
            return Err(Error::invalid("version", why));
        }
        let text = prose("text", &self.text, TEXT_BYTES)?;
        let sha256 = sha256(text.as_bytes());
        at.tell("of", version.clone());
        at.tell("sha256", sha256.clone());
        row.draft = Some(Drafted { version, text, sha256, author: at.mark(), approved: None });
        Ok(())
    }
}

/// Approves the draft, as another person than its author.
#[derive(Clone, Debug, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Approve {
    /// The label of the version that is approved.
    pub version: String,
    /// SHA-256 of the text that was read, so that no other is approved; it may be left out.
    pub sha256: Option<String>,
}

impl Step<Policy> for Approve {
    const ACTION: &'static str = "policy.approve";

    fn apply(&self, row: &mut Policy, at: &mut At<'_, '_>) -> Result<()> {
        row.standing()?;
        let draft = drafted(&mut row.draft, &self.version)?;
        if self.sha256.as_ref().is_some_and(|read| !read.eq_ignore_ascii_case(&draft.sha256)) {
            let why = "the draft has another text by now: read it again";
            return Err(Error::invalid("sha256", why));
        }
        if draft.approved.is_some() {
            return Err(Error::conflict("this version is approved already: publish it"));
        }
        at.another_than(&draft.author.by, &SIGNERS, "a version of a policy")?;
        at.tell("of", draft.version.clone());
        at.tell("sha256", draft.sha256.clone());
        draft.approved = Some(at.mark());
        Ok(())
    }
}

/// Puts the approved version in force. Everybody it addresses is asked to acknowledge it.
#[derive(Clone, Debug, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Publish {
    /// The label of the version that is published.
    pub version: String,
}

impl Step<Policy> for Publish {
    const ACTION: &'static str = "policy.publish";

    fn apply(&self, row: &mut Policy, at: &mut At<'_, '_>) -> Result<()> {
        row.standing()?;
        let draft = drafted(&mut row.draft, &self.version)?.clone();
        let Some(approved) = draft.approved else {
            return Err(Error::conflict("nobody has approved this version: ask another person to"));
        };
        row.draft = None;
        at.tell("of", draft.version.clone());
        at.tell("sha256", draft.sha256.clone());
        let next = InForce {
            version: draft.version,
            text: draft.text,
            sha256: draft.sha256,
            author: draft.author,
            approved,
            published: at.mark(),
        };
        if let Some(before) = row.in_force.replace(next) {
            let InForce { version, sha256, approved, published, .. } = before;
            row.former.push(Former { version, sha256, approved, published, replaced: at.mark() });
        }
        if row.former.len() > FORMER {
            row.former.remove(0);
        }
        Ok(())
    }
}

fn drafted<'a>(draft: &'a mut Option<Drafted>, version: &str) -> Result<&'a mut Drafted> {
    match draft {
        None => Err(Error::conflict("there is no draft: write one first")),
        Some(draft) if draft.version != version => {
            Err(Error::invalid("version", format!("the draft is version `{}`", draft.version)))
        }
        Some(draft) => Ok(draft),
    }
}

/// Takes a policy out of force.
#[derive(Clone, Debug, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Withdraw {
    /// Why, and what holds instead.
    pub reason: String,
}

impl Step<Policy> for Withdraw {
    const ACTION: &'static str = "policy.withdraw";

    fn apply(&self, row: &mut Policy, at: &mut At<'_, '_>) -> Result<()> {
        row.standing()?;
        at.tell("reason", line("reason", &self.reason, 500)?);
        row.withdrawn = Some(at.mark());
        Ok(())
    }
}

act!(
    /// Acknowledging the version in force.
    Acknowledged, "policy.acknowledge", None, false
);

/// Acknowledges the version in force. Everybody does it for themselves, once per version.
#[derive(Clone, Debug, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Acknowledge {
    /// The label of the version that was read.
    pub version: String,
    /// Who acknowledges: `person:NAME`, and that is whoever asks.
    pub person: String,
}

/// Writes the acknowledgement, and leaves the policy as it is: some hundred people do it.
struct Acknowledging {
    stated: Acknowledge,
    policy: RecordKey,
    key: RecordKey,
}

impl Operation for Acknowledging {
    type Output = Shown<Acknowledgement>;

    fn target(&self) -> Target {
        on_house(Acknowledged::ACTION)
    }

    fn wants(&self, wants: &mut Wants) {
        wants.record(&self.policy);
        wants.record(&self.key);
    }

    fn execute(&self, work: &mut Work<'_>) -> Result<After<Shown<Acknowledgement>>> {
        let allowed = work.load::<Acknowledged>(&self.key)?;
        let id = &self.policy.id;
        let missing = || Error::not_found(format!("no policy `{}`", kernel::id::shown(id)));
        let policy = work.look(&self.policy)?.ok_or_else(missing)?;
        let policy = register::parse::<Kept<Policy>>(&policy)?;
        let by = work.caller().principal.clone();
        let who = work.rights()?.principal(&by);
        let Acknowledge { version, person } = &self.stated;
        let row = Acknowledgement::of(&policy, version, person, &by, who.as_deref())?;
        if allowed.version() > 0 {
            return Err(Error::conflict(format!("version `{version}` is acknowledged already")));
        }
        let kept = Kept {
            format: Acknowledgement::FORMAT.to_owned(),
            id: self.key.id.clone(),
            added: Mark { by: by.to_string(), at: register::When(work.now()) },
            row,
        };
        let said = vec![("of", version.clone()), ("sha256", kept.row.sha256.clone())];
        work.save(allowed, register::body(&kept)?, said)?;
        Ok(After::now(Shown::at(kept, work.now())))
    }
}

fn acknowledge(kernel: &Kernel, on: On<'_>, json: &[u8]) -> Result<Boxed> {
    let On::Row(id) = on else {
        return Err(Error::internal("a step needs a row"));
    };
    let stated: Acknowledge = stated(json)?;
    let key = key_of(kernel, id, &stated.version, &stated.person)?;
    let policy = register::key::<Kept<Policy>>(kernel, id)?;
    Ok(Boxed::new(Acknowledging { stated, policy, key }, Acknowledgement::NOUN))
}

const STEPS: &[Entry] = &[
    step::<Policy, Draft>("draft", "Writes a version of the text"),
    step::<Policy, Approve>("approve", "Approves the draft, as another person than its author")
        .within("approvals"),
    step::<Policy, Publish>(
        "publish",
        "Puts the approved version in force and asks everybody anew",
    ),
    Entry {
        verb: "acknowledge",
        summary: "Says that you have read the version in force and keep to it",
        area: Some("own"),
        action: Acknowledged::ACTION,
        schema: |generator| generator.subschema_for::<Acknowledge>(),
        make: acknowledge,
    },
    step::<Policy, Withdraw>("withdraw", "Takes the policy out of force"),
];

/// The register, as the faces know it.
pub const REGISTER: Register = Register::of::<Policy>(
    "programme",
    "What the provider's people are held to, in versions: approved, published, acknowledged",
)
.serves(&["E1.0", "E1.3", "E1.7"])
.first("Add a policy: its title, whom it addresses and who answers for it; then draft its text")
.columns(&["title", "audience", "owner", "review_days"])
.steps(STEPS)
.read_by_everybody();
