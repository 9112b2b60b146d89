//! `bailee export`: an account's records as NDJSON, and its log as files that anybody can check.
//!
//! ```text
//! DIR/records/<collection>.ndjson   one record a line
//! DIR/checkpoint  DIR/vkey          the log's signed head and the key that signed it
//! DIR/tile/…                        the log itself (C2SP tlog-tiles)
//! DIR/openings.ndjson               what the log's entries say, where the caller may see it
//! ```
//!
//! Promises: the folder appears whole or not at all; its log was verified before it appears; the
//! checkpoint is fetched after the records, so that reading them is in the log as well.
//! Does not: export deleted records or earlier versions.

use std::fs::{self, File};
use std::io::{BufWriter, Write as _};
use std::path::{Path, PathBuf};

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use clap::Args;
use kernel::id::{AccountId, Collection};
use kernel::limits::{ENTRIES_ITEMS, PAGE_ITEMS};
use ledger::checkpoint::Checkpoint;
use ledger::note::VerifierKey;
use ledger::tile::{TilePath, bundles_of, tiles_of};
use ledger::verify::verify_log;
use serde::de::DeserializeOwned;
use serde::{Deserialize, Serialize};
use serde_json::json;
use serde_json::value::RawValue;

use crate::client::{Call, Client, Connect, Intent, random_key};
use crate::exit::{Exit, Failure};
use crate::output::{Output, counted, note};

/// Records of a page with their values: as many as the server gives at once.
const VALUES: u64 = 100;

/// What `bailee export` is told.
#[derive(Args, Clone, Debug)]
pub struct Options {
    /// Id of the account
    #[arg(long, value_parser = AccountId::parse)]
    pub account: AccountId,
    /// Folder to write to; it must be new or empty
    #[arg(long, value_name = "DIR")]
    pub out: PathBuf,
    /// Why, and for whom.
    #[command(flatten)]
    pub intent: Intent,
    /// The server.
    #[command(flatten)]
    pub connect: Connect,
}

/// Runs the command.
///
/// # Errors
/// When the folder is not empty or cannot be written, the server refuses, or the log does not
/// verify.
pub async fn run(options: &Options, output: Output) -> Result<(), Failure> {
    check_empty(&options.out)?;
    let client = Client::new(&options.connect, Some(&options.intent))?;
    let folder = Folder::new(&options.out)?;
    let export = Export { client: &client, account: &options.account, folder: &folder.path };
    // What was written before a failure is removed with `folder`.
    let written = export.all().await?;
    folder.publish(&options.out)?;
    let Written { collections, records, entries, openings } = written;
    let out = options.out.display();
    output.line(&format!(
        "exported {} of {} and {} of the log to `{out}`; check it with: bailee verify {out}",
        counted(records, "record"),
        counted(collections, "collection"),
        if entries == 1 { "1 entry".to_owned() } else { format!("{entries} entries") },
    ))?;
    if openings.is_none() && !output.json {
        note("openings withheld: the log shows that there were accesses, not whose (no right)");
    }
    output.json(&json!({
        "account": options.account.as_str(),
        "out": options.out,
        "collections": collections,
        "records": records,
        "entries": entries,
        "openings": openings,
    }))
}

/// What an export wrote. `openings` is nothing where they were withheld.
struct Written {
    collections: u64,
    records: u64,
    entries: u64,
    openings: Option<u64>,
}

struct Export<'a> {
    client: &'a Client,
    account: &'a AccountId,
    folder: &'a Path,
}

#[derive(Deserialize)]
struct Page<T> {
    items: Vec<T>,
    next: Option<String>,
}

#[derive(Deserialize)]
struct Named {
    collection: String,
}

/// A record of a page, as the server writes it.
#[derive(Deserialize)]
struct Listed {
    id: Box<RawValue>,
    version: Box<RawValue>,
    at: Box<RawValue>,
    author: Box<RawValue>,
    value: Option<Box<RawValue>>,
    /// In place of `value`, where that could not be shown inside another document.
    value_base64: Option<String>,
}

/// The same as a line of a file.
#[derive(Serialize)]
struct Line<'a> {
    id: &'a RawValue,
    version: &'a RawValue,
    at: &'a RawValue,
    author: &'a RawValue,
    #[serde(skip_serializing_if = "Option::is_none")]
    value: Option<&'a RawValue>,
    #[serde(skip_serializing_if = "Option::is_none")]
    value_base64: Option<String>,
}

