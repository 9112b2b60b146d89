//! What somebody does who knows how counting works. Each case is one in which a store that trusts
//! the order, the time, or the key of events gives the wrong answer.

use watch::{Detector, Limits};

use super::support::{FAILURE, SECOND, brute, correlation, ids, rules, run, sshd};

const IP: (&str, &str) = ("source.ip", "203.0.113.9");

#[test]
fn an_event_of_an_hour_ago_does_not_complete_a_count() {
    let mut detector = brute();
    let mut old = sshd(10, 4_000, &[IP]);
    old.time -= 3_600 * SECOND;
    let events: Vec<_> = (1..10).map(|n| sshd(n, 3_990 + n, &[IP])).chain([old]).collect();
    assert_eq!(run(&mut detector, &events), []);
    // The tenth that is of now does.
    assert_eq!(run(&mut detector, &[sshd(11, 4_001, &[IP])]).len(), 1);
}

#[test]
fn a_stamp_of_next_year_does_not_wipe_the_window() {
    let mut detector = brute();
    let mut ahead = sshd(10, 100, &[IP]);
    ahead.time += 365 * 86_400 * SECOND;
    let before: Vec<_> = (1..10).map(|n| sshd(n, 90 + n, &[IP])).chain([ahead]).collect();
    assert_eq!(run(&mut detector, &before), []);
    let alerts = run(&mut detector, &[sshd(11, 101, &[IP]), sshd(12, 102, &[IP])]);
    assert_eq!(alerts.len(), 1);
    assert_eq!(alerts[0].events, [1, 2, 3, 4, 5, 6, 7, 8, 9, 11]);
}

#[test]
fn whoever_stamps_everything_wrong_is_still_counted() {
    let mut detector = brute();
    let events: Vec<_> = (1..=12)
        .map(|n| {
            let mut event = sshd(n, 10_000 + n, &[IP]);
            event.time -= n * 600 * SECOND;
            event
        })
        .collect();
    let alerts = run(&mut detector, &events);
    assert!(!alerts.is_empty());
    assert!(alerts.iter().all(|alert| alert.degraded.as_ref().unwrap().contains("clock")));
}

#[test]
fn a_flood_of_keys_does_not_evict_the_one_that_is_hot() {
    let mut detector = brute();
    let mut number = 0;
    let mut next = |second, ip: &str| {
        number += 1;
        sshd(number, second, &[("source.ip", ip)])
    };
    for second in 1..10 {
        assert_eq!(detector.take(&next(second, IP.1)), []);
    }
    for key in 0..150_000_u32 {
        let ip = format!("2001:db8::{:x}:{:x}", key >> 16, key & 0xffff);
        assert_eq!(detector.take(&next(10, &ip)), []);
    }
    let alerts = detector.take(&next(11, IP.1));
    assert_eq!(alerts.len(), 1);
    assert_eq!(alerts[0].count, 10);
    let pressure = detector.pressure();
    assert!(pressure[0].forgotten > 100_000 && pressure[0].largest == 1, "{pressure:?}");
    assert!(pressure[0].groups <= Limits::default().groups);
}

#[test]
fn a_slow_attack_during_a_flood_rises_above_it() {
    let limits = Limits { groups: 100, ..Limits::default() };
    let many = correlation(
        "    type: event_count
    rules: [failure]
    group-by: [source.ip]
    timespan: 1h
    condition: {gte: 10}",
    );
    let mut detector = Detector::new(rules(&[FAILURE, &many]), limits);
    let mut number = 0;
    let mut next = |second, ip: &str| {
        number += 1;
        sshd(number, second, &[("source.ip", ip)])
    };
    // The quota is full of keys with two matches each; then one new attacker among a flood.
    for key in 0..200_u64 {
        let event = next(key / 2, &format!("10.0.0.{}", key / 2));
        detector.take(&event);
    }
    let mut alerts = Vec::new();
    for round in 0..20_u32 {
        alerts.extend(detector.take(&next(200 + u64::from(round), IP.1)));
        for key in 0..150 {
            detector.take(&next(200 + u64::from(round), &format!("2001:db8::{round:x}:{key:x}")));
        }
    }
    assert!(!alerts.is_empty(), "{:?}", detector.pressure());
    assert!(alerts[0].degraded.as_ref().unwrap().contains("forgotten"), "{alerts:?}");
}

#[test]
fn one_tenants_flood_costs_no_other_anything() {
    let limits = Limits { groups: 50, ..Limits::default() };
    let many = correlation(
        "    type: event_count
    rules: [failure]
    group-by: [source.ip]
    timespan: 5m
    condition: {gte: 3}",
    );
    let mut detector = Detector::new(rules(&[FAILURE, &many]), limits);
    let mut number = 0;
    let mut next = |tenant: &str, second, ip: &str| {
        number += 1;
        let mut event = sshd(number, second, &[("source.ip", ip)]);
        event.tenant = tenant.to_owned();
        event
    };
    detector.take(&next("quiet", 1, IP.1));
    // The flood is of keys with two matches each, more than the quiet one has.
    for key in 0..10_000 {
        let ip = format!("10.{}.{}.1", key / 250, key % 250);
        detector.take(&next("loud", 2, &ip));
        detector.take(&next("loud", 2, &ip));
    }
    detector.take(&next("quiet", 3, IP.1));
    assert_eq!(detector.take(&next("quiet", 4, IP.1)).len(), 1);
    let of = |tenant: &str| {
        let pressure = detector.pressure();
        pressure.into_iter().find(|it| it.tenant == tenant).unwrap().forgotten
    };
    assert_eq!(of("quiet"), 0);
    assert!(of("loud") > 0);
}

