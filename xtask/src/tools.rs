//! Installs what the tests need and this machine lacks.
//!
//! Promises: looks before it installs, so that a second run takes no time; says each step in one
//! line; what comes from PyPI and npm stays inside the target folder. Debian packages are installed
//! only by root; anyone else is told their names.
//! Deliberately absent: the Rust toolchain and cargo-nextest, which are the developer's choice.

use std::fs;
use std::os::unix::fs::MetadataExt;
use std::path::Path;

use crate::shell::{self, Failure, Outcome, Workspace, failed, has_program};

/// How to see that a tool is there.
enum Detect {
    /// A program of this name in `PATH`.
    Program(&'static str),
    /// A command that succeeds.
    Runs(&'static [&'static str]),
    /// A file that exists.
    File(&'static str),
}

/// A tool from Debian: how to see it, which package brings it, what needs it.
struct Tool {
    detect: Detect,
    package: &'static str,
    needed_for: &'static str,
}

/// What shows that the policies stay within their bounds.
const SOLVER: Tool = Tool {
    detect: Detect::Runs(&["sh", "-c", "\"${CVC5:-cvc5}\" --version"]),
    package: "cvc5",
    needed_for: "the proof that the policies stay within their bounds",
};

const DEBIAN: &[Tool] = &[
    Tool {
        detect: Detect::Program("git"),
        package: "git",
        needed_for: "the list of files that tidy reads",
    },
    Tool {
        detect: Detect::Program("cc"),
        package: "gcc",
        needed_for: "linking, and the C sources of SQLite and AWS-LC",
    },
    Tool {
        detect: Detect::File("/usr/include/stdio.h"),
        package: "libc6-dev",
        needed_for: "the C sources of SQLite and AWS-LC",
    },
    Tool {
        detect: Detect::Program("strace"),
        package: "strace",
        needed_for: "tests of which system calls precede an answer",
    },
    Tool {
        detect: Detect::Program("sqlite3"),
        package: "sqlite3",
        needed_for: "tests that alter a store from outside",
    },
    Tool {
        detect: Detect::Program("curl"),
        package: "curl",
        needed_for: "tests with a foreign HTTP client",
    },
    Tool {
        detect: Detect::Program("openssl"),
        package: "openssl",
        needed_for: "tests of the TLS listener",
    },
    Tool {
        detect: Detect::Program("python3"),
        package: "python3",
        needed_for: "foreign verifiers",
    },
    Tool {
        detect: Detect::Runs(&["python3", "-c", "import ensurepip, venv"]),
        package: "python3-venv",
        needed_for: "foreign verifiers",
    },
    Tool { detect: Detect::Program("node"), package: "nodejs", needed_for: "foreign verifiers" },
    Tool { detect: Detect::Program("npm"), package: "npm", needed_for: "foreign verifiers" },
    Tool {
        // `upsd` in PATH is a wrapper that refuses until somebody edits a file in /etc.
        detect: Detect::File("/lib/nut/upsd"),
        package: "nut-server",
        needed_for: "tests of power supplies, with its simulated device",
    },
    Tool {
        detect: Detect::Program("upsc"),
        package: "nut-client",
        needed_for: "a foreign reader of power supplies",
    },
    Tool {
        detect: Detect::Program("pdftotext"),
        package: "poppler-utils",
        needed_for: "a foreign reader of PDF",
    },
    Tool {
        detect: Detect::Program("nmap"),
        package: "nmap",
        needed_for: "real scans of the listener, to import",
    },
    Tool {
        detect: Detect::Program("oathtool"),
        package: "oathtool",
        needed_for: "foreign one-time codes",
    },
    Tool {
        detect: Detect::Program("kubectl"),
        package: "kubernetes-client",
        needed_for: "a foreign client of clusters, which is given certificates",
    },
    Tool {
        detect: Detect::Program("hydra"),
        package: "hydra",
        needed_for: "real guessing of credentials at the listener",
    },
    Tool {
        detect: Detect::Program("ffuf"),
        package: "ffuf",
        needed_for: "real searching for paths at the listener",
    },
    Tool {
        detect: Detect::File("/usr/sbin/nft"),
        package: "nftables",
        needed_for: "bans that the machine applies",
    },
    Tool {
        detect: Detect::Runs(&["ip", "-V"]),
        package: "iproute2",
        needed_for: "attackers with addresses of their own",
    },
    Tool {
        detect: Detect::Program("testssl"),
        package: "testssl.sh",
        needed_for: "real TLS scans of the listener, to import",
    },
    Tool {
        detect: Detect::Program("logger"),
        package: "bsdutils",
        needed_for: "a foreign sender of syslog",
    },
    Tool {
        detect: Detect::File("/usr/sbin/rsyslogd"),
        package: "rsyslog",
        needed_for: "a foreign sender of syslog",
    },
    Tool {
        detect: Detect::Runs(&["sh", "-c", "ls /usr/lib/*/rsyslog/lmnsd_gtls.so"]),
        package: "rsyslog-gnutls",
        needed_for: "a foreign sender of syslog over TLS",
    },
    Tool {
        detect: Detect::File("/usr/sbin/sshd"),
        package: "openssh-server",
        needed_for: "real lines of sshd, and a real host for SSH certificates",
    },
    Tool {
        detect: Detect::Program("ssh"),
        package: "openssh-client",
        needed_for: "a client for those, and `ssh-keygen`",
    },
    Tool {
        detect: Detect::Runs(&["sh", "-c", "ls /usr/lib/postgresql/15/lib/pgaudit.so"]),
        package: "postgresql-15-pgaudit",
        needed_for: "real lines of PostgreSQL and pgaudit",
    },
    Tool {
        detect: Detect::File("/usr/lib/postgresql/15/bin/postgres"),
        package: "postgresql-15",
        needed_for: "a real host for client certificates, and stores of several nodes",
    },
    Tool {
        detect: Detect::Program("psql"),
        package: "postgresql-client-15",
        needed_for: "a client for that host",
    },
    Tool {
        detect: Detect::Program("patroni"),
        package: "patroni",
        needed_for: "stores that survive the loss of a machine",
    },
    Tool {
        detect: Detect::File("/usr/lib/python3/dist-packages/etcd/__init__.py"),
        package: "python3-etcd",
        needed_for: "what Patroni agrees by",
    },
    Tool {
        // Only a recommendation of the package before; without it addresses in certificates fail.
        detect: Detect::File("/usr/lib/python3/dist-packages/idna/__init__.py"),
        package: "python3-idna",
        needed_for: "what Patroni agrees by, over TLS",
    },
    Tool {
        detect: Detect::Program("etcd"),
        package: "etcd-server",
        needed_for: "what Patroni agrees by",
    },
    Tool {
        detect: Detect::Program("etcdctl"),
        package: "etcd-client",
        needed_for: "a client for that",
    },
    Tool {
        detect: Detect::Program("systemd-analyze"),
        package: "systemd",
        needed_for: "checks of the units that ship",
    },
    Tool {
        detect: Detect::File("/usr/lib/postfix/sbin/master"),
        package: "postfix",
        needed_for: "a real mail server that sends letters back, in a folder of its own",
    },
    SOLVER,
    Tool {
        detect: Detect::Program("chromium"),
        package: "chromium",
        needed_for: "tests of the pages in a real browser",
    },
];

/// Requirement files of pip; all go into one virtual environment, `venv` in the tools folder.
const PYTHON: &[&str] = &["tests/foreign/requirements.txt"];
/// The npm manifest; its packages go into `node_modules` in the tools folder.
const NODE: &str = "tests/foreign/package.json";

/// Installs everything that is missing.
///
/// # Errors
/// Names the Debian packages when this user may not install them, or the step that failed.
pub fn install(workspace: &Workspace) -> Outcome {
    debian(workspace, DEBIAN)?;
    let tools = workspace.tools();
    fs::create_dir_all(&tools).map_err(|error| cannot("create", &tools, &error))?;
    python(workspace, &tools)?;
    node(workspace, &tools)
}

impl Tool {
    fn is_there(&self, workspace: &Workspace) -> bool {
        match self.detect {
            Detect::Program(name) => has_program(name),
            Detect::File(path) => Path::new(path).exists(),
            Detect::Runs(words) => words.split_first().is_some_and(|(name, arguments)| {
                shell::succeeds(workspace.program(name).args(arguments))
            }),
        }
    }
}

/// What only benchmarks need besides.
const BENCH: &[Tool] = &[Tool {
    detect: Detect::Program("wrk"),
    package: "wrk",
    needed_for: "load on the server under measurement",
}];

/// Installs what benchmarks need and is missing.
///
/// # Errors
/// As [`install`].
pub fn install_for_bench(workspace: &Workspace) -> Outcome {
    debian(workspace, BENCH)
}

/// Installs what proofs need and is missing.
///
/// # Errors
/// As [`install`].
pub fn install_for_prove(workspace: &Workspace) -> Outcome {
    debian(workspace, &[SOLVER])
}

fn debian(workspace: &Workspace, tools: &'static [Tool]) -> Outcome {
    let missing: Vec<&Tool> = tools.iter().filter(|tool| !tool.is_there(workspace)).collect();
    if missing.is_empty() {
        return Ok(());
    }
    for tool in &missing {
        println!("tools: `{}` is missing, needed for {}", tool.package, tool.needed_for);
    }
    let packages: Vec<&str> = missing.iter().map(|tool| tool.package).collect();
    let names = packages.join(" ");
    if !is_root() || !has_program("apt-get") {
        return failed(format!("install these Debian packages, then run this again: {names}"));
    }
    println!("tools: apt-get update");
    apt(workspace, &["update", "-qq"])?;
    println!("tools: apt-get install {names}");
    let mut arguments = vec!["install", "-qq", "--yes", "--no-install-recommends"];
    arguments.extend(&packages);
    apt(workspace, &arguments)?;
    match missing.iter().find(|tool| !tool.is_there(workspace)) {
        None => Ok(()),
        Some(tool) => failed(format!(
            "`{}` was installed but is still not found; see which program comes first in PATH",
            tool.package
        )),
    }
}

fn apt(workspace: &Workspace, arguments: &[&str]) -> Outcome {
    let mut command = workspace.program("apt-get");
    command.args(arguments).env("DEBIAN_FRONTEND", "noninteractive");
    shell::capture(&mut command).map(drop)
}

fn is_root() -> bool {
    // The owner of this process's own folder is its effective user.
    fs::metadata("/proc/self").is_ok_and(|meta| meta.uid() == 0)
}

fn python(workspace: &Workspace, tools: &Path) -> Outcome {
    let files: Vec<&str> =
        PYTHON.iter().copied().filter(|path| workspace.root.join(path).is_file()).collect();
    if files.is_empty() {
        return Ok(());
    }
    let venv = tools.join("venv");
    let interpreter = venv.join("bin/python");
    let wanted = contents(workspace, &files)?;
    let stamp = Stamp::new(&venv, wanted);
    if stamp.is_current() && shell::succeeds(workspace.program(&text(&interpreter)).arg("-V")) {
        return Ok(());
    }
    println!("tools: python3 -m venv {}", shown(workspace, &venv));
    let mut make = workspace.program("python3");
    shell::capture(make.args(["-m", "venv", "--clear"]).arg(&venv))?;
    for file in files {
        println!("tools: pip install -r {file}");
        let mut pip = workspace.program(&text(&interpreter));
        pip.args(["-m", "pip", "install", "--quiet", "--no-input", "--disable-pip-version-check"]);
        shell::capture(pip.args(["-r", file]))?;
    }
    stamp.write()
}

fn node(workspace: &Workspace, tools: &Path) -> Outcome {
    if !workspace.root.join(NODE).is_file() {
        return Ok(());
    }
    let wanted = contents(workspace, &[NODE])?;
    let stamp = Stamp::new(&tools.join("node_modules"), wanted);
    if stamp.is_current() {
        return Ok(());
    }
    println!("tools: npm install ({NODE}) into {}", shown(workspace, tools));
    // npm installs beside the manifest it is given, so the manifest is copied out of the sources.
    let manifest = tools.join("package.json");
    fs::copy(workspace.root.join(NODE), &manifest)
        .map_err(|error| cannot("write", &manifest, &error))?;
    let mut npm = workspace.program("npm");
    npm.args(["install", "--no-audit", "--no-fund", "--no-package-lock", "--loglevel=error"]);
    shell::capture(npm.arg("--prefix").arg(tools))?;
    stamp.write()
}

/// What was asked for when a folder was last filled, kept in that folder.
struct Stamp {
    file: std::path::PathBuf,
    wanted: String,
}

impl Stamp {
    fn new(folder: &Path, wanted: String) -> Self {
        Self { file: folder.join(".installed-from"), wanted }
    }

