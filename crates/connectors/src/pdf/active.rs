//! What a document must not hold, wherever in it that lies.
//!
//! Every object is looked at, not only those that are reached from the pages: readers differ in how
//! they reach them, and what a damaged or crafted file hides from one of them another will run.

use lopdf::{Dictionary, Document, Object};

use super::PdfRefused;

/// Refuses scripts, programs, forms that run or send, and embedded files.
///
/// # Errors
/// What was found, and in which object.
pub(super) fn refuse(document: &Document) -> Result<(), PdfRefused> {
    for (id, object) in &document.objects {
        // A list instead of recursion: depth is the sender's choice.
        let mut waiting = vec![object];
        while let Some(object) = waiting.pop() {
            let dictionary = match object {
                Object::Dictionary(dictionary) => dictionary,
                Object::Stream(stream) => &stream.dict,
                Object::Array(items) => {
                    waiting.extend(items);
                    continue;
                }
                _ => continue,
            };
            if let Some(what) = forbidden(document, dictionary) {
                return Err(PdfRefused::Active { what, object: id.0 });
            }
            waiting.extend(dictionary.iter().map(|(_, value)| value));
        }
    }
    Ok(())
}

fn forbidden(document: &Document, dictionary: &Dictionary) -> Option<&'static str> {
    let name = |key: &[u8]| dictionary.get_deref(key, document).and_then(Object::as_name).ok();
    // ISO 32000-1 §12.6: what an action does is its /S.
    let action = match name(b"S") {
        Some(b"JavaScript") => Some("JavaScript"),
        Some(b"Launch") => Some("an action that starts a program"),
        Some(b"SubmitForm" | b"ImportData") => Some("an action that sends or fetches form data"),
        // A rendition may hold a script; a script is always in /JS.
        Some(_) if dictionary.has(b"JS") => Some("JavaScript"),
        _ => None,
    };
    let kind = match (name(b"Type"), name(b"Subtype")) {
        (Some(b"EmbeddedFile"), _) | (_, Some(b"FileAttachment")) => Some("an embedded file"),
        (_, Some(b"RichMedia" | b"3D" | b"Screen" | b"Movie" | b"Sound")) => {
            Some("multimedia that runs in the reader")
        }
        _ => None,
    };
    // An embedded file need not say that it is one: its specification points at it by /EF
    // (§7.11.3).
    let carried = dictionary.get_deref(b"EF", document).and_then(Object::as_dict).ok();
    let carried = carried.is_some_and(|files| {
        [&b"F"[..], b"UF", b"DOS", b"Mac", b"Unix"].into_iter().any(|key| files.has(key))
    });
    let form = dictionary.has(b"XFA").then_some("a form with a program (XFA)");
    action.or(kind).or(carried.then_some("an embedded file")).or(form)
}
