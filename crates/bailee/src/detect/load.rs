//! The rule files of a folder.

use std::fs;
use std::path::Path;

use crate::exit::Failure;

/// How many files are read, and how deep folders are followed.
const FILES: usize = 20_000;
const DEPTH: usize = 16;

/// The largest file that is read at all, in bytes; the reader of rules refuses those far smaller.
const LARGEST: u64 = 1024 * 1024;

/// Names and texts of all `*.yml` and `*.yaml` files in a folder and its subfolders, in order.
/// Links are not followed.
///
/// # Errors
/// When a folder or file cannot be read, or there are too many.
pub(super) fn files(folder: &Path) -> Result<Vec<(String, String)>, Failure> {
    let mut files = Vec::new();
    walk(folder, DEPTH, &mut files)?;
    files.sort();
    Ok(files)
}

fn walk(folder: &Path, depth: usize, files: &mut Vec<(String, String)>) -> Result<(), Failure> {
    let unread = |error: std::io::Error| Failure::file("read", folder, &error);
    for entry in fs::read_dir(folder).map_err(unread)? {
        let entry = entry.map_err(unread)?;
        let path = entry.path();
        let kind = entry.file_type().map_err(unread)?;
        if kind.is_dir() {
            let Some(depth) = depth.checked_sub(1) else {
                return Err(Failure::usage(format!(
                    "`{}` is nested deeper than {DEPTH} folders: name the folder of the rules",
                    path.display()
                )));
            };
            walk(&path, depth, files)?;
            continue;
        }
        let rule = path.extension().is_some_and(|it| it == "yml" || it == "yaml");
        if !kind.is_file() || !rule {
            continue;
        }
        if files.len() >= FILES {
            return Err(Failure::usage(format!(
                "more than {FILES} rule files: name a smaller folder"
            )));
        }
        files.push((path.display().to_string(), text(&path)?));
    }
    Ok(())
}

/// The text of a file; of one that is too large only so much that it is refused.
fn text(path: &Path) -> Result<String, Failure> {
    use std::io::Read as _;
    let unread = |error: std::io::Error| Failure::file("read", path, &error);
    let mut bytes = Vec::new();
    fs::File::open(path).map_err(unread)?.take(LARGEST).read_to_end(&mut bytes).map_err(unread)?;
    Ok(String::from_utf8_lossy(&bytes).into_owned())
}
