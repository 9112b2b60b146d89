//! A team that lives through long times: whoever has a token gets another one before it expires.

use crate::registers::{add, show, take};
use crate::support::{days, name};
use domain::measures::{Answer, ReadMeasures, State};
use domain::people::{CreatePerson, EndPerson, IssueToken};
use kernel::Result;
use serde_json::{Value, json};
use std::cell::RefCell;
use std::collections::BTreeMap;
use testkit::World;

/// People of a world, by name, each with a token that counts now.
pub struct Team<'w> {
    pub world: &'w World,
    tokens: RefCell<BTreeMap<String, String>>,
}

impl<'w> Team<'w> {
    /// The first administrator, a security lead called `lea` and an approver called `omar`.
    pub fn new(world: &'w World) -> Self {
        let tokens = BTreeMap::from([("admin".to_owned(), world.admin.clone())]);
        let team = Self { world, tokens: RefCell::new(tokens) };
        team.join("lea", &["security-lead"]);
        team.join("omar", &["approver"]);
        team
    }

    pub fn token(&self, who: &str) -> String {
        self.tokens.borrow()[who].clone()
    }

    pub fn join(&self, who: &str, roles: &[&str]) {
        let roles = roles.iter().map(ToString::to_string).collect();
        let create = CreatePerson::new(&self.world.kernel, who, None, None, roles).unwrap();
        let token = self.world.run(&self.token("admin"), create).unwrap().output.token;
        self.tokens.borrow_mut().insert(who.to_owned(), token);
    }

    pub fn leave(&self, who: &str) {
        let end = EndPerson::new(&self.world.kernel, &name(who)).unwrap();
        self.world.run(&self.token("admin"), end).unwrap();
        self.tokens.borrow_mut().remove(who);
    }

    /// Lets so many days pass, and whatever is due happen on each of some of them.
    pub fn wait(&self, many: u64) {
        let mut left = many;
        while left > 0 {
            let step = left.min(20);
            self.world.clock.advance(days(step));
            left -= step;
            let names: Vec<String> = self.tokens.borrow().keys().cloned().collect();
            let admin = self.token("admin");
            for who in names {
                let issue = IssueToken::new(&self.world.kernel, &name(&who)).unwrap();
                let token = self.world.run(&admin, issue).unwrap().output.token;
                self.tokens.borrow_mut().insert(who, token);
            }
            self.tick();
        }
    }

    pub fn tick(&self) {
        self.world.kernel.tick(&domain::run_job).unwrap();
    }

    /// A day so many days from now, as inputs take it.
    pub fn day(&self, ahead: u32) -> String {
        domain::register::Day::of(self.world.kernel.now()).plus(ahead).to_string()
    }

    pub fn add(&self, who: &str, plural: &str, stated: &Value) -> Result<Value> {
        add(self.world, &self.token(who), plural, stated)
    }

    pub fn take(&self, who: &str, path: (&str, &str, &str), stated: &Value) -> Result<Value> {
        take(self.world, &self.token(who), path, stated)
    }

    pub fn show(&self, plural: &str, id: &str) -> Value {
        show(self.world, &self.token("lea"), plural, id).unwrap()
    }

    /// The word for what a row is now.
    pub fn word(&self, plural: &str, id: &str) -> String {
        self.show(plural, id)["state"]["word"].as_str().unwrap().to_owned()
    }

    pub fn answer(&self, id: &str) -> Answer {
        let read = ReadMeasures::new(&self.world.kernel, None).unwrap();
        let all = self.world.run(&self.token("admin"), read).unwrap().output;
        all.into_iter().find(|one| one.obligation.id == id).unwrap().answer
    }

    /// Asks for an obligation, which has to be in this state and to say what to do unless it holds.
    pub fn expect(&self, id: &str, state: State) -> Answer {
        let answer = self.answer(id);
        assert_eq!(answer.state, state, "{id}: {answer:#?}");
        assert_eq!(state == State::Unproven, !answer.missing.is_empty() && state != State::Failing);
        assert!(state == State::Holding || !answer.todo.is_empty(), "{id}: {answer:#?}");
        answer
    }

    /// A version of a policy, written by `lea`, approved by `omar`, published.
    pub fn publish(&self, policy: &str, version: &str) {
        let text = format!("# Rules\n\nVersion {version} of what we keep to.\n");
        let draft = json!({"version": version, "text": text});
        self.take("lea", ("policies", policy, "draft"), &draft).unwrap();
        let of = json!({"version": version});
        self.take("omar", ("policies", policy, "approve"), &of).unwrap();
        self.take("lea", ("policies", policy, "publish"), &of).unwrap();
    }

    /// A policy called `conduct`, with version 1 in force.
    pub fn policy(&self, audience: &[&str], review_days: u32) {
        let new = json!({"name": "conduct", "title": "Conduct", "audience": audience,
            "owner": "person:lea", "review_days": review_days});
        self.add("lea", "policies", &new).unwrap();
        self.publish("conduct", "1");
    }

    pub fn acknowledge(&self, who: &str, version: &str) -> Result<Value> {
        let stated = json!({"version": version, "person": format!("person:{who}")});
        self.take(who, ("policies", "conduct", "acknowledge"), &stated)
    }

    /// Holds a round of a review: opened, each item decided, closed.
    pub fn hold(&self, review: &str) -> Value {
        let row = self.take("lea", ("reviews", review, "open"), &json!({})).unwrap();
        for item in row["open"]["agenda"].as_array().unwrap() {
            let stated = json!({"item": item["number"], "verdict": "keep", "reason": "looked at"});
            self.take("lea", ("reviews", review, "decide"), &stated).unwrap();
        }
        self.take("lea", ("reviews", review, "close"), &json!({"conclusion": "in order"})).unwrap()
    }
}
