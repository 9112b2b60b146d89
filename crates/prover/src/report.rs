//! What was proved, as the checked-in `authority/proof.json` says it: `proof/v1`.

use crate::{
    Authority, Claims, NEVER_ERRS, Outcome, Problem, Result, Solver, Undecided, Violation,
};
use serde::{Deserialize, Serialize};
use serde_json::{Value, json};
use std::fmt::Write as _;

/// The form of the document.
const FORM: &str = "proof/v1";

/// A proof of every claim.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Proof {
    /// `proof/v1`.
    pub format: String,
    /// The hash of schema and policies.
    pub authority: String,
    /// The hash of the bounds.
    pub bounds: String,
    /// The day on which it was made, `2026-11-23`; none in older ones.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub made: Option<String>,
    /// Who answered.
    pub solver: By,
    /// What was proved.
    pub claims: Vec<Proved>,
}

/// A program and its version.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct By {
    /// Its name.
    pub name: String,
    /// Its version.
    pub version: String,
}

/// One bound that holds.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Proved {
    /// The bound.
    pub id: String,
    /// The claim it is part of: the name of its file.
    pub claim: String,
    /// The obligations it serves; none for what serves all of them.
    pub serves: Vec<String>,
    /// What it promises.
    pub says: String,
    /// How many policies were asked, in how many request environments.
    pub policies: usize,
    /// How many there are.
    pub environments: usize,
    /// Pairs in which the policy can apply, each of which the solver proved.
    pub applicable: usize,
}

impl Proof {
    /// Of an outcome.
    pub fn of(authority: &Authority, claims: &Claims, solver: &Solver, outcome: &Outcome) -> Self {
        let count = |claim: &str| outcome.proved.get(claim).copied().unwrap_or(0);
        let environments = outcome.environments.0;
        let mut all = Vec::new();
        for claim in &claims.all {
            all.extend(claim.bounds.iter().map(|bound| Proved {
                id: bound.id.clone(),
                claim: claim.name.clone(),
                serves: bound.serves.clone(),
                says: bound.says.clone(),
                policies: authority.permits.len(),
                environments,
                applicable: count(&claim.name),
            }));
        }
        all.push(Proved {
            id: NEVER_ERRS.to_owned(),
            claim: NEVER_ERRS.to_owned(),
            serves: vec![],
            says: "no policy and no bound can fail to be evaluated, so none is passed over".into(),
            policies: authority.policies().count() + claims.bounds().count(),
            environments,
            applicable: count(NEVER_ERRS),
        });
        Self {
            format: FORM.to_owned(),
            authority: authority.digest.clone(),
            bounds: claims.digest.clone(),
            made: None,
            solver: By { name: "cvc5".to_owned(), version: solver.version.clone() },
            claims: all,
        }
    }

    /// As it is checked in.
    ///
    /// # Errors
    /// If it has no JSON form.
    pub fn text(&self) -> Result<String> {
        let text = serde_json::to_string_pretty(self);
        text.map(|text| text + "\n").map_err(|error| Problem::new(error.to_string()))
    }

    /// Reads one.
    ///
    /// # Errors
    /// If it is no proof of this form.
    pub fn parse(text: &str) -> Result<Self> {
        let proof: Self = serde_json::from_str(text)
            .map_err(|error| Problem::new(format!("it is no `{FORM}`: {error}")))?;
        if proof.format != FORM {
            return Err(Problem::new(format!("it is no `{FORM}`: `{}`", proof.format)));
        }
        Ok(proof)
    }

    /// Whether both prove the same of the same; who answered and when may differ.
    pub fn says_the_same(&self, other: &Self) -> bool {
        let (solver, made) = (other.solver.clone(), other.made.clone());
        Self { solver, made, ..self.clone() } == *other
    }

    /// The document with how it went, for programs.
    pub fn with(&self, outcome: &Outcome) -> Value {
        let mut all = serde_json::to_value(self).unwrap_or_default();
        let mut add = |name: &str, value: Value| {
            if let Some(parts) = all.as_object_mut() {
                parts.insert(name.to_owned(), value);
            }
        };
        add("holds", outcome.holds().into());
        add("violations", outcome.violations.iter().map(violation).collect());
        add("undecided", outcome.undecided.iter().map(undecided).collect());
        add("formulas", json!({"now": outcome.asked.0, "known": outcome.asked.1}));
        all
    }
}

fn violation(one: &Violation) -> Value {
    json!({
        "claim": one.claim,
        "bounds": one.bounds.iter().map(|(id, says)| json!({"id": id, "says": says}))
            .collect::<Vec<_>>(),
        "policy": one.policy,
        "actions": one.kind.actions,
        "example": one.example,
    })
}

fn undecided(one: &Undecided) -> Value {
    json!({
        "claim": one.claim,
        "policy": one.policy,
        "actions": one.kind.actions,
        "principal": one.kind.principal,
        "resource": one.kind.resource,
        "why": one.why,
    })
}

/// How it went, for people.
pub fn told(proof: &Proof, outcome: &Outcome) -> String {
    let mut text = String::new();
    let (environments, kinds) = outcome.environments;
    let _ = writeln!(
        text,
        "{environments} request environments of {kinds} kinds, {} {}",
        proof.solver.name, proof.solver.version
    );
    let mut claims: Vec<&str> = proof.claims.iter().map(|one| one.claim.as_str()).collect();
    claims.dedup();
    for claim in claims {
        let open = outcome.undecided.iter().filter(|one| one.claim == claim).count();
        let wrong = outcome.violations.iter().filter(|one| one.claim == claim).count();
        let of = || proof.claims.iter().filter(|one| one.claim == claim);
        let (bounds, pairs) = (of().count(), of().map(|one| one.applicable).next().unwrap_or(0));
        let state = match (wrong, open) {
            (0, 0) => "proved",
            (0, _) => "not proved",
            _ => "REFUTED",
        };
        let _ = writeln!(
            text,
            "{state:<12}{claim:<28}bounds: {bounds:<4}pairs of policy and environment: {pairs}"
        );
    }
    let mut seen = Vec::new();
    for one in &outcome.violations {
        let this = (&one.policy, &one.claim);
        if seen.contains(&this) {
            continue;
        }
        seen.push(this);
        let alike = outcome.violations.iter().filter(|v| (&v.policy, &v.claim) == this);
        let _ = writeln!(text, "\n{}", refuted(one, alike.count()));
    }
    for one in &outcome.undecided {
        let _ = writeln!(text, "\nnot proved: `{}` for {} ({})", one.policy, one.claim, one.why);
        let _ = writeln!(text, "      {}", one.kind.line());
    }
    text
}

fn refuted(one: &Violation, kinds: usize) -> String {
    let mut text = if one.claim == NEVER_ERRS {
        format!("`{}` cannot always be evaluated, and is passed over then", one.policy)
    } else {
        format!("`{}` allows what `{}` says is never allowed", one.policy, one.claim)
    };
    for (id, says) in &one.bounds {
        let _ = write!(text, "\n    {id}: {says}");
    }
    let more = if kinds > 1 { format!(" (and {} kinds more)", kinds - 1) } else { String::new() };
    let _ = write!(text, "\n    for {}{more}, such as\n{}", one.kind.line(), one.example);
    text
}
