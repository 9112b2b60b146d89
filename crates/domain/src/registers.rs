//! Every register of the newer kind, in the order of the nouns: the table that API, command line
//! and console are made from, and the survey of all of them that the controls look at.

use crate::accounts::Account;
use crate::incidents::{
    self, affected, breaches, contacts, holds, laws, notices, playbooks, resorts, templates,
};
use crate::oncall::{calendars, channels, ladders, pages, rotas, shifts};
use crate::people::Person;
use crate::programme::{acknowledgements, courses, policies, reviews, risks, roster, trainings};
use crate::register::{Boxed, Entry, On, Register};
use crate::services::Service;
use crate::{
    answers, catalogue, certificates, changes, detections, directories, exposure, grants, members,
    reports, signals, sites, streams, systems, transfers, vendors,
};
use kernel::{Error, Kernel, Result};
use std::fmt::Write as _;

pub use crate::register::{House, Survey};

/// Every register, in the order of the nouns.
pub static REGISTERS: &[Register] = &[
    members::REGISTER,
    catalogue::REGISTER,
    systems::REGISTER,
    vendors::REGISTER,
    vendors::engagements::REGISTER,
    grants::requests::REGISTER,
    grants::emergencies::pools::REGISTER,
    grants::emergencies::REGISTER,
    grants::reviews::REGISTER,
    grants::uses::REGISTER,
    directories::REGISTER,
    certificates::REGISTER,
    streams::REGISTER,
    transfers::destinations::REGISTER,
    transfers::elections::REGISTER,
    transfers::REGISTER,
    policies::REGISTER,
    acknowledgements::REGISTER,
    courses::REGISTER,
    trainings::REGISTER,
    risks::REGISTER,
    reviews::REGISTER.steps(REVIEWED),
    roster::REGISTER,
    sites::REGISTER,
    sites::areas::REGISTER,
    sites::equipment::REGISTER,
    signals::REGISTER,
    detections::REGISTER,
    detections::rules::REGISTER,
    detections::allowances::REGISTER,
    detections::canaries::REGISTER,
    detections::suspects::REGISTER,
    detections::acquaintances::REGISTER,
    detections::coverage::REGISTER,
    answers::REGISTER,
    changes::REGISTER,
    rotas::REGISTER,
    shifts::REGISTER,
    calendars::REGISTER,
    channels::REGISTER,
    ladders::REGISTER,
    pages::REGISTER,
    playbooks::REGISTER,
    contacts::REGISTER,
    resorts::REGISTER,
    templates::REGISTER,
    laws::REGISTER,
    incidents::REGISTER,
    affected::REGISTER,
    breaches::REGISTER,
    holds::REGISTER,
    notices::REGISTER,
    exposure::inventories::REGISTER,
    exposure::feeds::REGISTER,
    exposure::advisories::REGISTER,
    exposure::scans::REGISTER,
    exposure::probes::REGISTER,
    exposure::audits::REGISTER,
    reports::LIBRARY,
    reports::TERMS,
    reports::COMPETITORS,
    reports::REQUESTS,
    reports::SUBSCRIPTIONS,
];

/// A review opens with what every register shows; so this step is put together here, below them.
const REVIEWED: &[Entry] =
    &[reviews::opened_by(open), reviews::DECIDE, reviews::CLOSE, reviews::END];

fn open(kernel: &Kernel, on: On<'_>, json: &[u8]) -> Result<Boxed> {
    reviews::open(kernel, on, json, survey(kernel)?)
}

/// The register of this name.
pub fn register(plural: &str) -> Option<&'static Register> {
    REGISTERS.iter().find(|register| register.plural == plural)
}

/// The part of the Cedar schema that says which area each action is in; a golden file.
pub fn schema() -> String {
    let mut text = String::from(
        "// Which area each action of the registers is in. Made by `cargo xtask gen` from the\n\
         // table of registers; read it as what a role opens.\n",
    );
    let mut seen = std::collections::BTreeSet::new();
    for register in REGISTERS {
        for (action, area) in register.actions() {
            if seen.insert(action.name) {
                let who = match area {
                    "portal" | "stewardship" => "Member",
                    _ => "Person, Service",
                };
                let what = match area {
                    "export" | "connect" => "Collection",
                    _ => "Account",
                };
                // Writing to a string cannot fail.
                let _ = writeln!(
                    text,
                    "action \"{}\" in [{area}] appliesTo {{\n  \
                     principal: [{who}], \
                     resource: [{what}], context: Asked,\n}};",
                    action.name
                );
            }
        }
    }
    text
}

/// A survey of every register, of the people and of the accounts.
///
/// # Errors
/// `Internal` if `house` has no keys.
pub fn survey(kernel: &Kernel) -> Result<Survey> {
    let survey = Survey::of(kernel, REGISTERS)?.and::<Person>(kernel)?.and::<Account>(kernel)?;
    survey.and::<Service>(kernel)
}

/// A register by its name, for faces that parse paths.
///
/// # Errors
/// `NotFound` if there is none.
pub fn known(plural: &str) -> Result<&'static Register> {
    register(plural).ok_or_else(|| Error::not_found("there is no such register"))
}
