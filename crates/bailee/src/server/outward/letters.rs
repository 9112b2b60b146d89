//! Letters that are no notices: about emergencies to accounts, and to approvers about what waits.
//!
//! Promises: what is sent is what the store says, with its link below where people outside reach
//! the server; every attempt is recorded; the same letter again has the same identifier. Without a
//! relay nothing is tried, and the record says so: there is a page for both.

use connectors::{alerts, mail};
use domain::letters::{Ask, Envelope, Letter, Outcome, Sent};
use kernel::{Kernel, Ran, Result};

use super::{Ended, Means, PATIENCE, blocking, in_time, seconds};

/// Sends the letter of a job, and records what came of it.
///
/// # Errors
/// Whatever an operation answers; the job then stays.
pub async fn send(means: &Means, kernel: Kernel, object: &str, right: Ran) -> Result<Ended> {
    let way = match object.starts_with("board|") {
        true => means.chat.is_some(),
        false => means.post.is_some(),
    };
    let (asks, name) = (kernel.clone(), object.to_owned());
    let (right, letter) = blocking(move || {
        let letter = match way {
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

/// Asks approvers, and says it where the team talks.
///
/// # Errors
/// Whatever the operation answers; the job then stays.
pub async fn ask(kernel: Kernel, object: &str, right: Ran) -> Result<Ended> {
    let name = object.to_owned();
    blocking(move || right.run(&kernel, Ask::new(&kernel, &name)?.on_the_board())).await?;
    Ok(Ended::Done)
}

async fn hand_over(means: &Means, envelope: Envelope) -> Outcome {
    let Some(to) = envelope.to.clone() else { return say(means, &envelope).await };
    let Some(post) = &means.post else { return Outcome::Unreachable };
    let (what, path) = &envelope.link;
    let text = match means.public_url.as_deref() {
        Some(base) => format!("{}\n{what}:\n{base}/{path}\n", envelope.text),
        None => envelope.text.clone(),
    };
    let attempt = post
        .send(&mail::Letter {
            to,
            subject: envelope.subject,
            text,
            message_id: post.message_id(&envelope.identifier),
            at: seconds(envelope.at),
            ..mail::Letter::default()
        })
        .await;
    outcome(attempt.outcome)
}

/// Says it where the team talks, with a button that leads to the page.
async fn say(means: &Means, envelope: &Envelope) -> Outcome {
    let (Some(chat), Some(base)) = (&means.chat, means.public_url.as_deref()) else {
        return Outcome::Unreachable;
    };
    let (label, path) = &envelope.link;
    let (url, root) = (format!("{base}/{path}"), means.webhook_ca.as_deref());
    let button = (label.as_str(), url.as_str());
    outcome(alerts::slack_button(chat, &envelope.text, button, root, PATIENCE).await.outcome)
}

fn outcome(outcome: connectors::Outcome) -> Outcome {
    match outcome {
        connectors::Outcome::Accepted => Outcome::Accepted,
        connectors::Outcome::Refused { .. } => Outcome::Refused,
        connectors::Outcome::Unreachable => Outcome::Unreachable,
    }
}
