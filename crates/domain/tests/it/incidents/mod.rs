//! Incidents and what hangs on them; and the crew that the tests of their obligations use too.

mod affected;
mod arrive;
mod cacao;
mod clock;
mod contacts;
mod holds;
mod knowing;
pub mod laws;
mod lives;
mod notices;
mod path;
mod playbooks;
mod room;

use crate::registers::{add, show, take};
use crate::support::{days, name};
use domain::incidents::notices::{Attempted, Envelope, Letter, Outcome, SEND};
use domain::measures::{Answer, ReadMeasures, State};
use domain::people::IssueToken;
use kernel::Result;
use serde_json::{Value, json};
use std::cell::RefCell;
use std::time::Duration;
use testkit::World;

/// People who answer incidents, by their tokens.
pub struct Crew {
    pub admin: String,
    /// A responder.
    pub rita: String,
    /// A security lead.
    pub sam: String,
    /// Counsel.
    pub cora: String,
    /// An approver.
    pub ann: String,
}

impl Crew {
    pub fn new(world: &World) -> Self {
        Self {
            admin: world.admin.clone(),
            rita: world.person("rita", &["responder"]),
            sam: world.person("sam", &["security-lead"]),
            cora: world.person("cora", &["counsel"]),
            ann: world.person("ann", &["approver"]),
        }
    }

    /// Lets days pass; tokens expire, so everybody gets new ones on the way.
    pub fn wait(&mut self, world: &World, span: u64) {
        self.renew(world);
        let mut left = span;
        while left > 0 {
            let part = left.min(29);
            world.clock.advance(days(part));
            left -= part;
            self.renew(world);
        }
    }

    fn renew(&mut self, world: &World) {
        let fresh = |who: &str| {
            let issue = IssueToken::new(&world.kernel, &name(who)).unwrap();
            world.run(&self.admin, issue).unwrap().output.token
        };
        *self = Self {
            admin: fresh("admin"),
            rita: fresh("rita"),
            sam: fresh("sam"),
            cora: fresh("cora"),
            ann: fresh("ann"),
        };
    }

    pub fn answer(&self, world: &World, obligation: &str) -> Answer {
        let read = ReadMeasures::new(&world.kernel, None).unwrap();
        let all = world.run(&self.sam, read).unwrap().output;
        all.into_iter().find(|one| one.obligation.id == obligation).unwrap().answer
    }

    #[track_caller]
    pub fn expect(&self, world: &World, obligation: &str, state: State, why: &str) {
        let answer = self.answer(world, obligation);
        assert_eq!(answer.state, state, "{why}: {answer:#?}");
        // What does not hold says what to do about it.
        assert!(state == State::Holding || !answer.todo.is_empty(), "{answer:#?}");
    }

    /// An approved playbook of one required step.
    pub fn playbook(&self, world: &World, book: &str, class: &str) {
        let new = json!({"name": book, "class": class, "purpose": "what to do"});
        add(world, &self.sam, "playbooks", &new).unwrap();
        let step = json!({"title": "look", "phase": "triage", "required": true, "role": "lead"});
        take(world, &self.sam, ("playbooks", book, "require"), &step).unwrap();
        take(world, &self.ann, ("playbooks", book, "approve"), &json!({})).unwrap();
    }

    /// A playbook for each class, each named after it.
    pub fn playbooks(&self, world: &World) {
        for class in ["breach", "loss", "corruption", "unavailability", "other"] {
            self.playbook(world, class, class);
        }
    }

    /// Enters an exercise of today.
    pub fn exercise(&self, world: &World, book: &str, passed: bool) {
        let today = &world.kernel.now().rfc3339()[..10];
        let tried = json!({"done_on": today, "passed": passed, "result": "we tried it on a copy"});
        take(world, &self.rita, ("playbooks", book, "exercise"), &tried).unwrap();
    }

    /// Declares an incident; answers its id.
    pub fn incident(&self, world: &World, class: &str) -> String {
        let new = json!({"title": "odd reads", "class": class, "severity": 2, "source": "support"});
        id(&add(world, &self.rita, "incidents", &new).unwrap())
    }

    /// Says who leads an incident.
    pub fn triage(&self, world: &World, incident: &str, class: &str) {
        let triage = json!({"class": class, "severity": 1, "lead": "person:rita"});
        self.step(world, incident, "triage", &triage).unwrap();
    }

