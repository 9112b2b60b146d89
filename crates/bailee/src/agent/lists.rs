//! The lists of refused certificates on a host: fetched, checked, and put in place by renaming.

use std::fs::{self, File, OpenOptions};
use std::io::Write as _;
use std::os::unix::fs::OpenOptionsExt as _;
use std::path::{Path, PathBuf};

use pki::{ssh, x509};
use reqwest::header::{HeaderValue, IF_NONE_MATCH};

use crate::client::Client;
use crate::exit::Failure;

/// A list that `sshd` or PostgreSQL reads, in its place.
pub(super) struct Place<L> {
    path: PathBuf,
    /// The newest list that is known, whether it could be put in place or not.
    pub(super) list: Option<L>,
    /// The number of the list that is in place.
    placed: Option<u64>,
}

/// A list of one of the two forms.
pub(super) trait List: Sized {
    /// Its path on the server.
    const PATH: &'static [&'static str];
    /// Reads it.
    fn read(bytes: &[u8], trusted: &Trusted) -> Result<Self, pki::Error>;
    /// Its number.
    fn number(&self) -> u64;
}

/// Whom the certificates are of.
pub(super) struct Trusted {
    pub(super) ssh: ssh::PublicKey,
    x509: x509::AuthorityCertificate,
}

impl Trusted {
    /// As the server says.
    pub(super) async fn fetch(client: &Client) -> Result<Self, Failure> {
        let refused = |why: pki::Error| Failure::failed(format!("the server's answer: {why}"));
        let line = client.public(&["pki", "ssh_ca.pub"]).send().await?;
        let ssh = ssh::PublicKey::parse(line.text()?).map_err(refused)?;
        let pem = client.public(&["pki", "ca.pem"]).send().await?;
        let x509 = x509::AuthorityCertificate::parse(&pem.body).map_err(refused)?;
        Ok(Self { ssh, x509 })
    }
}

impl List for ssh::Krl {
    const PATH: &'static [&'static str] = &["pki", "ssh.krl"];

    fn read(bytes: &[u8], _: &Trusted) -> Result<Self, pki::Error> {
        Self::from_bytes(bytes)
    }

    fn number(&self) -> u64 {
        self.version()
    }
}

impl List for x509::Crl {
    const PATH: &'static [&'static str] = &["pki", "ca.crl"];

    fn read(bytes: &[u8], trusted: &Trusted) -> Result<Self, pki::Error> {
        Self::parse(bytes, &trusted.x509)
    }

    fn number(&self) -> u64 {
        self.number
    }
}

impl<L: List> Place<L> {
    /// The place, with what is there already.
    pub(super) fn new(path: &Path, trusted: &Trusted) -> Self {
        let there = fs::read(path).ok().and_then(|bytes| L::read(&bytes, trusted).ok());
        let placed = there.as_ref().map(L::number);
        Self { path: path.to_owned(), list: there, placed }
    }

    /// Fetches the list if there is another one, checks it and puts it in place; says whether it
    /// did. A list with a lower number is an old one that somebody repeats, and is not taken.
    pub(super) async fn fetch(
        &mut self,
        client: &Client,
        trusted: &Trusted,
    ) -> Result<bool, Failure> {
        let mut call = client.public(L::PATH);
        let known = self.placed.filter(|_| self.path.exists());
        if let Some(known) = known
            && let Ok(tag) = HeaderValue::from_str(&format!("\"{known}\""))
        {
            call = call.header(IF_NONE_MATCH, tag);
        }
        let answer = call.send().await?;
        if answer.status == 304 {
            return Ok(false);
        }
        let list = L::read(&answer.body, trusted)
            .map_err(|why| Failure::failed(format!("the list is not taken: {why}")))?;
        if known.is_some_and(|known| list.number() < known) {
            let (path, number) = (self.path.display(), list.number());
            return Err(Failure::failed(format!(
                "the server's list {number} is older than `{path}`: if its store was restored, \
                 remove that file"
            )));
        }
        let number = list.number();
        self.list = Some(list);
        put(&self.path, &answer.body).map_err(|why| Failure::file("write", &self.path, &why))?;
        self.placed = Some(number);
        Ok(true)
    }

    /// Takes the list away, so that its reader refuses everybody.
    pub(super) fn remove(&mut self) -> Result<(), Failure> {
        remove(&self.path)
    }
}

/// Takes a list away that may not be there.
pub(super) fn remove(path: &Path) -> Result<(), Failure> {
    match fs::remove_file(path) {
        Err(why) if why.kind() != std::io::ErrorKind::NotFound => {
            Err(Failure::file("remove", path, &why))
        }
        _ => Ok(()),
    }
}

/// Writes a file beside its place, makes it durable, and renames it over what was there: no reader
/// ever sees half of it.
pub(super) fn put(path: &Path, content: &[u8]) -> std::io::Result<()> {
    let mut name = path.file_name().unwrap_or_default().to_owned();
    name.push(".new");
    let beside = path.with_file_name(name);
    let mut options = OpenOptions::new();
    // Readers run as other users, and there is no secret in it.
    let mut file = options.write(true).create(true).truncate(true).mode(0o644).open(&beside)?;
    file.write_all(content)?;
    file.sync_all()?;
    fs::rename(&beside, path)?;
    let folder = path.parent().filter(|folder| !folder.as_os_str().is_empty());
    File::open(folder.unwrap_or(Path::new(".")))?.sync_all()
}
