//! What a page takes from the nodes above it in the page tree: its frame, its rotation, its
//! resources (ISO 32000-1 §7.7.3.4).

use lopdf::{Document, Object, ObjectId};

/// Deepest page tree that is followed.
const DEPTH: usize = 256;

/// Letter, which readers take for a page that gives none.
const DEFAULT_FRAME: [f32; 4] = [0.0, 0.0, 612.0, 792.0];

/// The part of a page that is shown, and which way up.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(super) struct Frame {
    /// Left, bottom, right, top in the page's own space, in points.
    edges: [f32; 4],
    /// Clockwise, in quarters of a turn, 0 to 3.
    quarters: u8,
}

/// The nearest value of an attribute that a page has or inherits, and the node that holds it.
pub(super) fn inherited<'a>(
    document: &'a Document,
    page: ObjectId,
    key: &[u8],
) -> Option<(ObjectId, &'a Object)> {
    let mut node = page;
    for _ in 0..DEPTH {
        let dictionary = document.get_dictionary(node).ok()?;
        match dictionary.get(key) {
            Ok(Object::Null) | Err(_) => {}
            Ok(value) => return Some((node, value)),
        }
        node = dictionary.get(b"Parent").and_then(Object::as_reference).ok()?;
    }
    None
}

impl Frame {
    pub(super) fn of(document: &Document, page: ObjectId) -> Self {
        let edges = |key: &[u8]| edges(document, inherited(document, page, key)?.1);
        let media = edges(b"MediaBox").unwrap_or(DEFAULT_FRAME);
        // What is shown is the part of the crop box on the medium.
        let shown = edges(b"CropBox").and_then(|crop| overlap(crop, media)).unwrap_or(media);
        let turn = inherited(document, page, b"Rotate")
            .and_then(|(_, value)| document.dereference(value).ok())
            .and_then(|(_, value)| value.as_float().ok())
            .unwrap_or(0.0);
        let quarters = match turn.rem_euclid(360.0) {
            90.0 => 1,
            180.0 => 2,
            270.0 => 3,
            _ => 0,
        };
        Self { edges: shown, quarters }
    }

    /// Width and height as the reader sees them.
    pub(super) fn size(&self) -> (f32, f32) {
        let [left, bottom, right, top] = self.edges;
        match self.quarters % 2 {
            0 => (right - left, top - bottom),
            _ => (top - bottom, right - left),
        }
    }

    /// The matrix from what the reader sees, origin at the lower left, to the page's own space.
    pub(super) fn upright(&self) -> [f32; 6] {
        let [left, bottom, right, top] = self.edges;
        match self.quarters {
            1 => [0.0, 1.0, -1.0, 0.0, right, bottom],
            2 => [-1.0, 0.0, 0.0, -1.0, right, top],
            3 => [0.0, -1.0, 1.0, 0.0, left, top],
            _ => [1.0, 0.0, 0.0, 1.0, left, bottom],
        }
    }
}

/// A rectangle whose corners may be given in any order.
fn edges(document: &Document, value: &Object) -> Option<[f32; 4]> {
    let (_, value) = document.dereference(value).ok()?;
    let numbers: Vec<f32> = value
        .as_array()
        .ok()?
        .iter()
        .filter_map(|item| document.dereference(item).ok()?.1.as_float().ok())
        .collect();
    let [a, b, c, d] = <[f32; 4]>::try_from(numbers).ok()?;
    sound([a.min(c), b.min(d), a.max(c), b.max(d)])
}

fn overlap(one: [f32; 4], other: [f32; 4]) -> Option<[f32; 4]> {
    let ([a, b, c, d], [e, f, g, h]) = (one, other);
    sound([a.max(e), b.max(f), c.min(g), d.min(h)])
}

/// At least a point wide and high, and within what can be written without exponents.
fn sound(edges: [f32; 4]) -> Option<[f32; 4]> {
    let [left, bottom, right, top] = edges;
    let near = edges.iter().all(|edge| edge.is_finite() && edge.abs() < 1e6);
    (near && right - left >= 1.0 && top - bottom >= 1.0).then_some(edges)
}
