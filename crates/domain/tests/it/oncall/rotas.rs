//! Turns through the hours that a year leaves out or repeats, against Python's `zoneinfo`.

use super::{rota, utc};
use crate::incidents::{Crew, at, id, word};
use crate::registers::{add, show, take};
use crate::support::{both, days, field, kind};
use domain::oncall::rotas::{Hours, Rota};
use domain::oncall::{Clock, Weekday};
use domain::register::Day;
use kernel::{Kind, Moment};
use serde_json::{Value, json};
use std::io::Write as _;
use std::process::{Command, Stdio};
use testkit::Dice;

/// Begins of turns, as they are written in UTC.
fn begins(rota: &Rota, from: &str, to: &str) -> Vec<String> {
    let turns = rota.turns(utc(from), utc(to));
    turns.iter().map(|turn| turn.from.rfc3339().replace(".000000", "")).collect()
}

#[test]
fn a_hand_off_is_at_its_hour_whatever_the_year_does() {
    // Put forward at 02:00 to 03:00 on 30 March: 02:30 is not, and counts as 03:30.
    let berlin = rota("Europe/Berlin", "2025-03-01", "02:30", 1, &["a", "b"]);
    let spring = begins(&berlin, "2025-03-29T12:00:00Z", "2025-03-31T12:00:00Z");
    assert_eq!(
        spring,
        ["2025-03-29T01:30:00Z", "2025-03-30T01:30:00Z", "2025-03-31T00:30:00Z"],
        "an hour that is left out"
    );
    // Put back at 03:00 to 02:00 on 26 October: of two 02:30 the first.
    let autumn = begins(&berlin, "2025-10-25T12:00:00Z", "2025-10-27T12:00:00Z");
    assert_eq!(
        autumn,
        ["2025-10-25T00:30:00Z", "2025-10-26T00:30:00Z", "2025-10-27T01:30:00Z"],
        "an hour that is there twice"
    );
    let york = rota("America/New_York", "2025-03-01", "09:00", 7, &["a", "b"]);
    assert_eq!(
        begins(&york, "2025-03-02T00:00:00Z", "2025-03-16T00:00:00Z"),
        ["2025-03-01T14:00:00Z", "2025-03-08T14:00:00Z", "2025-03-15T13:00:00Z"],
        "a week with a change is an hour shorter"
    );
    // Half an hour, on 5 April back from 02:00 to 01:30, on 4 October from 02:00 to 02:30.
    let howe = rota("Australia/Lord_Howe", "2026-04-01", "01:45", 1, &["a"]);
    assert_eq!(
        begins(&howe, "2026-04-04T00:00:00Z", "2026-04-05T16:00:00Z"),
        ["2026-04-03T14:45:00Z", "2026-04-04T14:45:00Z", "2026-04-05T15:15:00Z"],
    );
    let howe = rota("Australia/Lord_Howe", "2026-10-01", "02:15", 1, &["a"]);
    assert_eq!(
        begins(&howe, "2026-10-03T00:00:00Z", "2026-10-04T16:00:00Z"),
        ["2026-10-02T15:45:00Z", "2026-10-03T15:45:00Z", "2026-10-04T15:15:00Z"],
    );
    // A day that never was: Samoa went from 29 to 31 December 2011.
    let apia = rota("Pacific/Apia", "2011-12-28", "00:00", 1, &["a", "b", "c"]);
    let turns = apia.turns(utc("2011-12-29T00:00:00Z"), utc("2012-01-01T00:00:00Z"));
    let people: Vec<_> = turns.iter().map(|turn| turn.person.as_str()).collect();
    assert_eq!(people, ["person:a", "person:b", "person:a", "person:b"], "a turn of no length");
}

#[test]
fn hours_that_meet_leave_no_hole_and_no_overlap_through_a_change() {
    let week = [
        Weekday::Mon,
        Weekday::Tue,
        Weekday::Wed,
        Weekday::Thu,
        Weekday::Fri,
        Weekday::Sat,
        Weekday::Sun,
    ];
    let part = |from: &str, to: &str| Rota {
        hours: Some(Hours {
            from: Clock::parse(from).unwrap(),
            to: Clock::parse(to).unwrap(),
            weekdays: week.to_vec(),
        }),
        ..rota("Europe/Berlin", "2025-01-01", "02:30", 7, &["a"])
    };
    let (from, to) = (utc("2025-03-28T00:00:00Z"), utc("2025-11-02T00:00:00Z"));
    let mut all: Vec<_> = [part("02:30", "14:30"), part("14:30", "02:30")]
        .iter()
        .flat_map(|rota| rota.turns(from, to))
        .map(|turn| (turn.from, turn.to))
        .collect();
    all.sort_unstable();
    assert!(all.first().unwrap().0 <= from && all.last().unwrap().1 >= to);
    for pair in all.windows(2) {
        assert_eq!(pair[0].1, pair[1].0, "{:?}", pair);
    }
}

