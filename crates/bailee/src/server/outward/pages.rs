//! Pages: one try of one page by one channel for each job.
//!
//! Promises: an attempt is claimed in the store before anything leaves, and recorded with what the
//! other side said; nothing is recorded as sent that nobody took. The same try again has the same
//! identifier, and says that it may be a repetition. What leaves names no account and holds nothing
//! but the title of the page and the link by which it is answered. PagerDuty and receivers of
//! webhooks are told in the same way that a page was answered or is over.
//!
//! Does not: choose who is paged or when it is tried again. What Slack, PagerDuty or a relay does
//! after it took a page is not known here; only an answer of the person says that it arrived.

use connectors::alerts::{self, Action, Alert};
use connectors::webhook::{self, Delivery, Plaintext};
use connectors::{Outcome as Answer, Secret, mail};
use domain::oncall::channels::Way;
use domain::oncall::pages::{Claim, Claimed, Envelope, Event, Outcome, Report, Sent, Severity};
use kernel::{Kernel, Ran, Result};
use serde_json::{Value, json};

use super::{Ended, Means, PATIENCE, blocking, files, in_time, seconds};

/// The path of the page by which a page is answered, below the public address.
const PAGE: &str = "page";

/// Makes the attempt of a job, and records what came of it.
///
/// # Errors
/// Whatever an operation answers; the job then stays.
pub async fn send(means: &Means, kernel: Kernel, object: &str, right: Ran) -> Result<Ended> {
    let (asks, name) = (kernel.clone(), object.to_owned());
    let (node, boot) = (means.node.clone(), means.boot.clone());
    let (right, claimed) = blocking(move || {
        let claimed = right.ask(&asks, Claim::new(&asks, &name, &node, &boot)?)?;
        Ok((right, claimed))
    })
    .await?;
    let sent = match claimed {
        Claimed::Held => return Ok(Ended::NotYet),
        Claimed::Nothing => Sent::Nothing,
        Claimed::Later(due) => Sent::Later(due),
        Claimed::Send(envelope) => {
            let provider = kernel.identity().provider.clone();
            let now = seconds(kernel.now());
            // An attempt that does not end in time is one that reached nobody, and is recorded.
            let made = in_time(hand_over(means, &envelope, &provider, now)).await;
            let (outcome, permanent, reply) = made
                .unwrap_or_else(|error| (Outcome::Unreachable, false, error.message().to_owned()));
            Sent::Tried { claim: envelope.claim, outcome, permanent, reply }
        }
    };
    let name = object.to_owned();
    blocking(move || right.run(&kernel, Report::new(&kernel, &name, sent)?)).await?;
    Ok(Ended::Done)
}

/// How an attempt ended, whether another is pointless, and what the other side said.
type Made = (Outcome, bool, String);

async fn hand_over(means: &Means, envelope: &Envelope, provider: &str, now: u64) -> Made {
    match envelope.way {
        Way::Email => letter(means, envelope, provider).await,
        // It is there as soon as it is raised; somebody who keeps it open sees and hears it.
        Way::Page => (Outcome::Accepted, false, "on the pager page".to_owned()),
        Way::Webhook | Way::Slack | Way::Pagerduty => {
            let secret = match secret(means, envelope) {
                Ok(secret) => secret,
                // The operator can put it there before the next attempt.
                Err(reply) => return (Outcome::Unreachable, false, reply),
            };
            let delivery = message(means, envelope, provider, secret, now).await;
            made(&delivery)
        }
    }
}

fn made(delivery: &Delivery) -> Made {
    let (outcome, permanent) = match delivery.outcome {
        Answer::Accepted => (Outcome::Accepted, false),
        Answer::Refused { permanent } => (Outcome::Refused, permanent),
        Answer::Unreachable => (Outcome::Unreachable, false),
    };
    (outcome, permanent, delivery.reply.clone())
}

