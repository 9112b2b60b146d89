//! What is done next: mostly what somebody may do, sometimes what they may not.

use super::model::{Grant, Model};
use super::step::{At, Step, Want, What};
use crate::dice::Dice;
use domain::data::Condition;

const PURPOSES: [&str; 3] = ["support case", "import", "yearly audit"];
const VERBS: [&str; 5] = ["read", "write", "delete", "export", "open"];
const ROLES: [&str; 4] = ["administrator", "auditor", "engineer", "support"];

/// The next step, and whether it is work on the registers.
pub(super) fn next(model: &Model, dice: &mut Dice) -> Step {
    let usable: Vec<_> = model.grants.iter().filter(|grant| usable(model, grant)).collect();
    let (who, what, purpose) = match dice.below(16) {
        0 | 3 => registers(model, dice),
        1 if usable.len() < 4 || dice.chance(1, 2) => give(model, dice),
        2 if !model.accounts.is_empty() => anybody(model, dice),
        _ => match dice.pick(&usable) {
            Some(grant) => by_grant(model, dice, grant),
            None => give(model, dice),
        },
    };
    let token = match model.token(&who) {
        Some(token) if !dice.chance(1, 60) => token.text.clone(),
        _ => "bailee_none".to_owned(),
    };
    let purpose = purpose.filter(|_| dice.chance(1, 4));
    let key = key(&what, dice);
    Step { who, token, what, purpose, key, random: random(dice) }
}

/// A step by the first administrator, which is always let in.
pub(super) fn by_admin(model: &Model, dice: &mut Dice, what: What) -> Step {
    let who = "person:admin".to_owned();
    let token = model.token(&who).map(|token| token.text.clone()).unwrap_or_default();
    Step { who, token, what, purpose: None, key: None, random: random(dice) }
}

/// Fresh random bytes, as a face draws them.
pub(super) fn random(dice: &mut Dice) -> [u8; 16] {
    let (high, low) = (dice.number(), dice.number());
    (u128::from(high) << 64 | u128::from(low)).to_be_bytes()
}

fn usable(model: &Model, grant: &Grant) -> bool {
    let open = grant.not_before <= model.now() && model.now() < grant.not_after;
    open && !grant.ended && model.token(&grant.to).is_some()
}

/// A key on changes only, from a small set, so that keys meet.
fn key(what: &What, dice: &mut Dice) -> Option<String> {
    let reads = matches!(
        what,
        What::Look(_)
            | What::Collections(_)
            | What::Get(..)
            | What::History(_)
            | What::List { .. }
            | What::OpenEntries { .. }
    );
    let keyed = !reads && dice.chance(1, 3);
    let set = if dice.chance(1, 5) { 4 } else { 1_000_000 };
    keyed.then(|| format!("key-{}", dice.below(set)))
}

type Chosen = (String, What, Option<String>);

/// What a grant allows, or nearly.
fn by_grant(model: &Model, dice: &mut Dice, grant: &Grant) -> Chosen {
    let writes = grant.verbs.iter().find(|verb| *verb == "write" && dice.chance(1, 3));
    let verb = writes.or_else(|| dice.pick(&grant.verbs)).cloned().unwrap_or_default();
    let everywhere = grant.slot.is_none();
    if verb == "open" && model.accounts.len() < 4 {
        let what = What::NewAccount(format!("account-{}", dice.below(6)));
        return (grant.to.clone(), what, Some(grant.purpose.clone()));
    }
    let all: Vec<_> = model.accounts.iter().collect();
    let own = all.iter().find(|(_, account)| Some(account.slot) == grant.slot);
    let account = if everywhere { dice.pick(&all).copied() } else { own.copied() };
    let Some((account, _)) = account else {
        let what = What::NewAccount(format!("account-{}", dice.below(6)));
        return (grant.to.clone(), what, None);
    };
    let named: Vec<_> = grant.collections.iter().filter(|name| *name != "*").cloned().collect();
    let collection = match dice.pick(&named) {
        Some(name) if !dice.chance(1, 12) => name.clone(),
        _ => format!("c{}", dice.below(2)),
    };
    let what = data(model, dice, account, &collection, Some(&verb));
    (grant.to.clone(), what, Some(grant.purpose.clone()))
}