#[derive(Deserialize)]
struct Account {
    vkey: String,
}

#[derive(Deserialize)]
struct Entry {
    index: u64,
    #[serde(default)]
    opening: Option<Box<RawValue>>,
}

#[derive(Serialize)]
struct Opened<'a> {
    index: u64,
    opening: &'a RawValue,
}

impl Export<'_> {
    async fn all(&self) -> Result<Written, Failure> {
        let (mut collections, mut records) = (0, 0);
        self.make_folder("records")?;
        let mut after = None;
        loop {
            let call = self.get(&["collections"]).query("limit", PAGE_ITEMS);
            let page: Page<Named> = self.page(call, after).await?;
            for named in page.items {
                records += self.records(&parse_collection(&named.collection)?).await?;
                collections += 1;
            }
            after = page.next;
            if after.is_none() {
                break;
            }
        }
        let entries = self.log().await?;
        let openings = self.openings(entries).await?;
        self.check()?;
        Ok(Written { collections, records, entries, openings })
    }

    fn get(&self, path: &[&str]) -> Call<'_> {
        self.client.get(&[&["accounts", self.account.as_str()], path].concat())
    }

    async fn page<T: DeserializeOwned>(
        &self,
        call: Call<'_>,
        after: Option<String>,
    ) -> Result<Page<T>, Failure> {
        let call = match after {
            Some(after) => call.query("after", after),
            None => call,
        };
        call.send().await?.json()
    }

    async fn records(&self, collection: &Collection) -> Result<u64, Failure> {
        let name = format!("records/{collection}.ndjson");
        let mut file = self.create(&name)?;
        let path = ["collections", collection.as_str(), "records"];
        let (mut count, mut after) = (0, None);
        loop {
            let call = self.get(&path).query("limit", VALUES).query("values", true);
            let page: Page<Listed> = self.page(call, after).await?;
            for listed in &page.items {
                let line = line(listed)?;
                file.write_all(&line).map_err(|error| self.unwritten(&name, &error))?;
                count += 1;
            }
            after = page.next;
            if after.is_none() {
                break;
            }
        }
        file.flush().map_err(|error| self.unwritten(&name, &error))?;
        Ok(count)
    }

    /// Fetches head and tiles. Gives the log's size.
    async fn log(&self) -> Result<u64, Failure> {
        let account = self.get(&[]).send().await?;
        let Account { vkey } = account.json()?;
        let key = VerifierKey::parse(&vkey).map_err(|why| wrong(&why))?;
        let note = self.ledger("checkpoint").await?;
        let text = std::str::from_utf8(&note).map_err(|why| wrong(&why))?;
        let head = Checkpoint::open(text, &key).map_err(|why| wrong(&why))?;
        self.write("checkpoint", &note)?;
        self.write("vkey", format!("{vkey}\n").as_bytes())?;
        for tile in tiles_of(head.size) {
            self.tile(&tile.path()).await?;
        }
        for (index, width) in bundles_of(head.size) {
            self.tile(&TilePath::Entries { index, width }.path()).await?;
        }
        Ok(head.size)
    }

    async fn tile(&self, path: &str) -> Result<(), Failure> {
        let bytes = self.ledger(path).await?;
        if let Some((folder, _)) = path.rsplit_once('/') {
            self.make_folder(folder)?;
        }
        self.write(path, &bytes)
    }

    async fn ledger(&self, path: &str) -> Result<Vec<u8>, Failure> {
        let parts: Vec<&str> = std::iter::once("ledger").chain(path.split('/')).collect();
        Ok(self.get(&parts).send().await?.body)
    }

    /// Fetches the openings of the log's entries. Gives their number, or nothing without the right.
    async fn openings(&self, size: u64) -> Result<Option<u64>, Failure> {
        const NAME: &str = "openings.ndjson";
        let mut lines = Vec::new();
        let mut file = None;
        let (mut count, mut from) = (0, 0);
        while from < size {
            let call = self.get(&["ledger", "entries"]).query("openings", true);
            let call = call.query("from", from).query("limit", ENTRIES_ITEMS.min(size - from));
            let answer = match call.send().await {
                Ok(answer) => answer,
                Err(failure) if failure.exit == Exit::Refused && file.is_none() => return Ok(None),
                Err(failure) => return Err(failure),
            };
            let page: Page<Entry> = answer.json()?;
            let Some(last) = page.items.last().map(|entry| entry.index) else { break };
            for Entry { index, opening } in &page.items {
                let (Some(opening), true) = (opening, *index < size) else { continue };
                push_line(&mut lines, &Opened { index: *index, opening })?;
                count += 1;
            }
            let out = match &mut file {
                Some(file) => file,
                None => file.insert(self.create(NAME)?),
            };
            out.write_all(&lines).map_err(|error| self.unwritten(NAME, &error))?;
            lines.clear();
            from = last.saturating_add(1);
        }
        if let Some(mut file) = file {
            file.flush().map_err(|error| self.unwritten(NAME, &error))?;
        }
        Ok(Some(count))
    }

    /// Verifies the log as it was written.
    fn check(&self) -> Result<(), Failure> {
        let report = verify_log(&mut |path| fs::read(self.folder.join(path)).ok(), None);
        match report.problems.first() {
            None => Ok(()),
            Some(problem) => Err(Failure::new(
                Exit::Findings,
                format!(
                    "the log that the server gave does not verify ({}: {}): tell the provider",
                    problem.what, problem.why
                ),
            )),
        }
    }

    fn make_folder(&self, name: &str) -> Result<(), Failure> {
        let path = self.folder.join(name);
        fs::create_dir_all(&path).map_err(|error| Failure::file("create", &path, &error))
    }

    fn create(&self, name: &str) -> Result<BufWriter<File>, Failure> {
        let created = File::create_new(self.folder.join(name));
        created.map(BufWriter::new).map_err(|error| self.unwritten(name, &error))
    }

    fn write(&self, name: &str, bytes: &[u8]) -> Result<(), Failure> {
        fs::write(self.folder.join(name), bytes).map_err(|error| self.unwritten(name, &error))
    }

    fn unwritten(&self, name: &str, error: &std::io::Error) -> Failure {
        Failure::file("write", &self.folder.join(name), error)
    }
}

