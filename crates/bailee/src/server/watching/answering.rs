//! Which answer an alert gets by itself: what its rule asks for, as far as the configuration
//! allows, and to whom. Whether it is given is decided where the alert is kept, under the rights
//! of then.

use std::time::Duration;

use domain::answers::{Asked, Kind};

use crate::server::config::{Answers, Automatic};

/// How long an answer lasts, where the configuration does not say.
const MINUTES: u64 = 60;

/// What may be answered by itself.
#[derive(Clone, Debug, Default)]
pub struct Answering {
    automatic: Vec<Automatic>,
    lasts: Duration,
    from_signals: bool,
}

impl Answering {
    /// As configured.
    pub fn of(config: &Answers) -> Self {
        Self {
            automatic: config.automatic.clone(),
            lasts: Duration::from_secs(config.minutes.unwrap_or(MINUTES) * 60),
            from_signals: config.from_signals,
        }
    }

    /// The answer to an alert; `evidence` says where its events are.
    pub fn to(&self, alert: &watch::Alert, evidence: &[String]) -> Option<Asked> {
        let of = |field: &str| {
            let found = alert.group.iter().find(|(name, _)| name == field);
            found.map(|(_, value)| value.clone())
        };
        // Where nothing is known of the events, they may be anybody's.
        let own = evidence.iter().all(|place| place.starts_with("log ")) && !evidence.is_empty();
        if alert.unattributed || (!own && !self.from_signals) {
            return None;
        }
        let (name, address) = (of("user.name"), of("source.ip"));
        let service = name.as_deref().is_some_and(|name| name.starts_with("service:"));
        let (kind, target) = match alert.answer {
            watch::Answer::None => return None,
            watch::Answer::Limit => (Kind::Limit, address.or(name)?),
            watch::Answer::Ban => (Kind::Ban, address?),
            // Who is locked and who is suspended depends on who it is, not on the rule's word.
            watch::Answer::Lock | watch::Answer::Suspend if service => (Kind::Suspend, name?),
            watch::Answer::Lock | watch::Answer::Suspend => (Kind::Lock, name?),
        };
        let word = match kind {
            Kind::Limit => Automatic::Limit,
            Kind::Ban => Automatic::Ban,
            Kind::Suspend => Automatic::Suspend,
            _ => Automatic::Lock,
        };
        self.automatic.contains(&word).then_some(Asked { kind, target, lasts: self.lasts })
    }
}

#[cfg(test)]
mod tests {
    use super::{Answering, Kind};
    use crate::server::config::{Answers, Automatic};

    fn alert(answer: &str, group: &[(&str, &str)]) -> watch::Alert {
        let group: Vec<_> = group.iter().map(|(a, b)| (a.to_string(), b.to_string())).collect();
        let text = serde_json::json!({"id": "1", "rule": "r", "version": "1", "title": "t",
            "level": "high", "answer": answer, "group": group, "from": 0, "to": 1, "events": [],
            "count": 1, "value": 1});
        serde_json::from_value(text).unwrap()
    }

    #[test]
    fn only_what_is_configured_is_answered_and_whom_it_is_about_decides_how() {
        let every = [Automatic::Limit, Automatic::Lock, Automatic::Suspend, Automatic::Ban];
        let of = |automatic: &[Automatic], from_signals| {
            let automatic = automatic.to_vec();
            Answering::of(&Answers { automatic, from_signals, ..Answers::default() })
        };
        let (address, ana) = (("source.ip", "192.0.2.7"), ("user.name", "person:ana"));
        let import = ("user.name", "service:import");
        let log = ["log 0 entry 7".to_owned()];
        for (answer, group, wanted) in [
            ("none", &[address][..], None),
            ("limit", &[address, ana], Some((Kind::Limit, "192.0.2.7"))),
            ("limit", &[ana], Some((Kind::Limit, "person:ana"))),
            ("ban", &[address], Some((Kind::Ban, "192.0.2.7"))),
            ("ban", &[ana], None),
            ("lock", &[ana], Some((Kind::Lock, "person:ana"))),
            ("lock", &[import], Some((Kind::Suspend, "service:import"))),
            ("suspend", &[ana], Some((Kind::Lock, "person:ana"))),
            ("suspend", &[address], None),
        ] {
            let alert = alert(answer, group);
            let asked = of(&every, false).to(&alert, &log);
            let asked = asked.map(|asked| (asked.kind, asked.target));
            let wanted = wanted.map(|(kind, target)| (kind, target.to_owned()));
            assert_eq!(asked, wanted, "{answer} {group:?}");
            assert_eq!(of(&[], false).to(&alert, &log), None);
        }
        let ban = alert("ban", &[address]);
        let signal = ["log 0 entry 7".to_owned(), "signal 3 place 2".to_owned()];
        assert_eq!(of(&every, false).to(&ban, &signal), None, "a log can be forged");
        assert!(of(&every, true).to(&ban, &signal).is_some());
        let nobody = watch::Alert { unattributed: true, ..ban };
        assert_eq!(of(&every, true).to(&nobody, &log), None);
    }
}
