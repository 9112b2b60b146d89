//! Transfers: a signed message to the receiver for each job, as long as the rules still allow it.
//!
//! Promises: before every attempt it is looked at again whether the destination is in use, the
//! vendor engaged, or the account's election in force; what may not leave any more does not, and
//! the transfer says why. A message goes to the declared address and to no other. The identifier of
//! the message is that of the transfer, so that a receiver knows a repetition.
//!
//! Does not: keep messages; they wait in the [`Outbox`], in the memory of one server alone. Another
//! one leaves the job to it (decision 0043).

use std::path::Path;
use std::sync::Arc;
use std::time::Duration;

use api::Held;
use connectors::webhook::{self, Delivery, Plaintext};
use connectors::{Outcome as Answer, Secret};
use domain::register::{Kept, Read};
use domain::transfers::destinations::Destination;
use domain::transfers::{Election, NoteAttempt, Outcome, Transfer, job as parts};
use kernel::{Job, Kernel, Kind, Moment, Ran, Result};

use super::{Ended, Means, PATIENCE, blocking, files, in_time, seconds};

/// What waits to be sent, by the ids of transfers.
pub struct Outbox {
    /// What is there for a transfer.
    pub look: Box<dyn Fn(&str) -> Held + Send + Sync>,
    /// Throws away what is there for a transfer: it is done with.
    pub settle: Box<dyn Fn(&str) + Send + Sync>,
}

impl Outbox {
    /// Without anything: what is asked of it is gone.
    pub fn empty() -> Self {
        Self { look: Box::new(|_| Held::Gone), settle: Box::new(|_| ()) }
    }

    /// Over the outbox that the server's routes fill.
    pub fn of(server: Arc<api::Outbox>) -> Self {
        let own = Arc::clone(&server);
        let look = Box::new(move |id: &str| own.get(id));
        Self { look, settle: Box::new(move |id| drop(server.take(id))) }
    }
}

/// What is to be noted of an attempt.
struct Note {
    outcome: Outcome,
    status: Option<u16>,
    reply: String,
}

impl Note {
    fn unsent(why: &str) -> Self {
        Self { outcome: Outcome::Unsent, status: None, reply: format!("not sent: {why}") }
    }

    /// What came of an attempt. What the connector did not let out was not the receiver's choice.
    fn of(delivery: Delivery) -> Self {
        let outcome = match delivery.outcome {
            Answer::Accepted => Outcome::Delivered,
            Answer::Refused { permanent: true } if delivery.status.is_none() => Outcome::Unsent,
            Answer::Refused { permanent: true } => Outcome::Refused,
            Answer::Refused { permanent: false } | Answer::Unreachable => Outcome::Failed,
        };
        Self { outcome, status: delivery.status, reply: delivery.reply }
    }
}

/// How long a message can be in the memory of another server: longer than a transfer is tried.
const HELD: Duration = Duration::from_secs(36 * 3600);

/// Whether a job is for another server to run. One that does not come back leaves it until no
/// message can be there any more; then it is noted as unsent.
pub fn is_of_another(means: &Means, job: &Job, now: Moment) -> bool {
    let (_, node) = parts(&job.object);
    node.is_some_and(|node| node != means.node) && now < job.due.after(HELD)
}

/// Where a transfer goes.
struct Way {
    url: String,
    secret: String,
    plaintext: Plaintext,
}

