//! The package: the evidence, what people read of it, and the manifest that an entry shows the
//! hash of. Its form is [`ledger::package`].

use crate::document::Document;
use crate::html;
use crate::pdf::{Unprintable, pdf};
use domain::incidents::file::Taken;
use ledger::package::{self, File, MANIFEST, Manifest};

/// Files that wait for their manifest.
pub struct Packing {
    files: [(String, Vec<u8>); 3],
    manifest: String,
}

impl Packing {
    /// The files of what was taken out.
    ///
    /// # Errors
    /// When the document has no form as PDF.
    pub fn of(taken: Taken) -> Result<Self, Unprintable> {
        let id = taken.whole.incident.kept.id.clone();
        let document = Document::of(&taken.whole, &taken.sha256);
        let files = [
            (format!("{id}.json"), taken.json.into_bytes()),
            (format!("{id}.html"), html::page(&document).into_bytes()),
            (format!("{id}.pdf"), pdf(&document)?),
        ];
        let listed: Vec<_> = files.iter().map(file).collect();
        let manifest = Manifest::of(&format!("incidents/{id}"), taken.entry, &listed);
        let manifest = manifest.content().map_err(|error| Unprintable::because(&error))?;
        Ok(Self { files, manifest })
    }

    /// What the manifest says, for the operation that enters its hash.
    #[must_use]
    pub fn manifest(&self) -> &str {
        &self.manifest
    }

    /// The package, under the manifest as evidence.
    ///
    /// # Errors
    /// When it would be larger than a package is.
    pub fn zip(&self, manifest: &str) -> Result<Vec<u8>, Unprintable> {
        let first = File { name: MANIFEST, bytes: manifest.as_bytes() };
        let all: Vec<_> = std::iter::once(first).chain(self.files.iter().map(file)).collect();
        package::render(&all).map_err(|error| Unprintable::because(&error))
    }
}

fn file((name, bytes): &(String, Vec<u8>)) -> File<'_> {
    File { name, bytes }
}