/// The server's names become file names here, so they have to be names.
fn parse_collection(name: &str) -> Result<Collection, Failure> {
    Collection::parse(name).map_err(|why| wrong(&why))
}

fn wrong(why: &impl std::fmt::Display) -> Failure {
    Failure::new(Exit::Findings, format!("the server's answer is wrong: {why}"))
}

/// A record as a line. A value that spans lines would break the file and is written as base64.
fn line(listed: &Listed) -> Result<Vec<u8>, Failure> {
    let spans = |value: &&RawValue| value.get().contains(['\n', '\r']);
    let value = listed.value.as_deref();
    let encoded = value.filter(spans).map(|value| STANDARD.encode(value.get()));
    if value.is_none() && listed.value_base64.is_none() {
        return Err(wrong(&format!("record {} came without its value", listed.id)));
    }
    let line = Line {
        id: &listed.id,
        version: &listed.version,
        at: &listed.at,
        author: &listed.author,
        value: value.filter(|value| !spans(value)),
        value_base64: encoded.or_else(|| listed.value_base64.clone()),
    };
    let mut out = Vec::new();
    push_line(&mut out, &line)?;
    Ok(out)
}

fn push_line(out: &mut Vec<u8>, line: &impl Serialize) -> Result<(), Failure> {
    serde_json::to_writer(&mut *out, line).map_err(|why| Failure::failed(why.to_string()))?;
    out.push(b'\n');
    Ok(())
}

fn check_empty(out: &Path) -> Result<(), Failure> {
    match fs::read_dir(out) {
        Ok(mut inside) => match inside.next() {
            None => Ok(()),
            Some(_) => Err(Failure::usage(format!(
                "`{}` is not empty: name a folder that is new or empty",
                out.display()
            ))),
        },
        Err(error) if error.kind() == std::io::ErrorKind::NotFound => Ok(()),
        Err(error) => Err(Failure::file("read", out, &error)),
    }
}

/// A folder beside the wanted one, until it is whole. Dropping it removes it.
struct Folder {
    path: PathBuf,
    published: bool,
}

