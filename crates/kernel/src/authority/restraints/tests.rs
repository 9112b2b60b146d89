use super::{Exemption, Network, Place, Restraint, Restraints};
use crate::limits::{LIMITED_BURST, LIMITED_PER_MINUTE};
use crate::time::Moment;
use std::net::IpAddr;

const NOW: Moment = Moment(1_795_356_131_000_000);

fn network(text: &str) -> Network {
    text.parse().unwrap()
}

fn ip(text: &str) -> IpAddr {
    text.parse().unwrap()
}

fn restraint(id: &str, on: &str, slows: bool) -> Restraint {
    let place = Place::Network(network(on));
    let (rule, until) = (Some("guess".to_owned()), Moment(NOW.0 + 60_000_000));
    Restraint { id: id.to_owned(), place, slows, rule, until }
}

#[test]
fn a_network_has_one_spelling() {
    for (text, shown) in [
        ("192.0.2.7", "192.0.2.7"),
        ("192.0.2.7/32", "192.0.2.7"),
        ("192.0.2.0/24", "192.0.2.0/24"),
        ("2001:db8::7", "2001:db8::/64"),
        ("2001:db8::7/128", "2001:db8::7/128"),
        ("::ffff:192.0.2.7", "192.0.2.7"),
        ("0.0.0.0/0", "0.0.0.0/0"),
    ] {
        assert_eq!(network(text).to_string(), shown);
        assert_eq!(network(&network(text).to_string()), network(text), "{text}");
    }
    for bad in [
        "",
        "192.0.2",
        "192.0.2.7/33",
        "192.0.2.7/24",
        "192.0.2.0/-1",
        "192.0.2.0/024x",
        "x/8",
        "2001:db8::/129",
        "::ffff:192.0.2.0/120",
        "192.0.2.0/ 24",
        " 192.0.2.7",
        "1::/64/64",
    ] {
        assert!(bad.parse::<Network>().is_err(), "{bad}");
    }
}

#[test]
fn a_network_holds_its_addresses_and_no_other() {
    for (wide, address, is) in [
        ("192.0.2.0/24", "192.0.2.255", true),
        ("192.0.2.0/24", "192.0.3.0", false),
        ("192.0.2.0/24", "::ffff:192.0.2.9", true),
        ("0.0.0.0/0", "203.0.113.9", true),
        ("0.0.0.0/0", "2001:db8::1", false),
        ("::/0", "2001:db8::1", true),
        ("2001:db8::1", "2001:db8::ffff", true),
        ("2001:db8::1", "2001:db8:0:1::1", false),
    ] {
        assert_eq!(network(wide).holds(ip(address)), is, "{wide} {address}");
    }
    assert!(network("10.0.0.0/8").meets(&network("10.1.0.0/16")));
    assert!(network("10.1.0.0/16").meets(&network("10.0.0.0/8")));
    assert!(!network("10.1.0.0/16").meets(&network("10.2.0.0/16")));
}

#[test]
fn an_exemption_wins_whichever_was_there_first() {
    let mut all = Restraints::default();
    all.put(restraint("a", "192.0.2.0/24", false));
    assert!(all.admit(ip("192.0.2.7"), NOW).is_err());
    assert!(all.admit(ip("192.0.3.7"), NOW).is_ok());
    let exempt = |id: &str, on: &str, rule: Option<&str>| Exemption {
        id: id.to_owned(),
        place: Place::Network(network(on)),
        rule: rule.map(str::to_owned),
        until: Moment(NOW.0 + 10),
    };
    all.exempt(exempt("other", "192.0.2.7", Some("other rule")));
    assert!(all.admit(ip("192.0.2.7"), NOW).is_err());
    all.exempt(exempt("office", "192.0.2.7", Some("guess")));
    assert!(all.admit(ip("192.0.2.7"), NOW).is_ok());
    assert!(all.admit(ip("192.0.2.8"), NOW).is_err(), "the rest of the network is not exempt");
    assert!(all.admit(ip("192.0.2.7"), Moment(NOW.0 + 10)).is_err(), "it is over");
    all.spare(vec![Place::Network(network("192.0.2.8"))]);
    assert!(all.admit(ip("192.0.2.8"), NOW).is_ok());
    assert_eq!(all.touches_exempt(&network("192.0.2.0/25"), NOW).unwrap(), "192.0.2.8");
    assert!(all.admit(ip("192.0.2.9"), Moment(NOW.0 + 60_000_000)).is_ok(), "it lapsed");
    all.forget(Moment(NOW.0 + 60_000_000));
    assert!(all.places.is_empty() && all.lengths.is_empty() && all.exemptions.is_empty());
}

#[test]
fn a_limit_lets_a_burst_through_and_then_its_pace() {
    let mut all = Restraints::default();
    all.put(restraint("a", "2001:db8::1", true));
    let try_at = |at: u64| all.admit(ip("2001:db8::2"), Moment(at));
    let let_in = (0..100).filter(|_| try_at(NOW.0).is_ok()).count();
    assert_eq!(u64::try_from(let_in).unwrap(), LIMITED_BURST);
    let refusal = try_at(NOW.0).unwrap_err();
    let every = 60_000_000 / LIMITED_PER_MINUTE;
    assert_eq!(refusal.until, Moment(NOW.0 + every));
    assert!(try_at(NOW.0 + every - 1).is_err());
    assert!(try_at(NOW.0 + every).is_ok());
    assert!(try_at(NOW.0 + every).is_err());
    let error = refusal.error(NOW);
    assert_eq!((error.retry(), error.restraint()), (Some(1), Some("a")));
}
