//! Files that the configuration names: secrets, and authorities in PEM.
//!
//! Promises: a secret is taken only from a regular file that not everybody on the machine can read
//! or alter, never through a link, and never from outside its folder. Does not: look at who owns
//! it; the server's own user could not read it otherwise.

use std::fs::{self, File};
use std::io::Read as _;
use std::os::unix::fs::MetadataExt as _;
use std::path::Path;

use connectors::Secret;

use crate::exit::Failure;

/// Most bytes of a secret.
const SECRET: u64 = 4096;

/// Most bytes of a file of authorities.
const PEM: u64 = 1024 * 1024;

/// Everybody's rights to read and to write.
const EVERYBODY: u32 = 0o006;

/// Reads a secret, without the line end that editors add.
///
/// # Errors
/// A sentence that names neither the secret nor its folder.
pub fn secret(path: &Path) -> Result<Secret, String> {
    let missing = |why: std::io::Error| format!("its file cannot be read: {}", why.kind());
    let before = fs::symlink_metadata(path).map_err(missing)?;
    if !before.is_file() {
        return Err("its file is a link, or no file: put a regular file there".to_owned());
    }
    let file = File::open(path).map_err(missing)?;
    let now = file.metadata().map_err(missing)?;
    if (now.dev(), now.ino()) != (before.dev(), before.ino()) {
        return Err("its file was exchanged while it was read: see who did that".to_owned());
    }
    if now.mode() & EVERYBODY != 0 {
        return Err("everybody on the machine can read or alter its file: `chmod 600`".to_owned());
    }
    let mut text = String::new();
    file.take(SECRET + 1).read_to_string(&mut text).map_err(missing)?;
    let long = text.len() as u64 > SECRET;
    let ready = Secret::new(text.trim_end_matches(['\r', '\n']).to_owned());
    zeroize::Zeroize::zeroize(&mut text);
    if long { Err(format!("its file is longer than {SECRET} bytes")) } else { Ok(ready) }
}

/// Reads the secret of this name in a folder.
///
/// # Errors
/// As [`secret`]; and for a name that is no file name.
pub fn named(folder: &Path, name: &str) -> Result<Secret, String> {
    let plain = |byte: u8| byte.is_ascii_alphanumeric() || b"._-".contains(&byte);
    if name.is_empty() || name.starts_with('.') || !name.bytes().all(plain) {
        return Err("its name is no file name: use letters, digits, `.`, `_` and `-`".to_owned());
    }
    secret(&folder.join(name))
}

/// Reads authorities in PEM.
///
/// # Errors
/// When they cannot be read, or are none.
pub fn pem(path: &Path) -> Result<String, Failure> {
    let mut text = String::new();
    let file = File::open(path).map_err(|why| Failure::file("read", path, &why))?;
    let read = file.take(PEM + 1).read_to_string(&mut text);
    read.map_err(|why| Failure::file("read", path, &why))?;
    if text.len() as u64 > PEM || !text.contains("-----BEGIN CERTIFICATE-----") {
        let why = format!("`{}` holds no certificate in PEM, or over 1 MiB", path.display());
        return Err(Failure::usage(why));
    }
    Ok(text)
}

#[cfg(test)]
mod tests {
    use super::{named, pem, secret};
    use std::fs::{self, Permissions};
    use std::os::unix::fs::{PermissionsExt as _, symlink};

    #[test]
    fn a_secret_is_a_private_regular_file_in_its_folder() {
        let scratch = tempfile::tempdir().unwrap();
        let folder = scratch.path().join("secrets");
        fs::create_dir(&folder).unwrap();
        let file = folder.join("acme-2026");
        let mode = |bits| fs::set_permissions(&file, Permissions::from_mode(bits)).unwrap();
        fs::write(&file, "whsec_x\n").unwrap();
        fs::write(scratch.path().join("outside"), "x").unwrap();
        for (bits, good) in [(0o600, true), (0o640, true), (0o644, false), (0o602, false)] {
            mode(bits);
            assert_eq!(named(&folder, "acme-2026").is_ok(), good, "{bits:o}");
        }
        mode(0o600);
        symlink(&file, folder.join("link")).unwrap();
        for name in ["link", "", ".", "..", "../outside", "no", "a/b", "/etc/hostname", "é"] {
            let why = named(&folder, name).unwrap_err();
            assert!(!why.contains("outside") && !why.contains("secrets"), "{why}");
        }
        assert!(secret(&folder).is_err());
        fs::write(&file, "x".repeat(4097)).unwrap();
        assert!(named(&folder, "acme-2026").is_err());
        fs::write(&file, [0xff]).unwrap();
        assert!(named(&folder, "acme-2026").is_err());
    }

    #[test]
    fn authorities_are_certificates() {
        let scratch = tempfile::tempdir().unwrap();
        let file = scratch.path().join("ca.pem");
        assert!(pem(&file).is_err());
        fs::write(&file, "nothing").unwrap();
        assert!(pem(&file).unwrap_err().message.contains("ca.pem"));
        fs::write(&file, "-----BEGIN CERTIFICATE-----\n").unwrap();
        pem(&file).unwrap();
    }
}