async fn message(
    means: &Means,
    envelope: &Envelope,
    provider: &str,
    secret: Secret,
    now: u64,
) -> Delivery {
    let alert = Alert {
        key: envelope.page.clone(),
        summary: title(envelope),
        source: provider.to_owned(),
        urgent: envelope.severity == Severity::High,
        link: link(means, envelope),
    };
    let (root, address) = (means.webhook_ca.as_deref(), envelope.address.as_deref());
    match envelope.way {
        Way::Slack => alerts::slack(&secret, &alert, root, PATIENCE).await,
        Way::Pagerduty => {
            let action = match envelope.event {
                Event::Raised => Action::Trigger,
                Event::Acknowledged => Action::Acknowledge,
                Event::Resolved => Action::Resolve,
            };
            alerts::pagerduty(address, &secret, (action, &alert), root, PATIENCE).await
        }
        _ => {
            let to = webhook::Destination {
                url: address.unwrap_or_default().to_owned(),
                secret,
                root_pem: means.webhook_ca.clone(),
                plaintext: Plaintext::Refused,
            };
            let body = event(envelope, alert.link.as_deref()).to_string().into_bytes();
            webhook::post(&to, &envelope.identifier, now, body, PATIENCE).await
        }
    }
}

/// The body of a webhook, as Standard Webhooks suggests it.
fn event(envelope: &Envelope, link: Option<&str>) -> Value {
    let mut data = json!({"page": envelope.page, "subject": envelope.subject,
        "severity": envelope.severity, "title": envelope.title, "person": envelope.person,
        "may_repeat": envelope.repeated});
    let (at, name, value) = match &envelope.by {
        None => (envelope.at, "link", json!(link)),
        Some((by, at)) => (*at, "by", json!(by)),
    };
    if let Some(data) = data.as_object_mut() {
        data.insert(name.to_owned(), value);
    }
    let kind = format!("page.{}", envelope.event.word());
    json!({"type": kind, "timestamp": at.rfc3339(), "data": data})
}

async fn letter(means: &Means, envelope: &Envelope, provider: &str) -> Made {
    let Some(post) = &means.post else {
        let why = "no mail relay is configured: give the server one";
        return (Outcome::Unreachable, false, why.to_owned());
    };
    let urgent = envelope.severity == Severity::High;
    let answer = match link(means, envelope) {
        Some(link) => format!("Answer it, so that nobody else is paged:\n{link}\n"),
        None => format!("Answer it: bailee page acknowledge {}\n", envelope.page),
    };
    let (at, page) = (envelope.at.rfc3339(), &envelope.page);
    let attempt = post
        .send(&mail::Letter {
            to: envelope.address.clone().unwrap_or_default(),
            subject: format!("[{provider}] {}", title(envelope)),
            text: format!("{}\n\nRaised at {at} as {page}.\n\n{answer}", envelope.title),
            message_id: post.message_id(&envelope.identifier),
            at: seconds(envelope.at),
            headers: if urgent { vec![("Importance".into(), "high".into())] } else { vec![] },
            ..mail::Letter::default()
        })
        .await;
    let (outcome, permanent) = match attempt.outcome {
        Answer::Accepted => (Outcome::Accepted, false),
        Answer::Refused { permanent } => (Outcome::Refused, permanent),
        Answer::Unreachable => (Outcome::Unreachable, false),
    };
    (outcome, permanent, attempt.reply)
}

fn title(envelope: &Envelope) -> String {
    match envelope.repeated {
        true => format!("{} (may be a repetition)", envelope.title),
        false => envelope.title.clone(),
    }
}

/// The link by which it is answered, where people outside reach the server.
fn link(means: &Means, envelope: &Envelope) -> Option<String> {
    let (page, token) = (&envelope.page, &envelope.token);
    means.public_url.as_deref().map(|base| format!("{base}/{PAGE}/{page}/{token}"))
}

fn secret(means: &Means, envelope: &Envelope) -> Result<Secret, String> {
    let name = envelope.secret.as_deref().unwrap_or_default();
    let read = match means.secrets.as_deref() {
        Some(folder) => files::named(folder, name),
        None => Err("the server has no folder for them: configure `secrets_dir`".to_owned()),
    };
    read.map_err(|why| format!("the channel's secret cannot be used: {why}"))
}
