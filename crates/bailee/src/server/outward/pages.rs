//! Pages: one try of one page by one channel for each job; letters and messages of a chat bring all
//! that wait for their channel.
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
use domain::oncall::pages::{
    Claim, Claimed, Envelope, Event, Outcome, Report, Sent, Severity, TOGETHER,
};
use kernel::{Error, Kernel, Ran};
use serde_json::{Value, json};

use super::{Ended, Means, PATIENCE, blocking, files, in_time, seconds};

/// The path of the page by which a page is answered, below the public address.
const PAGE: &str = "page";

/// What came of claiming a job, with the right to it.
type Taken = (String, Ran, Claimed);

/// Makes the attempts of jobs, those that may in one message, and records what came of each. Gives
/// how each ended; one that is not there failed, and its job stays.
pub async fn send(means: &Means, kernel: Kernel, jobs: Vec<(String, Ran)>) -> Vec<(String, Ended)> {
    let (node, boot) = (means.node.clone(), means.boot.clone());
    let asks = kernel.clone();
    let claimed = blocking(move || Ok(claim(&asks, jobs, &node, &boot))).await;
    let (taken, mut ended) = match claimed {
        Ok(both) => both,
        Err(error) => {
            tracing::warn!(?error, "pages could not be claimed, and are tried again");
            return vec![];
        }
    };
    let envelopes = taken.iter().filter_map(|(.., claimed)| match claimed {
        Claimed::Send(envelope) => Some(envelope.as_ref()),
        _ => None,
    });
    let mut envelopes: Vec<&Envelope> = envelopes.collect();
    envelopes.sort_by_key(|one| (one.at, &one.page));
    // Two tries of one page for one channel are one page in the message.
    envelopes.dedup_by(|later, one| later.page == one.page);
    let (outcome, permanent, reply) = match envelopes.first() {
        None => (Outcome::Unreachable, false, String::new()),
        Some(_) => {
            let provider = kernel.identity().provider.clone();
            let now = seconds(kernel.now());
            // An attempt that does not end in time is one that reached nobody, and is recorded.
            let made = in_time(hand_over(means, &envelopes, &provider, now)).await;
            made.unwrap_or_else(|error| (Outcome::Unreachable, false, error.message().to_owned()))
        }
    };
    // What was refused of several may have been one of them: each is tried again, by itself.
    let permanent = permanent && envelopes.len() == 1;
    let recorded = blocking(move || {
        for (object, right, claimed) in taken {
            let sent = match claimed {
                Claimed::Held => {
                    ended.push((object, Ended::NotYet));
                    continue;
                }
                Claimed::Nothing => Sent::Nothing,
                Claimed::Later(due) => Sent::Later(due),
                Claimed::Send(one) => {
                    let (claim, reply) = (one.claim, reply.clone());
                    Sent::Tried { claim, outcome, permanent, reply }
                }
            };
            let report = Report::new(&kernel, &object, sent);
            match report.and_then(|report| right.run(&kernel, report)) {
                Ok(()) => ended.push((object, Ended::Done)),
                Err(error) => tracing::warn!(?error, "what came of a page could not be recorded"),
            }
        }
        Ok(ended)
    });
    recorded.await.unwrap_or_else(|error: Error| {
        tracing::warn!(?error, "what came of pages could not be recorded");
        vec![]
    })
}

/// Claims each job, and those that may go in one message for that; what does not fit waits.
fn claim(
    kernel: &Kernel,
    jobs: Vec<(String, Ran)>,
    node: &str,
    boot: &str,
) -> (Vec<Taken>, Vec<(String, Ended)>) {
    let (mut taken, mut waiting, mut with, mut count) = (vec![], vec![], None, 0);
    for (object, right) in jobs {
        if count >= TOGETHER {
            waiting.push((object, Ended::NotYet));
            continue;
        }
        let claim = Claim::new(kernel, &object, node, boot).map(|claim| claim.with(with));
        match claim.and_then(|claim| right.ask(kernel, claim)) {
            Ok(claimed) => {
                if let Claimed::Send(envelope) = &claimed {
                    count += if envelope.alone { TOGETHER } else { 1 };
                    with = Some(envelope.used);
                }
                taken.push((object, right, claimed));
            }
            Err(error) => tracing::warn!(?error, "a page could not be claimed, and is tried again"),
        }
    }
    (taken, waiting)
}