    /// Takes a step in an incident, as the responder.
    pub fn step(&self, world: &World, incident: &str, verb: &str, stated: &Value) -> Result<Value> {
        take(world, &self.rita, ("incidents", incident, verb), stated)
    }

    /// Verifies an account; answers the breach.
    pub fn verify(&self, world: &World, incident: &str, account: &str, harm: &str) -> Value {
        let verify =
            json!({"account": account, "harm": harm, "basis": "entries 4 to 9 of its log"});
        self.step(world, incident, "verify", &verify).unwrap();
        show(world, &self.rita, "breaches", &format!("{incident}.{account}")).unwrap()
    }

    /// A verified contact of an account; answers its id.
    pub fn contact(&self, world: &World, account: &str, email: &str) -> String {
        let new = json!({"account": account, "name": "Ada Ames", "email": email,
            "kind": "security", "source": "order form"});
        let contact = id(&add(world, &self.rita, "contacts", &new).unwrap());
        self.check(world, &contact);
        contact
    }

    /// Verifies a contact's address.
    pub fn check(&self, world: &World, contact: &str) {
        let how = json!({"how": "answered a letter"});
        take(world, &self.rita, ("contacts", contact, "verify"), &how).unwrap();
    }

    /// A notice that another person approved; answers its id.
    pub fn notice(
        &self,
        world: &World,
        incident: &str,
        account: &str,
        contacts: &[&str],
    ) -> String {
        let new = json!({"incident": incident, "account": account, "contacts": contacts,
            "subject": "Security notice {number}", "text": "{account}: {class}, {verified}"});
        let row = add(world, &self.rita, "notices", &new).unwrap();
        self.approve(world, &row);
        id(&row)
    }

    /// Lets as many others approve a notice as it needs.
    pub fn approve(&self, world: &World, row: &Value) {
        let hashes: Vec<_> = std::iter::once(row)
            .chain(row["others"].as_array().unwrap())
            .map(|one| one["sha256"].as_str().unwrap())
            .collect();
        let read = json!({"sha256": hashes.join(",")});
        let needs = usize::try_from(row["needs"].as_u64().unwrap()).unwrap();
        for who in [&self.ann, &self.cora].into_iter().take(needs) {
            take(world, who, ("notices", &id(row), "approve"), &read).unwrap();
        }
    }

    /// A last resort, who agreed.
    pub fn resort(&self, world: &World) {
        let new = json!({"name": "cora", "reach": "+31 20 0000000"});
        add(world, &self.rita, "resorts", &new).unwrap();
        take(world, &self.cora, ("resorts", "cora", "agree"), &json!({})).unwrap();
    }

    /// Sends a notice.
    pub fn send(&self, world: &World, notice: &str) -> Result<Value> {
        take(world, &self.rita, ("notices", notice, "send"), &json!({}))
    }

    /// A row.
    pub fn show(&self, world: &World, plural: &str, id: &str) -> Value {
        show(world, &self.sam, plural, id).unwrap()
    }
}

pub fn id(row: &Value) -> String {
    row["id"].as_str().unwrap().to_owned()
}

pub fn word(row: &Value) -> &str {
    row["state"]["word"].as_str().unwrap()
}

pub fn hours(hours: u64) -> Duration {
    Duration::from_secs(hours * 3600)
}

pub fn minutes(minutes: u64) -> Duration {
    Duration::from_secs(minutes * 60)
}

/// A moment so much later than now, as requests write it.
pub fn at(world: &World, span: Duration) -> String {
    world.kernel.now().after(span).rfc3339()
}

/// A day so many days after today, as requests write it.
pub fn day(world: &World, ahead: u64) -> String {
    at(world, days(ahead))[..10].to_owned()
}

/// Runs what is due; letters stay.
pub fn tick(world: &World) {
    for _ in 0..3 {
        world.kernel.tick(&domain::run_job).unwrap();
    }
}

/// Runs what is due, and sends letters through a relay that answers like this.
pub fn post(world: &World, outcome: Outcome, reply: &str) -> Vec<Envelope> {
    let sent = RefCell::new(Vec::new());
    world
        .kernel
        .tick(&|kernel, job, right| {
            if job.kind != SEND {
                return domain::run_job(kernel, job, right);
            }
            let letter = right.ask(kernel, Letter::new(kernel, &job.object)?)?;
            let outcome = letter.as_ref().map(|_| outcome);
            sent.borrow_mut().extend(letter);
            right.run(kernel, Attempted::new(kernel, &job.object, outcome, reply)?)
        })
        .unwrap();
    sent.into_inner()
}
