//! Letters that are no notices: about emergencies to accounts, and to approvers about what waits.
//!
//! Promises: what is sent is what the store says, with its link below where people outside reach
//! the server; every attempt is recorded; the same letter again has the same identifier. Without a
//! relay nothing is tried, and the record says so: there is a page for both.

use connectors::mail;
use domain::letters::{Envelope, Letter, Outcome, Sent};
use kernel::{Kernel, Ran, Result};

use super::{Ended, Means, blocking, in_time, seconds};

/// Sends the letter of a job, and records what came of it.
///
/// # Errors
/// Whatever an operation answers; the job then stays.
pub async fn send(means: &Means, kernel: Kernel, object: &str, right: Ran) -> Result<Ended> {
    let (asks, name, relay) = (kernel.clone(), object.to_owned(), means.post.is_some());
    let (right, letter) = blocking(move || {
        let letter = match relay {
            true => right.ask(&asks, Letter::new(&asks, &name)?)?,
            false => None,
        };
        Ok((right, letter))
    })
    .await?;
    let outcome = match letter {
        None => None,
        Some(envelope) => Some(in_time(hand_over(means, envelope)).await?),
    };
    let name = object.to_owned();
    blocking(move || right.run(&kernel, Sent::new(&kernel, &name, outcome)?)).await?;
    Ok(Ended::Done)
}

async fn hand_over(means: &Means, envelope: Envelope) -> Outcome {
    let Some(post) = &means.post else { return Outcome::Unreachable };
    let (what, path) = &envelope.link;
    let text = match means.public_url.as_deref() {
        Some(base) => format!("{}\n{what}:\n{base}/{path}\n", envelope.text),
        None => envelope.text.clone(),
    };
    let attempt = post
        .send(&mail::Letter {
            to: envelope.to,
            subject: envelope.subject,
            text,
            message_id: post.message_id(&envelope.identifier),
            at: seconds(envelope.at),
            ..mail::Letter::default()
        })
        .await;
    match attempt.outcome {
        connectors::Outcome::Accepted => Outcome::Accepted,
        connectors::Outcome::Refused { .. } => Outcome::Refused,
        connectors::Outcome::Unreachable => Outcome::Unreachable,
    }
}
