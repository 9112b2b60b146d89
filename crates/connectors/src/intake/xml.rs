//! XML (1.0) as a stream of tags, with everything taken away that can hurt.
//!
//! Promises: no document type that declares anything, no entities but the five predefined ones, at
//! most [`MAX_DEPTH`] levels and [`MAX_ATTRIBUTES`] attributes, and the end of the file only where
//! the root has been closed: a scan that was cut is refused.
//! Deliberately not: namespaces, text between tags (the formats here keep all in attributes), and
//! encodings other than UTF-8.

use std::collections::BTreeMap;

use quick_xml::Reader;
use quick_xml::XmlVersion;
use quick_xml::events::{BytesStart, Event};

use super::text::{self, free, position, quote};
use super::{MAX_DEPTH, MAX_XML, Refused};

/// Most attributes of one element; looking for doubles costs their square.
const MAX_ATTRIBUTES: usize = 100;

const AGAIN: &str = "let the tool write the file again, and send it whole";

/// A tag.
pub(super) enum Tag {
    /// An element begins. One without content is closed by the next tag.
    Open(Element),
    /// The innermost open element ends.
    Close,
}

/// An element with its attributes.
#[derive(Default)]
pub(super) struct Element {
    pub(super) name: String,
    attributes: BTreeMap<String, String>,
}

impl Element {
    /// An attribute's value.
    pub(super) fn get(&self, key: &str) -> Option<&str> {
        self.attributes.get(key).map(String::as_str)
    }
}

/// Reads tags one by one.
pub(super) struct Tags<'a> {
    text: &'a str,
    reader: Reader<&'a [u8]>,
    at: u64,
    depth: usize,
    root_seen: bool,
}

impl<'a> Tags<'a> {
    /// A file of at most [`MAX_XML`] bytes.
    pub(super) fn new(bytes: &'a [u8]) -> Result<Self, Refused> {
        let text = text::text(bytes, MAX_XML)?;
        let mut reader = Reader::from_str(text);
        reader.config_mut().expand_empty_elements = true;
        Ok(Self { text, reader, at: 0, depth: 0, root_seen: false })
    }

    /// Where the tag that was read last begins.
    pub(super) fn place(&self) -> String {
        position(self.text, usize::try_from(self.at).unwrap_or(self.text.len()))
    }

    /// A refusal at the tag that was read last.
    pub(super) fn refuse(&self, problem: impl Into<String>, remedy: &str) -> Refused {
        Refused::new(self.place(), problem, remedy)
    }

    /// The next tag; none at the end of a document that is complete.
    pub(super) fn next(&mut self) -> Result<Option<Tag>, Refused> {
        loop {
            self.at = self.reader.buffer_position();
            let event = self.reader.read_event().map_err(|error| {
                let offset = usize::try_from(self.reader.error_position()).unwrap_or(0);
                let problem = format!("this is not XML, {}", free(&error.to_string()));
                Refused::new(position(self.text, offset), problem, AGAIN)
            })?;
            match event {
                Event::Start(start) => return self.open(&start).map(Some),
                Event::Empty(_) | Event::End(_) => {
                    self.depth = self.depth.saturating_sub(1);
                    return Ok(Some(Tag::Close));
                }
                Event::Eof => return self.end(),
                Event::Text(content) if self.depth == 0 && !content.trim().is_empty() => {
                    return Err(self.refuse("there is text outside of the root", AGAIN));
                }
                Event::DocType(content) => self.document_type(&content)?,
                Event::GeneralRef(entity) => self.entity(&entity)?,
                Event::Decl(declared) => {
                    if let Some(Ok(encoding)) = declared.encoding()
                        && !["utf-8", "us-ascii", "ascii"]
                            .contains(&encoding.to_ascii_lowercase().as_str())
                    {
                        let problem = format!("the encoding {} is not read", quote(&encoding));
                        return Err(self.refuse(problem, "save it as UTF-8 and send it again"));
                    }
                }
                Event::Text(_) | Event::CData(_) | Event::Comment(_) | Event::PI(_) => {}
            }
        }
    }

    fn open(&mut self, start: &BytesStart<'_>) -> Result<Tag, Refused> {
        if self.depth == 0 && self.root_seen {
            return Err(self.refuse("there is a second root", AGAIN));
        }
        if self.depth == MAX_DEPTH {
            let problem = format!("elements are nested deeper than {MAX_DEPTH}");
            return Err(self.refuse(problem, AGAIN));
        }
        self.depth += 1;
        self.root_seen = true;
        let mut attributes = BTreeMap::new();
        for attribute in start.attributes() {
            let attribute = attribute.map_err(|error| {
                self.refuse(format!("this is not an attribute, {error}"), AGAIN)
            })?;
            if attributes.len() == MAX_ATTRIBUTES {
                let problem = format!("an element has more than {MAX_ATTRIBUTES} attributes");
                return Err(self.refuse(problem, AGAIN));
            }
            let value = attribute.normalized_value(XmlVersion::Implicit1_0).map_err(|error| {
                let problem = format!("an attribute cannot be read, {}", free(&error.to_string()));
                self.refuse(problem, "write characters as themselves, without entities")
            })?;
            attributes.insert(attribute.key.as_ref().to_owned(), value.into_owned());
        }
        Ok(Tag::Open(Element { name: start.name().as_ref().to_owned(), attributes }))
    }

    fn end(&self) -> Result<Option<Tag>, Refused> {
        if self.depth == 0 && self.root_seen {
            return Ok(None);
        }
        Err(Refused::new(position(self.text, self.text.len()), "the file ends too early", AGAIN))
    }

    /// A bare name declares nothing, and nmap writes one; anything else could declare entities or
    /// fetch them.
    fn document_type(&self, content: &str) -> Result<(), Refused> {
        let name = content.trim();
        let plain = |letter: char| letter.is_ascii_alphanumeric() || "-_.".contains(letter);
        if !name.is_empty() && name.chars().all(plain) {
            return Ok(());
        }
        let problem = format!("a document type with declarations is here, {}", quote(name));
        Err(self.refuse(problem, "remove the DOCTYPE, or let the tool write the file again"))
    }

    fn entity(&self, name: &str) -> Result<(), Refused> {
        if name.starts_with('#') || ["lt", "gt", "amp", "apos", "quot"].contains(&name) {
            return Ok(());
        }
        let problem = format!("the entity {} is not one of XML's own five", quote(name));
        Err(self.refuse(problem, "write the characters themselves"))
    }
}
