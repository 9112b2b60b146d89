//! A plain PDF of lines of text: A4, one font, pages with numbers.

use std::fmt::Write as _;

use lopdf::{Dictionary, Document, Object, Stream, dictionary};

use super::{helvetica, marks};

/// A4 in points.
const WIDTH: f32 = 595.0;
const HEIGHT: f32 = 842.0;
const MARGIN: f32 = 56.0;
const TITLE: f32 = 16.0;
const SIZE: f32 = 10.0;
const LEADING: f32 = 14.0;
/// Lines of text on a page, below the title's place and above the page's number.
const PER_PAGE: usize = 49;
/// Most pages that are written; what is beyond is said on the last one.
const PAGES: usize = 5_000;

/// A document of these lines, broken where they are too long; an empty one leaves a line free. The
/// same text gives the same bytes. After 5,000 pages it ends, and says how many lines it left out.
#[must_use]
pub fn write_text(title: &str, lines: &[String]) -> Vec<u8> {
    let mut document = Document::with_version("1.7");
    let most = ((WIDTH - 2.0 * MARGIN) / SIZE * 1000.0) as u32;
    let mut broken: Vec<Vec<u8>> = Vec::new();
    for (index, line) in lines.iter().enumerate() {
        if broken.len() >= PER_PAGE * PAGES {
            broken.truncate(PER_PAGE * PAGES - 1);
            let left = lines.len() - index;
            broken.push(helvetica::encode(&format!("… and {left} more lines, not written here")));
            break;
        }
        broken.extend(helvetica::wrap(&helvetica::encode(line), most));
    }
    let title = helvetica::encode(title);
    let tree = document.new_object_id();
    let font = document.add_object(dictionary! {
        "Type" => "Font",
        "Subtype" => "Type1",
        "BaseFont" => "Helvetica",
        "Encoding" => "WinAnsiEncoding",
    });
    let total = broken.len().div_ceil(PER_PAGE).max(1);
    let mut kids = Vec::new();
    for number in 1..=total {
        let from = (number - 1) * PER_PAGE;
        let shown: Vec<&[u8]> =
            broken.iter().skip(from).take(PER_PAGE).map(Vec::as_slice).collect();
        let mut content = Stream::new(Dictionary::new(), page(&title, &shown, number, total));
        // A page that is left as it is only takes more room.
        drop(content.compress());
        let content = document.add_object(content);
        kids.push(Object::Reference(document.add_object(dictionary! {
            "Type" => "Page",
            "Parent" => tree,
            "Contents" => content,
        })));
    }
    let count = i64::try_from(kids.len()).unwrap_or(i64::MAX);
    document.objects.insert(
        tree,
        Object::Dictionary(dictionary! {
            "Type" => "Pages",
            "Kids" => kids,
            "Count" => count,
            "MediaBox" => vec![0.into(), 0.into(), WIDTH.into(), HEIGHT.into()],
            "Resources" => dictionary! { "Font" => dictionary! { "F" => font } },
        }),
    );
    let catalog = document.add_object(dictionary! { "Type" => "Catalog", "Pages" => tree });
    document.trailer.set("Root", catalog);
    let mut out = Vec::new();
    // Writing to memory does not fail; a document that could not be written would be empty.
    drop(document.save_to(&mut out));
    out
}

fn page(title: &[u8], lines: &[&[u8]], number: usize, total: usize) -> Vec<u8> {
    let mut out = String::new();
    let top = HEIGHT - MARGIN;
    // The title is on each page, small where it does not fit.
    let wide = (helvetica::width(title) as f32 / 1000.0).max(1.0);
    let size = TITLE.min((WIDTH - 2.0 * MARGIN) / wide);
    let _ = writeln!(out, "BT /F {size:.3} Tf {MARGIN} {top} Td {} Tj ET", string(title));
    let _ = writeln!(out, "BT /F {SIZE} Tf {LEADING} TL {MARGIN} {} Td", top - 2.0 * LEADING);
    for line in lines {
        let _ = writeln!(out, "{} Tj T*", string(line));
    }
    let _ = writeln!(out, "ET");
    let foot = helvetica::encode(&format!("Page {number} of {total}"));
    let _ = writeln!(out, "BT /F 8 Tf {MARGIN} {} Td {} Tj ET", MARGIN / 2.0, string(&foot));
    out.into_bytes()
}

fn string(bytes: &[u8]) -> String {
    marks::hexadecimal(bytes)
}
