//! cvc5 as a program beside this one, bounded in time and memory.
//!
//! It is not believed further than needed: that it says *proved* of everything is found by asking
//! what it has to refute (`prove`), and what it refutes is evaluated by Cedar (`example`).

use crate::{Authority, Claim, Kind, Problem, Result};
use cedar_policy::{Policy, PolicySet, RequestEnv, Schema};
use cedar_policy_symcc::err::{Error, SolverError};
use cedar_policy_symcc::solver::{LocalSolver, WriterSolver};
use cedar_policy_symcc::{CedarSymCompiler, CompiledPolicy, CompiledPolicySet, Env};
use std::collections::VecDeque;
use std::process::Command;
use std::rc::Rc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Mutex, PoisonError};
use std::time::Duration;

/// The package that brings the program.
const PACKAGE: &str = "cvc5";
/// How much memory one solver may take, in KiB.
const MEMORY_KIB: &str = "4194304";
/// How many formulas a session keeps.
const FORMULAS: usize = 8;
/// How many solvers run beside each other.
const SOLVERS: usize = 2;

/// Where the solver is, and how long it may think.
#[derive(Clone, Debug)]
pub struct Solver {
    program: String,
    /// Its version, as it says itself.
    pub version: String,
    /// How long one question may take.
    pub limit: Duration,
}

/// The compiler with a solver of its own.
type Asking = CedarSymCompiler<LocalSolver>;

/// An answer: nothing if it is proved, a counterexample if it is refuted, else why it is open.
pub(crate) type Answer = std::result::Result<Option<Env>, String>;

impl Solver {
    /// The program that the variable `CVC5` names, else `cvc5` in `PATH`.
    ///
    /// # Errors
    /// If it cannot be started, naming the package, or does not say that it is cvc5.
    pub fn find(limit: Duration) -> Result<Self> {
        Self::at(std::env::var("CVC5").unwrap_or_else(|_| "cvc5".to_owned()), limit)
    }

    /// The program at this path.
    ///
    /// # Errors
    /// As [`Self::find`].
    pub fn at(program: String, limit: Duration) -> Result<Self> {
        let missing = |why: &str| {
            Problem::new(format!(
                "nothing is proved: the solver `{program}` {why}; install the Debian package \
                 `{PACKAGE}`, or name the program in the variable CVC5"
            ))
        };
        let output = Command::new(&program)
            .arg("--version")
            .output()
            .map_err(|error| missing(&format!("cannot be started ({error})")))?;
        let said = String::from_utf8_lossy(&output.stdout);
        let version = said.lines().next().and_then(|line| line.split_once("cvc5 version "));
        let version = version.and_then(|(_, rest)| rest.split_whitespace().next());
        let version = version.ok_or_else(|| missing("does not say that it is cvc5"))?.to_owned();
        Ok(Self { program, version, limit })
    }

    /// Answers every task, on as many threads as there may be solvers, in no order.
    pub(crate) fn each<T: Sync, R: Send>(
        &self,
        tasks: &[T],
        progress: &(dyn Fn(usize, usize) + Sync),
        answer: impl Fn(&mut Session<'_>, &T) -> Result<R> + Sync,
    ) -> Result<Vec<R>> {
        let (next, done) = (AtomicUsize::new(0), AtomicUsize::new(0));
        let found = Mutex::new(Vec::new());
        let work = || -> Result<()> {
            let mut session = Session::new(self)?;
            while let Some(task) = tasks.get(next.fetch_add(1, Ordering::Relaxed)) {
                let one = answer(&mut session, task)?;
                found.lock().unwrap_or_else(PoisonError::into_inner).push(one);
                progress(done.fetch_add(1, Ordering::Relaxed) + 1, tasks.len());
            }
            Ok(())
        };
        std::thread::scope(|scope| {
            let workers: Vec<_> = (0..SOLVERS).map(|_| scope.spawn(work)).collect();
            let ended = workers.into_iter().map(|worker| {
                worker.join().unwrap_or_else(|_| Err(Problem::new("a thread of the prover ended")))
            });
            ended.collect::<Result<Vec<()>>>()
        })?;
        Ok(found.into_inner().unwrap_or_else(PoisonError::into_inner))
    }

    /// A solver that answers one question after another.
    fn start(&self) -> std::result::Result<Asking, String> {
        let limit = format!("--tlimit-per={}", self.limit.as_millis());
        let mut command = tokio::process::Command::new("sh");
        // The limit of memory is the shell's, because a child cannot set its own here.
        let bounded = format!("ulimit -v {MEMORY_KIB}; exec \"$0\" \"$@\"");
        command.args(["-c", &bounded, &self.program, "--lang", "smt", &limit]).kill_on_drop(true);
        let solver = LocalSolver::from_command(&mut command).map_err(|error| error.to_string())?;
        CedarSymCompiler::new(solver).map_err(|error| error.to_string())
    }

    fn why(&self, error: &Error) -> String {
        match error {
            Error::SolverUnknown => format!(
                "the solver answered `unknown`, as it does after {} at the latest",
                seconds(self.limit)
            ),
            Error::SolverError(SolverError::UnrecognizedSolverOutput(what)) => {
                let what: String = what.chars().take(80).collect();
                format!("the solver answered what is no answer: {what:?}")
            }
            Error::EncodeError(_) | Error::SolverError(_) => {
                format!("the solver ended or could not be asked: {}", said(error))
            }
            other => said(other),
        }
    }
}

/// One thread with a solver of its own.
pub(crate) struct Session<'a> {
    solver: &'a Solver,
    runtime: tokio::runtime::Runtime,
    asking: Option<Asking>,
    /// All under one schema: a session is for one run.
    formulas: VecDeque<(RequestEnv, PolicySet, Rc<CompiledPolicySet>)>,
}

