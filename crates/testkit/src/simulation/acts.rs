//! What each operation does to the model, once it is allowed.

use super::model::{Account, Collection, Follows, Grant, Model, Principal, Record};
use super::rights::Right;
use super::step::{Answer, At, Step, Want, What};
use domain::data::Condition;
use kernel::Kind;

/// The answer, and the entries it makes: slot and kind.
type Acted = (Answer, Vec<(u64, &'static str)>);

fn refused(kind: Kind) -> Acted {
    (Answer::Refused(kind), vec![])
}

impl Model {
    /// Does what is allowed.
    pub fn act(&mut self, step: &Step, right: &Right) -> Acted {
        let kind = step.what.action();
        match &step.what {
            What::NewAccount(id) => self.new_account(id),
            What::Look(id) => {
                let account = self.accounts.get(id);
                let (slot, created) = account.map_or((0, 0), |one| (one.slot, one.created));
                (Answer::Account { slot, created }, vec![(slot, kind)])
            }
            What::NewPerson(name, roles) => self.new_principal(
                format!("person:{name}"),
                Principal { roles: roles.clone(), ..Principal::default() },
                kind,
            ),
            What::NewService(name) => self.new_principal(
                format!("service:{name}"),
                Principal { owner: Some(step.who.clone()), ..Principal::default() },
                kind,
            ),
            What::EndPerson(name) => self.end(&format!("person:{name}"), kind),
            What::EndService(name) => self.end(&format!("service:{name}"), kind),
            What::PersonToken(name) => self.issue(&format!("person:{name}"), kind),
            What::ServiceToken(name) => self.issue(&format!("service:{name}"), kind),
            What::EndToken { of, token } => {
                let tokens = self.principals.get_mut(of).map(|principal| &mut principal.tokens);
                let token = tokens.and_then(|all| all.iter_mut().find(|one| one.id == *token));
                let Some(token) = token else { return refused(Kind::NotFound) };
                token.ended = true;
                (Answer::Done, vec![(0, kind)])
            }
            What::Give(want) => self.give(step, want),
            What::EndGrant(id) => {
                let grant = self.grants.iter_mut().find(|grant| grant.id == *id);
                let Some(grant) = grant else { return refused(Kind::NotFound) };
                grant.ended = true;
                (Answer::Done, vec![(0, kind)])
            }
            What::OpenEntries { account, from, limit } => {
                let slot = self.slot(account);
                // The entry of this very look is there already.
                let there = (self.size(slot) + 1).saturating_sub(*from).min(*limit);
                (Answer::Opened(there), vec![(slot, kind)])
            }
            _ => self.act_on_data(step, right),
        }
    }

    fn new_account(&mut self, id: &str) -> Acted {
        if self.accounts.contains_key(id) {
            return refused(Kind::Conflict);
        }
        let (slot, created) = (self.size(0), self.now());
        self.rows += 1;
        self.accounts.insert(id.to_owned(), Account { slot, created, collections: vec![] });
        let kind = "account.create";
        (Answer::Account { slot, created }, vec![(0, kind), (slot, kind)])
    }

    fn new_principal(&mut self, id: String, principal: Principal, kind: &'static str) -> Acted {
        if self.principals.contains_key(&id) {
            return refused(Kind::Conflict);
        }
        self.rows += 1;
        self.principals.insert(id, principal);
        (Answer::Issued, vec![(0, kind)])
    }

    fn end(&mut self, id: &str, kind: &'static str) -> Acted {
        let several = self.administrators() > 1;
        let Some(principal) = self.principals.get_mut(id) else { return refused(Kind::NotFound) };
        let last = principal.roles.iter().any(|role| role == "administrator") && !several;
        if principal.gone || last {
            return refused(Kind::Conflict);
        }
        principal.gone = true;
        principal.tokens.iter_mut().for_each(|token| token.ended = true);
        self.jobs.push((self.now(), Follows::Left));
        if kind == "person.end" {
            self.jobs.push((self.now(), Follows::Told));
        }
        (Answer::Done, vec![(0, kind)])
    }

    fn issue(&mut self, id: &str, kind: &'static str) -> Acted {
        let now = self.now();
        let Some(principal) = self.principals.get(id) else { return refused(Kind::NotFound) };
        if principal.gone {
            return refused(Kind::Conflict);
        }
        let live = principal.tokens.iter().filter(|token| !token.ended && token.expires > now);
        if live.count() >= 20 {
            return refused(Kind::Limit);
        }
        (Answer::Issued, vec![(0, kind)])
    }

    fn give(&mut self, step: &Step, want: &Want) -> Acted {
        let several = self.administrators() > 1;
        let Some(holder) = self.principals.get(&want.to).filter(|holder| !holder.gone) else {
            return refused(Kind::Invalid);
        };
        let own = want.to == step.who || holder.owner.as_deref() == Some(&*step.who);
        if own && several {
            return refused(Kind::Forbidden);
        }
        let not_before = self.now();
        let not_after = not_before + want.seconds * 1_000_000;
        self.rows += 1;
        self.jobs.push((not_after, Follows::Expired));
        self.grants.push(Grant {
            id: String::new(),
            to: want.to.clone(),
            slot: (want.account != "*").then(|| self.slot(&want.account)),
            collections: want.collections.clone(),
            verbs: want.verbs.clone(),
            purpose: want.purpose.clone(),
            not_before,
            not_after,
            bootstrap: own,
            ended: false,
            given: self.size(0),
        });
        (Answer::Given(own, not_after), vec![(0, step.what.action())])
    }

    fn act_on_data(&mut self, step: &Step, right: &Right) -> Acted {
        let (account, collection) = step.what.of();
        let (Some(account), kind) = (account, step.what.action()) else {
            return refused(Kind::Internal);
        };
        let slot = self.slot(account);
        let one = vec![(slot, kind)];
        match &step.what {
            What::Collections(_) => {
                let covered = |name: &&String| {
                    right.grant.as_ref().is_none_or(|grant| {
                        grant.every_collection() || grant.collections.contains(name)
                    })
                };
                let all = self.accounts.get(account).into_iter().flat_map(|one| &one.collections);
                let names = all.map(|one| &one.name).filter(covered).cloned();
                (Answer::Names(names.collect()), one)
            }
            What::NewCollection(_, name) => {
                let there = self.collection(account, name).is_some();
                if !there && let Some(account) = self.accounts.get_mut(account) {
                    self.rows += 1;
                    let records = vec![];
                    account.collections.push(Collection { name: name.clone(), records });
                }
                (Answer::Made(!there), one)
            }
            What::List { limit, after, values, .. } => {
                let Some(found) = self.collection(account, collection.unwrap_or_default()) else {
                    return (Answer::Refused(Kind::NotFound), one);
                };
                (found.page(*limit, after.as_deref(), *values), one)
            }
            What::Batch(_, name, records) => {
                if self.collection(account, name).is_none() {
                    return refused(Kind::NotFound);
                }
                let each = records.iter().map(|(id, body)| {
                    let (account, collection) = (account.to_owned(), name.clone());
                    let at = At { account, collection, id: id.clone() };
                    self.write(&at, &step.who, Some(body.clone()))
                });
                let written = each.collect();
                (Answer::Written(written), vec![(slot, kind); records.len()])
            }
            _ => self.act_on_record(step, one),
        }
    }

    fn act_on_record(&mut self, step: &Step, one: Vec<(u64, &'static str)>) -> Acted {
        let not_found = || (Answer::Refused(Kind::NotFound), one.clone());
        match &step.what {
            What::Put(at, body, condition) => {
                if self.collection(&at.account, &at.collection).is_none() {
                    return refused(Kind::NotFound);
                }
                if !holds(condition, self.live(at)) {
                    return refused(Kind::Conflict);
                }
                (Answer::Written(vec![self.write(at, &step.who, Some(body.clone()))]), one)
            }
            What::Delete(at, condition) => match self.live(at) {
                0 => not_found(),
                version if !holds(condition, version) => refused(Kind::Conflict),
                _ => (Answer::Written(vec![self.write(at, &step.who, None)]), one),
            },
            What::Restore(at) => {
                let Some(record) = self.record(at) else { return not_found() };
                if record.body().is_some() {
                    return refused(Kind::Conflict);
                }
                let body = record.versions.iter().rev().nth(1).and_then(|(_, body)| body.clone());
                let (version, _) = self.write(at, &step.who, body);
                (Answer::Written(vec![(version, false)]), one)
            }
            What::Get(at, version, condition) => {
                let Some(record) = self.record(at) else { return not_found() };
                let number = version.unwrap_or(record.version());
                let nth = usize::try_from(number).ok().and_then(|n| n.checked_sub(1));
                let Some((author, body)) = nth.and_then(|nth| record.versions.get(nth)) else {
                    return not_found();
                };
                // A deletion in the past is only seen to be one after the commit.
                let present = number == record.version();
                if body.is_none() && present {
                    return not_found();
                }
                if has(condition, number) {
                    return (Answer::NotModified(number), one);
                }
                match body {
                    Some(body) => (Answer::Shown(number, author.clone(), body.clone()), one),
                    None => not_found(),
                }
            }
            What::History(at) => {
                let Some(record) = self.record(at) else { return not_found() };
                let versions = record.versions.iter().zip(1..).map(|((author, body), n)| {
                    (n, author.clone(), body.is_none(), body.clone().unwrap_or_default())
                });
                let mut versions: Vec<_> = versions.collect();
                versions.reverse();
                (Answer::Versions(versions), one)
            }
            _ => refused(Kind::Internal),
        }
    }

    pub fn collection(&self, account: &str, name: &str) -> Option<&Collection> {
        self.accounts.get(account)?.collections.iter().find(|one| one.name == name)
    }

    pub fn record(&self, at: &At) -> Option<&Record> {
        let collection = self.collection(&at.account, &at.collection)?;
        collection.records.iter().find(|record| record.id == at.id)
    }

    /// The version of a record that is there; 0 if it is not.
    fn live(&self, at: &At) -> u64 {
        let record = self.record(at).filter(|record| record.body().is_some());
        record.map_or(0, Record::version)
    }

    /// Adds a version; says its number and whether the record was not there before.
    fn write(&mut self, at: &At, who: &str, body: Option<Vec<u8>>) -> (u64, bool) {
        let created = self.live(at) == 0 && body.is_some();
        let rows = &mut self.rows;
        let collections = self.accounts.get_mut(&at.account).map(|one| &mut one.collections);
        let collection = collections
            .and_then(|all| all.iter_mut().find(|collection| collection.name == at.collection));
        let Some(collection) = collection else { return (0, false) };
        let known = collection.records.iter().position(|record| record.id == at.id);
        let nth = known.unwrap_or_else(|| {
            *rows += 1;
            let (id, row) = (at.id.clone(), *rows);
            collection.records.push(Record { id, row, versions: vec![] });
            collection.records.len() - 1
        });
        let Some(record) = collection.records.get_mut(nth) else { return (0, false) };
        record.versions.push((who.to_owned(), body));
        (record.version(), created)
    }
}

impl Collection {
    fn page(&self, limit: usize, after: Option<&str>, values: bool) -> Answer {
        let after: i64 = after.and_then(|text| text.parse().ok()).unwrap_or(0);
        let rows = self.records.iter().filter(|record| record.row > after);
        let rows: Vec<_> = rows.take(limit).collect();
        let next = rows.last().filter(|_| rows.len() == limit).map(|last| last.row.to_string());
        let live = rows.iter().filter_map(|record| {
            let body = record.body()?;
            let body = if values { body.clone() } else { vec![] };
            Some((record.id.clone(), record.version(), body))
        });
        Answer::Listed(live.collect(), next)
    }
}

/// Whether a change may be made to a record in this version.
fn holds(condition: &Condition, version: u64) -> bool {
    match condition {
        Condition::None => true,
        Condition::Match(versions) => {
            version > 0 && (versions.is_empty() || versions.contains(&version))
        }
        Condition::NoneMatch(_) => !has(condition, version) || version == 0,
    }
}

/// Whether a reader has this version already.
fn has(condition: &Condition, version: u64) -> bool {
    match condition {
        Condition::NoneMatch(versions) => versions.is_empty() || versions.contains(&version),
        _ => false,
    }
}
