//! The Cedar side of a decision.

use super::{Action, Bound, Grant, Principal};
use crate::error::{Error, Result};
use crate::id::Collection;
use crate::stage::hex;
use crate::time::Moment;
use cedar_policy::{
    Authorizer, Context, Decision, Entities, Entity, EntityId, EntityTypeName, EntityUid, Policy,
    PolicyId, PolicySet, Request, RestrictedExpression, Schema, ValidationMode, Validator,
};
use std::collections::HashMap;
use std::str::FromStr;

/// A policy set that validated strictly against its schema.
pub struct Policies {
    schema: Schema,
    set: PolicySet,
    digest: String,
    authorizer: Authorizer,
    person: EntityTypeName,
    service: EntityTypeName,
    member: EntityTypeName,
    bearer: EntityTypeName,
    account: EntityTypeName,
    collection: EntityTypeName,
    actions: EntityTypeName,
}

/// What Cedar is asked.
pub struct Question<'a> {
    /// Who asks.
    pub principal: &'a Principal,
    /// What for.
    pub action: &'a Action,
    /// On which account, by its slot.
    pub account: u64,
    /// On which of its collections, if the action is about one.
    pub collection: Option<&'a Collection>,
    /// The grant that the kernel picked, if one fits.
    pub grant: Option<&'a Grant>,
    /// Vendor and engagement behind that grant, if there are.
    pub bound: Option<Bound<'a>>,
    /// First moment at which a duty that is not met ends the principal's eligibility.
    pub duty: Moment,
    /// When.
    pub now: Moment,
}

/// A question as Cedar takes it: the request, and the entities it can reach.
pub struct Slice {
    request: Request,
    entities: Entities,
}

/// What Cedar answers.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Verdict {
    /// Whether it is allowed.
    pub allowed: bool,
    /// The names of the policies that decided, in order. Empty if nothing allows it.
    pub policies: Vec<String>,
}

impl Policies {
    /// Parses and strictly validates schema and policies. Every policy needs an `@id`, which is the
    /// name entries give as the reason.
    ///
    /// # Errors
    /// `Internal` with what does not parse or validate: a build that ships it is broken.
    pub fn new(schema: &str, policies: &[&str]) -> Result<Self> {
        let broken = |what: String| Error::internal(format!("authority: {what}"));
        let digest = digest(schema, policies);
        let (schema, _) =
            Schema::from_cedarschema_str(schema).map_err(|e| broken(e.to_string()))?;
        let mut set = PolicySet::new();
        for text in policies {
            let parsed = PolicySet::from_str(text).map_err(|e| broken(format!("{e:?}")))?;
            for policy in parsed.policies() {
                set.add(named(policy)?).map_err(|e| broken(e.to_string()))?;
            }
        }
        let outcome = Validator::new(schema.clone()).validate(&set, ValidationMode::Strict);
        if !outcome.validation_passed() {
            let all: Vec<_> = outcome.validation_errors().map(ToString::to_string).collect();
            return Err(broken(all.join("; ")));
        }
        let typed = |name: &str| {
            EntityTypeName::from_str(name).map_err(|e| Error::internal(format!("authority: {e}")))
        };
        Ok(Self {
            schema,
            set,
            digest,
            authorizer: Authorizer::new(),
            person: typed("Person")?,
            service: typed("Service")?,
            member: typed("Member")?,
            bearer: typed("Bearer")?,
            account: typed("Account")?,
            collection: typed("Collection")?,
            actions: typed("Action")?,
        })
    }

    /// The names of all policies, in order.
    pub fn names(&self) -> Vec<String> {
        let mut names: Vec<_> = self.set.policies().map(|policy| policy.id().to_string()).collect();
        names.sort();
        names
    }

    /// The hash of schema and policies as text, by which a proof names what it is about. The order
    /// of the texts of policies is not in it.
    pub fn digest(&self) -> &str {
        &self.digest
    }

    /// Whether it is allowed, and which policies say so.
    ///
    /// # Errors
    /// `Internal` on any evaluation error, which thereby denies.
    pub fn decide(&self, question: &Question<'_>) -> Result<Verdict> {
        if !self.applies(question)? {
            return Ok(Verdict { allowed: false, policies: vec![] });
        }
        self.verdict(&self.slice(question)?)
    }

