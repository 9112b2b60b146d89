//! Proving each permit against each claim, for every kind of request.

use crate::authority::set;
use crate::bounds::everything;
use crate::example::{errs, evaluated};
use crate::kinds::{for_any_action, kinds, sees_actions};
use crate::solver::Session;
use crate::{Authority, Bound, Cache, Claim, Claims, Example, Kind, Problem, Result, Solver};
use cedar_policy::{Policy, RequestEnv};
use cedar_policy_symcc::Env;
use std::collections::BTreeMap;
use std::sync::atomic::{AtomicUsize, Ordering};

/// The claim that no policy and no bound can fail to evaluate; it has no file.
pub const NEVER_ERRS: &str = "never-errs";

/// A request that the policies allow and a bound forbids.
#[derive(Clone, Debug)]
pub struct Violation {
    /// The claim.
    pub claim: String,
    /// The bounds that the example breaks, with what each promises.
    pub bounds: Vec<(String, String)>,
    /// The permit that allows it; the policy or bound that errs, for [`NEVER_ERRS`].
    pub policy: String,
    /// The kind of request.
    pub kind: Kind,
    /// One such request.
    pub example: Example,
}

/// Something that was neither proved nor refuted.
#[derive(Clone, Debug)]
pub struct Undecided {
    /// The claim.
    pub claim: String,
    /// The policy it was asked about.
    pub policy: String,
    /// The kind of request.
    pub kind: Kind,
    /// Why there is no answer.
    pub why: String,
}

/// How it went.
#[derive(Clone, Debug, Default)]
pub struct Outcome {
    /// By claim: how many pairs of policy and request environment were proved of those where the
    /// policy can apply at all. In every other one it is never reached, by Cedar's own validator.
    pub proved: BTreeMap<String, usize>,
    /// What is refuted.
    pub violations: Vec<Violation>,
    /// What is open. It counts as not proved.
    pub undecided: Vec<Undecided>,
    /// Request environments, and kinds of them.
    pub environments: (usize, usize),
    /// Formulas that were proved now, and those that were known from before.
    pub asked: (usize, usize),
}

impl Outcome {
    /// Whether everything is proved.
    pub fn holds(&self) -> bool {
        self.violations.is_empty() && self.undecided.is_empty()
    }
}

/// One question.
enum Task<'a> {
    /// A permit with all forbids stays within a claim.
    Within(&'a Policy, &'a Claim, &'a Kind),
    /// A policy never fails to evaluate; for kinds that differ only in the action.
    Errs(&'a Policy, Vec<&'a Kind>),
    /// A bound forbids something that a set without forbids would allow.
    Bites(&'a Bound, Vec<&'a Kind>),
}

/// What became of a question.
enum Found {
    Proved(String, usize),
    Refuted(Box<Violation>),
    Open(Box<Undecided>),
}

/// Proves every claim, and says after each question how many are done, of how many.
///
/// # Errors
/// If a bound forbids nothing at all, or policies and bounds do not fit together.
pub fn prove(
    authority: &Authority,
    claims: &Claims,
    solver: &Solver,
    cache: &Cache,
    progress: &(dyn Fn(usize, usize) + Sync),
) -> Result<Outcome> {
    let named = claims.bounds().map(|bound| &bound.policy);
    let kinds = kinds(authority, authority.policies().chain(named))?;
    let tasks = tasks(authority, claims, &kinds)?;
    let prover = Prover::new(authority, solver, cache);
    let found = solver.each(&tasks, progress, |session, task| prover.answer(session, task))?;
    let environments = kinds.iter().map(|kind| kind.actions.len()).sum();
    let known = prover.known.load(Ordering::Relaxed);
    let mut outcome = Outcome {
        environments: (environments, kinds.len()),
        asked: (tasks.len().saturating_sub(known), known),
        ..Outcome::default()
    };
    for one in found.into_iter().flatten() {
        match one {
            Found::Proved(claim, pairs) => *outcome.proved.entry(claim).or_default() += pairs,
            Found::Refuted(violation) => outcome.violations.push(*violation),
            Found::Open(undecided) => outcome.undecided.push(*undecided),
        }
    }
    let place = |kind: &Kind| kind.line();
    outcome.violations.sort_by_key(|v| (v.claim.clone(), v.policy.clone(), place(&v.kind)));
    outcome.undecided.sort_by_key(|u| (u.claim.clone(), u.policy.clone(), place(&u.kind)));
    Ok(outcome)
}

