//! What can be changed by request: for each action how it is read, tried and made.
//!
//! Each is the rule of its own noun, run as a part of the change; nothing of it stands here again.

use super::{Change, Terms};
use crate::catalogue::{Adopt, CURRENT, Catalogue};
use crate::detections::allowances::Allowance;
use crate::detections::rules::{Decide, Rule};
use crate::directories::{Directory, MapGroup};
use crate::grants::MoveRoles;
use crate::people::{Moving, Person};
use crate::register::{Adding, At, Row, Step, Stepping, stated};
use kernel::authority::Action;
use kernel::id::{Name, RecordId};
use kernel::{Act, Error, HOUSE, Result};
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use serde_json::{Value, json};

/// The action of a change that a build brings.
pub(super) const POLICY: &str = "policy";

/// The longest statement, in bytes.
const CONTENT: usize = 64 * 1024;

/// What a change is about.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "kebab-case")]
#[schemars(rename = "ChangeKind")]
pub enum Kind {
    /// Somebody's roles.
    Roles,
    /// What a detection rule may do.
    Rule,
    /// What detection leaves alone.
    Allowance,
    /// Which group of a directory gives a role.
    Directory,
    /// The catalogue of what is promised.
    Catalogue,
    /// The policies that a build brings.
    Policy,
}

/// How one action is read, tried and made.
pub(super) struct Way {
    pub(super) kind: Kind,
    pub(super) action: &'static str,
    act: &'static Action,
    register: &'static str,
    adds: bool,
    now: fn(&str, &At<'_, '_>) -> Result<Option<Value>>,
    run: fn(&str, &[u8], &mut At<'_, '_>) -> Result<()>,
}

const fn adding<N: Row>(kind: Kind) -> Way {
    Way {
        kind,
        action: N::ADD,
        act: Adding::<N>::ACTION,
        register: N::REGISTER,
        adds: true,
        now: |_, _| Ok(None),
        run: |id, json, at| {
            let new: N::New = stated(json)?;
            if at.late::<N>(id)?.is_some() {
                let why = format!("{} `{id}` exists already: change it instead", N::NOUN);
                return Err(Error::conflict(why));
            }
            let row = N::add(&new, at)?;
            at.save(&at.fresh(id, row))
        },
    }
}

const fn stepping<N: Row, S: Step<N>>(kind: Kind) -> Way {
    Way {
        kind,
        action: S::ACTION,
        act: Stepping::<N, S>::ACTION,
        register: N::REGISTER,
        adds: false,
        now: |id, at| {
            let kept = at.late::<N>(id)?.ok_or_else(|| missing(N::NOUN, id))?;
            serde_json::to_value(&kept.row).map(Some).map_err(formless)
        },
        run: |id, json, at| {
            let step: S = stated(json)?;
            let mut kept = at.late::<N>(id)?.ok_or_else(|| missing(N::NOUN, id))?;
            step.apply(&mut kept.row, at)?;
            at.save(&kept)
        },
    }
}

static WAYS: [Way; 6] = [
    Way {
        kind: Kind::Roles,
        action: "person.move",
        act: Moving::ACTION,
        register: "people",
        adds: false,
        now: |id, at| {
            let row = at.late_noun::<Person>(id)?.ok_or_else(|| missing("person", id))?;
            Ok(Some(json!({"roles": row.roles})))
        },
        run: |id, json, at| MoveRoles::new(&Name::parse(id)?, stated(json)?).apply(at),
    },
    adding::<Rule>(Kind::Rule),
    stepping::<Rule, Decide>(Kind::Rule),
    adding::<Allowance>(Kind::Allowance),
    stepping::<Directory, MapGroup>(Kind::Directory),
    stepping::<Catalogue, Adopt>(Kind::Catalogue),
];

/// How this action is changed.
pub(super) fn of(action: &str) -> Result<&'static Way> {
    WAYS.iter().find(|way| way.action == action).ok_or_else(|| {
        let known: Vec<&str> = WAYS.iter().map(|way| way.action).chain([POLICY]).collect();
        let action = kernel::id::shown(action);
        let why = format!("`{action}` is not changed by request: use `{}`", known.join("`, `"));
        Error::invalid("action", why)
    })
}

impl Way {
    /// Refuses whoever may not do the action itself.
    pub(super) fn may(&self, at: &At<'_, '_>) -> Result<()> {
        let ours = at.rights()?.principal(at.by()).is_some_and(|one| one.vendor.is_none());
        match at.rights()?.would(at.by(), self.act, HOUSE, None, at.now())? {
            Some(_) if ours => Ok(()),
            _ => Err(Error::forbidden(format!(
                "your roles do not open `{}`: let somebody propose it who may do it",
                self.action
            ))),
        }
    }

