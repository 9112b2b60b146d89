//! What the kernel has to be told about the nouns: the policies, which registers hold rights and
//! how to read them, and what its jobs do.

use crate::answers::{self, Answer};
use crate::certificates::Certificate;
use crate::detections::allowances::Allowance;
use crate::directories;
use crate::exposure::probes::PROBE;
use crate::grants::approving::ASK;
use crate::grants::emergencies::{self, Emergency};
use crate::grants::reviews::{AccessReview, LAPSE, Lapse};
use crate::grants::{self, EXPIRE, Grant, NoteExpiry};
use crate::incidents::affected::{FIND, FindAffected};
use crate::incidents::breaches::{CHASE, GiveWarning, NoteUpdate, UPDATE, WARN};
use crate::incidents::holds::{self, NoteEnd};
use crate::incidents::{DUTY, INVESTIGATE, NoteDuty, NoteOverdue, notices};
use crate::letters::{self, Ask, Tell};
use crate::measures::policy::TEXTS;
use crate::members::Member;
use crate::oncall::pages::{self, STEP, TakeStep};
use crate::people::{LEFT, Person, TOLD};
use crate::programme::assignments::{self, Renew};
use crate::programme::courses::SETTLE;
use crate::programme::trainings::{RENEW, Training};
use crate::register::{Do, Kept, Noun, Row, parse};
use crate::services::Service;
use crate::sites::equipment::POLL;
use crate::streams;
use crate::transfers::{NoteAttempt, Outcome, SEND};
use crate::vendors::{Engagement, Vendor};
use kernel::authority::{Policies, Right};
use kernel::{Error, Job, Kernel, Ran, Result};

/// The registers of `house` that hold rights, in the order they have to be read.
pub const RIGHTS: &[&str] = &[
    Person::REGISTER,
    <Member as Row>::REGISTER,
    Service::REGISTER,
    Vendor::REGISTER,
    Engagement::REGISTER,
    Grant::REGISTER,
    <Training as Row>::REGISTER,
    <Emergency as Row>::REGISTER,
    <Allowance as Row>::REGISTER,
    <Answer as Row>::REGISTER,
    <Certificate as Row>::REGISTER,
];

const SCHEMA: &str = concat!(
    include_str!("../../../authority/schema.cedarschema"),
    include_str!("../../../authority/registers.cedarschema"),
);
/// The policies of this release.
///
/// # Errors
/// `Internal` if they do not validate strictly: such a build is broken.
pub fn policies() -> Result<Policies> {
    Policies::new(SCHEMA, &TEXTS.map(|(_, text)| text))
}

/// Reads a right out of a register's row.
///
/// # Errors
/// `Internal` if the row has another form.
pub fn interpret(collection: &str, id: &str, body: &[u8], _index: u64) -> Result<Option<Right>> {
    Ok(match collection {
        Person::REGISTER => Some(Right::Principal(parse::<Person>(body)?.principal()?)),
        <Member as Row>::REGISTER => {
            let kept = parse::<Kept<Member>>(body)?;
            Some(Right::Principal(kept.row.principal(&kept.id)?))
        }
        Service::REGISTER => Some(Right::Principal(parse::<Service>(body)?.principal()?)),
        Vendor::REGISTER => Some(parse::<Kept<Vendor>>(body)?.row.right(id)),
        Engagement::REGISTER => Some(parse::<Kept<Engagement>>(body)?.row.right(id)?),
        Grant::REGISTER => Some(Right::Grant(parse::<Grant>(body)?.right()?)),
        <Training as Row>::REGISTER => {
            Some(Right::Duty(parse::<Kept<Training>>(body)?.row.duty(id)?))
        }
        <Emergency as Row>::REGISTER => {
            Some(Right::Duty(parse::<Kept<Emergency>>(body)?.row.duty(id)?))
        }
        <Allowance as Row>::REGISTER => {
            answers::exemption(id, &parse::<Kept<Allowance>>(body)?.row)
        }
        <Answer as Row>::REGISTER => parse::<Kept<Answer>>(body)?.row.right(id)?,
        <Certificate as Row>::REGISTER => Some(parse::<Kept<Certificate>>(body)?.row.right(id)?),
        _ => None,
    })
}

/// Runs a job of a noun.
///
/// # Errors
/// Whatever its operation answers.
pub fn run_job(kernel: &Kernel, job: &Job, right: Ran) -> Result<()> {
    match job.kind.as_str() {
        kernel::EVERY_TICK if job.object == kernel::RIGHTS_MOVED => {
            assignments::settle(kernel, right, false)
        }
        kernel::EVERY_TICK => Ok(()),
        LAPSE => right.run(kernel, Do::<AccessReview, Lapse>::new(kernel, &job.object, Lapse {})?),
        emergencies::TELL => right.run(kernel, Tell::new(kernel, &job.object)?),
        ASK => right.run(kernel, Ask::new(kernel, &job.object)?),
        LEFT => grants::settle(kernel, &job.object, right),
        TOLD => streams::spread(kernel, &job.object, right),
        directories::SETTLE => directories::settle(kernel, &job.object, right),
        SETTLE => assignments::settle(kernel, right, true),
        RENEW => right.run(kernel, Renew::new(kernel, &job.object)?),
        EXPIRE => right.run(kernel, NoteExpiry { id: job.object.clone() }),
        // What was to be sent is held by the face that asked for it; here nobody has it.
        SEND => {
            let (id, _) = crate::transfers::job(&job.object);
            let gone = NoteAttempt::new(kernel, id, Outcome::Unsent, None, "")?;
            right.run(kernel, gone)
        }
        INVESTIGATE => right.run(kernel, NoteOverdue::new(kernel, &job.object)?),
        FIND => right.run(kernel, FindAffected::new(kernel, &job.object)?),
        WARN => right.run(kernel, GiveWarning::new(kernel, &job.object)?),
        DUTY => right.run(kernel, NoteDuty::new(kernel, &job.object)?),
        UPDATE => right.run(kernel, NoteUpdate::new(kernel, &job.object)?),
        CHASE => right.run(kernel, notices::Chase::new(kernel, &job.object)?),
        holds::EXPIRE => right.run(kernel, NoteEnd { id: job.object.clone() }),
        // It stays for whoever can send letters, and runs this for everything else.
        letters::SEND | notices::SEND | pages::SEND | pages::FOLLOW => Ok(()),
        STEP => right.run(kernel, TakeStep::new(kernel, &job.object)?),
        // For whoever has a network; without one they wait, and what they would bring goes stale.
        POLL | PROBE | streams::SEND => Ok(()),
        other => Err(Error::internal(format!("no noun knows the job `{other}`"))),
    }
}
