//! The fonts of the PDF, how wide a text is in them, and which of them has which character.
//!
//! `fonts/README.md` says where they are from and under which licence.

use krilla::text::Font;
use skrifa::instance::{LocationRef, Size};
use skrifa::metrics::GlyphMetrics;
use skrifa::{FontRef, MetadataProvider as _};
use std::borrow::Cow;

const PLAIN: &[u8] = include_bytes!("../../fonts/Roboto-Regular.ttf");
const BOLD: &[u8] = include_bytes!("../../fonts/Roboto-Bold.ttf");
const WIDE: &[u8] = include_bytes!("../../fonts/DroidSansFallback.ttf");

/// How a text is written.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Face {
    /// As most is.
    Plain,
    /// As titles are.
    Bold,
}

struct Open {
    font: Font,
    tables: FontRef<'static>,
    metrics: GlyphMetrics<'static>,
}

impl Open {
    fn of(bytes: &'static [u8]) -> Option<Self> {
        let tables = FontRef::new(bytes).ok()?;
        // One unit of the em, so that a width is multiplied by the size of the text.
        let metrics = tables.glyph_metrics(Size::new(1.0), LocationRef::default());
        Some(Self { font: Font::new(bytes.into(), 0)?, tables, metrics })
    }

    fn width(&self, c: char) -> Option<f32> {
        let glyph = self.tables.charmap().map(c)?;
        self.metrics.advance_width(glyph)
    }
}

/// The fonts.
pub(super) struct Fonts {
    plain: Open,
    bold: Open,
    wide: Open,
}

impl Fonts {
    /// Those of this release.
    pub(super) fn open() -> Option<Self> {
        Some(Self { plain: Open::of(PLAIN)?, bold: Open::of(BOLD)?, wide: Open::of(WIDE)? })
    }

    /// The text as it is drawn: what no font has as its code point.
    fn spelled<'t>(&self, text: &'t str) -> Cow<'t, str> {
        let drawn = |c: char| self.plain.width(c).is_some() || self.wide.width(c).is_some();
        if text.chars().all(|c| drawn(c) && !c.is_control()) {
            return Cow::Borrowed(text);
        }
        let mut out = String::new();
        for c in text.chars() {
            match c {
                '→' => out.push('>'),
                c if c.is_control() => out.push(' '),
                c if drawn(c) => out.push(c),
                c => out.push_str(&format!("[U+{:04X}]", u32::from(c))),
            }
        }
        Cow::Owned(out)
    }

    fn open_for(&self, c: char, face: Face) -> (&Open, f32) {
        let first = match face {
            Face::Plain => &self.plain,
            Face::Bold => &self.bold,
        };
        let own = first.width(c).map(|wide| (first, wide));
        let other = || self.wide.width(c).map(|wide| (&self.wide, wide));
        own.or_else(other).unwrap_or((first, 0.5))
    }

    /// How wide a text is, in points.
    pub(super) fn width(&self, text: &str, size: f32, face: Face) -> f32 {
        self.spelled(text).chars().map(|c| self.open_for(c, face).1 * size).sum()
    }

    /// The text in runs of one font each, with their widths.
    pub(super) fn runs(&self, text: &str, size: f32, face: Face) -> Vec<(Font, String, f32)> {
        let mut runs: Vec<(Font, String, f32)> = Vec::new();
        for c in self.spelled(text).chars() {
            let (open, wide) = self.open_for(c, face);
            match runs.last_mut().filter(|run| run.0 == open.font) {
                Some(run) => {
                    run.1.push(c);
                    run.2 += wide * size;
                }
                None => runs.push((open.font.clone(), c.to_string(), wide * size)),
            }
        }
        runs
    }

    /// The text in lines that have room in so many points: broken at spaces, and within a word
    /// only where it alone is too wide, as hashes are.
    pub(super) fn lines(&self, text: &str, room: f32, size: f32, face: Face) -> Vec<String> {
        let text = self.spelled(text);
        let mut lines = Vec::new();
        let (mut line, mut used) = (String::new(), 0.0_f32);
        for word in text.split_inclusive(' ') {
            let wide = self.width(word.trim_end(), size, face);
            if used + wide > room && !line.is_empty() {
                lines.push(std::mem::take(&mut line));
                used = 0.0;
            }
            for c in word.chars() {
                let wide = self.open_for(c, face).1 * size;
                if used + wide > room && c != ' ' && !line.is_empty() {
                    lines.push(std::mem::take(&mut line));
                    used = 0.0;
                }
                line.push(c);
                used += wide;
            }
        }
        lines.push(line);
        lines
    }
}
