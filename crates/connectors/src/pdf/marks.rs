//! What a stamp draws on one page: a diagonal line, a footer, and a marker that is not seen.

use std::fmt::Write as _;

use super::helvetica;
use super::page::Frame;

/// Names under which a page finds what a stamp draws with.
pub(super) struct Names {
    pub(super) font: String,
    pub(super) faint: String,
    pub(super) clear: String,
}

/// What a stamp says, in the forms it is said in.
pub(super) struct Words {
    /// Across the page.
    pub(super) diagonal: Vec<u8>,
    /// At the foot of the page.
    pub(super) footer: Vec<u8>,
    /// In the marker: PDF strings, already written.
    pub(super) receiver: String,
    pub(super) release: String,
}

/// Size of the footer in points, and the least on a page that is narrow or low.
const FOOTER: f32 = 7.0;
const FOOTER_LEAST: f32 = 3.0;
/// Largest size of the diagonal in points.
const DIAGONAL: f32 = 60.0;

/// The content stream of a stamp. Everything is drawn as the reader sees the page.
pub(super) fn draw(frame: &Frame, words: &Words, names: &Names) -> Vec<u8> {
    let mut out = String::new();
    // Marked content is in the page's own stream and is copied with it (ISO 32000-1 §14.6).
    let _ = writeln!(
        out,
        "/BaileeRelease <</Receiver {} /Release {}>> DP",
        words.receiver, words.release
    );
    let [a, b, c, d, e, f] = frame.upright();
    let _ = writeln!(out, "q {a} {b} {c} {d} {e} {f} cm");
    diagonal(&mut out, frame, &words.diagonal, names);
    footer(&mut out, frame, &words.footer, names);
    out.push_str("Q\n");
    out.into_bytes()
}

fn diagonal(out: &mut String, frame: &Frame, text: &[u8], names: &Names) {
    let (width, height) = frame.size();
    let length = width.hypot(height);
    let wide = thousandths(text).max(1.0);
    // It fills most of the diagonal and so stays on the page at both ends.
    let size = (0.8 * length / wide).min(DIAGONAL);
    let (cos, sin) = (width / length, height / length);
    // Its middle lies in the middle of the page; a capital letter is 0.7 high.
    let (along, across) = (wide * size / 2.0, 0.35 * size);
    let x = width / 2.0 - along * cos + across * sin;
    let y = height / 2.0 - along * sin - across * cos;
    let _ = writeln!(
        out,
        "/{} gs 0.3 g BT 0 Tr /{} {size:.3} Tf {cos:.6} {sin:.6} {:.6} {cos:.6} {x:.3} {y:.3} Tm",
        names.faint, names.font, -sin
    );
    let _ = writeln!(out, "{} Tj ET", hexadecimal(text));
}

fn footer(out: &mut String, frame: &Frame, text: &[u8], names: &Names) {
    let (width, height) = frame.size();
    let size = (width.min(height) / 40.0).clamp(FOOTER_LEAST, FOOTER);
    let margin = size;
    let most = ((width - 2.0 * margin).max(size) / size * 1000.0) as u32;
    let lines = helvetica::wrap(text, most);
    let leading = 1.2 * size;
    let top = margin + leading * (lines.len().saturating_sub(1)) as f32;
    let _ = writeln!(
        out,
        "/{} gs 0.25 g BT 0 Tr /{} {size:.3} Tf {leading:.3} TL {margin:.3} {top:.3} Td",
        names.clear, names.font
    );
    for line in lines {
        let _ = writeln!(out, "{} Tj T*", hexadecimal(&line));
    }
    out.push_str("ET\n");
}

fn thousandths(text: &[u8]) -> f32 {
    helvetica::width(text) as f32 / 1000.0
}

/// A PDF string of these bytes.
pub(super) fn hexadecimal(bytes: &[u8]) -> String {
    let mut out = String::with_capacity(2 * bytes.len() + 2);
    out.push('<');
    for byte in bytes {
        let _ = write!(out, "{byte:02X}");
    }
    out.push('>');
    out
}
