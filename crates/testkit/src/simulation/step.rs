//! What a simulation can do, doing it, and the answer in a form that a model can predict.

use crate::must;
use crate::world::World;
use domain::accounts::{CreateAccount, LookAt};
use domain::data::{
    BatchPut, Condition, CreateCollection, DeleteRecord, GetRecord, Got, History, ListCollections,
    ListRecords, Place, PutMany, PutRecord, RestoreRecord,
};
use domain::grants::{CreateGrant, EndGrant, Wish};
use domain::ledgers::OpenEntries;
use domain::people::{CreatePerson, EndPerson, Issued, StoredCredential};
use domain::services::{CreateService, EndService, RevokeToken};
use kernel::id::{AccountId, Name, PrincipalId, RecordId};
use kernel::{Kind, Operation, Result};

/// One operation, as somebody asks for it.
#[derive(Clone, Debug)]
pub(super) struct Step {
    /// Who asks: `service:NAME`, `person:NAME`.
    pub who: String,
    /// With which token.
    pub token: String,
    /// What is asked.
    pub what: What,
    /// What for, if it is stated.
    pub purpose: Option<String>,
    /// The idempotency key, if there is one.
    pub key: Option<String>,
    /// Random bytes, fresh each time it is tried, as a face draws them.
    pub random: [u8; 16],
}

/// What is asked for. Accounts go by their readable id.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum What {
    NewAccount(String),
    Look(String),
    NewCollection(String, String),
    Collections(String),
    Put(At, Vec<u8>, Condition),
    Get(At, Option<u64>, Condition),
    Delete(At, Condition),
    Restore(At),
    History(At),
    Batch(String, String, Vec<(String, Vec<u8>)>),
    List { account: String, collection: String, limit: usize, after: Option<String>, values: bool },
    NewPerson(String, Vec<String>),
    EndPerson(String),
    PersonToken(String),
    NewService(String),
    EndService(String),
    ServiceToken(String),
    EndToken { of: String, token: String },
    Give(Want),
    EndGrant(String),
    OpenEntries { account: String, from: u64, limit: u64 },
}

/// A record.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct At {
    pub account: String,
    pub collection: String,
    pub id: String,
}

/// A grant that is asked for.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Want {
    pub to: String,
    pub account: String,
    pub collections: Vec<String>,
    pub verbs: Vec<String>,
    pub purpose: String,
    pub seconds: u64,
}

/// What was answered.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum Answer {
    /// Version, and whether the record was not there before.
    Written(Vec<(u64, bool)>),
    /// Version, author, body.
    Shown(u64, String, Vec<u8>),
    NotModified(u64),
    /// Newest first: version, author, whether deleted, body.
    Versions(Vec<(u64, String, bool, Vec<u8>)>),
    /// Id, version, body; and where to go on.
    Listed(Vec<(String, u64, Vec<u8>)>, Option<String>),
    Names(Vec<String>),
    Made(bool),
    Account {
        slot: u64,
        created: u64,
    },
    /// A token, which nobody can predict.
    Issued,
    /// Whether it was approved by its holder or the holder's owner; its end.
    Given(bool, u64),
    Done,
    /// Entries, all of them open.
    Opened(u64),
    Refused(Kind),
}

/// What came of a step.
pub(super) struct Outcome {
    pub answer: Answer,
    pub receipts: Vec<String>,
    pub replayed: bool,
    pub learned: Learned,
}

/// What only the answer can tell.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(super) struct Learned {
    /// A token and its id.
    pub token: Option<(String, String)>,
    /// A grant's id.
    pub grant: Option<String>,
}

impl What {
    /// The action it asks for.
    pub fn action(&self) -> &'static str {
        match self {
            Self::NewAccount(_) => "account.create",
            Self::Look(_) => "account.read",
            Self::NewCollection(..) => "collection.create",
            Self::Collections(_) => "collection.list",
            Self::Put(..) => "record.put",
            Self::Get(..) => "record.get",
            Self::Delete(..) => "record.delete",
            Self::Restore(_) => "record.restore",
            Self::History(_) => "record.history",
            Self::Batch(..) => "record.batch",
            Self::List { .. } => "record.list",
            Self::NewPerson(..) => "person.create",
            Self::EndPerson(_) => "person.end",
            Self::PersonToken(_) => "person.token",
            Self::NewService(_) => "service.create",
            Self::EndService(_) => "service.end",
            Self::ServiceToken(_) => "service.token",
            Self::EndToken { .. } => "token.end",
            Self::Give(_) => "grant.create",
            Self::EndGrant(_) => "grant.end",
            Self::OpenEntries { .. } => "ledger.open",
        }
    }

    /// The account it is asked of, and the collection. Registers are asked of `house`.
    pub fn of(&self) -> (Option<&str>, Option<&str>) {
        match self {
            Self::Put(at, ..) | Self::Get(at, ..) | Self::Delete(at, _) => at.of(),
            Self::Restore(at) | Self::History(at) => at.of(),
            Self::Batch(account, collection, _)
            | Self::NewCollection(account, collection)
            | Self::List { account, collection, .. } => (Some(account), Some(collection)),
            Self::Look(account) | Self::Collections(account) => (Some(account), None),
            Self::OpenEntries { account, .. } => (Some(account), None),
            _ => (None, None),
        }
    }
}