    /// Whether the action is for this kind of principal at all: what the schema does not let it
    /// ask, it may not do.
    fn applies(&self, question: &Question<'_>) -> Result<bool> {
        let kind = match question.principal.id.parts().0 {
            "person" => &self.person,
            "member" => &self.member,
            "" => &self.bearer,
            _ => &self.service,
        };
        let name = EntityId::new(question.action.name);
        let action = EntityUid::from_type_name_and_id(self.actions.clone(), name);
        let mut kinds = self
            .schema
            .principals_for_action(&action)
            .ok_or_else(|| Error::internal(format!("authority: no `{}`", question.action.name)))?;
        Ok(kinds.any(|known| known == kind))
    }

    /// The question as Cedar takes it, checked against the schema: more than half of a decision.
    ///
    /// # Errors
    /// `Internal` if the question does not fit the schema.
    pub fn slice(&self, question: &Question<'_>) -> Result<Slice> {
        let broken =
            |what: String| Error::internal(format!("authority: {}: {what}", question.action.name));
        let principal = self.principal(question.principal, question.duty)?;
        let resource = self.resource(question.account, question.collection)?;
        let name = EntityId::new(question.action.name);
        let action = EntityUid::from_type_name_and_id(self.actions.clone(), name);
        let now = RestrictedExpression::new_long(question.now.millis());
        let mut pairs = vec![("now".to_owned(), now)];
        if let Some(grant) = question.grant {
            pairs.push(("grant".to_owned(), grant_record(grant)?));
        }
        if let Some(bound) = &question.bound {
            pairs.push(("engagement".to_owned(), bound_record(bound)?));
        }
        let context = Context::from_pairs(pairs).map_err(|e| broken(e.to_string()))?;
        let schema = Some(&self.schema);
        let request = Request::new(principal.uid(), action, resource.uid(), context, schema)
            .map_err(|e| broken(e.to_string()))?;
        let entities = Entities::from_entities([principal, resource], schema)
            .map_err(|e| broken(e.to_string()))?;
        Ok(Slice { request, entities })
    }

    /// What the policies say to a question.
    ///
    /// # Errors
    /// `Internal` on any evaluation error, which thereby denies.
    pub fn verdict(&self, slice: &Slice) -> Result<Verdict> {
        let response = self.authorizer.is_authorized(&slice.request, &self.set, &slice.entities);
        let errors: Vec<_> = response.diagnostics().errors().map(ToString::to_string).collect();
        if !errors.is_empty() {
            return Err(Error::internal(format!("authority: {}", errors.join("; "))));
        }
        let mut policies: Vec<_> =
            response.diagnostics().reason().map(ToString::to_string).collect();
        policies.sort();
        Ok(Verdict { allowed: response.decision() == Decision::Allow, policies })
    }

    fn principal(&self, principal: &Principal, duty: Moment) -> Result<Entity> {
        let (kind, name) = principal.id.parts();
        let flag = RestrictedExpression::new_bool;
        let roles = || RestrictedExpression::new_set(principal.roles.iter().map(|r| text(r)));
        let mut attributes = HashMap::from([
            ("name".to_owned(), text(principal.id.as_str())),
            ("active".to_owned(), flag(principal.active)),
        ]);
        let mut add = |name: &str, value| drop(attributes.insert(name.to_owned(), value));
        let vendor = principal.vendor.as_deref().unwrap_or_default();
        let kind = match kind {
            "person" => {
                add("roles", roles());
                add("vendor", text(vendor));
                add("eligibleUntil", RestrictedExpression::new_long(duty.millis()));
                &self.person
            }
            "member" => {
                add("roles", roles());
                add("slot", text(&principal.account.map(slot_text).unwrap_or_default()));
                &self.member
            }
            "" => &self.bearer,
            _ => {
                let owner = principal.owner.as_ref().map_or("", |owner| owner.as_str());
                add("owner", text(owner));
                add("vendor", text(vendor));
                &self.service
            }
        };
        entity(kind, name, attributes)
    }

    fn resource(&self, account: u64, collection: Option<&Collection>) -> Result<Entity> {
        let slot = slot_text(account);
        let Some(collection) = collection else {
            let attributes = HashMap::from([("slot".to_owned(), text(&slot))]);
            return entity(&self.account, &slot, attributes);
        };
        let attributes = HashMap::from([
            ("slot".to_owned(), text(&slot)),
            ("name".to_owned(), text(collection.as_str())),
        ]);
        entity(&self.collection, &format!("{slot}/{collection}"), attributes)
    }
}

