//! Random lives of an incident, through the real operations, over a medium that loses commits or
//! keeps them silently, with a store that is opened again after it: no account passes its deadline
//! without an escalation, and no clock stops without a confirmed hold.

use super::{Crew, at, day, id, post, tick};
use crate::registers::{add, take};
use crate::support::account_with_data;
use domain::incidents::breaches::{Breach, WARNINGS};
use domain::incidents::notices::{Came, Fate, NoteReturn, Outcome, return_token};
use domain::register::When;
use kernel::Moment;
use kernel::authority::Caller;
use kernel::engine::{DangerFaults, Memory};
use kernel::highwater::Mark;
use serde_json::{Value, json};
use std::sync::{Arc, Mutex};
use std::time::Duration;
use testkit::{Dice, World, asked_by};

/// What a life has made so far.
struct Life {
    world: World,
    crew: Crew,
    it: String,
    notices: Vec<String>,
    holds: Vec<String>,
    contacts: Vec<String>,
    reports: u64,
    store: Memory,
    mark: Arc<Mutex<Option<Mark>>>,
}

/// The clocks of an account, as the rows say, counted here from confirmed holds alone.
fn held(life: &Life, now: Moment) -> bool {
    life.holds.iter().any(|id| {
        let row = life.crew.show(&life.world, "holds", id);
        let moment = |value: &Value| When::parse(value.as_str().unwrap()).unwrap().0;
        if row["confirmed"].is_null() {
            return false;
        }
        let from = moment(&row["confirmed"]["at"]);
        let end = moment(&json!(format!("{}T00:00:00Z", row["to"].as_str().unwrap())));
        let end = end.after(Duration::from_secs(86_400));
        let end = match &row["lifted"] {
            Value::Null => end,
            mark => moment(&mark["at"]).min(end),
        };
        from <= now && now < end
    })
}

impl Life {
    fn new(seed: u64) -> Self {
        let (store, mark) = (Memory::default(), Arc::default());
        let world = World::on(&store, &mark, seed);
        let crew = Crew::new(&world);
        account_with_data(&world);
        crew.resort(&world);
        let it = crew.incident(&world, "breach");
        crew.verify(&world, &it, "one", "access");
        let contacts = ["ada", "bo", "cy"]
            .map(|who| crew.contact(&world, "one", &format!("{who}@one.example")));
        let (notices, holds) = (vec![], vec![]);
        Self {
            world,
            crew,
            it,
            notices,
            holds,
            contacts: contacts.to_vec(),
            reports: 0,
            store,
            mark,
        }
    }

    fn breach(&self) -> Breach {
        let row = self.crew.show(&self.world, "breaches", &format!("{}.one", self.it));
        serde_json::from_value(row).unwrap()
    }

    /// Something happens; what is refused is no harm.
    fn happen(&mut self, dice: &mut Dice) {
        let (world, crew) = (&self.world, &self.crew);
        let some = |dice: &mut Dice, of: &[String]| {
            let many = u64::try_from(of.len()).unwrap();
            (many > 0).then(|| of[usize::try_from(dice.below(many)).unwrap()].clone())
        };
        match dice.below(12) {
            0 | 1 => {
                let contact = some(dice, &self.contacts).unwrap();
                let mut new = json!({"incident": self.it, "account": "one", "contacts": [contact],
                    "subject": "s", "text": "t"});
                if dice.chance(1, 3) {
                    new["next_by"] = json!(at(world, Duration::from_secs(3600 * 9)));
                }
                self.notices
                    .extend(add(world, &crew.rita, "notices", &new).ok().map(|row| id(&row)));
            }
            2..=4 => {
                if let Some(notice) = some(dice, &self.notices) {
                    let read = json!({"sha256": crew.show(world, "notices", &notice)["sha256"]});
                    let who =
                        [&crew.ann, &crew.sam, &crew.rita][usize::try_from(dice.below(3)).unwrap()];
                    drop(take(world, who, ("notices", &notice, "approve"), &read));
                }
            }
            5 => {
                if let Some(notice) = some(dice, &self.notices) {
                    let hash = crew.show(world, "notices", &notice)["sha256"].clone();
                    let read = json!({"sha256": hash, "reason": "nobody answers"});
                    drop(take(world, &crew.cora, ("notices", &notice, "release"), &read));
                }
            }
            6 => {
                if let Some(notice) = some(dice, &self.notices) {
                    drop(crew.send(world, &notice));
                }
            }
            7 => {
                let outcome = match dice.below(3) {
                    0 => Outcome::Accepted,
                    1 => Outcome::Refused,
                    _ => Outcome::Unreachable,
                };
                post(world, outcome, "said");
            }
            8 => {
                let (to, now) = (day(world, dice.below(3)), day(world, 0));
                let order = json!({"incident": self.it, "accounts": ["one"], "agency": "A",
                    "authority": "law-enforcement", "official": "O", "contact": "C",
                    "jurisdiction": "J", "reference": "R", "statement": "wait", "from": now,
                    "to": to, "reason": "why"});
                self.holds.extend(add(world, &crew.cora, "holds", &order).ok().map(|row| id(&row)));
            }
            9 => {
                if let Some(hold) = some(dice, &self.holds) {
                    let seen = json!({"reference": "R"});
                    drop(take(world, &crew.rita, ("holds", &hold, "confirm"), &seen));
                }
            }
            10 => {
                if let Some(hold) = some(dice, &self.holds) {
                    let why = json!({"reason": "done"});
                    drop(take(world, &crew.cora, ("holds", &hold, "lift"), &why));
                }
            }
            _ => self.report(dice),
        }
    }

