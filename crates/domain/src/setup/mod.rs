//! Setting up: from the empty house to the first honest board, step by step: what is missing, who
//! does it, where, and by which command.
//!
//! Whether a step is done is computed from the registers; none can be ticked off by hand. A step
//! that is done says that there is something, not that it is enough: that is what the controls say.

use crate::accounts::Account;
use crate::catalogue::Catalogue;
use crate::measures::{Answered, Facts, Listener, Read, ReadMeasures, SCOPE_LIFE};
use crate::people::{Person, ROLES};
use crate::register::{Register, Tone};
use crate::registers::{House, register};
use kernel::engine::Wants;
use kernel::{Act, After, HOUSE, Kernel, Operation, Result, Target, Work, on_house};
use schemars::JsonSchema;
use serde::Serialize;
use std::collections::BTreeSet;

/// A step of setting up.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, JsonSchema)]
pub struct Step {
    /// Its unique id.
    pub id: String,
    /// What is to be done.
    pub title: String,
    /// What for.
    pub why: String,
    /// The roles that may do it; any of them.
    pub who: Vec<String>,
    /// The page of the console where it is done, without the leading `/`.
    pub place: String,
    /// The command that does it.
    pub command: String,
    /// The CSV file that `command` takes, where many are added at once: `systems.csv`.
    pub template: Option<String>,
    /// Whether it is done.
    pub done: bool,
}

/// Every step, and what the controls say now.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Setup {
    /// The steps, in the order in which they are taken.
    pub steps: Vec<Step>,
    /// Every obligation with its answer.
    pub answered: Vec<Answered>,
}

/// Whoever holds one of these may give a second signature.
const SIGNERS: &[&str] = &["approver", "security-lead", "vendor-manager", "counsel"];

/// The roles that somebody has to hold, beside the administrator.
const HELD: [&str; 6] =
    ["security-lead", "responder", "approver", "vendor-manager", "counsel", "auditor"];

/// Registers that a board cannot be honest without, in the order in which they are filled, with the
/// roles that fill them.
const FILLED: [(&str, &str, &[&str]); 6] = [
    ("roster", "Who is in the security team, and from when", &["administrator", "security-lead"]),
    (
        "vendors",
        "Every third party that processes Service Data",
        &["vendor-manager", "security-lead"],
    ),
    (
        "systems",
        "Every system that holds Service Data or reaches it",
        &["administrator", "security-lead"],
    ),
    ("policies", "The policies that people acknowledge", &["security-lead"]),
    ("shifts", "Who is on call, without a gap", &["responder", "security-lead"]),
    ("contacts", "Whom to tell at each subscriber, verified", &["responder", "security-lead"]),
];

/// The registers that are filled while setting up, in that order.
pub fn registers() -> impl Iterator<Item = &'static Register> {
    FILLED.iter().filter_map(|(plural, _, _)| register(plural))
}

/// The steps, in the order in which they are taken, as they stand at the moment of these facts.
pub fn steps(facts: &Facts) -> Vec<Step> {
    let house = &facts.house;
    let mut all = people(house);
    all.push(catalogue(house));
    let alive: BTreeSet<&str> = house
        .states()
        .filter(|(_, _, status)| status.tone != Tone::Past)
        .map(|(register, _, _)| register.plural)
        .collect();
    let filled = FILLED.iter().filter_map(|(plural, why, who)| {
        Some(filled(register(plural)?, why, who, alive.contains(plural)))
    });
    all.extend(filled);
    // A contact is somebody at a subscriber, so there is one first.
    all.insert(
        all.len().saturating_sub(1),
        Step {
            id: "accounts".to_owned(),
            title: "Open an account for each subscriber".to_owned(),
            why:
                "Service Data lies in accounts, sealed apart; it takes a grant with the verb open."
                    .to_owned(),
            who: owned(&["engineer"]),
            place: "accounts".to_owned(),
            command: "bailee account create NAME".to_owned(),
            template: None,
            done: !house.nouns::<Account>().is_empty(),
        },
    );
    let fresh = |at: kernel::Moment| facts.now.since(at) <= SCOPE_LIFE;
    all.push(Step {
        id: "scope".to_owned(),
        title: "State that the register of systems is complete".to_owned(),
        why: "Without it nothing that speaks of systems can hold; it counts 92 days.".to_owned(),
        who: owned(&["administrator"]),
        place: "setup#complete".to_owned(),
        command: "bailee measure scope --reason TEXT".to_owned(),
        template: None,
        done: facts.scope.as_ref().is_some_and(|scope| fresh(scope.at)),
    });
    all
}