    /// The row that it is about, as it has to be stated.
    pub(super) fn row<'t>(&self, stated: Option<&'t str>) -> Result<Option<&'t str>> {
        let stated = stated.filter(|text| !text.is_empty());
        match (self.adds, stated) {
            (true, None) => Ok(None),
            (true, Some(_)) => {
                Err(Error::invalid("row", "a row is added: leave it out, the content names it"))
            }
            (false, Some(id)) => {
                let known = RecordId::parse(id);
                known.map_err(|error| Error::invalid("row", error.message()))?;
                Ok(Some(id))
            }
            (false, None) if self.kind == Kind::Catalogue => Ok(Some(CURRENT)),
            (false, None) => Err(Error::invalid("row", "name the row that it changes, by its id")),
        }
    }

    /// What is there now, as JSON.
    pub(super) fn before(&self, row: Option<&str>, at: &At<'_, '_>) -> Result<Option<String>> {
        let Some(row) = row else { return Ok(None) };
        Ok((self.now)(row, at)?.map(|value| value.to_string()))
    }

    /// Runs it without an effect, so that what cannot be made is not proposed.
    pub(super) fn tried(
        &self,
        row: Option<&str>,
        content: &str,
        at: &mut At<'_, '_>,
    ) -> Result<()> {
        let id = self.id(row, content, at)?;
        let tried = at.trial(&id, |part| (self.run)(&id, content.as_bytes(), part));
        tried.map_err(|error| {
            let field = error.field().map(|field| format!("`{field}`: ")).unwrap_or_default();
            match error.kind() {
                kernel::Kind::Invalid => {
                    Error::invalid("content", format!("{field}{}", error.message()))
                }
                _ => error,
            }
        })
    }

    /// Makes it, as a part of the step at hand. Gives the row, as `rules/ID`.
    pub(super) fn made(&self, terms: &Terms, at: &mut At<'_, '_>) -> Result<String> {
        if self.before(terms.row.as_deref(), at)? != terms.before {
            let why = "what it changes is not as it was when this was proposed: propose it anew";
            return Err(Error::conflict(why));
        }
        let id = self.id(terms.row.as_deref(), &terms.content, at)?;
        at.part(&id, |part| (self.run)(&id, terms.content.as_bytes(), part))?;
        Ok(format!("{}/{id}", self.register))
    }

    /// The row's id. A new one is the name that it states, or has the change's own number.
    fn id(&self, row: Option<&str>, content: &str, at: &At<'_, '_>) -> Result<String> {
        if let Some(row) = row {
            return Ok(row.to_owned());
        }
        if self.kind == Kind::Rule {
            let new: <Rule as Row>::New = named(content)?;
            return Ok(Name::parse(&new.rule).map_err(in_content)?.to_string());
        }
        let number = at.id().strip_prefix(Change::NOUN).unwrap_or_default();
        Ok(format!("{}{number}", Allowance::NOUN))
    }
}

/// Whether somebody becomes an administrator by it.
pub(super) fn administrator(terms: &Terms) -> bool {
    let has = |text: Option<&str>| {
        let moves = text.and_then(|text| serde_json::from_str::<Value>(text).ok());
        let roles = moves.and_then(|value| value.get("roles")?.as_array().cloned());
        roles.is_some_and(|roles| roles.iter().any(|role| role == "administrator"))
    };
    has(Some(&terms.content)) && !has(terms.before.as_deref())
}

/// JSON as it is kept and hashed: an object, without spaces between its members.
pub(super) fn canonical(text: &str) -> Result<String> {
    if text.len() > CONTENT {
        let why = format!("more than {CONTENT} bytes: state what changes, and nothing else");
        return Err(Error::invalid("content", why));
    }
    let value: Value = serde_json::from_str(text)
        .map_err(|error| Error::invalid("content", format!("it is no JSON: {error}")))?;
    match value.is_object() {
        true => Ok(value.to_string()),
        false => Err(Error::invalid("content", "write an object, as the direct request states it")),
    }
}

fn named<T: for<'de> Deserialize<'de>>(content: &str) -> Result<T> {
    stated(content.as_bytes()).map_err(in_content)
}

#[expect(clippy::needless_pass_by_value, reason = "it is handed to `map_err`")]
fn in_content(error: Error) -> Error {
    Error::invalid("content", error.message())
}

fn missing(noun: &str, id: &str) -> Error {
    Error::invalid("row", format!("there is no {noun} `{}`", kernel::id::shown(id)))
}

#[expect(clippy::needless_pass_by_value, reason = "it is handed to `map_err`")]
fn formless(error: serde_json::Error) -> Error {
    Error::internal(format!("a row has no JSON form: {error}"))
}
