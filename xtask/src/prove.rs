//! `cargo xtask prove`: what the policies can never allow, shown by a solver.
//!
//! The work is done by the program `prover`, so that this crate stays quick to build. What was
//! proved before is kept in the target folder, and only what changed is proved again.

use std::process::Command;

use crate::shell::{self, Outcome, Workspace};
use crate::tools;

/// Runs the prover with these arguments, after building it.
///
/// # Errors
/// If the solver is missing and may not be installed, or not everything is proved.
pub fn run(workspace: &Workspace, arguments: &[String]) -> Outcome {
    tools::install_for_prove(workspace)?;
    shell::run(&mut workspace.cargo(&["build", "--quiet", "--package", "prover"]))?;
    shell::run(with_cache(workspace).args(arguments))
}

/// Compares with the checked-in proof, by the program that the run has built.
///
/// # Errors
/// If not everything is proved, or the proof is of other policies.
pub fn check(workspace: &Workspace) -> Outcome {
    shell::run(with_cache(workspace).arg("--check"))
}

fn with_cache(workspace: &Workspace) -> Command {
    let program = workspace.target.join("debug/prover");
    let mut command = workspace.program(&program.to_string_lossy());
    command.arg("--cache").arg(workspace.target.join("prove/proved"));
    command
}
