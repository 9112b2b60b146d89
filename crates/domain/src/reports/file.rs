//! The file of a library entry: taken in in parts, sealed when it is whole, read by the provider.
//!
//! A part is the bytes as given, sealed under the keys of `house` like any record. The face opens
//! the whole file before it is sealed: it counts the pages and refuses one that needs a password.

use super::library::{File, Part, Report};
use super::sha256;
use crate::register::{self, Kept, Mark, When, act, line};
use kernel::engine::Wants;
use kernel::{
    Act, After, Content, Error, HOUSE, Kernel, Operation, Pointer, RecordKey, Result, Reveal,
    Target, Work, on_house,
};

act!(
    /// Taking in a part of a report's file.
    Uploading, "report.upload", None, false
);
act!(
    /// Declaring a report's file whole.
    Sealing, "report.seal", None, false
);
act!(
    /// Reading a report's file, at the provider.
    Opening, "report.open", None, false
);

/// Bytes of one part: below the limit of a body with room for its base64 form.
pub const PART_BYTES: usize = 700_000;

/// Parts of one file: 44.8 MB are far more than any such document has.
pub const MAX_PARTS: u32 = 64;

const PARTS: &str = "report-parts";

fn part_key(kernel: &Kernel, report: &str, number: u32) -> Result<RecordKey> {
    kernel.key(HOUSE, PARTS, &format!("{report}-{number}"))
}

/// The keys of every part that a report may have.
pub(super) fn part_keys(kernel: &Kernel, report: &str) -> Result<Vec<RecordKey>> {
    (1..=MAX_PARTS).map(|number| part_key(kernel, report, number)).collect()
}

/// Takes in a part of a report's file; part 1 begins anew.
pub struct UploadPart {
    report: RecordKey,
    part: RecordKey,
    number: u32,
    bytes: Vec<u8>,
}

/// What was taken in so far.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct FilePart {
    /// Parts so far.
    pub parts: u32,
    /// Their bytes together.
    pub bytes: u64,
}

impl UploadPart {
    /// The n-th part of this report's file, from 1.
    ///
    /// # Errors
    /// `Invalid` for a number beyond [`MAX_PARTS`] or a size that is not 1 to [`PART_BYTES`].
    pub fn new(kernel: &Kernel, report: &str, number: u32, bytes: Vec<u8>) -> Result<Self> {
        if !(1..=MAX_PARTS).contains(&number) {
            let why = format!("a file has 1 to {MAX_PARTS} parts");
            return Err(Error::invalid("number", why));
        }
        if bytes.is_empty() || bytes.len() > PART_BYTES {
            return Err(Error::invalid("body", format!("a part has 1 to {PART_BYTES} bytes")));
        }
        if number == 1 && !bytes.starts_with(b"%PDF-") {
            return Err(Error::invalid("body", "this is no PDF: its first part begins `%PDF-`"));
        }
        let part = part_key(kernel, report, number)?;
        Ok(Self { report: register::key::<Kept<Report>>(kernel, report)?, part, number, bytes })
    }
}

impl Operation for UploadPart {
    type Output = FilePart;

    fn target(&self) -> Target {
        on_house(Uploading::ACTION)
    }

    fn wants(&self, wants: &mut Wants) {
        wants.record(&self.report);
        wants.record(&self.part);
    }

    fn execute(&self, work: &mut Work<'_>) -> Result<After<FilePart>> {
        let (allowed, mut kept) = register::load::<Kept<Report>, Uploading>(work, &self.report)?;
        let part = work.load::<Uploading>(&self.part)?;
        kept.row.open()?;
        let parts = &mut kept.row.parts;
        if self.number == 1 {
            parts.clear();
        }
        let next = parts.last().map_or(1, |last| last.number + 1);
        if self.number > next {
            let why = format!("part {next} comes next");
            return Err(Error::invalid("number", why));
        }
        parts.retain(|one| one.number != self.number);
        let bytes = u32::try_from(self.bytes.len()).unwrap_or(u32::MAX);
        parts.push(Part { number: self.number, bytes });
        parts.sort_unstable_by_key(|one| one.number);
        kept.row.file = None;
        let parts = &kept.row.parts;
        let sum = parts.iter().map(|one| u64::from(one.bytes)).sum();
        let seen = FilePart { parts: u32::try_from(parts.len()).unwrap_or(u32::MAX), bytes: sum };
        work.save(part, Content::Body(self.bytes.clone()), vec![])?;
        work.save(allowed, register::body(&kept)?, vec![("part", self.number.to_string())])?;
        Ok(After::now(seen))
    }