const ZONES: [&str; 9] = [
    "Europe/Berlin",
    "America/New_York",
    "Australia/Lord_Howe",
    "America/Sao_Paulo",
    "Pacific/Apia",
    "Pacific/Auckland",
    "Asia/Kathmandu",
    "Africa/Cairo",
    "UTC",
];

/// The same by Python's `datetime` and `zoneinfo`, which know nothing of ours.
const ORACLE: &str = r#"
import datetime as d, json, sys, zoneinfo
def at(day, clock, zone):
    h, m = map(int, clock.split(":"))
    t = d.datetime(day.year, day.month, day.day, h, m, tzinfo=zone, fold=0)
    return round(t.timestamp())
names = ["mon", "tue", "wed", "thu", "fri", "sat", "sun"]
for line in sys.stdin:
    r = json.loads(line)
    zone, start = zoneinfo.ZoneInfo(r["zone"]), d.date.fromisoformat(r["start"])
    turn = lambda n: at(start + d.timedelta(days=n * r["days"]), r["handoff"], zone)
    out, n = [], 0
    while turn(n) < r["to"]:
        a, b = turn(n), turn(n + 1)
        if b > r["from"]:
            if r["hours"] is None:
                parts = [(a, b)]
            else:
                parts, h = [], r["hours"]
                for k in range(n * r["days"] - 3, (n + 1) * r["days"] + 3):
                    day = start + d.timedelta(days=k)
                    if names[day.weekday()] not in h["weekdays"]:
                        continue
                    over = day + d.timedelta(days=1) if h["to"] <= h["from"] else day
                    first, last = at(day, h["from"], zone), at(over, h["to"], zone)
                    parts.append((max(a, first), min(b, last)))
            out += [[n, x, y] for x, y in parts if x < y and y > r["from"] and x < r["to"]]
        n += 1
    print(json.dumps(out))
"#;

fn case(dice: &mut Dice) -> (Rota, Moment, Moment) {
    let pick = |dice: &mut Dice, below: u64| u32::try_from(dice.below(below)).unwrap();
    let zone = ZONES[pick(dice, 9) as usize];
    let start = Day::parse("2006-01-01").unwrap().plus(pick(dice, 6000));
    // Most changes are in the first hours of a day.
    let clock = |dice: &mut Dice| {
        let hours = if dice.chance(2, 3) { 4 } else { 24 };
        let text = format!("{:02}:{:02}", dice.below(hours), dice.below(4) * 15);
        Clock::parse(&text).unwrap()
    };
    let handoff = clock(dice);
    let days = 1 + pick(dice, 9);
    let mut made = rota(zone, &start.to_string(), &handoff.to_string(), days, &["a", "b", "c"]);
    if dice.chance(1, 2) {
        let all = [
            Weekday::Mon,
            Weekday::Tue,
            Weekday::Wed,
            Weekday::Thu,
            Weekday::Fri,
            Weekday::Sat,
            Weekday::Sun,
        ];
        let weekdays = all.into_iter().filter(|_| dice.chance(2, 3)).collect();
        made.hours = Some(Hours { from: clock(dice), to: clock(dice), weekdays });
    }
    let from = start.plus(pick(dice, 400)).start().0 + dice.below(86_400) * 1_000_000;
    let to = from + (1 + dice.below(200 * 86_400)) * 1_000_000;
    (made, Moment(from), Moment(to))
}

