//! Alerts to services of others that wake people: Slack's incoming webhooks, PagerDuty's Events API
//! v2.
//!
//! Promises: the wire forms are those that the services document; text cannot become markup or a
//! mention; the same page again has the same key where the service knows one, so that it does not
//! wake twice; redirects are not followed, and an answer is read to a bound.
//!
//! Does not: know whether a person has seen it: accepted means that the service took it. It is
//! tried against servers that speak the same here, not against the services themselves.

use std::time::Duration;

use serde_json::json;

use crate::secret::Secret;
use crate::webhook::{Delivery, post_json};

/// The address of PagerDuty's Events API v2, where none is stated.
pub const PAGERDUTY: &str = "https://events.pagerduty.com/v2/enqueue";

/// Most characters of PagerDuty's `summary`, and of its `dedup_key`.
const SUMMARY: usize = 1024;
const KEY: usize = 255;

/// What PagerDuty is told of an alert (`event_action`).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Action {
    /// Somebody is to be woken.
    Trigger,
    /// Somebody has it: nobody else is to be woken.
    Acknowledge,
    /// It is over.
    Resolve,
}

/// What somebody is to be told.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Alert {
    /// What makes it itself: the same again is the same alert.
    pub key: String,
    /// What happened, on one line.
    pub summary: String,
    /// What it is from, such as the provider's name.
    pub source: String,
    /// Whether it wakes somebody.
    pub urgent: bool,
    /// Where it is answered, if people reach that.
    pub link: Option<String>,
}

/// Sends them to an incoming webhook of Slack, in one message; the whole address is the secret.
pub async fn slack(
    address: &Secret,
    alerts: &[Alert],
    root_pem: Option<&str>,
    timeout: Duration,
) -> Delivery {
    let body = slack_body(alerts).to_string().into_bytes();
    post_json(address.expose(), root_pem, body, timeout).await
}

/// The body of a message: plain text, in which `&`, `<` and `>` are escaped as Slack asks, so that
/// nothing in it becomes a link or a mention.
fn slack_body(alerts: &[Alert]) -> serde_json::Value {
    let plain = |text: &str| text.replace('&', "&amp;").replace('<', "&lt;").replace('>', "&gt;");
    let each = alerts.iter().map(|alert| {
        let mut text = format!("{}: {}", plain(&alert.source), plain(&alert.summary));
        // It is answered by its id where there is no link.
        if alerts.len() > 1 || alert.link.is_none() {
            text += &format!(" ({})", plain(&alert.key));
        }
        if let Some(link) = &alert.link {
            // A link of ours has no character that ends it.
            text += &format!("\n<{}|answer it>", link.replace(['<', '>', '|'], ""));
        }
        text
    });
    json!({"text": each.collect::<Vec<_>>().join("\n\n")})
}

/// Sends a message with a button that leads to an address, to an incoming webhook of Slack or of
/// what understands its Block Kit; the whole address of the webhook is the secret.
pub async fn slack_button(
    address: &Secret,
    text: &str,
    (label, url): (&str, &str),
    root_pem: Option<&str>,
    timeout: Duration,
) -> Delivery {
    let plain = |text: &str| json!({"type": "plain_text", "text": text});
    let button = json!({"type": "button", "text": plain(label), "url": url});
    let body = json!({
        // What stands in a notification, and where there are no blocks.
        "text": format!("{} {url}", text.replace('&', "&amp;").replace('<', "&lt;")),
        "blocks": [
            {"type": "section", "text": plain(text)},
            {"type": "actions", "elements": [button]},
        ],
    });
    post_json(address.expose(), root_pem, body.to_string().into_bytes(), timeout).await
}

/// Sends it to PagerDuty's Events API v2. What acknowledges or resolves an alert has the same key
/// as what triggered it, and PagerDuty discards it if nothing of that key is open.
pub async fn pagerduty(
    address: Option<&str>,
    routing_key: &Secret,
    (action, alert): (Action, &Alert),
    root_pem: Option<&str>,
    timeout: Duration,
) -> Delivery {
    let body = pagerduty_body(routing_key.expose(), action, alert).to_string().into_bytes();
    post_json(address.unwrap_or(PAGERDUTY), root_pem, body, timeout).await
}

fn pagerduty_body(routing_key: &str, action: Action, alert: &Alert) -> serde_json::Value {
    let cut = |text: &str, most: usize| text.chars().take(most).collect::<String>();
    let word = match action {
        Action::Trigger => "trigger",
        Action::Acknowledge => "acknowledge",
        Action::Resolve => "resolve",
    };
    let key = cut(&alert.key, KEY);
    if action != Action::Trigger {
        return json!({"routing_key": routing_key, "event_action": word, "dedup_key": key});
    }
    let mut body = json!({
        "routing_key": routing_key,
        "event_action": word,
        "dedup_key": key,
        "payload": {
            "summary": cut(&alert.summary, SUMMARY),
            "source": alert.source,
            "severity": if alert.urgent { "critical" } else { "warning" },
        },
    });
    if let (Some(link), Some(all)) = (&alert.link, body.as_object_mut()) {
        all.insert("links".to_owned(), json!([{"href": link, "text": "answer it"}]));
    }
    body
}

#[cfg(test)]
mod tests {
    use super::{Action, Alert, pagerduty_body, slack_body};
    use serde_json::json;

    #[test]
    fn the_wire_forms_are_those_that_are_documented() {
        let alert = Alert {
            key: "page-1".to_owned(),
            summary: "a <!channel> & more".to_owned(),
            source: "example".to_owned(),
            urgent: true,
            link: Some("https://x.example/page/1/t".to_owned()),
        };
        let text = "example: a &lt;!channel&gt; &amp; more\n<https://x.example/page/1/t|answer it>";
        assert_eq!(slack_body(std::slice::from_ref(&alert)), json!({"text": text}));
        let two = [alert.clone(), Alert { link: None, ..alert.clone() }];
        let text = text.replace("more\n", "more (page-1)\n")
            + "\n\nexample: a &lt;!channel&gt; &amp; more (page-1)";
        assert_eq!(slack_body(&two), json!({"text": text}));
        let expected = json!({"routing_key": "R", "event_action": "trigger", "dedup_key": "page-1",
            "payload": {"summary": "a <!channel> & more", "source": "example",
            "severity": "critical"},
            "links": [{"href": "https://x.example/page/1/t", "text": "answer it"}]});
        assert_eq!(pagerduty_body("R", Action::Trigger, &alert), expected);
        for (action, word) in [(Action::Acknowledge, "acknowledge"), (Action::Resolve, "resolve")] {
            let expected = json!({"routing_key": "R", "event_action": word, "dedup_key": "page-1"});
            assert_eq!(pagerduty_body("R", action, &alert), expected);
        }
        let long = Alert { key: "k".repeat(300), summary: "s".repeat(2000), ..alert };
        let body = pagerduty_body("R", Action::Trigger, &long);
        assert_eq!(body["dedup_key"].as_str().unwrap().len(), 255);
        assert_eq!(body["payload"]["summary"].as_str().unwrap().len(), 1024);
    }
}