    fn is_current(&self) -> bool {
        fs::read_to_string(&self.file).is_ok_and(|found| found == self.wanted)
    }

    fn write(&self) -> Outcome {
        // A manifest without packages makes no folder.
        if let Some(folder) = self.file.parent() {
            fs::create_dir_all(folder).map_err(|error| cannot("create", folder, &error))?;
        }
        fs::write(&self.file, &self.wanted).map_err(|error| cannot("write", &self.file, &error))
    }
}

fn contents(workspace: &Workspace, files: &[&str]) -> Outcome<String> {
    let mut all = String::new();
    for file in files {
        let path = workspace.root.join(file);
        all += &fs::read_to_string(&path).map_err(|error| cannot("read", &path, &error))?;
        all.push('\n');
    }
    Ok(all)
}

fn text(path: &Path) -> String {
    path.to_string_lossy().into_owned()
}

fn shown(workspace: &Workspace, path: &Path) -> String {
    text(path.strip_prefix(&workspace.root).unwrap_or(path))
}

fn cannot(what: &str, path: &Path, error: &std::io::Error) -> Failure {
    Failure::Failed(format!("cannot {what} `{}`: {error}", path.display()))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_stamp_is_current_only_for_the_same_requirements() {
        let folder = std::env::temp_dir().join(format!("xtask-stamp-{}", std::process::id()));
        let first = Stamp::new(&folder, "a==1\n".to_owned());
        assert!(!first.is_current());
        first.write().unwrap();
        assert!(first.is_current());
        assert!(!Stamp::new(&folder, "a==2\n".to_owned()).is_current());
        fs::remove_dir_all(&folder).unwrap();
    }

    #[test]
    fn each_package_is_named_once() {
        let mut names: Vec<_> = DEBIAN.iter().map(|tool| tool.package).collect();
        names.sort_unstable();
        let all = names.len();
        names.dedup();
        assert_eq!(names.len(), all);
    }
}