/// The people without whom two-person rules cannot work, one step a role.
fn people(house: &House) -> Vec<Step> {
    let holders = |roles: &[&str]| {
        let has = |one: &&Person| {
            let ours = one.left.is_none() && one.vendor.is_none();
            ours && one.roles.iter().any(|role| roles.contains(&role.as_str()))
        };
        house.nouns::<Person>().iter().filter(has).count()
    };
    let step = |id: String, title: &str, why: String, done: bool| Step {
        id,
        title: title.to_owned(),
        why,
        who: owned(&["administrator"]),
        place: "people".to_owned(),
        command: "bailee person import people.csv".to_owned(),
        template: Some("people.csv".to_owned()),
        done,
    };
    let mut all = vec![
        step(
            "second-administrator".to_owned(),
            "Take in a second administrator",
            "While there is only one, it approves for itself, and E5.1 and E5.6 fail.".to_owned(),
            holders(&["administrator"]) >= 2,
        ),
        step(
            "two-signers".to_owned(),
            "Have two people who may sign",
            "A second signature takes a person other than the first.".to_owned(),
            holders(SIGNERS) >= 2,
        ),
    ];
    let roles = ROLES.iter().filter(|(role, _)| HELD.contains(role));
    all.extend(roles.map(|(role, what)| {
        let title = format!("Give somebody the role {role}");
        step(format!("role-{role}"), &title, format!("It is for {what}."), holders(&[role]) > 0)
    }));
    all
}

fn catalogue(house: &House) -> Step {
    let approved = |row: &Catalogue| row.approved.is_some();
    Step {
        id: "catalogues".to_owned(),
        title: "Put the catalogue in force, with a second signature".to_owned(),
        why: "The version of your terms, and the numbers that differ from those Bailee brings."
            .to_owned(),
        who: owned(&["security-lead"]),
        place: "catalogues".to_owned(),
        command: "bailee catalogue load terms.json".to_owned(),
        // There is one catalogue: nothing to send many of.
        template: None,
        done: house.all::<Catalogue>().iter().any(|kept| approved(&kept.row)),
    }
}

/// A register with at least one row that counts.
fn filled(register: &Register, why: &str, who: &[&str], done: bool) -> Step {
    let (noun, plural) = (register.command, register.plural);
    Step {
        id: plural.to_owned(),
        title: register.first.to_owned(),
        why: format!("{why}."),
        who: owned(who),
        place: plural.to_owned(),
        command: format!("bailee {noun} import {plural}.csv"),
        template: Some(format!("{plural}.csv")),
        done,
    }
}

fn owned(roles: &[&str]) -> Vec<String> {
    roles.iter().map(ToString::to_string).collect()
}

/// Asks for every step, and for the state of every obligation.
pub struct ReadSetup(ReadMeasures);

impl ReadSetup {
    /// With what the server's own probe of its listener saw last.
    ///
    /// # Errors
    /// `Internal` if `house` has no keys.
    pub fn new(kernel: &Kernel, listener: Option<Listener>) -> Result<Self> {
        ReadMeasures::new(kernel, listener).map(Self)
    }
}

impl Operation for ReadSetup {
    type Output = Setup;

    fn target(&self) -> Target {
        on_house(Read::ACTION)
    }

    fn wants(&self, wants: &mut Wants) {
        self.0.wants(wants);
    }

    fn execute(&self, work: &mut Work<'_>) -> Result<After<Setup>> {
        let (facts, answered) = self.0.ask(work)?;
        work.note(HOUSE, Read::ACTION.name, vec![]);
        Ok(After::now(Setup { steps: steps(&facts), answered }))
    }
}
