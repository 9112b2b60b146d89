//! The name of this server among those of one store: by it a claim says whose it is (decision
//! 0043).

use std::fs::{self, OpenOptions};
use std::io::Write as _;
use std::os::unix::fs::OpenOptionsExt as _;
use std::path::Path;

use crate::client::random_key;
use crate::exit::Failure;

/// The file that holds it.
const FILE: &str = "node";

/// Longest name.
const LONGEST: usize = 64;

/// The name of the server whose folder this is, made when it is asked for first. A copy of the
/// folder is the same server: it takes over at once what the other one is doing.
///
/// # Errors
/// When it can be neither read nor made, or is none.
pub fn name(folder: &Path) -> Result<String, Failure> {
    let path = folder.join(FILE);
    match fs::read_to_string(&path) {
        Err(why) if why.kind() == std::io::ErrorKind::NotFound => {}
        read => {
            let text = read.map_err(|why| Failure::file("read", &path, &why))?;
            let name = text.trim();
            let plain = |byte: u8| byte.is_ascii_alphanumeric() || byte == b'-';
            let fits = !name.is_empty() && name.len() <= LONGEST && name.bytes().all(plain);
            return fits.then(|| name.to_owned()).ok_or_else(|| {
                let path = path.display();
                Failure::usage(format!(
                    "`{path}` is no name of a server: remove it, and another one is made"
                ))
            });
        }
    }
    let name = random_key()?;
    let failed = |why: std::io::Error| Failure::file("write", &path, &why);
    let mut options = OpenOptions::new();
    // Renamed into place: half a name is none.
    let beside = folder.join("node.new");
    let options = options.write(true).create(true).truncate(true).mode(0o600);
    let mut file = options.open(&beside).map_err(failed)?;
    writeln!(file, "{name}").and_then(|()| file.sync_all()).map_err(failed)?;
    fs::rename(&beside, &path).map_err(failed)?;
    Ok(name)
}

#[cfg(test)]
mod tests {
    use super::{FILE, name};

    #[test]
    fn each_folder_has_a_name_of_its_own_that_stays() {
        let (one, two) = (tempfile::tempdir().unwrap(), tempfile::tempdir().unwrap());
        let first = name(one.path()).unwrap();
        assert_eq!(name(one.path()).unwrap(), first);
        assert_ne!(name(two.path()).unwrap(), first);
        for bad in ["", "a b", &"x".repeat(65), "../x"] {
            std::fs::write(one.path().join(FILE), bad).unwrap();
            assert!(name(one.path()).unwrap_err().message.contains("no name of a server"));
        }
        assert!(name(&one.path().join("none")).is_err());
    }
}