fn tasks<'a>(
    authority: &'a Authority,
    claims: &'a Claims,
    kinds: &'a [Kind],
) -> Result<Vec<Task<'a>>> {
    let mut tasks = Vec::new();
    let applies = |policy: &Policy| -> Vec<&'a Kind> {
        let envs: Vec<RequestEnv> = policy.get_valid_request_envs(&authority.schema).collect();
        kinds.iter().filter(|kind| envs.contains(&kind.env)).collect()
    };
    for bound in claims.bounds() {
        let kinds = applies(&bound.policy);
        tasks.extend(by_shape(&bound.policy, kinds.clone()));
        tasks.push(Task::Bites(bound, kinds));
    }
    for policy in &authority.forbids {
        tasks.extend(by_shape(policy, applies(policy)));
    }
    for permit in &authority.permits {
        let kinds = applies(permit);
        tasks.extend(by_shape(permit, kinds.clone()));
        for kind in kinds {
            tasks.extend(claims.all.iter().map(|claim| Task::Within(permit, claim, kind)));
        }
    }
    Ok(tasks)
}

/// One question for all kinds that differ only in the action.
fn by_shape<'a>(policy: &'a Policy, kinds: Vec<&'a Kind>) -> impl Iterator<Item = Task<'a>> {
    let mut shapes: BTreeMap<&str, Vec<&Kind>> = BTreeMap::new();
    for kind in kinds {
        shapes.entry(&kind.shape).or_default().push(kind);
    }
    shapes.into_values().map(move |kinds| Task::Errs(policy, kinds))
}

/// What every thread shares.
struct Prover<'a> {
    authority: &'a Authority,
    version: &'a str,
    cache: &'a Cache,
    known: AtomicUsize,
    forbids: String,
}

impl<'a> Prover<'a> {
    fn new(authority: &'a Authority, solver: &'a Solver, cache: &'a Cache) -> Self {
        let forbids = authority.forbids.iter().map(text).collect::<Vec<_>>().join("\n");
        let known = AtomicUsize::new(0);
        Self { authority, version: &solver.version, cache, known, forbids }
    }

    fn answer(&self, session: &mut Session<'_>, task: &Task<'_>) -> Result<Vec<Found>> {
        match task {
            Task::Within(permit, claim, kind) => {
                Ok(vec![self.within(session, permit, claim, kind)?])
            }
            Task::Errs(policy, kinds) => self.errs(session, policy, kinds),
            Task::Bites(bound, kinds) => Ok(vec![self.bites(session, bound, kinds)?]),
        }
    }

    fn within(
        &self,
        session: &mut Session<'_>,
        permit: &Policy,
        claim: &Claim,
        kind: &Kind,
    ) -> Result<Found> {
        let key = self.key(&["within", &text(permit), &self.forbids, &claim.text], kind);
        let done = || Found::Proved(claim.name.clone(), kind.actions.len());
        if self.knows(&key) {
            return Ok(done());
        }
        let live = self.authority.with(Some(permit))?;
        match session.implies(&self.authority.schema, &kind.env, &live, &claim.allowed) {
            Ok(None) => {
                self.cache.put(key);
                Ok(done())
            }
            Ok(Some(env)) => {
                let (allowed, _) = evaluated(&env, &live);
                let (within, broken) = evaluated(&env, &claim.allowed);
                if !allowed || within {
                    let why = "the solver's counterexample is none when Cedar evaluates it";
                    return Ok(open(&claim.name, permit, kind, why));
                }
                let says = |id: String| {
                    let bound = claim.bounds.iter().find(|bound| bound.id == id);
                    let says = bound.map(|bound| bound.says.clone()).unwrap_or_default();
                    (id, says)
                };
                let bounds = broken.into_iter().map(says).collect();
                Ok(refuted(&claim.name, bounds, permit, kind, &env))
            }
            Err(why) => Ok(open(&claim.name, permit, kind, &why)),
        }
    }