/// Anything by anybody.
fn anybody(model: &Model, dice: &mut Dice) -> Chosen {
    let who: Vec<_> = model.principals.keys().collect();
    let who = dice.pick(&who).map(ToString::to_string).unwrap_or_default();
    let accounts: Vec<_> = model.accounts.keys().collect();
    let account = dice.pick(&accounts).map(ToString::to_string).unwrap_or_default();
    let collection = format!("c{}", dice.below(3));
    let what = match dice.below(8) {
        0 => What::NewAccount(format!("account-{}", dice.below(6))),
        1 => What::Look(account),
        2 => What::Collections(account),
        3 => open_entries(model, dice, account),
        4 => What::NewService(format!("s{}", dice.below(4))),
        _ => data(model, dice, &account, &collection, None),
    };
    let purpose = dice.pick(&PURPOSES).map(ToString::to_string);
    (who, what, purpose)
}

fn open_entries(model: &Model, dice: &mut Dice, account: String) -> What {
    let size = model.size(model.slot(&account));
    What::OpenEntries { from: dice.below(size + 2), limit: 1 + dice.below(5), account }
}

fn data(
    model: &Model,
    dice: &mut Dice,
    account: &str,
    collection: &str,
    verb: Option<&str>,
) -> What {
    let found = model.collection(account, collection);
    let ids: Vec<_> = found.iter().flat_map(|one| &one.records).map(|record| &record.id).collect();
    let known = dice.pick(&ids).filter(|_| verb != Some("write") && dice.chance(5, 6));
    let at = At {
        account: account.to_owned(),
        collection: collection.to_owned(),
        id: known.map_or_else(|| format!("r{}", dice.below(6)), ToString::to_string),
    };
    let version = model.record(&at).map_or(0, super::model::Record::version);
    match verb.or_else(|| dice.pick(&VERBS).copied()) {
        Some("write") if found.is_none() || dice.chance(1, 20) => {
            What::NewCollection(at.account, at.collection)
        }
        Some("write") if dice.chance(1, 6) => batch(model, dice, at),
        Some("write") => {
            let body = body(dice, &at);
            What::Put(at, body, condition(dice, version))
        }
        Some("delete") => {
            let deleted = model.record(&at).is_some_and(|record| record.body().is_none());
            match dice.chance(if deleted { 5 } else { 1 }, 6) {
                true => What::Restore(at),
                false => What::Delete(at, condition(dice, version)),
            }
        }
        _ => match dice.below(12) {
            0 => What::Look(at.account),
            1 => What::Collections(at.account),
            2 => What::History(at),
            3 => open_entries(model, dice, at.account),
            4 => list(model, dice, at),
            5..=7 => What::Get(at, Some(dice.below(version + 2)), Condition::None),
            _ => What::Get(at, None, condition(dice, version)),
        },
    }
}

fn list(model: &Model, dice: &mut Dice, at: At) -> What {
    let rows: Vec<_> = model
        .collection(&at.account, &at.collection)
        .into_iter()
        .flat_map(|collection| collection.records.iter().map(|record| record.row.to_string()))
        .collect();
    let after = dice.pick(&rows).cloned().filter(|_| dice.chance(1, 2));
    let limit = usize::try_from(1 + dice.below(4)).unwrap_or(1);
    let (account, collection) = (at.account, at.collection);
    What::List { account, collection, limit, after, values: dice.chance(1, 2) }
}

fn batch(model: &Model, dice: &mut Dice, at: At) -> What {
    let first = dice.below(6);
    let records = (first..first + 1 + dice.below(4)).map(|n| {
        let at = At { id: format!("r{n}"), ..at.clone() };
        let body = body(dice, &at);
        (at.id, body)
    });
    let records = records.collect();
    debug_assert!(model.accounts.contains_key(&at.account));
    What::Batch(at.account, at.collection, records)
}

/// A body that says where it belongs, so that it cannot show up elsewhere unseen.
fn body(dice: &mut Dice, at: &At) -> Vec<u8> {
    let (place, mark) = (format!("{}/{}/{}", at.account, at.collection, at.id), dice.number());
    let padding = "x".repeat(usize::try_from(dice.below(60)).unwrap_or(0));
    format!("{{\"of\": \"{place}\", \"mark\": {mark}, \"padding\": \"{padding}\"}}").into_bytes()
}