impl At {
    fn of(&self) -> (Option<&str>, Option<&str>) {
        (Some(&self.account), Some(&self.collection))
    }
}

/// Does a step and waits for the answer.
pub(super) fn perform(world: &World, step: &Step) -> Outcome {
    attempt(world, step).unwrap_or_else(|error| Outcome {
        answer: Answer::Refused(error.kind()),
        receipts: vec![],
        replayed: false,
        learned: Learned::default(),
    })
}

fn attempt(world: &World, step: &Step) -> Result<Outcome> {
    let kernel = &world.kernel;
    let name = |name: &str| must(Name::parse(name));
    match &step.what {
        What::NewAccount(id) => {
            let operation = CreateAccount::new(kernel, Some(id), id)?;
            run(world, step, operation, |account| {
                (Answer::Account { slot: account.slot, created: account.created }, None)
            })
        }
        What::Look(id) => run(world, step, LookAt::new(kernel, &account(id))?, |account| {
            (Answer::Account { slot: account.slot, created: account.created }, None)
        }),
        What::NewPerson(person, roles) => {
            let operation = CreatePerson::new(kernel, person, None, None, roles.clone())?;
            run(world, step, operation, |issued| tell(issued, |row| &row.credentials))
        }
        What::EndPerson(person) => {
            run(world, step, EndPerson::new(kernel, &name(person))?, |_| (Answer::Done, None))
        }
        What::PersonToken(person) => {
            let operation = domain::people::IssueToken::new(kernel, &name(person))?;
            run(world, step, operation, |issued| tell(issued, |row| &row.credentials))
        }
        What::NewService(service) => {
            let operation = CreateService::new(kernel, service, None)?;
            run(world, step, operation, |issued| tell(issued, |row| &row.credentials))
        }
        What::EndService(service) => {
            run(world, step, EndService::new(kernel, &name(service))?, |_| (Answer::Done, None))
        }
        What::ServiceToken(service) => {
            let operation = domain::services::IssueToken::new(kernel, &name(service))?;
            run(world, step, operation, |issued| tell(issued, |row| &row.credentials))
        }
        What::EndToken { of, token } => {
            let operation = RevokeToken::new(kernel, &must(PrincipalId::parse(of)), token)?;
            run(world, step, operation, |()| (Answer::Done, None))
        }
        What::Give(want) => {
            let told = |grant: domain::grants::Grant| {
                let learned = Learned { token: None, grant: Some(grant.id) };
                (Answer::Given(grant.bootstrap, grant.not_after), Some(learned))
            };
            match want.to.starts_with("person:") {
                true => {
                    let planted = crate::Planted::new(kernel, &want.wish(), step.random)?;
                    run(world, step, planted, told)
                }
                false => {
                    let operation = CreateGrant::new(kernel, want.wish(), step.random)?;
                    run(world, step, operation, told)
                }
            }
        }
        What::EndGrant(id) => {
            run(world, step, EndGrant::new(kernel, id)?, |_| (Answer::Done, None))
        }
        What::OpenEntries { account: id, from, limit } => {
            let operation = OpenEntries::new(kernel, &account(id), *from, *limit)?;
            run(world, step, operation, |entries| {
                let open = entries.iter().filter(|entry| entry.opening.is_some()).count();
                assert_eq!(open, entries.len(), "an entry did not open");
                (Answer::Opened(u64::try_from(open).unwrap_or(0)), None)
            })
        }
        _ => attempt_data(world, step),
    }
}