    /// A policy that does not fail whatever the action is, fails for none of them. Only if it
    /// might, or looks at the action, each kind is asked by itself.
    fn errs(
        &self,
        session: &mut Session<'_>,
        policy: &Policy,
        kinds: &[&Kind],
    ) -> Result<Vec<Found>> {
        if let ([first, _, ..], false) = (kinds, sees_actions(policy)?) {
            let pairs = kinds.iter().map(|kind| kind.actions.len()).sum();
            if let Found::Proved(claim, _) =
                self.errs_in(session, &for_any_action(policy)?, first)?
            {
                return Ok(vec![Found::Proved(claim, pairs)]);
            }
        }
        kinds.iter().map(|kind| self.errs_in(session, policy, kind)).collect()
    }

    fn errs_in(&self, session: &mut Session<'_>, policy: &Policy, kind: &Kind) -> Result<Found> {
        let key = self.key(&["errs", &text(policy)], kind);
        if self.knows(&key) {
            return Ok(Found::Proved(NEVER_ERRS.to_owned(), kind.actions.len()));
        }
        Ok(match session.errs(&self.authority.schema, &kind.env, policy) {
            Ok(None) => {
                self.cache.put(key);
                Found::Proved(NEVER_ERRS.to_owned(), kind.actions.len())
            }
            Ok(Some(env)) if errs(&env.request, &env.entities, &set(std::iter::once(policy))?) => {
                refuted(NEVER_ERRS, vec![], policy, kind, &env)
            }
            Ok(Some(_)) => {
                let why = "the solver's counterexample is none when Cedar evaluates it";
                open(NEVER_ERRS, policy, kind, why)
            }
            Err(why) => open(NEVER_ERRS, policy, kind, &why),
        })
    }

    /// What keeps a bound honest, and the solver: something has to be refuted.
    fn bites(&self, session: &mut Session<'_>, bound: &Bound, kinds: &[&Kind]) -> Result<Found> {
        let everything = everything()?;
        let all = set(std::iter::once(&everything))?;
        let bounded = set([&everything, &bound.policy].into_iter())?;
        let claim = format!("bites: {}", bound.id);
        for kind in kinds {
            match session.implies(&self.authority.schema, &kind.env, &all, &bounded) {
                Ok(Some(env)) if !evaluated(&env, &bounded).0 => {
                    return Ok(Found::Proved(claim, 1));
                }
                Ok(_) => {}
                Err(why) => return Ok(open(&claim, &bound.policy, kind, &why)),
            }
        }
        let what = "forbids nothing, so keeping to it proves nothing; or the solver is broken";
        Err(Problem::new(format!("the bound `{}` {what}", bound.id)))
    }

    fn knows(&self, key: &str) -> bool {
        let known = self.cache.knows(key);
        self.known.fetch_add(usize::from(known), Ordering::Relaxed);
        known
    }

    fn key(&self, parts: &[&str], kind: &Kind) -> String {
        let mut all = vec![self.version, &self.authority.text];
        all.extend([kind.principal.as_str(), &kind.resource]);
        all.extend(kind.actions.first().map(String::as_str));
        all.extend(parts);
        Cache::key(&all)
    }
}

fn text(policy: &Policy) -> String {
    policy.to_cedar().unwrap_or_else(|| policy.to_string())
}

fn refuted(
    claim: &str,
    bounds: Vec<(String, String)>,
    policy: &Policy,
    kind: &Kind,
    env: &Env,
) -> Found {
    let (policy, example) = (policy.id().to_string(), Example::of(env));
    let (claim, kind) = (claim.to_owned(), kind.clone());
    Found::Refuted(Box::new(Violation { claim, bounds, policy, kind, example }))
}

fn open(claim: &str, policy: &Policy, kind: &Kind, why: &str) -> Found {
    let (claim, policy) = (claim.to_owned(), policy.id().to_string());
    let (kind, why) = (kind.clone(), why.to_owned());
    Found::Open(Box::new(Undecided { claim, policy, kind, why }))
}
