//! Authorities, keys and moments for tests.

use pki::ssh::{Authority, Options, PublicKey, Request};
use pki::{Window, x509};
use sealing::Secret;
use std::fs;
use std::os::unix::fs::PermissionsExt as _;
use std::path::{Path, PathBuf};
use std::process::Command;
use std::time::{SystemTime, UNIX_EPOCH};

/// The current second: real hosts look at a real clock.
#[expect(clippy::disallowed_methods, reason = "sshd and PostgreSQL look at the machine's clock")]
pub fn now() -> u64 {
    SystemTime::now().duration_since(UNIX_EPOCH).unwrap().as_secs()
}

/// An hour from a minute ago.
pub fn hour() -> Window {
    Window::new(now(), now() + 3600, 60).unwrap()
}

/// An hour that ended.
pub fn past() -> Window {
    Window::new(now() - 7200, now() - 3600, 0).unwrap()
}

pub fn authority() -> Authority {
    Authority::new(&Secret::new([7; 32])).unwrap()
}

/// What a certificate says in these tests unless something else is of interest.
pub fn request<'a>(subject: &'a PublicKey, principals: &'a [String]) -> Request<'a> {
    Request {
        subject,
        serial: 77,
        key_id: "person:ada/grant_01",
        principals,
        window: hour(),
        options: Options::default(),
        nonce: [9; 32],
    }
}

pub fn names(names: &[&str]) -> Vec<String> {
    names.iter().map(|name| (*name).to_owned()).collect()
}

/// Runs a program: whether it succeeds, and all that it says.
pub fn run(program: &str, words: &[&str]) -> (bool, String) {
    let output = Command::new(program).args(words).output().unwrap();
    let said = [output.stdout, output.stderr].concat();
    (output.status.success(), String::from_utf8_lossy(&said).into_owned())
}

pub fn text(path: &Path) -> &str {
    path.to_str().unwrap()
}

pub fn write(path: &Path, content: impl AsRef<[u8]>) -> &str {
    fs::write(path, content).unwrap();
    text(path)
}

/// An authority of X.509 since yesterday.
pub fn house(seed: u8) -> x509::Authority {
    let serial = x509::Serial::new([seed; 16]).unwrap();
    let from = now() - 86_400;
    let until = from + x509::MAX_AUTHORITY_LIFE;
    x509::Authority::create(&Secret::new([seed; 32]), "Bailee access", serial, from, until).unwrap()
}

/// A client's files, and the key that an authority is asked to certify.
pub struct Client {
    pub folder: tempfile::TempDir,
    pub key: PathBuf,
    pub public: x509::PublicKey,
}

/// A client with a key that `openssl genpkey` makes of these words. rcgen writes keys of Ed25519
/// with their public half (RFC 5958), which OpenSSL 3.0, and so libpq, does not read.
pub fn client_of_openssl(words: &[&str]) -> Client {
    let folder = tempfile::tempdir().unwrap();
    let (key, asked) = (folder.path().join("client.key"), folder.path().join("client.csr"));
    let made = [["genpkey", "-out", text(&key)].as_slice(), words].concat();
    assert!(run("openssl", &made).0);
    let made = ["req", "-new", "-subj", "/CN=x", "-key", text(&key), "-out", text(&asked)];
    assert!(run("openssl", &made).0);
    let public = x509::PublicKey::from_request(&fs::read(asked).unwrap()).unwrap();
    Client { folder, key, public }
}

/// A client with a key on P-256.
pub fn client() -> Client {
    let folder = tempfile::tempdir().unwrap();
    let pair = rcgen::KeyPair::generate().unwrap();
    let key = folder.path().join("client.key");
    fs::write(&key, pair.serialize_pem()).unwrap();
    fs::set_permissions(&key, fs::Permissions::from_mode(0o600)).unwrap();
    let request = rcgen::CertificateParams::default().serialize_request(&pair).unwrap();
    let public = x509::PublicKey::from_request(request.pem().unwrap().as_bytes()).unwrap();
    Client { folder, key, public }
}

pub fn person(common_name: &str) -> x509::Subject {
    x509::Subject {
        common_name: common_name.to_owned(),
        groups: Vec::new(),
        uri: Some(format!("bailee:person:{common_name}")),
    }
}

impl Client {
    /// A certificate of this number for this person, for an hour.
    pub fn ask(&self, authority: &x509::Authority, number: u8, name: &str) -> x509::Certificate {
        self.ask_for(authority, number, person(name), hour())
    }

    pub fn ask_for(
        &self,
        authority: &x509::Authority,
        number: u8,
        subject: x509::Subject,
        window: Window,
    ) -> x509::Certificate {
        let serial = x509::Serial::new([number; 16]).unwrap();
        authority.issue(&x509::Request { key: &self.public, serial, subject, window }).unwrap()
    }

    /// The file with a certificate in PEM.
    pub fn file(&self, certificate: &x509::Certificate) -> PathBuf {
        let path = self.folder.path().join(format!("{}.crt", certificate.serial));
        fs::write(&path, certificate.pem()).unwrap();
        path
    }
}

/// A list from now on for an hour that revokes these numbers.
pub fn revoking(authority: &x509::Authority, number: u64, serials: &[u8]) -> x509::Crl {
    let revoked = serials.iter().map(|number| x509::Revoked {
        serial: x509::Serial::new([*number; 16]).unwrap(),
        at: now(),
        reason: x509::Reason::PrivilegeWithdrawn,
    });
    authority.revoke(number, now() - 60, now() + 3600, revoked.collect()).unwrap()
}
