//! A copy of a document that says on every page to whom it was released.

use std::collections::BTreeMap;

use aws_lc_rs::digest;
use lopdf::content::Content;
use lopdf::{Dictionary, Document, Object, ObjectId, Stream, StringFormat, dictionary};
use time::OffsetDateTime;
use time::macros::format_description;

use super::marks::{self, Names, Words};
use super::page::{Frame, inherited};
use super::{PdfRefused, damaged, guarded, helvetica, open};

/// Most bytes of a page's drawing that are looked at for brackets left open.
const CONTENT_BYTES: usize = 32 * 1024 * 1024;

/// Most characters of a text on a stamp.
const TEXT: usize = 200;

/// What a copy says.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Stamp {
    /// To whom it was released: organisation and person. 1 to 200 characters.
    pub receiver: String,
    /// Which release it was: an identifier that finds it in the ledger. 1 to 200 characters.
    pub release: String,
    /// When, in seconds since 1970.
    pub at: i64,
}

/// Stamps a copy. The same document and stamp give the same bytes.
///
/// A document that opens without password but forbids changes comes out without that protection:
/// whoever calls this has the right to release it.
///
/// # Errors
/// Why the document is not taken, or which text of the stamp is not.
pub fn stamp(bytes: &[u8], stamp: &Stamp) -> Result<Vec<u8>, PdfRefused> {
    for (field, text) in [("receiver", &stamp.receiver), ("release", &stamp.release)] {
        if text.is_empty() || text.chars().count() > TEXT {
            return Err(PdfRefused::Stamp { field });
        }
    }
    guarded(|| {
        let (mut document, pages) = open(bytes)?;
        let mut work = Work::new(&mut document, stamp)?;
        for page in pages {
            work.page(page)?;
        }
        work.information()?;
        let mut out = Vec::with_capacity(bytes.len() + bytes.len() / 8);
        document.save_to(&mut out).map_err(damaged)?;
        Ok(out)
    })
}

/// One document on its way.
struct Work<'a> {
    document: &'a mut Document,
    stamp: &'a Stamp,
    words: Words,
    moment: String,
    font: ObjectId,
    faint: ObjectId,
    clear: ObjectId,
    /// Resources that were extended already, by the object that held them: pages share theirs.
    extended: BTreeMap<ObjectId, (ObjectId, Names)>,
    /// Streams of opening and closing brackets, by how many.
    brackets: BTreeMap<(u8, usize), ObjectId>,
}

impl<'a> Work<'a> {
    fn new(document: &'a mut Document, stamp: &'a Stamp) -> Result<Self, PdfRefused> {
        // Transparency came with 1.4; later readers read earlier versions.
        if document.version.as_str() < "1.4" {
            document.version = "1.4".to_owned();
        }
        let font = dictionary! {
            "Type" => "Font",
            "Subtype" => "Type1",
            "BaseFont" => "Helvetica",
            "Encoding" => "WinAnsiEncoding",
        };
        let gray = |alpha: f32| {
            dictionary! {
                "Type" => "ExtGState",
                "ca" => alpha,
                "CA" => alpha,
                "BM" => "Normal",
                "SMask" => "None",
            }
        };
        let font = document.try_add_object(font).map_err(damaged)?;
        let faint = document.try_add_object(gray(0.15)).map_err(damaged)?;
        let clear = document.try_add_object(gray(0.8)).map_err(damaged)?;
        let moment = moment(stamp.at);
        let (receiver, release) = (&stamp.receiver, &stamp.release);
        let words = Words {
            diagonal: helvetica::encode(&format!("{receiver} · {release}")),
            footer: helvetica::encode(&format!("Released to {receiver} · {release} · {moment}")),
            receiver: marks::hexadecimal(&utf16(receiver)),
            release: marks::hexadecimal(&utf16(release)),
        };
        let (extended, brackets) = (BTreeMap::new(), BTreeMap::new());
        Ok(Self { document, stamp, words, moment, font, faint, clear, extended, brackets })
    }

    fn page(&mut self, page: ObjectId) -> Result<(), PdfRefused> {
        if self.document.get_dictionary(page).is_err() {
            return Err(damaged(format!("page object {} is missing", page.0)));
        }
        let frame = Frame::of(self.document, page);
        let (resources, key) = self.resources(page)?;
        let Some((_, names)) = self.extended.get(&key) else {
            return Err(damaged("its resources cannot be extended"));
        };
        let drawing = marks::draw(&frame, &self.words, names);
        let mut drawing = Stream::new(Dictionary::new(), drawing);
        drawing.compress().map_err(damaged)?;
        let drawing = self.document.try_add_object(drawing).map_err(damaged)?;
        // Brackets around what was there give the stamp the page's own space back.
        let (open, close) = self.open_brackets(page);
        let mut contents = vec![Object::Reference(self.bracket(b'q', open + 1)?)];
        contents.extend(self.document.get_page_contents(page).into_iter().map(Object::Reference));
        contents.push(Object::Reference(self.bracket(b'Q', close + 1)?));
        contents.push(Object::Reference(drawing));
        let piece = self.piece();
        let dictionary = self.document.get_dictionary_mut(page).map_err(damaged)?;
        dictionary.set("Contents", contents);
        dictionary.set("Resources", Object::Reference(resources));
        let mut pieces = match dictionary.get(b"PieceInfo") {
            Ok(Object::Dictionary(pieces)) => pieces.clone(),
            _ => Dictionary::new(),
        };
        pieces.set("Bailee", piece);
        dictionary.set("PieceInfo", pieces);
        dictionary.set("LastModified", Object::string_literal(pdf_date(self.stamp.at)));
        Ok(())
    }

