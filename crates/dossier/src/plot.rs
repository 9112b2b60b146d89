//! A plot as shapes: few kinds, whole numbers, one meaning each; drawn as SVG here and in the PDF.
//!
//! Colour is a class that the page defines, for light and dark; each tone also differs in shape or
//! is said in the table.

use crate::document::Table;
use std::fmt::Write as _;

/// What a shape means, which is what colours it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Tone {
    /// As it should be.
    Good,
    /// Somebody has to act.
    Due,
    /// Not as it should be.
    Bad,
    /// Stopped by an order.
    Held,
    /// Text and marks.
    Ink,
    /// Text of less weight.
    Soft,
    /// The ground on which something is measured.
    Ground,
}

impl Tone {
    /// The class in a page.
    #[must_use]
    pub fn class(self) -> &'static str {
        match self {
            Self::Good => "good",
            Self::Due => "due",
            Self::Bad => "bad",
            Self::Held => "held",
            Self::Ink => "ink",
            Self::Soft => "soft",
            Self::Ground => "ground",
        }
    }
}

/// Where a text begins from.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Anchor {
    /// It begins there.
    Start,
    /// Its middle is there.
    Middle,
    /// It ends there.
    End,
}

/// A shape, in units of a plot.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Shape {
    /// A rectangle: left, top, width, height.
    Rect(u16, u16, u16, u16, Tone),
    /// A text on one line: where, on which base line.
    Text(u16, u16, Anchor, Tone, String),
}

/// A plot with what it says.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Plot {
    /// A name, unique in its page.
    pub name: &'static str,
    /// What is shown.
    pub title: String,
    /// What it says, in a sentence.
    pub what: String,
    /// Units across.
    pub width: u16,
    /// Units down.
    pub height: u16,
    /// What is drawn, from back to front.
    pub shapes: Vec<Shape>,
    /// The same as a table.
    pub table: Table,
}

/// Size of text in units of a plot.
pub const TEXT: u16 = 11;

/// The plot as SVG, which a page takes in as it is. All text in it is escaped.
#[must_use]
pub fn svg(plot: &Plot) -> String {
    let Plot { name, width, height, .. } = plot;
    let mut text = format!(
        "<svg class=\"plot\" viewBox=\"0 0 {width} {height}\" width=\"{width}\" \
         height=\"{height}\" role=\"img\" aria-labelledby=\"{name}-title {name}-what\">\
         <title id=\"{name}-title\">{}</title><desc id=\"{name}-what\">{}</desc>",
        escaped(&plot.title),
        escaped(&plot.what),
    );
    for shape in &plot.shapes {
        // Writing to a string cannot fail.
        let _ = match shape {
            Shape::Rect(x, y, width, height, tone) => write!(
                text,
                "<rect class=\"{}\" x=\"{x}\" y=\"{y}\" width=\"{width}\" height=\"{height}\"/>",
                tone.class()
            ),
            Shape::Text(x, y, anchor, tone, said) => write!(
                text,
                "<text class=\"{}\" x=\"{x}\" y=\"{y}\" font-size=\"{TEXT}\" \
                 text-anchor=\"{}\">{}</text>",
                tone.class(),
                match anchor {
                    Anchor::Start => "start",
                    Anchor::Middle => "middle",
                    Anchor::End => "end",
                },
                escaped(said)
            ),
        };
    }
    text.push_str("</svg>");
    text
}

/// Text as it stands in a page.
fn escaped(text: &str) -> String {
    let mut out = String::with_capacity(text.len());
    for c in text.chars() {
        match c {
            '&' => out.push_str("&amp;"),
            '<' => out.push_str("&lt;"),
            '>' => out.push_str("&gt;"),
            '"' => out.push_str("&quot;"),
            // No character that XML has no room for.
            c if c.is_control() => out.push(' '),
            c => out.push(c),
        }
    }
    out
}

/// A text that has room in so many characters; all of it stands in the table.
pub(crate) fn short(text: &str, most: usize) -> String {
    if text.chars().count() <= most {
        return text.to_owned();
    }
    let kept: String = text.chars().take(most.saturating_sub(1)).collect();
    format!("{kept}…")
}

/// A part of a whole, scaled to so many units; all of them for a part that is larger.
pub(crate) fn scaled(part: u64, whole: u64, units: u16) -> u16 {
    let part = u128::from(part.min(whole)) * u128::from(units);
    u16::try_from(part.checked_div(u128::from(whole)).unwrap_or(0)).unwrap_or(units)
}

#[cfg(test)]
mod tests {
    use super::{Anchor, Plot, Shape, Tone, scaled, short, svg};
    use crate::document::Table;

    #[test]
    fn what_was_entered_is_text() {
        let said = "</text><script>alert(1)</script>&\u{0}\"".to_owned();
        let plot = Plot {
            name: "p",
            title: said.clone(),
            what: said.clone(),
            width: 10,
            height: 10,
            shapes: vec![Shape::Text(1, 2, Anchor::End, Tone::Ink, said)],
            table: Table::default(),
        };
        let text = svg(&plot);
        assert!(!text.contains("<script") && !text.contains('\u{0}'), "{text}");
        assert_eq!(text.matches("&lt;script&gt;alert(1)&lt;/script&gt;&amp; &quot;").count(), 3);
    }

    #[test]
    fn scales_stay_within_their_units() {
        assert_eq!((scaled(1, 2, 100), scaled(9, 2, 100), scaled(1, 0, 100)), (50, 100, 0));
        assert_eq!(scaled(u64::MAX, u64::MAX, u16::MAX), u16::MAX);
        assert_eq!((short("abc", 3), short("abcd", 3)), ("abc".to_owned(), "ab…".to_owned()));
    }
}
