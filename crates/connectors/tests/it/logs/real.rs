//! 7,121 lines of a real host's `auth.log`.

use crate::peer::shared;
use connectors::logs::Record;
use connectors::logs::syslog::{Habits, file};
use std::collections::BTreeMap;

/// 2017-04-25T00:00:00Z in µs, after the file's last line.
const RECEIVED: u64 = 1_493_078_400_000_000;

fn text<'a>(record: &'a Record, key: &str) -> &'a str {
    record.text(key).unwrap_or_default()
}

#[test]
fn every_line_of_a_real_host_is_read() {
    let Some(path) = shared("auth.log") else { return };
    let bytes = std::fs::read(path).unwrap();
    let batch = file(&bytes, RECEIVED, Habits::default());
    assert_eq!((batch.rejected, batch.reasons), (0, vec![]));
    let all = &batch.records;
    // Two kinds of "repeated" lines say 325 messages more than there are lines.
    assert_eq!(all.len(), 7121 + 325);
    let whole = |one: &&Record| {
        one.time.is_some() && one.host.is_some() && !text(one, "process.name").is_empty()
    };
    assert_eq!(all.iter().filter(whole).count(), all.len());
    assert!(all.iter().all(|one| one.time.unwrap() <= RECEIVED));
    assert!(all.iter().all(|one| one.product.as_deref() == Some("linux")));
    // What sshd and sudo say that is not understood.
    let odd = |service: &str| -> BTreeMap<&str, usize> {
        let mut odd = BTreeMap::new();
        for one in all.iter().filter(|one| one.service.as_deref() == Some(service)) {
            if text(one, "event.action").is_empty() {
                *odd.entry(text(one, "message")).or_default() += 1;
            }
        }
        odd
    };
    assert_eq!(odd("sudo"), BTreeMap::new());
    assert_eq!(odd("sshd"), BTreeMap::new());
}

#[test]
fn failed_logins_are_those_of_a_plain_count() {
    let Some(path) = shared("auth.log") else { return };
    let bytes = std::fs::read(path).unwrap();
    let log = String::from_utf8(bytes.clone()).unwrap();
    // By other means: words of lines, and the number in front of those that are repeated.
    let mut expected: BTreeMap<&str, u64> = BTreeMap::new();
    for line in log.lines().filter(|line| line.contains("Failed ") && line.contains("sshd[")) {
        let words: Vec<&str> = line.split(' ').collect();
        let port = words.iter().rposition(|word| *word == "port").unwrap();
        let repeated = words.iter().position(|word| *word == "repeated");
        *expected.entry(words[port - 1]).or_default() +=
            repeated.map_or(1, |at| words[at + 1].parse().unwrap());
    }
    let mut found: BTreeMap<&str, u64> = BTreeMap::new();
    let batch = file(&bytes, RECEIVED, Habits::default());
    for one in &batch.records {
        if text(one, "event.action") == "ssh_login" && text(one, "event.outcome") == "failure" {
            *found.entry(text(one, "source.ip")).or_default() += 1;
        }
    }
    assert_eq!(found, expected);
    assert_eq!((found.len(), found.values().sum::<u64>()), (105, 1042));
    assert_eq!(found["24.151.103.17"], 157);
}