/// Sends what a job asks for, and records what came of it.
///
/// # Errors
/// Whatever an operation answers; the job then stays.
pub async fn send(means: &Means, kernel: Kernel, object: &str, right: Ran) -> Result<Ended> {
    let (id, _) = parts(object);
    let message = match (means.outbox.look)(id) {
        Held::Coming => return Ok(Ended::NotYet),
        Held::Here(message) => Some(message),
        Held::Gone => None,
    };
    let (asks, name) = (kernel.clone(), id.to_owned());
    let (right, way) = blocking(move || {
        let way = way(&asks, &name, &right)?;
        Ok((right, way))
    })
    .await?;
    let note = match (way, message) {
        (Err(why), _) => Note::unsent(why),
        (Ok(_), None) => Note::unsent("what was to be sent is gone, as after a restart"),
        (Ok(way), Some(message)) => {
            let now = seconds(kernel.now());
            in_time(deliver(means, way, id, now, &message)).await?
        }
    };
    let settled = note.outcome != Outcome::Failed;
    let name = id.to_owned();
    blocking(move || {
        let note = NoteAttempt::new(&kernel, &name, note.outcome, note.status, &note.reply)?;
        right.run(&kernel, note)
    })
    .await?;
    if settled {
        (means.outbox.settle)(id);
    }
    Ok(Ended::Done)
}

async fn deliver(means: &Means, way: Way, id: &str, now: u64, message: &[u8]) -> Note {
    let secret = match secret(means.secrets.as_deref(), &way.secret) {
        Ok(secret) => secret,
        // The operator can put it there before the next attempt.
        Err(reply) => return Note { outcome: Outcome::Failed, status: None, reply },
    };
    let to = webhook::Destination {
        url: way.url,
        secret,
        root_pem: means.webhook_ca.clone(),
        plaintext: way.plaintext,
    };
    Note::of(webhook::post(&to, id, now, message.to_vec(), PATIENCE).await)
}

fn secret(folder: Option<&Path>, name: &str) -> Result<Secret, String> {
    let read = match folder {
        Some(folder) => files::named(folder, name),
        None => Err("the server has no folder for them: configure `secrets_dir`".to_owned()),
    };
    read.map_err(|why| format!("the destination's secret cannot be used: {why}"))
}

/// The way that a transfer may take now, or why it may take none. The rules that let it be asked
/// for are looked at again: an attempt may be made a day later.
fn way(kernel: &Kernel, id: &str, right: &Ran) -> Result<Result<Way, &'static str>> {
    let transfer = right.ask(kernel, Read::<Kept<Transfer>>::new(kernel, id)?)?.row;
    let name = &transfer.destination;
    let to = right.ask(kernel, Read::<Kept<Destination>>::new(kernel, name)?)?.row;
    let now = kernel.now();
    if to.retired.is_some() {
        return Ok(Err("the destination was retired"));
    }
    if let Some(vendor) = to.vendor()
        && !engaged(kernel, vendor, transfer.engagement.as_deref(), now)
    {
        return Ok(Err("the vendor's engagement, agreement or review ended"));
    }
    let plaintext = match to.plaintext() {
        false => Plaintext::Refused,
        true if elected(kernel, &transfer, right, now)? => Plaintext::DangerElected,
        true => return Ok(Err("no election of the account is in force")),
    };
    let (Some(url), Some(secret)) = (to.url, to.secret) else {
        return Ok(Err("the destination takes no messages"));
    };
    Ok(Ok(Way { url, secret, plaintext }))
}

fn engaged(kernel: &Kernel, vendor: &str, engagement: Option<&str>, now: Moment) -> bool {
    let rights = kernel.authority();
    let stands = rights.vendor_until(vendor).is_some_and(|until| now < until);
    let all = rights.engagements_of(vendor);
    let found = all.iter().find(|one| Some(one.id.as_str()) == engagement);
    stands && found.is_some_and(|one| !one.ended && now < one.not_after)
}

fn elected(kernel: &Kernel, transfer: &Transfer, right: &Ran, now: Moment) -> Result<bool> {
    let id = Election::id(&transfer.account, &transfer.destination);
    match right.ask(kernel, Read::<Kept<Election>>::new(kernel, &id)?) {
        Ok(kept) => Ok(kept.row.in_force(now)),
        Err(error) if error.kind() == Kind::NotFound => Ok(false),
        Err(error) => Err(error),
    }
}
