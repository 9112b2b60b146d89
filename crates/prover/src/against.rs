//! What a change of the policies widens and narrows.
//!
//! Old and new may have different schemas, so the scope of a policy on actions is settled under its
//! own schema first; what is left speaks of the same request in both, and is compared under the
//! newer schema. An action that only one of them knows is compared with a set that allows nothing,
//! because what the schema does not know is refused.

use crate::authority::set;
use crate::example::evaluated;
use crate::kinds::{for_any_action, kinds, name, sees_actions};
use crate::solver::Session;
use crate::{Authority, Example, Kind, Problem, Result, Solver};
use cedar_policy::{ActionConstraint, Policy, PolicySet, RequestEnv};
use std::collections::BTreeMap;

/// What differs for one kind of request.
#[derive(Clone, Debug)]
pub enum Change {
    /// The new policies allow what the old ones refused.
    Widens(Difference),
    /// The old policies allowed what the new ones refuse.
    Narrows(Difference),
    /// It is not known: why.
    Open(Kind, String),
}

/// A request that the two sets answer differently.
#[derive(Clone, Debug)]
pub struct Difference {
    /// The kind of request.
    pub kind: Kind,
    /// The permits that allow it in the one set.
    pub allowed_by: Vec<String>,
    /// What refuses it in the other: the names of forbids, or nothing where no permit allows it.
    pub refused_by: Vec<String>,
    /// The request.
    pub example: Example,
}

/// How two sets of policies compare.
#[derive(Clone, Debug, Default)]
pub struct Compared {
    /// What differs, in order.
    pub changes: Vec<Change>,
    /// Request environments that were compared, and kinds of them.
    pub environments: (usize, usize),
}

impl Compared {
    /// Whether every question was answered.
    pub fn decided(&self) -> bool {
        self.changes.iter().all(|change| !matches!(change, Change::Open(..)))
    }
}

/// Requests that neither set of policies can tell apart.
struct Pair {
    kind: Kind,
    old: bool,
    new: bool,
}

/// Compares old policies with new ones, for every kind of request of either.
///
/// # Errors
/// If they cannot be compared at all.
pub fn compare(
    old: &Authority,
    new: &Authority,
    solver: &Solver,
    progress: &(dyn Fn(usize, usize) + Sync),
) -> Result<Compared> {
    let pairs = pairs(old, new)?;
    let count = pairs.iter().map(|pair| pair.kind.actions.len()).sum();
    let environments = (count, pairs.len());
    let found = solver.each(&pairs, progress, |session, pair| differ(session, old, new, pair))?;
    let mut changes: Vec<_> = found.into_iter().flatten().collect();
    changes.sort_by_key(|change| match change {
        Change::Widens(one) => (0, one.kind.line()),
        Change::Narrows(one) => (1, one.kind.line()),
        Change::Open(kind, _) => (2, kind.line()),
    });
    Ok(Compared { changes, environments })
}

fn pairs(old: &Authority, new: &Authority) -> Result<Vec<Pair>> {
    let all = || old.policies().chain(new.policies());
    let (of_old, of_new) = (kinds(old, all())?, kinds(new, all())?);
    let mut found: BTreeMap<(Option<usize>, Option<usize>), Vec<RequestEnv>> = BTreeMap::new();
    let place = |kinds: &[Kind], env: &RequestEnv| kinds.iter().position(|kind| kind.has(env));
    for env in new.schema.request_envs() {
        found.entry((place(&of_old, &env), place(&of_new, &env))).or_default().push(env);
    }
    for env in old.schema.request_envs() {
        if let (was, None) = (place(&of_old, &env), place(&of_new, &env)) {
            found.entry((was, None)).or_default().push(env);
        }
    }
    let pair = |((was, is), envs): ((Option<usize>, Option<usize>), Vec<RequestEnv>)| {
        let schema = if is.is_some() { &new.json } else { &old.json };
        let kind = Kind::of(envs, schema)?;
        Some(Pair { kind, old: was.is_some(), new: is.is_some() })
    };
    Ok(found.into_iter().filter_map(pair).collect())
}

fn differ(
    session: &mut Session<'_>,
    old: &Authority,
    new: &Authority,
    pair: &Pair,
) -> Result<Vec<Change>> {
    let (kind, same) = (&pair.kind, old.json == new.json);
    let settled = |authority: &Authority, known: bool| {
        if known { about(authority, kind, same) } else { Ok(PolicySet::new()) }
    };
    let (before, after) = (settled(old, pair.old)?, settled(new, pair.new)?);
    if before == after {
        return Ok(vec![]);
    }
    let schema = if pair.new { &new.schema } else { &old.schema };
    let mut changes = Vec::new();
    let mut one =
        |allows: &PolicySet, refuses: &PolicySet, made: fn(Difference) -> Change| match session
            .implies(schema, &kind.env, allows, refuses)
        {
            Ok(None) => {}
            Ok(Some(env)) => {
                let (allowed, allowed_by) = evaluated(&env, allows);
                let (kept, refused_by) = evaluated(&env, refuses);
                let (example, kind) = (Example::of(&env), kind.clone());
                changes.push(if allowed && !kept {
                    made(Difference { kind, allowed_by, refused_by, example })
                } else {
                    let why = "the solver's example is none when Cedar evaluates it";
                    Change::Open(kind, why.to_owned())
                });
            }
            Err(why) => changes.push(Change::Open(kind.clone(), why)),
        };
    one(&after, &before, Change::Widens);
    one(&before, &after, Change::Narrows);
    Ok(changes)
}

/// The policies that are about this kind of request, without their scope on actions.
fn about(authority: &Authority, kind: &Kind, same: bool) -> Result<PolicySet> {
    let action = kind.env.action();
    let ancestors = authority.schema.action_entities();
    let ancestors = ancestors.map_err(|error| Problem::new(error.to_string()))?;
    let concerns = |policy: &&Policy| match policy.action_constraint() {
        ActionConstraint::Any => true,
        ActionConstraint::Eq(one) => one == *action,
        ActionConstraint::In(all) => {
            all.iter().any(|one| one == action || ancestors.is_ancestor_of(one, action))
        }
    };
    let all = authority.policies().filter(concerns).map(|one| settled(one, kind, same));
    let all = all.collect::<Result<Vec<_>>>()?;
    set(all.iter())
}

fn settled(policy: &Policy, kind: &Kind, same: bool) -> Result<Policy> {
    if !same && sees_actions(policy)? {
        let (id, action) = (policy.id(), name(kind.env.action()));
        return Err(Problem::new(format!(
            "`{id}` looks at `{action}` in its conditions, and the schema changed: compare \
             policies and schema in two steps"
        )));
    }
    for_any_action(policy)
}
