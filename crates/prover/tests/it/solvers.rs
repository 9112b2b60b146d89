//! Solvers that do not answer: nothing counts as proved, and it is said why.

use crate::support::small;
use prover::{Outcome, Solver};
use std::fs;
use std::os::unix::fs::PermissionsExt;
use std::path::Path;
use std::time::Duration;

/// A program that calls itself cvc5 and then does this.
fn broken(folder: &Path, does: &str) -> Solver {
    let path = folder.join("cvc5");
    let script = format!(
        "#!/bin/sh\n\
         if [ \"$1\" = --version ]; then echo 'This is cvc5 version 9.9'; exit 0; fi\n{does}\n"
    );
    fs::write(&path, script).unwrap();
    fs::set_permissions(&path, fs::Permissions::from_mode(0o755)).unwrap();
    Solver::at(path.to_string_lossy().into_owned(), Duration::from_secs(1)).unwrap()
}

fn with(does: &str) -> prover::Result<Outcome> {
    let copy = small();
    let solver = broken(copy.path(), does);
    copy.proved_of(copy.authority(), &["data-read"], &solver)
}

/// Answers each question so.
fn always(answer: &str) -> String {
    format!("while read -r line; do case \"$line\" in *check-sat*) echo '{answer}';; esac; done")
}

#[test]
fn what_is_unknown_late_dead_or_garbage_is_not_proved() {
    let each = [
        (always("unknown"), "the solver answered `unknown`"),
        (always("(error \"out of memory\")"), "out of memory"),
        (always("42"), "the solver answered what is no answer: \"42\""),
        (always("unsat maybe"), "no answer: \"unsat maybe\""),
        ("exit 3".to_owned(), "the solver ended or could not be asked"),
        ("kill -9 $$".to_owned(), "the solver ended or could not be asked"),
        ("cat > /dev/null".to_owned(), "the solver did not answer within 2.2 s"),
        ("sleep 60".to_owned(), "the solver did not answer within 2.2 s"),
        ("head -c 100000 /dev/zero; sleep 60".to_owned(), "the solver"),
    ];
    for (does, why) in each {
        let outcome = with(&does).unwrap();
        assert!(!outcome.holds(), "{does}");
        assert!(outcome.violations.is_empty(), "{does}");
        assert!(!outcome.proved.contains_key("one"), "{does}");
        let said: Vec<_> = outcome.undecided.iter().map(|one| one.why.as_str()).collect();
        assert!(said.iter().any(|one| one.contains(why)), "{does}: {said:?}");
    }
}

/// A solver that says *proved* of everything is found by what it has to refute, and one that
/// refutes everything by a counterexample that is none.
#[test]
fn a_solver_that_lies_is_not_believed() {
    let problem = with(&always("unsat")).unwrap_err().to_string();
    assert!(problem.contains("or the solver is broken"), "{problem}");
    let empty = "while read -r line; do case \"$line\" in *check-sat*) echo sat;; \
                 *get-model*) echo '('; echo ')';; esac; done";
    let outcome = with(empty).unwrap();
    assert!(!outcome.holds() && outcome.violations.is_empty(), "{:?}", outcome.violations);
}

#[test]
fn a_solver_that_is_not_there_is_named_with_its_package() {
    let limit = Duration::from_secs(1);
    for program in ["/nowhere/cvc5", "true"] {
        let problem = Solver::at(program.to_owned(), limit).unwrap_err().to_string();
        assert!(problem.contains("Debian package `cvc5`"), "{problem}");
        assert!(problem.contains(program) && problem.contains("CVC5"), "{problem}");
    }
}
