//! `bailee ssh`: signs in to a host under a grant, by the ordinary `ssh`.

use clap::Args;
use kernel::id::Collection;
use tokio::process::Command;

use super::folder::Folder;
use super::{Wanted, issued, run, text};
use crate::exit::{Failure, reason};

/// What `bailee ssh` is told.
#[derive(Args, Debug)]
pub struct Options {
    /// What is asked for.
    #[command(flatten)]
    wanted: Wanted,
    /// The registered system; the name of the host if it is not stated
    #[arg(long, value_name = "SYSTEM")]
    system: Option<String>,
    /// Account of the host to sign in as
    #[arg(long, short = 'l', value_name = "LOGIN")]
    login: String,
    /// Port of the host
    #[arg(long, short = 'p', value_name = "PORT")]
    port: Option<u16>,
    /// An option of ssh, such as StrictHostKeyChecking=yes (repeat it)
    #[arg(long = "option", short = 'o', value_name = "OPTION")]
    options: Vec<String>,
    /// The host
    host: String,
    /// What to run there, behind `--`; a shell if nothing is stated
    #[arg(last = true, value_name = "COMMAND")]
    command: Vec<String>,
}

/// Runs the command; gives the code that `ssh` ended with.
///
/// # Errors
/// What the server refused, or why it could not be asked, or that there is no `ssh`.
pub async fn start(options: &Options) -> Result<u8, Failure> {
    if options.host.starts_with('-') || options.login.starts_with('-') {
        return Err(Failure::usage("neither host nor login begins with `-`"));
    }
    let system = options.system.as_deref().unwrap_or(&options.host);
    let system = Collection::parse(system).map_err(|_| {
        Failure::usage(format!("`{system}` is no name of a system: name it with --system"))
    })?;
    let folder = Folder::new()?;
    let key = folder.path("key");
    let public = made(&folder).await?;
    let login = Some(options.login.as_str());
    let row = issued(&options.wanted, "ssh", system.as_str(), login, &public).await?;
    let line = text(&row, "certificate")?;
    let shown = folder.write("key-cert.pub", &format!("{line}\n"))?;
    let mut command = Command::new("ssh");
    for option in ["IdentitiesOnly=yes", "ControlMaster=no", "ControlPath=none"] {
        command.arg("-o").arg(option);
    }
    command.arg("-o").arg(format!("CertificateFile=\"{}\"", shown.display()));
    command.arg("-i").arg(&key);
    for option in &options.options {
        command.arg("-o").arg(option);
    }
    if let Some(port) = options.port {
        command.arg("-p").arg(port.to_string());
    }
    command.arg("-l").arg(&options.login).arg("--").arg(&options.host).args(&options.command);
    // Nothing that this program knows goes to the other host.
    command.env_remove("BAILEE_TOKEN");
    run(command, "ssh", folder).await
}

/// Makes a key of Ed25519 in the folder; gives its public line.
async fn made(folder: &Folder) -> Result<String, Failure> {
    let key = folder.path("key");
    let mut keygen = Command::new("ssh-keygen");
    keygen.args(["-q", "-t", "ed25519", "-N", "", "-C", "bailee", "-f"]).arg(&key);
    let made = keygen.stdin(std::process::Stdio::null()).output().await;
    let made = made.map_err(|why| {
        Failure::failed(format!("cannot run `ssh-keygen`: {}; install it", reason(&why)))
    })?;
    let path = folder.path("key.pub");
    if !made.status.success() {
        let said = String::from_utf8_lossy(&made.stderr).trim().to_owned();
        return Err(Failure::failed(format!("`ssh-keygen` made no key: {said}")));
    }
    std::fs::read_to_string(&path).map_err(|why| Failure::file("read", &path, &why))
}
