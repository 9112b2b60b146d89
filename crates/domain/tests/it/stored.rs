//! Stored rows and names of strangers: whatever the bytes, an answer and no panic.

use domain::accounts::Account;
use domain::grants::Grant;
use domain::measures::StoredScope;
use domain::people::Person;
use domain::programme::trainings::Training;
use domain::register::{Kept, Noun, parse};
use domain::services::Service;
use kernel::Kind;
use kernel::id::{AccountId, Collection, Name, PrincipalId, RecordId, shown};
use testkit::Dice;

const TIMES: usize = 20_000;

const PERSON: &str = r#"{"format":"person/v1","name":"sam","full_name":"Sam S.","email":null,
"roles":["engineer","support"],"joined":1795356131000000,"left":null,"credentials":[{"id":"00ff",
"hash":"000102030405060708090a0b0c0d0e0f101112131415161718191a1b1c1d1e1f","issued":1,
"expires":1797948131000000,"ended":null}]}"#;
const SERVICE: &str = r#"{"format":"service/v1","name":"import","owner":"person:sam","created":7,
"ended":null,"credentials":[]}"#;
const GRANT: &str = r#"{"format":"grant/v1","id":"grant_00","to":"service:import","account":"acme",
"slot":4,"collections":["c","d"],"verbs":["read","open"],"purpose":"why","not_before":1,
"not_after":2,"approver":"person:sam","bootstrap":false,"ended":null,"given":3}"#;
const ACCOUNT: &str =
    r#"{"format":"account/v1","id":"acme","name":"Acme","slot":4,"created":1795356131000000}"#;
const TRAINING: &str = r#"{"format":"training/v1","id":"basics.sam","added":{"by":"kernel","at":
"2026-11-22T14:02:11Z"},"course":"basics","person":"person:sam","due":"2026-12-22","grace_to":
"2027-01-05","done":null,"failed":[{"at":"2026-11-23T14:02:11Z","edition":1,"right":1,"of":3}],
"ended":null}"#;
const SCOPE: &str = r#"{"format":"scope/v1","reason":"why","by":"person:sam","at":9}"#;

/// Bytes that are nearly a row: cut, changed, doubled, or anything at all.
fn battered(dice: &mut Dice, row: &str) -> Vec<u8> {
    let mut bytes = row.as_bytes().to_vec();
    let at = |dice: &mut Dice, length: usize| {
        usize::try_from(dice.below(u64::try_from(length.max(1)).unwrap())).unwrap()
    };
    match dice.below(5) {
        0 => {
            let length = at(dice, 200);
            bytes = dice.bytes(length);
        }
        1 => bytes.truncate(at(dice, row.len())),
        2 => {
            let (from, to) = (at(dice, row.len()), at(dice, row.len()));
            let part = bytes[from.min(to)..from.max(to)].to_vec();
            let place = at(dice, row.len());
            bytes.splice(place..place, part);
        }
        _ => {
            for _ in 0..=dice.below(3) {
                let place = at(dice, bytes.len());
                // Mostly what JSON and the rules of names care about.
                let letters = br#"{}[]",:0123456789-.*eE\u/"#;
                bytes[place] = match dice.chance(1, 3) {
                    true => dice.bytes(1)[0],
                    false => letters[at(dice, letters.len())],
                };
            }
        }
    }
    bytes
}

/// Reads battered rows, and what rights make of those that can be read.
fn batter<N: Noun>(seed: u64, row: &str, right: impl Fn(&N) -> kernel::Result<()>) {
    let good = parse::<N>(row.as_bytes()).unwrap();
    right(&good).unwrap();
    let mut dice = Dice::new(seed);
    let (mut read, mut refused) = (0, 0);
    for _ in 0..TIMES {
        let bytes = battered(&mut dice, row);
        let interpreted = domain::interpret(N::REGISTER, "id", &bytes, 3);
        match parse::<N>(&bytes) {
            Ok(row) => {
                read += 1;
                let right = right(&row);
                assert_eq!(right.is_ok(), interpreted.is_ok(), "{row:?}", row = bytes);
            }
            Err(error) => {
                refused += 1;
                assert_eq!(error.kind(), Kind::Internal);
            }
        }
    }
    assert!(read > 100 && refused > 1000, "{read} {refused}");
}

#[test]
fn no_stored_row_makes_a_panic() {
    batter::<Person>(1, PERSON, |row| row.principal().map(|_| ()));
    batter::<Service>(2, SERVICE, |row| row.principal().map(|_| ()));
    batter::<Grant>(3, GRANT, |row| row.right().map(|_| ()));
    batter::<Account>(4, ACCOUNT, |_| Ok(()));
    batter::<StoredScope>(5, SCOPE, |_| Ok(()));
    batter::<Kept<Training>>(6, TRAINING, |kept| kept.row.duty(&kept.id).map(|_| ()));
}

/// Text as a stranger might send it.
fn text(dice: &mut Dice) -> String {
    const PIECES: [&str; 26] = [
        "a", "z", "0", "9", "-", "_", ".", "..", "/", "\\", ":", "*", "%2e", "\0", "\n", " ", "A",
        "é", "е", "\u{202e}", "\u{200b}", "person:", "service:", "house", "🦀", "ſ",
    ];
    let longest = if dice.chance(1, 20) { 200 } else { 8 };
    let pieces = dice.below(longest);
    (0..pieces).map(|_| *dice.pick(&PIECES).unwrap()).collect()
}

#[test]
fn a_name_is_what_its_rule_says_or_refused() {
    let mut dice = Dice::new(6);
    let within = |text: &str, length: usize, also: &str| {
        (1..=length).contains(&text.len())
            && text
                .chars()
                .all(|c| c.is_ascii_lowercase() || c.is_ascii_digit() || also.contains(c))
    };
    let mut seen = [0; 5];
    for _ in 0..TIMES {
        let text = text(&mut dice);
        let first = text.chars().next().is_some_and(|c| c.is_ascii_alphanumeric());
        let name = first && within(&text, 64, "-_.");
        let lower = text.to_ascii_lowercase();
        let record = within(&lower, 128, "-_.") && text != "." && text != "..";
        let principal = text.split_once(':').is_some_and(|(kind, name)| {
            ["person", "service"].contains(&kind) && Name::parse(name).is_ok()
        });
        let expected = [within(&text, 64, "-_"), name, record, name, principal];
        let parsed = [
            AccountId::parse(&text).map(|id| id.to_string()),
            Collection::parse(&text).map(|id| id.to_string()),
            RecordId::parse(&text).map(|id| id.to_string()),
            Name::parse(&text).map(|id| id.to_string()),
            PrincipalId::parse(&text).map(|id| id.to_string()),
        ];
        for (n, (parsed, expected)) in parsed.into_iter().zip(expected).enumerate() {
            assert_eq!(parsed.is_ok(), expected, "{text:?} as kind {n}");
            seen[n] += i32::from(expected);
            match parsed {
                Ok(kept) => assert_eq!(kept, text, "kept as it is"),
                Err(error) => {
                    assert_eq!(error.kind(), Kind::Invalid);
                    assert!(error.message().is_ascii() || error.message().contains('…'));
                    assert!(!error.message().contains(['\0', '\n']), "{error}");
                }
            }
        }
        assert!(shown(&text).chars().count() <= 81);
        if let Ok(id) = AccountId::from_name(&text) {
            assert!(within(id.as_str(), 64, "-_"), "{text:?} gives {id}");
            assert_eq!(AccountId::from_name(id.as_str()).unwrap(), id, "made once");
        }
    }
    assert!(seen.iter().all(|times| *times > 20), "{seen:?}");
}