fn condition(dice: &mut Dice, version: u64) -> Condition {
    let near = || vec![version, version + 7];
    match dice.below(12) {
        0 => Condition::Match(near()),
        1 => Condition::Match(vec![version + 1]),
        2 => Condition::Match(vec![]),
        3 => Condition::NoneMatch(near()),
        4 => Condition::NoneMatch(vec![]),
        5 => Condition::NoneMatch(vec![version.saturating_sub(1)]),
        _ => Condition::None,
    }
}

/// Somebody who may change registers, or thinks so.
fn administrator(model: &Model, dice: &mut Dice) -> String {
    let is = |roles: &[String]| roles.iter().any(|role| role == "administrator");
    let all: Vec<_> =
        model.principals.iter().filter(|(_, one)| is(&one.roles)).map(|(id, _)| id).collect();
    match dice.pick(&all) {
        Some(id) => (*id).clone(),
        None => "person:admin".to_owned(),
    }
}

fn registers(model: &Model, dice: &mut Dice) -> Chosen {
    let who = administrator(model, dice);
    let known = |kind: &str, dice: &mut Dice| {
        let names = model.principals.keys().filter_map(|id| id.strip_prefix(kind));
        let names: Vec<_> = names.filter(|name| *name != "admin").collect();
        dice.pick(&names).filter(|_| dice.chance(4, 5)).map(ToString::to_string)
    };
    let person = known("person:", dice).unwrap_or(format!("p{}", dice.below(9)));
    let service = known("service:", dice).unwrap_or(format!("s{}", dice.below(9)));
    let grants: Vec<_> = model.grants.iter().map(|grant| &grant.id).collect();
    let what = match dice.below(14) {
        0..=2 => What::NewPerson(format!("p{}", dice.below(9)), roles(dice)),
        3 | 4 => What::NewService(format!("s{}", dice.below(9))),
        5 => What::EndPerson(person),
        6 if dice.chance(1, 2) => What::EndService(service),
        7 => What::PersonToken(person),
        8 => What::ServiceToken(service),
        9 | 10 => end_token(model, dice),
        _ => match dice.pick(&grants) {
            Some(id) => What::EndGrant((*id).clone()),
            None => What::NewService(service),
        },
    };
    (who, what, None)
}

fn roles(dice: &mut Dice) -> Vec<String> {
    let mut roles: Vec<_> = dice.pick(&ROLES).into_iter().map(ToString::to_string).collect();
    if dice.chance(1, 4) {
        roles.extend(dice.pick(&ROLES).map(ToString::to_string));
        roles.dedup();
    }
    roles
}

/// Somebody's token; not the first administrator's, who goes on to the end.
fn end_token(model: &Model, dice: &mut Dice) -> What {
    let others = model.principals.iter().filter(|(id, _)| *id != "person:admin");
    let all: Vec<_> =
        others.flat_map(|(id, one)| one.tokens.iter().map(move |token| (id, &token.id))).collect();
    match dice.pick(&all) {
        Some((of, token)) => What::EndToken { of: (*of).clone(), token: (*token).clone() },
        None => What::EndToken { of: "service:s0".to_owned(), token: "none".to_owned() },
    }
}

fn give(model: &Model, dice: &mut Dice) -> Chosen {
    let who = administrator(model, dice);
    let everybody: Vec<_> = model.principals.keys().filter(|id| *id != "person:admin").collect();
    let Some(to) = dice.pick(&everybody).map(ToString::to_string) else {
        return (who, What::NewService(format!("s{}", dice.below(5))), None);
    };
    let accounts: Vec<_> = model.accounts.keys().collect();
    let one = dice.pick(&accounts).filter(|_| dice.chance(2, 3));
    let account = one.map_or("*".to_owned(), ToString::to_string);
    let collections = match dice.below(3) {
        0 => vec![format!("c{}", dice.below(3))],
        1 => vec!["c0".to_owned(), "c2".to_owned()],
        _ => vec!["*".to_owned()],
    };
    let mut verbs: Vec<_> =
        VERBS.iter().filter(|_| dice.chance(1, 2)).map(|v| (*v).to_owned()).collect();
    verbs.retain(|verb| verb != "open" || account == "*");
    if verbs.is_empty() {
        verbs.push("read".to_owned());
    }
    let purpose = dice.pick(&PURPOSES).map(ToString::to_string).unwrap_or_default();
    let longest = if dice.chance(1, 3) { 600 } else { 20 * 86_400 };
    let seconds = 1 + dice.below(longest);
    (who, What::Give(Want { to, account, collections, verbs, purpose, seconds }), None)
}