    fn weight(&self) -> usize {
        self.bytes.len()
    }
}

/// Declares a report's file whole, as the face found it.
pub struct SealFile {
    report: RecordKey,
    parts: Vec<RecordKey>,
    name: String,
    pages: u32,
}

impl SealFile {
    /// Under this name, with so many pages.
    ///
    /// # Errors
    /// `Invalid` for a name that is no file name, or without pages.
    pub fn new(kernel: &Kernel, report: &str, name: &str, pages: u32) -> Result<Self> {
        let name = line("name", name, 120)?;
        if name.starts_with('.') || name.contains(['/', '\\', '"']) {
            return Err(Error::invalid("name", "write a file name alone, such as `soc2.pdf`"));
        }
        if pages == 0 {
            return Err(Error::invalid("pages", "a document has at least one page"));
        }
        let parts = part_keys(kernel, report)?;
        Ok(Self { report: register::key::<Kept<Report>>(kernel, report)?, parts, name, pages })
    }
}

impl Operation for SealFile {
    type Output = File;

    fn target(&self) -> Target {
        on_house(Sealing::ACTION)
    }

    fn wants(&self, wants: &mut Wants) {
        wants.record(&self.report);
        self.parts.iter().for_each(|part| wants.record(part));
    }

    fn execute(&self, work: &mut Work<'_>) -> Result<After<File>> {
        let (allowed, mut kept) = register::load::<Kept<Report>, Sealing>(work, &self.report)?;
        kept.row.open()?;
        if kept.row.parts.is_empty() {
            return Err(Error::conflict("no part of the file was taken in yet"));
        }
        let mut whole = Vec::new();
        for key in self.parts.iter().take(kept.row.parts.len()) {
            let missing = || Error::internal(format!("part `{}` is missing", key.id));
            whole.extend(work.look(key)?.ok_or_else(missing)?);
        }
        let file = File {
            name: self.name.clone(),
            bytes: u64::try_from(whole.len()).unwrap_or(u64::MAX),
            pages: self.pages,
            sha256: sha256(&whole),
            sealed: Mark { by: work.caller().principal.to_string(), at: When(work.now()) },
        };
        kept.row.file = Some(file.clone());
        let fields = vec![("sha256", file.sha256.clone())];
        work.save(allowed, register::body(&kept)?, fields)?;
        Ok(After::now(file))
    }
}

/// Reads a report's file at the provider: to check it, to read it a second time.
pub struct ReadFile {
    report: RecordKey,
    parts: Vec<RecordKey>,
}

impl ReadFile {
    /// Of this report, as far as it was taken in.
    ///
    /// # Errors
    /// `Internal` if `house` has no keys.
    pub fn new(kernel: &Kernel, report: &str) -> Result<Self> {
        let parts = part_keys(kernel, report)?;
        Ok(Self { report: register::key::<Kept<Report>>(kernel, report)?, parts })
    }
}

impl Operation for ReadFile {
    type Output = Vec<u8>;

    fn target(&self) -> Target {
        on_house(Opening::ACTION)
    }

    fn wants(&self, wants: &mut Wants) {
        wants.record(&self.report);
        self.parts.iter().for_each(|part| wants.record(part));
    }

    fn execute(&self, work: &mut Work<'_>) -> Result<After<Vec<u8>>> {
        let (_, kept) = register::load::<Kept<Report>, Opening>(work, &self.report)?;
        let parts = pointers::<Opening>(work, &self.parts, &kept.row)?;
        work.disclose_many::<Opening>(HOUSE, &parts, vec![("report", kept.id)]);
        Ok(After::reveal(move |reveal| joined(reveal, &parts)))
    }
}

/// What leads to the parts of a report.
pub(super) fn pointers<A: Act>(
    work: &Work<'_>,
    keys: &[RecordKey],
    report: &Report,
) -> Result<Vec<Pointer>> {
    let part = |key: &RecordKey| {
        let missing = || Error::internal(format!("part `{}` is missing", key.id));
        work.load::<A>(key)?.present().ok_or_else(missing)
    };
    keys.iter().take(report.parts.len()).map(part).collect()
}

/// The parts of a file, opened and joined.
pub(super) fn joined(reveal: &Reveal, parts: &[Pointer]) -> Result<Vec<u8>> {
    let mut whole = Vec::new();
    for part in parts {
        whole.extend(reveal.open(part)?.body);
    }
    Ok(whole)
}