impl Folder {
    fn new(out: &Path) -> Result<Self, Failure> {
        let name = out.file_name().ok_or_else(|| {
            Failure::usage(format!("`{}` cannot be a new folder: name another", out.display()))
        })?;
        let mut temporary = std::ffi::OsString::from(".");
        temporary.push(name);
        temporary.push(format!(".{}", random_key()?));
        let path = out.with_file_name(temporary);
        let mut builder = fs::DirBuilder::new();
        // Service Data in the open is its owner's to read, until they decide otherwise.
        #[cfg(unix)]
        std::os::unix::fs::DirBuilderExt::mode(&mut builder, 0o700);
        builder.create(&path).map_err(|error| Failure::file("create", &path, &error))?;
        Ok(Self { path, published: false })
    }

    fn publish(mut self, out: &Path) -> Result<(), Failure> {
        fs::rename(&self.path, out).map_err(|error| Failure::file("create", out, &error))?;
        self.published = true;
        Ok(())
    }
}

impl Drop for Folder {
    fn drop(&mut self) {
        if !self.published {
            // The failure that led here is what is told; a folder left over has a telling name.
            let _ = fs::remove_dir_all(&self.path);
        }
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::{Folder, Listed, check_empty, line, parse_collection};
    use crate::exit::Exit;

    fn written(json: &str) -> String {
        let listed: Listed = serde_json::from_str(json).unwrap();
        String::from_utf8(line(&listed).unwrap()).unwrap()
    }

    #[test]
    fn a_value_is_written_byte_for_byte() {
        let item =
            r#"{"id":"1","version":2,"at":"t","author":"a","value":{"a" :1.00,"é":"\u00e9"}}"#;
        assert_eq!(written(item), format!("{item}\n"));
    }

    #[test]
    fn a_value_of_several_lines_becomes_base64() {
        let item = "{\"id\":\"1\",\"version\":2,\"at\":7,\"author\":\"a\",\"value\":[1,\n2]}";
        assert_eq!(
            written(item),
            "{\"id\":\"1\",\"version\":2,\"at\":7,\"author\":\"a\",\"value_base64\":\"WzEsCjJd\"}\n"
        );
    }

    #[test]
    fn a_value_the_server_encoded_stays_encoded() {
        let item = r#"{"id":"1","version":2,"at":"t","author":"a","value_base64":"IHt9"}"#;
        assert_eq!(written(item), format!("{item}\n"));
        let none: Listed =
            serde_json::from_value(json!({"id": "1", "version": 2, "at": "t", "author": "a"}))
                .unwrap();
        assert_eq!(line(&none).unwrap_err().exit, Exit::Findings);
    }

    #[test]
    fn a_server_cannot_choose_file_names() {
        assert!(parse_collection("complaints").is_ok());
        for name in ["../x", "/etc/x", "", "a/b", ".x"] {
            assert_eq!(parse_collection(name).unwrap_err().exit, Exit::Findings, "{name}");
        }
    }

    #[test]
    fn only_a_new_or_empty_folder_is_written_to() {
        let scratch = tempfile::tempdir().unwrap();
        let out = scratch.path().join("out");
        check_empty(&out).unwrap();
        std::fs::create_dir(&out).unwrap();
        check_empty(&out).unwrap();
        std::fs::write(out.join("a"), "").unwrap();
        assert_eq!(check_empty(&out).unwrap_err().exit, Exit::Usage);
        let file = scratch.path().join("file");
        std::fs::write(&file, "").unwrap();
        assert!(check_empty(&file).is_err());
        assert_eq!(Folder::new(std::path::Path::new("/")).err().unwrap().exit, Exit::Usage);
    }

    #[test]
    fn a_folder_appears_whole_or_not_at_all() {
        let scratch = tempfile::tempdir().unwrap();
        let out = scratch.path().join("out");
        let folder = Folder::new(&out).unwrap();
        std::fs::write(folder.path.join("a"), "b").unwrap();
        drop(folder);
        assert_eq!(std::fs::read_dir(scratch.path()).unwrap().count(), 0);
        std::fs::create_dir(&out).unwrap();
        let folder = Folder::new(&out).unwrap();
        std::fs::write(folder.path.join("a"), "b").unwrap();
        folder.publish(&out).unwrap();
        assert_eq!(std::fs::read(out.join("a")).unwrap(), b"b");
        assert_eq!(std::fs::read_dir(scratch.path()).unwrap().count(), 1);
    }
}
