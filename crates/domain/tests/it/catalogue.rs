//! The catalogue: own terms under obligations there are, and a flag on what promises less.

use crate::support::{both, field, newest};
use crate::team::Team;
use domain::measures::ReadMeasures;
use kernel::{HOUSE, Kind};
use serde_json::{Value, json};

const CURRENT: (&str, &str) = ("catalogues", "current");

fn propose(team: &Team<'_>, stated: &Value) -> kernel::Result<Value> {
    team.take("lea", (CURRENT.0, CURRENT.1, "propose"), stated)
}

fn approve(team: &Team<'_>, version: &str) -> Value {
    let stated = json!({"version": version});
    team.take("omar", (CURRENT.0, CURRENT.1, "approve"), &stated).unwrap()
}

#[test]
fn own_words_stand_under_an_obligation_there_is() {
    both(181, |world| {
        let team = Team::new(world);
        let stated = |term: &str| json!({"version": "1", "reason": "ours", "terms": [term]});
        for (term, said) in [
            ("E9.9: our clause 7", "`E9.9` is no obligation"),
            ("our clause 7", "`our clause 7` is no obligation"),
            ("e4.4: our clause 7", "`e4.4` is no obligation"),
            ("E4: our clause 7", "`E4` is no obligation"),
            ("E4.4:", "write your words after `E4.4:`"),
            ("E4.4", "write your words"),
        ] {
            let refused = team.add("lea", CURRENT.0, &stated(term));
            let why = refused.as_ref().unwrap_err().message().to_owned();
            assert!(why.contains(said), "{term}: {why}");
            assert_eq!(field(refused), (Kind::Invalid, "terms".into()));
        }
        team.add("lea", CURRENT.0, &stated("E4.4: clause 7.2: within two days")).unwrap();
        let refused = propose(&team, &stated("P8: other"));
        assert_eq!(field(refused), (Kind::Invalid, "terms".into()));
        let read = ReadMeasures::new(&world.kernel, None).unwrap();
        let all = world.run(&team.token("lea"), read).unwrap().output;
        let with: Vec<_> = all.iter().filter(|one| !one.terms.is_empty()).collect();
        assert_eq!((with.len(), with[0].obligation.id), (1, "E4.4"));
        assert_eq!(with[0].terms, ["clause 7.2: within two days"]);
    });
}

#[test]
fn what_promises_less_is_flagged_until_something_else_is_approved() {
    both(182, |world| {
        let team = Team::new(world);
        let weak = json!({"version": "1", "reason": "ours",
            "parameters": {"breach_hours": 72, "rota_days": 7, "team_minimum": 3}});
        let row = team.add("lea", CURRENT.0, &weak).unwrap();
        let flagged = json!(["breach_hours", "rota_days"]);
        assert_eq!(row["weakened"], flagged, "{row}");
        assert_eq!(newest(world, HOUSE).1["weakens"], "breach_hours,rota_days");
        // Nobody approved that, so it is no measure for the same proposed again.
        let row = propose(&team, &weak).unwrap();
        assert_eq!(row["proposal"]["weakens"], flagged, "{row}");
        assert_eq!(approve(&team, "1")["weakened"], flagged);
        assert_eq!(newest(world, HOUSE).1["weakens"], "breach_hours,rota_days");
        // From then on it is what was promised.
        assert_eq!(propose(&team, &weak).unwrap()["proposal"]["weakens"], json!([]));
        assert_eq!(approve(&team, "1")["weakened"], json!([]));
    });
}