    /// How many brackets a page closes before it opened them, and how many it leaves open.
    fn open_brackets(&self, page: ObjectId) -> (usize, usize) {
        let Ok(content) = self.document.get_page_content_with_limit(page, CONTENT_BYTES) else {
            return (0, 0);
        };
        let Ok(content) = Content::decode(&content) else { return (0, 0) };
        let (mut missing, mut open) = (0_usize, 0_usize);
        for operation in &content.operations {
            match operation.operator.as_str() {
                "q" => open += 1,
                "Q" if open > 0 => open -= 1,
                "Q" => missing += 1,
                _ => {}
            }
        }
        (missing, open)
    }

    fn bracket(&mut self, bracket: u8, times: usize) -> Result<ObjectId, PdfRefused> {
        if let Some(known) = self.brackets.get(&(bracket, times)) {
            return Ok(*known);
        }
        let content = [b'\n', bracket, b'\n'].repeat(times);
        let stream = Stream::new(Dictionary::new(), content);
        let id = self.document.try_add_object(stream).map_err(damaged)?;
        self.brackets.insert((bracket, times), id);
        Ok(id)
    }

    /// The page's resources with the stamp's added, and where their names are kept. What was there
    /// is not changed: other pages and forms may use it.
    fn resources(&mut self, page: ObjectId) -> Result<(ObjectId, ObjectId), PdfRefused> {
        let (key, mut all) = match inherited(self.document, page, b"Resources") {
            None => (page, Dictionary::new()),
            Some((node, value)) => {
                let dictionary = self
                    .document
                    .dereference(value)
                    .and_then(|(id, value)| Ok((id.unwrap_or(node), value.as_dict()?.clone())));
                dictionary.unwrap_or((page, Dictionary::new()))
            }
        };
        if let Some((made, _)) = self.extended.get(&key) {
            return Ok((*made, key));
        }
        let mut fonts = self.part(&all, b"Font");
        let mut states = self.part(&all, b"ExtGState");
        let names = Names {
            font: unused(&fonts, "BaileeFont"),
            faint: unused(&states, "BaileeFaint"),
            clear: unused(&states, "BaileeClear"),
        };
        fonts.set(names.font.as_str(), Object::Reference(self.font));
        states.set(names.faint.as_str(), Object::Reference(self.faint));
        states.set(names.clear.as_str(), Object::Reference(self.clear));
        all.set("Font", fonts);
        all.set("ExtGState", states);
        let made = self.document.try_add_object(all).map_err(damaged)?;
        self.extended.insert(key, (made, names));
        Ok((made, key))
    }

    fn part(&self, resources: &Dictionary, key: &[u8]) -> Dictionary {
        let part = resources.get_deref(key, self.document).and_then(Object::as_dict);
        part.cloned().unwrap_or_default()
    }

    /// A page's private data of one program (ISO 32000-1 §14.5).
    fn piece(&self) -> Dictionary {
        dictionary! {
            "LastModified" => Object::string_literal(pdf_date(self.stamp.at)),
            "Private" => dictionary! {
                "Receiver" => text(&self.stamp.receiver),
                "Release" => text(&self.stamp.release),
            },
        }
    }

    /// The mark on the document as a whole.
    fn information(&mut self) -> Result<(), PdfRefused> {
        let old = self.document.trailer.get_deref(b"Info", self.document);
        let mut information = old.and_then(Object::as_dict).cloned().unwrap_or_default();
        information.set("BaileeReceiver", text(&self.stamp.receiver));
        information.set("BaileeRelease", text(&self.stamp.release));
        information.set("BaileeReleasedAt", text(&self.moment));
        let information = self.document.try_add_object(information).map_err(damaged)?;
        // The first identifier says which document it is, the second which copy (§14.4).
        let stamp = [&self.stamp.receiver, "\0", &self.stamp.release, "\0", &self.moment].concat();
        let copy = digest::digest(&digest::SHA256, stamp.as_bytes());
        let copy = copy.as_ref().get(..16).unwrap_or_default().to_vec();
        let copy = Object::String(copy, StringFormat::Hexadecimal);
        let trailer = &mut self.document.trailer;
        let first = match trailer.get(b"ID") {
            Ok(Object::Array(both)) => both.first().filter(|first| first.as_str().is_ok()).cloned(),
            _ => None,
        };
        trailer.set("ID", vec![first.unwrap_or_else(|| copy.clone()), copy]);
        trailer.set("Info", Object::Reference(information));
        Ok(())
    }
}

fn unused(taken: &Dictionary, name: &str) -> String {
    let mut free = name.to_owned();
    while taken.has(free.as_bytes()) {
        free.push('X');
    }
    free
}

/// A text string (ISO 32000-1 §7.9.2.2), exactly as given.
fn text(text: &str) -> Object {
    Object::String(utf16(text), StringFormat::Hexadecimal)
}

fn utf16(text: &str) -> Vec<u8> {
    let units = std::iter::once(0xfeff).chain(text.encode_utf16());
    units.flat_map(u16::to_be_bytes).collect()
}

fn moment(at: i64) -> String {
    let form = format_description!("[year]-[month]-[day] [hour]:[minute]:[second] UTC");
    utc(at).format(&form).unwrap_or_default()
}

fn pdf_date(at: i64) -> String {
    let form = format_description!("D:[year][month][day][hour][minute][second]Z");
    utc(at).format(&form).unwrap_or_default()
}

fn utc(at: i64) -> OffsetDateTime {
    OffsetDateTime::from_unix_timestamp(at).unwrap_or(OffsetDateTime::UNIX_EPOCH)
}
