//! An alert of the engine as a row of the register.

use domain::detections::{Alert, Level};
use domain::register::When;
use kernel::Moment;

/// What is kept of it, with where its events are.
pub fn row(alert: &watch::Alert, evidence: Vec<String>) -> Alert {
    let group = alert.group.iter().map(|(field, value)| format!("{field}={value}"));
    let mut about = group.collect::<Vec<_>>().join(" ");
    if alert.unattributed {
        about = "nobody that can be named".to_owned();
    }
    if about.is_empty() {
        about = format!("rule={}", alert.rule);
    }
    Alert {
        rule: alert.rule.clone(),
        version: alert.version.clone(),
        title: alert.title.clone(),
        level: match alert.level {
            watch::Level::Informational => Level::Informational,
            watch::Level::Low => Level::Low,
            watch::Level::Medium => Level::Medium,
            watch::Level::High => Level::High,
            watch::Level::Critical => Level::Critical,
        },
        author: alert.author.clone(),
        tags: alert.tags.clone(),
        about: about.chars().take(400).collect(),
        from: When(Moment(alert.from)),
        to: When(Moment(alert.to)),
        count: alert.count,
        evidence,
        note: alert.degraded.clone(),
        shadow: alert.shadow,
        retroactive: alert.retroactive,
        allowed: None,
        incident: None,
        answers: vec![],
        disposition: None,
    }
}
