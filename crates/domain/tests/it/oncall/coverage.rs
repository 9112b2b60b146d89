//! Who is on call, where nobody is, and where somebody stands twice.

use super::{kept, mark, rota, shift, utc};
use domain::oncall::coverage::Coverage;
use domain::oncall::rotas::Rota;
use domain::oncall::shifts::Kind;
use domain::register::{Mark, When};
use kernel::Moment;

const FROM: &str = "2026-03-28T00:00:00Z";
const TO: &str = "2026-04-11T00:00:00Z";

/// Spans as kind, person and hours in UTC.
fn told(coverage: &Coverage) -> Vec<String> {
    let hour = |moment: Moment| moment.rfc3339().get(5..13).unwrap().to_owned();
    let one = |span: &domain::oncall::coverage::Span| {
        let person = span.person.strip_prefix("person:").unwrap();
        format!("{} {person} {} {}", span.kind.word(), hour(span.from), hour(span.to))
    };
    coverage.spans().iter().map(one).collect()
}

#[test]
fn a_shift_replaces_turns_of_its_kind_and_leaves_the_rest() {
    let main = kept("main", rota("Europe/Berlin", "2026-03-23", "09:00", 7, &["rita", "sam"]));
    let cover =
        shift("lea", Kind::Primary, utc("2026-03-29T20:00:00Z"), utc("2026-03-30T20:00:00Z"));
    let second =
        shift("max", Kind::Secondary, utc("2026-03-30T00:00:00Z"), utc("2026-03-31T00:00:00Z"));
    let mut ended = cover.clone();
    ended.ended = Some(Mark { by: mark().by, at: When(utc("2026-03-28T00:00:00Z")) });
    let shifts = [kept("s1", cover), kept("s2", second), kept("s3", ended)];
    let coverage = Coverage::of(&[main], &shifts, utc(FROM), utc(TO));
    assert_eq!(
        told(&coverage),
        [
            "primary rita 03-23T08 03-29T20",
            "primary lea 03-29T20 03-30T20",
            "secondary max 03-30T00 03-31T00",
            "primary sam 03-30T20 04-06T07",
            "primary rita 04-06T07 04-13T07",
        ],
        "hand-offs at nine through the change of 29 March"
    );
    assert!(coverage.gaps(Kind::Primary, |_| true).is_empty());
    assert!(coverage.doubles().is_empty());
    let now = utc("2026-03-30T06:59:00Z");
    let people: Vec<_> = coverage.at(Kind::Primary, now).map(|span| &span.person).collect();
    assert_eq!(people, ["person:lea"], "in the turn of rita, the shift counts");
    // Somebody who left covers nothing.
    let gaps = coverage.gaps(Kind::Primary, |person| person != "person:lea");
    assert_eq!(gaps, [(utc("2026-03-29T20:00:00Z"), utc("2026-03-30T20:00:00Z"))]);
}

#[test]
fn a_rota_with_nobody_and_one_that_ends_are_gaps() {
    let nobody =
        kept("none", Rota { people: vec![], ..rota("UTC", "2026-03-01", "09:00", 1, &[]) });
    let coverage = Coverage::of(&[nobody], &[], utc(FROM), utc(TO));
    assert_eq!(coverage.gaps(Kind::Primary, |_| true), [(utc(FROM), utc(TO))]);
    let mut short = rota("UTC", "2026-03-01", "09:00", 7, &["rita"]);
    short.until = Some(When(utc("2026-04-01T00:00:00Z")));
    let coverage = Coverage::of(&[kept("short", short)], &[], utc(FROM), utc(TO));
    assert_eq!(coverage.gaps(Kind::Primary, |_| true), [(utc("2026-04-01T00:00:00Z"), utc(TO))]);
    // A zone that the database does not know any more is a rota without turns, not a failure.
    let lost = rota("Europe/Atlantis", "2026-03-01", "09:00", 7, &["rita"]);
    let coverage = Coverage::of(&[kept("lost", lost)], &[], utc(FROM), utc(TO));
    assert_eq!(coverage.gaps(Kind::Primary, |_| true), [(utc(FROM), utc(TO))]);
}

#[test]
fn whoever_stands_twice_is_found() {
    let main = kept("main", rota("UTC", "2026-03-01", "00:00", 7, &["rita"]));
    let other = kept("other", rota("UTC", "2026-03-01", "00:00", 7, &["rita"]));
    let same = Coverage::of(&[main.clone(), other], &[], utc(FROM), utc(TO));
    assert!(same.doubles().is_empty(), "the same said twice is nothing twice");
    let both =
        shift("rita", Kind::Secondary, utc("2026-03-30T00:00:00Z"), utc("2026-03-31T00:00:00Z"));
    let third = kept("third", rota("UTC", "2026-04-05", "00:00", 7, &["sam"]));
    let coverage = Coverage::of(&[main, third], &[kept("s", both)], utc(FROM), utc(TO));
    let doubles: Vec<_> =
        coverage.doubles().iter().map(|one| (one.from, one.to, one.what())).collect();
    let day = |text: &str| utc(&format!("{text}T00:00:00Z"));
    assert_eq!(
        doubles,
        [
            (
                day("2026-03-30"),
                day("2026-03-31"),
                "person:rita is on call as primary and as secondary".to_owned()
            ),
            (
                day("2026-04-05"),
                day("2026-04-11"),
                "person:rita and person:sam are both on call as primary".to_owned()
            ),
        ]
    );
}
