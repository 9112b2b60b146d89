//! Security events: one signed token for each job, to the receiver that a stream names (RFC 8935).
//!
//! Promises: what is sent was signed for this attempt alone and is kept nowhere; its id is that of
//! the event, so that a receiver knows a repetition. Does not: decide who hears what.

use connectors::Outcome as Answer;
use connectors::push::{Pushed, Receiver, push};
use domain::streams::{Compose, Composed, NoteSent, Sending, Sent};
use kernel::{Kernel, Ran, Result};

use super::{Ended, Means, PATIENCE, blocking, files, in_time};

/// Sends what a job is about, and records what came of it.
///
/// # Errors
/// Whatever an operation answers; the job then stays.
pub async fn send(means: &Means, kernel: Kernel, object: &str, right: Ran) -> Result<Ended> {
    let sending = Sending::of(object)?;
    let (right, sent) = match means.public_url.clone() {
        None => {
            let why = "the server has no `public_url`, so nobody could look up its keys";
            (right, unsent(why.to_owned(), false))
        }
        Some(issuer) => {
            let (asks, of) = (kernel.clone(), sending.clone());
            let (right, composed) = blocking(move || {
                let composed = right.ask(&asks, Compose::new(&asks, of, &issuer)?)?;
                Ok((right, composed))
            })
            .await?;
            (right, in_time(deliver(means, composed)).await?)
        }
    };
    blocking(move || right.run(&kernel, NoteSent::new(&kernel, sending, sent)?)).await?;
    Ok(Ended::Done)
}

async fn deliver(means: &Means, composed: Composed) -> Sent {
    let (address, secret, token) = match composed {
        Composed::Nothing(why) => return unsent(why, true),
        Composed::Send { address, secret, token } => (address, secret, token),
    };
    let secret = match (secret, means.secrets.as_deref()) {
        (None, _) => Ok(None),
        (Some(name), Some(folder)) => files::named(folder, &name).map(Some),
        (Some(_), None) => Err("the server has no folder for them: configure `secrets_dir`".into()),
    };
    let secret = match secret {
        Ok(secret) => secret,
        // The operator can put it there before the next attempt.
        Err(why) => return unsent(format!("the stream's secret cannot be used: {why}"), false),
    };
    let to = Receiver { url: address, secret, root_pem: means.webhook_ca.clone() };
    let Pushed { outcome, status, error, reply } = push(&to, &token, PATIENCE).await;
    let over = outcome == Answer::Refused { permanent: true };
    Sent { delivered: outcome == Answer::Accepted, over, status, error, reply }
}

fn unsent(reply: String, over: bool) -> Sent {
    Sent { delivered: false, over, status: None, error: None, reply }
}
