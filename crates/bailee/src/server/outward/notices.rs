//! Notices: one letter to one contact of an affected account for each job.
//!
//! Promises: the letter is the text that was approved, with the link by which it is acknowledged
//! below; every attempt is recorded with what the relay said; the same letter again has the same
//! identifier. Without a relay every attempt is recorded as one that reached nobody, so that the
//! notice says in time that it has to be given in another way.
//!
//! Does not: choose who gets it or when it is tried again, or say that a person has read it.

use connectors::mail;
use domain::incidents::notices::{Attempted, Envelope, Letter, Outcome};
use kernel::{Kernel, Ran, Result};

use super::{Ended, Means, blocking, in_time, seconds};

/// The path of the page that takes an acknowledgement, below the public address. What follows is
/// the notice and the secret of the link.
const PAGE: &str = "acknowledge";

/// Sends the letter of a job, and records what came of it.
///
/// # Errors
/// Whatever an operation answers; the job then stays.
pub async fn send(means: &Means, kernel: Kernel, object: &str, right: Ran) -> Result<Ended> {
    let (asks, name) = (kernel.clone(), object.to_owned());
    let (right, letter) = blocking(move || {
        let letter = right.ask(&asks, Letter::new(&asks, &name)?)?;
        Ok((right, letter))
    })
    .await?;
    let (outcome, reply) = match letter {
        None => (None, String::new()),
        Some(envelope) => {
            let (outcome, reply) = in_time(hand_over(means, envelope)).await?;
            (Some(outcome), reply)
        }
    };
    let name = object.to_owned();
    blocking(move || right.run(&kernel, Attempted::new(&kernel, &name, outcome, &reply)?)).await?;
    Ok(Ended::Done)
}

async fn hand_over(means: &Means, envelope: Envelope) -> (Outcome, String) {
    let Some(post) = &means.post else {
        let why = "no mail relay is configured: give the server one, or give it in another way";
        return (Outcome::Unreachable, why.to_owned());
    };
    let text = text(means.public_url.as_deref(), &envelope);
    let attempt = post
        .send(&mail::Letter {
            to: envelope.email,
            subject: envelope.subject,
            text,
            message_id: post.message_id(&envelope.identifier),
            at: seconds(envelope.at),
            return_path: envelope.returns.as_deref().and_then(|token| post.return_path(token)),
            ..mail::Letter::default()
        })
        .await;
    let outcome = match attempt.outcome {
        connectors::Outcome::Accepted => Outcome::Accepted,
        connectors::Outcome::Refused { .. } => Outcome::Refused,
        connectors::Outcome::Unreachable => Outcome::Unreachable,
    };
    (outcome, attempt.reply)
}

/// The text with the link below it, where people outside reach the server.
fn text(public_url: Option<&str>, envelope: &Envelope) -> String {
    let Some(base) = public_url else { return envelope.text.clone() };
    let (notice, token) = (&envelope.notice, &envelope.token);
    // RFC 3676 §4.3: what follows this line is no part of what was written.
    format!(
        "{}\n\n-- \nAcknowledge that you have received this notice:\n\
         {base}/{PAGE}/{notice}/{token}\n",
        envelope.text
    )
}