impl<'a> Session<'a> {
    fn new(solver: &'a Solver) -> Result<Self> {
        let runtime = tokio::runtime::Builder::new_current_thread()
            .enable_all()
            .build()
            .map_err(|error| Problem::new(format!("no runtime for the solver: {error}")))?;
        Ok(Self { solver, runtime, asking: None, formulas: VecDeque::new() })
    }

    /// A request that the first set allows and the second does not.
    pub(crate) fn implies(
        &mut self,
        schema: &Schema,
        env: &RequestEnv,
        first: &PolicySet,
        second: &PolicySet,
    ) -> Answer {
        let (first, second) =
            (self.formula(schema, env, first)?, self.formula(schema, env, second)?);
        self.ask(async |asking: &mut Asking| {
            asking.check_implies_with_counterexample_opt(&first, &second).await
        })
    }

    /// A set as a formula. The last few are kept: one question after another is about the same.
    fn formula(
        &mut self,
        schema: &Schema,
        env: &RequestEnv,
        set: &PolicySet,
    ) -> std::result::Result<Rc<CompiledPolicySet>, String> {
        let known = self.formulas.iter().find(|(of, other, _)| of == env && other == set);
        if let Some((_, _, formula)) = known {
            return Ok(formula.clone());
        }
        let made = CompiledPolicySet::compile(set, env, schema).map_err(|error| said(&error))?;
        let formula = Rc::new(made);
        self.formulas.truncate(FORMULAS - 1);
        self.formulas.push_front((env.clone(), set.clone(), formula.clone()));
        Ok(formula)
    }

    /// A request for which a policy cannot be evaluated.
    pub(crate) fn errs(&mut self, schema: &Schema, env: &RequestEnv, policy: &Policy) -> Answer {
        let compiled =
            CompiledPolicy::compile(policy, env, schema).map_err(|error| said(&error))?;
        self.ask(async |asking: &mut Asking| {
            asking.check_never_errors_with_counterexample_opt(&compiled).await
        })
    }

    /// Asks the solver; one that did not answer is ended, and the next question gets another.
    fn ask(
        &mut self,
        question: impl AsyncFnOnce(&mut Asking) -> std::result::Result<Option<Env>, Error>,
    ) -> Answer {
        let (solver, slot) = (self.solver, &mut self.asking);
        // The solver keeps its own limit; one that does not is ended a little later.
        let patience = solver.limit + solver.limit / 4 + Duration::from_secs(1);
        self.runtime.block_on(async {
            let mut asking = match slot.take() {
                Some(asking) => asking,
                None => solver.start()?,
            };
            match tokio::time::timeout(patience, question(&mut asking)).await {
                Ok(Ok(answer)) => {
                    *slot = Some(asking);
                    Ok(answer)
                }
                Ok(Err(error)) => Err(solver.why(&error)),
                Err(_) => Err(format!("the solver did not answer within {}", seconds(patience))),
            }
        })
    }
}

/// An error with what lies behind it.
fn said(error: &dyn std::error::Error) -> String {
    let mut text = error.to_string();
    let mut cause = error.source();
    while let Some(one) = cause {
        let more = one.to_string();
        if !text.contains(&more) {
            text = format!("{text}: {more}");
        }
        cause = one.source();
    }
    text
}

fn seconds(time: Duration) -> String {
    format!("{:.1} s", time.as_secs_f64())
}

/// The question whether a permit stays within a claim, as the solver gets it.
///
/// # Errors
/// If it cannot be made.
pub fn question(
    authority: &Authority,
    permit: &Policy,
    claim: &Claim,
    kind: &Kind,
) -> Result<String> {
    let set = authority.with(Some(permit))?;
    let made = |set| {
        CompiledPolicySet::compile(set, &kind.env, &authority.schema)
            .map_err(|error| Problem::new(said(&error)))
    };
    let (live, allowed) = (made(&set)?, made(&claim.allowed)?);
    let runtime = tokio::runtime::Builder::new_current_thread().build();
    let runtime = runtime.map_err(|error| Problem::new(error.to_string()))?;
    let mut compiler = CedarSymCompiler::new(WriterSolver { w: Vec::new() })
        .map_err(|error| Problem::new(said(&error)))?;
    // It writes the question down and answers `unknown`, which is an error here.
    let asked = runtime.block_on(compiler.check_implies_opt(&live, &allowed));
    let text = String::from_utf8_lossy(&compiler.solver().w).into_owned();
    Ok(asked.map_or(text, |settled| format!("settled: {settled}")))
}