fn attempt_data(world: &World, step: &Step) -> Result<Outcome> {
    let kernel = &world.kernel;
    let place = |at: &At| world.place(&account(&at.account), &at.collection);
    let id = |at: &At| must(RecordId::parse(&at.id));
    match &step.what {
        What::NewCollection(account_id, collection) => {
            let place = world.place(&account(account_id), collection);
            run(world, step, CreateCollection::new(place), |made| (Answer::Made(made.new), None))
        }
        What::Collections(id) => {
            let operation = ListCollections::new(kernel, &account(id), 1000, None)?;
            run(world, step, operation, |page| {
                let names = page.items.into_iter().map(|row| row.collection);
                (Answer::Names(names.collect()), None)
            })
        }
        What::Put(at, body, condition) => {
            let body = body.clone();
            let put = PutRecord::new(kernel, place(at), &id(at), body, condition.clone())?;
            run(world, step, put, written)
        }
        What::Get(at, version, condition) => {
            let get = GetRecord::new(kernel, place(at), &id(at), *version, condition.clone())?;
            run(world, step, get, got)
        }
        What::Delete(at, condition) => {
            let delete = DeleteRecord::new(kernel, place(at), &id(at), condition.clone())?;
            run(world, step, delete, written)
        }
        What::Restore(at) => {
            run(world, step, RestoreRecord::new(kernel, place(at), &id(at))?, written)
        }
        What::History(at) => {
            run(world, step, History::new(kernel, place(at), &id(at))?, |versions| {
                let versions = versions
                    .into_iter()
                    .map(|one| (one.number, one.header.author, one.deleted, one.body));
                (Answer::Versions(versions.collect()), None)
            })
        }
        What::Batch(account_id, collection, records) => {
            let place = world.place(&account(account_id), collection);
            run(world, step, PutMany::new(kernel, place, batch(records))?, |written| {
                let each = written.iter().map(|one| (one.version, one.created)).collect();
                (Answer::Written(each), None)
            })
        }
        What::List { account: account_id, collection, limit, after, values } => {
            let place = world.place(&account(account_id), collection);
            list(world, step, place, (*limit, after.as_deref(), *values))
        }
        other => Err(kernel::Error::internal(format!("{other:?} is not about data"))),
    }
}

fn list(
    world: &World,
    step: &Step,
    place: Place,
    (limit, after, values): (usize, Option<&str>, bool),
) -> Result<Outcome> {
    let operation = ListRecords::new(&world.kernel, place, limit, after, values)?;
    run(world, step, operation, |page| {
        let items = page
            .items
            .into_iter()
            .map(|item| (item.version.header.id, item.version.number, item.version.body));
        (Answer::Listed(items.collect(), page.next), None)
    })
}

fn run<O: Operation>(
    world: &World,
    step: &Step,
    operation: O,
    tell: impl FnOnce(O::Output) -> (Answer, Option<Learned>),
) -> Result<Outcome> {
    let mut asked = world.asked(&step.token)?;
    assert_eq!(asked.caller.principal.as_str(), step.who, "a token is one principal's");
    asked.purpose.clone_from(&step.purpose);
    asked.idempotency = step.key.clone().map(|key| (key, step.fingerprint()));
    let done = world.kernel.run(asked, operation)?;
    let (answer, learned) = tell(done.output);
    Ok(Outcome {
        answer,
        receipts: done.receipts,
        replayed: done.replayed,
        learned: learned.unwrap_or_default(),
    })
}

impl Step {
    /// The hash of what is asked, as a face makes it.
    pub fn fingerprint(&self) -> [u8; 32] {
        sealing::sha256(&[format!("{:?} {:?}", self.what, self.purpose).as_bytes()])
    }
}

impl Want {
    fn wish(&self) -> Wish {
        Wish {
            to: self.to.clone(),
            account: self.account.clone(),
            collections: self.collections.clone(),
            verbs: self.verbs.clone(),
            purpose: self.purpose.clone(),
            window: std::time::Duration::from_secs(self.seconds),
        }
    }
}

fn written(put: domain::data::Put) -> (Answer, Option<Learned>) {
    (Answer::Written(vec![(put.version, put.created)]), None)
}

fn got(got: Got) -> (Answer, Option<Learned>) {
    let answer = match got {
        Got::Shown(version) => Answer::Shown(version.number, version.header.author, version.body),
        Got::NotModified(version) => Answer::NotModified(version),
    };
    (answer, None)
}

fn tell<T>(
    issued: Issued<T>,
    credentials: impl Fn(&T) -> &Vec<StoredCredential>,
) -> (Answer, Option<Learned>) {
    let id = credentials(&issued.row).last().map(|credential| credential.id.clone());
    let token = Some((issued.token, id.unwrap_or_default()));
    (Answer::Issued, Some(Learned { token, grant: None }))
}

fn batch(records: &[(String, Vec<u8>)]) -> Vec<BatchPut> {
    let each = records
        .iter()
        .map(|(id, body)| BatchPut { id: must(RecordId::parse(id)), body: body.clone() });
    each.collect()
}

fn account(id: &str) -> AccountId {
    must(AccountId::parse(id))
}
