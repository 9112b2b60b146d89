//! Which rules a server watches by. A rule that cannot be read is named and left out.

use std::path::Path;

use watch::{PACK, Rules};

use crate::exit::Failure;

/// The rules of a server: our own, and those of the operator's folder.
///
/// # Errors
/// When the folder cannot be read.
pub fn rules(folder: Option<&Path>) -> Result<(Rules, Vec<String>), Failure> {
    let mut files: Vec<(String, String)> =
        PACK.iter().map(|(name, text)| ((*name).to_owned(), (*text).to_owned())).collect();
    if let Some(folder) = folder {
        let read = std::fs::read_dir(folder).map_err(|why| Failure::file("read", folder, &why))?;
        let mut paths: Vec<_> = read.filter_map(|one| one.ok().map(|one| one.path())).collect();
        paths.sort();
        let rule = |path: &std::path::PathBuf| {
            path.extension().is_some_and(|kind| kind == "yml" || kind == "yaml")
        };
        for path in paths.into_iter().filter(rule) {
            let text = std::fs::read_to_string(&path);
            let text = text.map_err(|why| Failure::file("read", &path, &why))?;
            files.push((path.display().to_string(), text));
        }
    }
    let all = files.iter().map(|(name, text)| (name.as_str(), text.as_str()));
    let (rules, problems) = Rules::parse(all);
    Ok((rules, problems.iter().map(ToString::to_string).collect()))
}