/// How an attempt ended, whether another is pointless, and what the other side said.
type Made = (Outcome, bool, String);

/// Hands pages for one channel over: several of them where they go in one message.
async fn hand_over(means: &Means, all: &[&Envelope], provider: &str, now: u64) -> Made {
    let Some(first) = all.first() else {
        return (Outcome::Accepted, false, "nothing to send".to_owned());
    };
    match first.way {
        Way::Email => letter(means, all, provider).await,
        // It is there as soon as it is raised; somebody who keeps it open sees and hears it.
        Way::Page => (Outcome::Accepted, false, "on the pager page".to_owned()),
        Way::Webhook | Way::Slack | Way::Pagerduty => {
            let secret = match secret(means, first) {
                Ok(secret) => secret,
                // The operator can put it there before the next attempt.
                Err(reply) => return (Outcome::Unreachable, false, reply),
            };
            if first.way == Way::Slack {
                let alerts: Vec<_> = all.iter().map(|one| alert(means, one, provider)).collect();
                let root = means.webhook_ca.as_deref();
                return made(&alerts::slack(&secret, &alerts, root, PATIENCE).await);
            }
            made(&message(means, first, provider, secret, now).await)
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

fn alert(means: &Means, envelope: &Envelope, provider: &str) -> Alert {
    Alert {
        key: envelope.page.clone(),
        summary: title(envelope),
        source: provider.to_owned(),
        urgent: envelope.severity == Severity::High,
        link: link(means, envelope),
    }
}

/// Hands an event over to a program.
async fn message(
    means: &Means,
    envelope: &Envelope,
    provider: &str,
    secret: Secret,
    now: u64,
) -> Delivery {
    let alert = alert(means, envelope, provider);
    let (root, address) = (means.webhook_ca.as_deref(), envelope.address.as_deref());
    if envelope.way == Way::Pagerduty {
        let action = match envelope.event {
            Event::Raised => Action::Trigger,
            Event::Acknowledged => Action::Acknowledge,
            Event::Resolved => Action::Resolve,
        };
        return alerts::pagerduty(address, &secret, (action, &alert), root, PATIENCE).await;
    }
    let to = webhook::Destination {
        url: address.unwrap_or_default().to_owned(),
        secret,
        root_pem: means.webhook_ca.clone(),
        plaintext: Plaintext::Refused,
    };
    let body = event(envelope, alert.link.as_deref()).to_string().into_bytes();
    webhook::post(&to, &envelope.identifier, now, body, PATIENCE).await
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

async fn letter(means: &Means, all: &[&Envelope], provider: &str) -> Made {
    let (Some(post), Some(first)) = (&means.post, all.first()) else {
        let why = "no mail relay is configured: give the server one";
        return (Outcome::Unreachable, false, why.to_owned());
    };
    let urgent = all.iter().any(|one| one.severity == Severity::High);
    let (count, title) = (all.len(), title(first));
    let (subject, text) = match count {
        1 => (title, paragraph(means, first, &first.title)),
        _ => {
            let each = all.iter().map(|one| paragraph(means, one, &self::title(one)));
            let text = each.collect::<Vec<_>>().join("\n\n");
            let subject = format!("{count} pages: {title}");
            (subject, format!("{count} pages, oldest first. Each is answered by itself.\n\n{text}"))
        }
    };
    let attempt = post
        .send(&mail::Letter {
            to: first.address.clone().unwrap_or_default(),
            subject: format!("[{provider}] {subject}"),
            text,
            message_id: post.message_id(&Envelope::message(all)),
            at: seconds(first.at),
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

/// What a letter says of one page.
fn paragraph(means: &Means, envelope: &Envelope, title: &str) -> String {
    let (at, page) = (envelope.at.rfc3339(), &envelope.page);
    let answer = match link(means, envelope) {
        Some(link) => format!("Answer it, so that nobody else is paged:\n{link}\n"),
        None => format!("Answer it: bailee page acknowledge {page}\n"),
    };
    format!("{title}\n\nRaised at {at} as {page}.\n\n{answer}")
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
