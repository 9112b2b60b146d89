//! Decisions: whether somebody may do something now, asked by a service of the provider.
//!
//! The answer is the authority's own, under the rights in force at the moment of the commit. It
//! gives no right: whoever does something is decided about again. What a service asked about an
//! account is an entry of that account's log, with the names and the answers. Deliberately absent:
//! attributes that the asker states. What is not in the registers does not count.

use crate::register::{act, action};
use crate::transfers::Export;
use crate::{accounts, data, ledgers, members, portal};
use kernel::authority::{Action, Verb};
use kernel::id::{AccountId, Collection, PrincipalId};
use kernel::{Act, After, Error, Kernel, Moment, Operation, Result, Target, Work};

act!(
    /// Asking whether somebody may do something.
    Asking, "decision.ask", Some(Verb::Read), false
);

/// Questions of one operation: its entry names each.
pub const QUESTIONS: usize = 50;

/// What can be asked about: on a collection, and on an account as a whole.
const ON_COLLECTIONS: [&Action; 9] = [
    action::<data::Get>(),
    action::<data::List>(),
    action::<data::ReadHistory>(),
    action::<data::Write>(),
    action::<data::WriteMany>(),
    action::<data::CreateIn>(),
    action::<data::Delete>(),
    action::<data::Restore>(),
    action::<Export>(),
];
const ON_ACCOUNTS: [&Action; 9] = [
    action::<accounts::Look>(),
    action::<data::ListIn>(),
    action::<ledgers::Read>(),
    action::<ledgers::Open>(),
    action::<portal::Look>(),
    action::<portal::LookAtAccesses>(),
    action::<portal::TakeReceipt>(),
    action::<members::Inviting>(),
    action::<members::Dismissing>(),
];

/// One question: who, what, on what of the account.
#[derive(Clone, Debug)]
pub struct Question {
    who: PrincipalId,
    action: &'static Action,
    collection: Option<Collection>,
}

impl Question {
    /// About a verb of grants or an action by its full name.
    ///
    /// # Errors
    /// `Invalid` for an action that is not known here, naming those that are.
    pub fn new(who: PrincipalId, name: &str, collection: Option<Collection>) -> Result<Self> {
        let known: &[&Action] = if collection.is_some() { &ON_COLLECTIONS } else { &ON_ACCOUNTS };
        // The first action of a verb stands for it: policies speak of the verb.
        let verb = Verb::parse(name).filter(|_| collection.is_some());
        let found = known.iter().find(|one| match verb {
            Some(verb) => one.verb == Some(verb),
            None => one.name == name,
        });
        match found {
            Some(action) => Ok(Self { who, action, collection }),
            None => {
                let all: Vec<_> = known.iter().map(|one| one.name).collect();
                let verbs = if collection.is_some() { "read, write, delete, export, " } else { "" };
                let name = kernel::id::shown(name);
                let detail = format!("`{name}` is none of {verbs}{}", all.join(", "));
                Err(Error::invalid("action.name", detail))
            }
        }
    }

    fn line(&self, allowed: bool) -> String {
        let on = self.collection.as_ref().map_or(String::new(), |one| format!(" on {one}"));
        let answer = if allowed { "allowed" } else { "refused" };
        format!("{} {}{on}: {answer}", self.who, self.action.name)
    }
}

/// The answer to one question.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Told {
    /// Whether it is allowed now.
    pub allowed: bool,
    /// The policies that allow it.
    pub policies: Vec<String>,
    /// The grant that it rests on, if it rests on one.
    pub grant: Option<String>,
    /// First moment at which it has to be asked again, if there is one.
    pub until: Option<Moment>,
}

/// Asks questions about one account.
pub struct AskDecisions {
    account: u64,
    questions: Vec<Question>,
}

impl AskDecisions {
    /// About this account.
    ///
    /// # Errors
    /// `NotFound` if there is no such account; `Invalid` without a question, or with too many.
    pub fn new(kernel: &Kernel, account: &AccountId, questions: Vec<Question>) -> Result<Self> {
        if questions.is_empty() || questions.len() > QUESTIONS {
            let detail = format!("ask 1 to {QUESTIONS} questions at once");
            return Err(Error::invalid("evaluations", detail));
        }
        Ok(Self { account: kernel.slot(account)?, questions })
    }
}

impl Operation for AskDecisions {
    type Output = Vec<Told>;

    fn target(&self) -> Target {
        Target { action: Asking::ACTION, account: self.account, collection: None }
    }

    fn execute(&self, work: &mut Work<'_>) -> Result<After<Vec<Told>>> {
        let (mut told, mut lines) = (Vec::new(), Vec::new());
        for one in &self.questions {
            let collection = one.collection.as_ref();
            let now = work.now();
            let rights = work.rights()?;
            let found = rights.would(&one.who, one.action, self.account, collection, now)?;
            lines.push(one.line(found.is_some()));
            told.push(found.map_or_else(Told::default, |decision| Told {
                allowed: true,
                policies: decision.policies.split(',').map(str::to_owned).collect(),
                grant: decision.grant.map(|grant| grant.id.clone()),
                until: Some(decision.until).filter(|until| *until != Moment(u64::MAX)),
            }));
        }
        work.note(self.account, Asking::ACTION.name, vec![("asked", lines.join("; "))]);
        Ok(After::now(told))
    }
}