#[test]
fn turns_are_those_of_pythons_zoneinfo() {
    let mut dice = Dice::new(4019);
    let cases: Vec<_> = (0..400).map(|_| case(&mut dice)).collect();
    let mut lines = String::new();
    for (rota, from, to) in &cases {
        let line = json!({"zone": rota.zone, "start": rota.start, "handoff": rota.handoff,
            "days": rota.turn_days, "hours": rota.hours, "from": from.0 / 1_000_000,
            "to": to.0 / 1_000_000});
        lines += &format!("{line}\n");
    }
    let mut python = Command::new("python3");
    python.args(["-c", ORACLE]).stdin(Stdio::piped()).stdout(Stdio::piped());
    let mut python = python.spawn().expect("python3 is installed by cargo xtask test");
    let mut input = python.stdin.take().unwrap();
    let writer = std::thread::spawn(move || input.write_all(lines.as_bytes()));
    let output = python.wait_with_output().unwrap();
    writer.join().unwrap().unwrap();
    assert!(output.status.success());
    let told = String::from_utf8(output.stdout).unwrap();
    let told: Vec<Value> = told.lines().map(|line| serde_json::from_str(line).unwrap()).collect();
    assert_eq!(told.len(), cases.len());
    let mut seen = 0;
    for ((rota, from, to), told) in cases.iter().zip(told) {
        let own: Vec<_> = rota
            .turns(*from, *to)
            .into_iter()
            .map(|turn| (turn.number, turn.from.0 / 1_000_000, turn.to.0 / 1_000_000))
            .collect();
        seen += own.len();
        assert_eq!(json!(own), told, "{rota:?} from {from:?} to {to:?}");
    }
    assert!(seen > 5_000, "only {seen} turns were compared");
}

#[test]
fn another_order_counts_from_the_next_hand_off_and_an_end_ends() {
    both(1901, |world| {
        let crew = Crew::new(world);
        let today = Day::of(world.kernel.now());
        let new = json!({"name": "main", "kind": "primary", "zone": "Europe/Berlin",
            "start": today, "handoff": "00:00", "turn_days": 7,
            "people": ["person:rita", "person:sam"]});
        let refused = |change: Value| {
            let mut new = new.clone();
            for (name, value) in change.as_object().unwrap() {
                new[name] = value.clone();
            }
            field(add(world, &crew.sam, "rotas", &new))
        };
        for (change, name) in [
            (json!({"zone": "Europe/Atlantis"}), "zone"),
            (json!({"zone": "europe/berlin"}), "zone"),
            (json!({"people": []}), "people"),
            (json!({"people": ["person:ann"]}), "people"),
            (json!({"people": ["rita"]}), "people"),
            (json!({"turn_days": 0}), "turn_days"),
            (json!({"turn_days": 32}), "turn_days"),
            (json!({"start": "1979-01-01"}), "start"),
            (json!({"until": today}), "until"),
            (json!({"hours": {"from": "08:00", "to": "16:00", "weekdays": []}}), "hours"),
        ] {
            assert_eq!(refused(change.clone()), (Kind::Invalid, name.to_owned()), "{change}");
        }
        assert_eq!(refused(json!({"handoff": "24:00"})).0, Kind::Invalid);
        let made = add(world, &crew.sam, "rotas", &new).unwrap();
        assert_eq!((word(&made), made["state"]["who"].as_str()), ("running", Some("person:rita")));
        let order = json!({"people": ["person:rita", "person:sam"]});
        let ordered = take(world, &crew.sam, ("rotas", "main", "order"), &order).unwrap();
        assert_eq!(ordered["turn"], 1, "from the next turn on");
        assert_eq!(ordered["state"]["who"], "person:rita", "whoever is on call stays so");
        world.clock.advance(days(7));
        let shown = show(world, &crew.sam, "rotas", "main").unwrap();
        assert_eq!(shown["state"]["who"], "person:rita", "the first of the new order");
        let end = json!({"reason": "too few", "at": at(world, days(2))});
        take(world, &crew.sam, ("rotas", "main", "end"), &end).unwrap();
        let later = json!({"reason": "no", "at": at(world, days(3))});
        let refused = take(world, &crew.sam, ("rotas", "main", "end"), &later);
        assert_eq!(field(refused), (Kind::Invalid, "at".to_owned()));
        world.clock.advance(days(2));
        assert_eq!(word(&show(world, &crew.sam, "rotas", "main").unwrap()), "over");
        let again = take(world, &crew.sam, ("rotas", "main", "order"), &order);
        assert_eq!(kind(again), Kind::Conflict);
        assert_eq!(id(&made), "main");
    });
}