#[test]
fn events_without_the_key_are_apart_and_say_so() {
    let mut detector = brute();
    let events: Vec<_> = (1..=20).map(|n| sshd(n, n, &[])).collect();
    let alerts = run(&mut detector, &events);
    assert_eq!(alerts.len(), 1);
    assert!(alerts[0].unattributed);
    assert_eq!(alerts[0].group, []);
    // They never count for somebody: nine of an address beside them stay nine.
    let events: Vec<_> = (21..30).map(|n| sshd(n, n, &[IP])).collect();
    assert_eq!(run(&mut detector, &events), []);
}

#[test]
fn what_is_not_known_is_no_key() {
    let mut detector = brute();
    let events: Vec<_> =
        (1..=12).map(|n| sshd(n, n, &[("source.ip", if n % 2 == 0 { "-" } else { "" })])).collect();
    let alerts = run(&mut detector, &events);
    assert!(alerts.iter().all(|alert| alert.unattributed), "{alerts:?}");
}

#[test]
fn a_key_cannot_be_made_to_look_like_two() {
    let many = correlation(
        "    type: event_count
    rules: [failure]
    group-by: [source.ip, user.name]
    timespan: 5m
    condition: {gte: 2}",
    );
    let mut detector = Detector::new(rules(&[FAILURE, &many]), Limits::default());
    let odd = [("a", "b3:c"), ("a1:b", "c"), ("a", "b"), ("3:a1", ":b")];
    for (number, (ip, user)) in (1..).zip(odd) {
        let event = sshd(number, 1, &[("source.ip", ip), ("user.name", user)]);
        assert_eq!(detector.take(&event), [], "{ip} {user}");
    }
    let alerts = detector.take(&sshd(9, 2, &[("source.ip", "a"), ("user.name", "b3:c")]));
    let group =
        vec![("source.ip".to_owned(), "a".to_owned()), ("user.name".to_owned(), "b3:c".to_owned())];
    assert_eq!(alerts[0].group, group);
}

#[test]
fn any_order_within_the_window_gives_the_same_alert() {
    let events: Vec<_> = (1..=12).map(|n| sshd(n, 10 * n, &[IP])).collect();
    let straight = ids(&run(&mut brute(), &events));
    let mut reversed = events.clone();
    reversed.reverse();
    for (number, event) in (1..).zip(&mut reversed) {
        event.number = number;
        event.received = events.last().unwrap().time;
    }
    assert_eq!(ids(&run(&mut brute(), &reversed)), straight);
    assert_eq!(straight.len(), 1);
}

#[test]
fn a_repeated_delivery_counts_once() {
    let mut detector = brute();
    let events: Vec<_> = (1..=9).map(|n| sshd(n, n, &[IP])).collect();
    for _ in 0..3 {
        assert_eq!(run(&mut detector, &events), []);
    }
    assert_eq!(run(&mut detector, &[sshd(10, 10, &[IP])]).len(), 1);
}

#[test]
fn our_own_answers_feed_no_rule() {
    let mut detector = brute();
    let events: Vec<_> = (1..=30)
        .map(|n| {
            let mut event = sshd(n, n, &[IP]);
            event.fields.insert("bailee.own".to_owned(), true.into());
            event
        })
        .collect();
    assert_eq!(run(&mut detector, &events), []);
}

#[test]
fn another_products_events_are_none_of_a_rules_business() {
    let mut detector = brute();
    for (product, service) in
        [(None, Some("sshd")), (Some("windows"), Some("sshd")), (Some("linux"), None)]
    {
        let last = detector.last().unwrap_or_default();
        let events: Vec<_> = (1..=20)
            .map(|n| {
                let mut event = sshd(last + n, n, &[IP]);
                event.product = product.map(str::to_owned);
                event.service = service.map(str::to_owned);
                event
            })
            .collect();
        assert_eq!(run(&mut detector, &events), []);
    }
}

#[test]
fn a_filter_takes_events_out_of_a_rule_and_makes_it_another_version() {
    let filter = "title: our own scanner
id: scanner
logsource: {product: linux, service: sshd}
filter:
    rules: [failure]
    scanner: {source.ip: 203.0.113.9}
    condition: not scanner
";
    let failure = FAILURE.replace("name: failure", "name: failure\nid: failure");
    let many = correlation(
        "    type: event_count
    rules: [failure]
    group-by: [source.ip]
    timespan: 5m
    condition: {gte: 10}",
    );
    let plain = rules(&[&failure, &many]);
    let filtered = rules(&[&failure, &many, filter]);
    for id in ["failure", "many"] {
        assert_ne!(plain.get(id).unwrap().version, filtered.get(id).unwrap().version, "{id}");
    }
    let events: Vec<_> = (1..=10).map(|n| sshd(n, n, &[IP])).collect();
    assert_eq!(run(&mut Detector::new(plain, Limits::default()), &events).len(), 1);
    assert_eq!(run(&mut Detector::new(filtered, Limits::default()), &events), []);
}