fn digest(schema: &str, policies: &[&str]) -> String {
    let mut texts: Vec<&[u8]> = policies.iter().map(|text| text.as_bytes()).collect();
    texts.sort_unstable();
    let head = [b"bailee-authority/v1".as_slice(), schema.as_bytes()];
    let parts: Vec<&[u8]> = head.into_iter().chain(texts).collect();
    format!("sha256:{}", hex(&sealing::sha256(&parts)))
}

fn named(policy: &Policy) -> Result<Policy> {
    let id = policy
        .annotation("id")
        .ok_or_else(|| Error::internal(format!("authority: policy {} has no @id", policy.id())))?;
    Ok(policy.new_id(PolicyId::new(id)))
}

fn entity(
    kind: &EntityTypeName,
    id: &str,
    attributes: HashMap<String, RestrictedExpression>,
) -> Result<Entity> {
    let uid = EntityUid::from_type_name_and_id(kind.clone(), EntityId::new(id));
    Entity::new(uid, attributes, std::collections::HashSet::new())
        .map_err(|e| Error::internal(format!("authority: {e}")))
}

fn grant_record(grant: &Grant) -> Result<RestrictedExpression> {
    let flag = RestrictedExpression::new_bool;
    let collections = grant.collections.iter().flatten().map(|c| text(c.as_str()));
    RestrictedExpression::new_record([
        ("holder".to_owned(), text(grant.holder.as_str())),
        ("approver".to_owned(), text(grant.approver.as_str())),
        ("slot".to_owned(), text(&grant.account.map(slot_text).unwrap_or_default())),
        ("everyAccount".to_owned(), flag(grant.account.is_none())),
        ("collections".to_owned(), RestrictedExpression::new_set(collections)),
        ("everyCollection".to_owned(), flag(grant.collections.is_none())),
        (
            "verbs".to_owned(),
            RestrictedExpression::new_set(grant.verbs.iter().map(|verb| text(verb.word()))),
        ),
        ("notBefore".to_owned(), RestrictedExpression::new_long(grant.not_before.millis())),
        ("notAfter".to_owned(), RestrictedExpression::new_long(grant.not_after.millis())),
        ("lasts".to_owned(), RestrictedExpression::new_long(lasts(grant))),
        ("ended".to_owned(), flag(grant.ended)),
        ("bootstrap".to_owned(), flag(grant.bootstrap)),
        ("emergency".to_owned(), flag(grant.emergency)),
        ("engagement".to_owned(), text(grant.engagement.as_deref().unwrap_or_default())),
    ])
    .map_err(|e| Error::internal(format!("authority: {e}")))
}

/// How long a grant counts, in milliseconds.
fn lasts(grant: &Grant) -> i64 {
    grant.not_after.millis().saturating_sub(grant.not_before.millis())
}

fn bound_record(bound: &Bound<'_>) -> Result<RestrictedExpression> {
    let flag = RestrictedExpression::new_bool;
    let long = |moment: Moment| RestrictedExpression::new_long(moment.millis());
    let engagement = bound.engagement;
    let accounts = engagement.accounts.iter().flatten().map(|slot| text(&slot_text(*slot)));
    let collections = engagement.collections.iter().flatten().map(|c| text(c.as_str()));
    let verbs = engagement.verbs.iter().map(|verb| text(verb.word()));
    RestrictedExpression::new_record([
        ("id".to_owned(), text(&engagement.id)),
        ("vendor".to_owned(), text(&engagement.vendor)),
        ("accounts".to_owned(), RestrictedExpression::new_set(accounts)),
        ("everyAccount".to_owned(), flag(engagement.accounts.is_none())),
        ("collections".to_owned(), RestrictedExpression::new_set(collections)),
        ("everyCollection".to_owned(), flag(engagement.collections.is_none())),
        ("verbs".to_owned(), RestrictedExpression::new_set(verbs)),
        ("notBefore".to_owned(), long(engagement.not_before)),
        ("notAfter".to_owned(), long(engagement.not_after)),
        ("ended".to_owned(), flag(engagement.ended)),
        ("sponsored".to_owned(), flag(bound.sponsored)),
        ("vendorUntil".to_owned(), long(bound.vendor.until)),
    ])
    .map_err(|e| Error::internal(format!("authority: {e}")))
}

/// The account's slot as policies compare it. `house` is `0`.
fn slot_text(slot: u64) -> String {
    slot.to_string()
}

fn text(value: &str) -> RestrictedExpression {
    RestrictedExpression::new_string(value.to_owned())
}