    /// Something comes back about a letter, perhaps twice.
    fn report(&mut self, dice: &mut Dice) {
        let many = u64::try_from(self.notices.len()).unwrap();
        if many == 0 {
            return;
        }
        let notice = &self.notices[usize::try_from(dice.below(many)).unwrap()];
        let row = self.crew.show(&self.world, "notices", notice);
        let contact = row["receivers"][0]["contact"].as_str().unwrap();
        let token = return_token(&self.world.kernel, notice, contact).unwrap();
        let fate = [Fate::Bounced, Fate::GivenUp, Fate::Delayed, Fate::Delivered]
            [usize::try_from(dice.below(4)).unwrap()];
        self.reports += 1;
        let identity = (self.reports - dice.below(2).min(self.reports)).to_be_bytes().to_vec();
        let came =
            Came { fate, status: None, said: String::new(), from: None, standard: true, identity };
        let operation = NoteReturn::new(&self.world.kernel, &token, came).unwrap();
        drop(self.world.kernel.run(asked_by(Caller::bearer()), operation));
    }

    /// What is due is run over a medium that loses a commit, or keeps one and does not say so; then
    /// whatever the program remembered is gone, and the store is opened again.
    fn crash(&mut self, dice: &mut Dice) {
        let nth = Some(dice.below(4));
        let faults = match dice.below(3) {
            0 => DangerFaults { lose: nth, ..DangerFaults::default() },
            1 => DangerFaults { keep_silently: nth, ..DangerFaults::default() },
            _ => DangerFaults { keep_silently: nth, blind: 1, ..DangerFaults::default() },
        };
        self.store.danger_faults(faults);
        drop(self.world.kernel.tick(&domain::run_job));
        self.store.danger_faults(DangerFaults::default());
        self.world.kernel.close();
        let clock = Arc::clone(&self.world.clock);
        self.world.kernel = World::reopen(&self.store, &self.mark, 99, clock).unwrap();
    }

    fn check(&self, before: &Breach) {
        let (now, row) = (self.world.kernel.now(), self.breach());
        let given: Vec<u32> = row.warnings.iter().map(|one| one.percent).collect();
        for percent in WARNINGS {
            assert!(given.iter().filter(|one| **one == percent).count() <= 1, "{percent} twice");
        }
        if row.notified.is_none() && row.deadline.0 <= now {
            assert!(given.contains(&100), "past the deadline without an escalation: {row:?}");
        }
        if row.left(now).held_to.is_some() {
            assert!(held(self, now), "a clock stands without a confirmed hold: {row:?}");
        }
        assert_eq!(row.verified, before.verified, "nothing starts the clock anew");
        assert!(row.reopened.len() >= before.reopened.len());
        if let (Some(was), None) = (&before.notified, &row.notified) {
            let last = row.reopened.last().unwrap();
            assert_eq!((&last.notice, last.told), (&was.notice, was.at), "and it is kept why");
        }
    }
}

#[test]
fn no_account_passes_its_deadline_without_an_escalation_whatever_happens() {
    for seed in 0..3 {
        let mut dice = Dice::new(9_000 + seed);
        let mut life = Life::new(9_100 + seed);
        for _ in 0..30 {
            let before = life.breach();
            life.happen(&mut dice);
            life.world.clock.advance(Duration::from_secs(60 * dice.below(300)));
            if dice.chance(1, 3) {
                life.crash(&mut dice);
            }
            tick(&life.world);
            life.check(&before);
        }
    }
}
