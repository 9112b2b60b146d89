//! `cargo xtask gen`: writes the checked-in generated files anew.
//!
//! Two sources. The OpenAPI document comes from the binary. Golden files come from tests: a test
//! that compares one has `golden` in its name and, with `BAILEE_BLESS=1`, writes the file instead.
//! Deliberately absent: frozen vectors. They are promises about stored data; a tool that rewrites
//! them in passing would break the promise in passing.

use std::fs;
use std::path::Path;

use crate::shell::{self, Failure, Outcome, Workspace, failed};

/// Every file that `gen` may write.
const GENERATED: &[&str] = &[OPENAPI, "authority/matrix.txt", "crates/api/routes.txt"];
/// The API description, printed by `bailee openapi`.
pub const OPENAPI: &str = "openapi.json";

/// What `gen` is to do.
#[derive(Debug, PartialEq, Eq)]
pub struct Options {
    /// Put everything back and only say which files differ.
    pub check: bool,
}

impl Options {
    /// Reads `--check`.
    pub fn parse(arguments: &[String]) -> Outcome<Self> {
        match arguments {
            [] => Ok(Self { check: false }),
            [flag] if flag == "--check" => Ok(Self { check: true }),
            [other, ..] => Err(Failure::Usage(format!("`gen` does not know `{other}`"))),
        }
    }
}

/// Writes the generated files, or with `--check` says which would change and fails if any would.
pub fn run(workspace: &Workspace, options: &Options) -> Outcome {
    let before: Vec<_> = GENERATED.iter().map(|path| read(workspace, path)).collect();
    write_all(workspace)?;
    let mut changed = Vec::new();
    for (path, old) in GENERATED.iter().zip(before) {
        if read(workspace, path) == old {
            continue;
        }
        changed.push(*path);
        if options.check {
            put(workspace, path, old.as_deref())?;
        }
    }
    if changed.is_empty() {
        println!("generated files are up to date");
        return Ok(());
    }
    if options.check {
        return failed(format!(
            "out of date: {}; run `cargo xtask gen` and commit the result",
            changed.join(", ")
        ));
    }
    println!("written: {}", changed.join(", "));
    Ok(())
}

fn write_all(workspace: &Workspace) -> Outcome {
    let bless = ["test", "--workspace", "--quiet", "golden"];
    shell::run(workspace.cargo(&bless).env("BAILEE_BLESS", "1"))?;
    let openapi = shell::capture(&mut workspace.cargo(&[
        "run",
        "--quiet",
        "--package",
        "bailee",
        "--",
        "openapi",
    ]))?;
    put(workspace, OPENAPI, Some(&openapi))
}

fn read(workspace: &Workspace, path: &str) -> Option<Vec<u8>> {
    fs::read(workspace.root.join(path)).ok()
}

fn put(workspace: &Workspace, path: &str, bytes: Option<&[u8]>) -> Outcome {
    let full = workspace.root.join(path);
    let result = match bytes {
        Some(bytes) => write_file(&full, bytes),
        None => fs::remove_file(&full),
    };
    result.map_err(|error| Failure::Failed(format!("cannot write `{path}`: {error}")))
}

fn write_file(path: &Path, bytes: &[u8]) -> std::io::Result<()> {
    if let Some(folder) = path.parent() {
        fs::create_dir_all(folder)?;
    }
    fs::write(path, bytes)
}
