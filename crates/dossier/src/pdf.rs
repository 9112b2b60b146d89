//! The document as PDF (ISO 32000), through `krilla`: A4, text that can be searched and copied, and
//! the plots as the shapes they are.
//!
//! Latin, Greek and Cyrillic are in Roboto, Han, kana and Hangul in Droid Sans Fallback; a
//! character that neither has is written as its code point, such as `U+05D0`, and never dropped.

mod fonts;
mod layout;

use crate::document::{Document, Part, Section, Table};
use crate::plot::{Anchor, Plot, Shape, Tone};
use fonts::{Face, Fonts};
use krilla::color::rgb;
use krilla::geom::{PathBuilder, Point, Rect};
use krilla::metadata::Metadata;
use krilla::page::PageSettings;
use krilla::paint::{Fill, FillRule};
use krilla::surface::Surface;
use krilla::text::TextDirection;
use layout::{Draw, Layout};

/// Points across a page.
const WIDE: f32 = 595.0;
/// Points down a page.
const HIGH: f32 = 842.0;
/// Points around what is written.
const MARGIN: f32 = 48.0;

/// Why there is no PDF.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Unprintable(String);

impl Unprintable {
    pub(crate) fn because(why: &dyn std::fmt::Display) -> Self {
        Self(why.to_string())
    }
}

impl std::fmt::Display for Unprintable {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "the document has no form as PDF: {}", self.0)
    }
}

impl std::error::Error for Unprintable {}

/// The PDF.
///
/// # Errors
/// When a font of this release does not open, or `krilla` refuses what was drawn: both are defects.
pub fn pdf(document: &Document) -> Result<Vec<u8>, Unprintable> {
    let fonts = Fonts::open().ok_or_else(|| Unprintable("a font does not open".to_owned()))?;
    let mut layout = Layout::new(&fonts);
    layout.text(&document.title, 18.0, Face::Bold, Tone::Ink, 0.0);
    layout.text(&document.line, 9.0, Face::Plain, Tone::Soft, 0.0);
    for section in &document.sections {
        of_section(&mut layout, section);
    }
    let pages = layout.pages();
    let mut out = krilla::Document::new();
    out.set_metadata(
        Metadata::new()
            .title(document.title.clone())
            .description(document.line.clone())
            .language("en".to_owned())
            .creator("Bailee".to_owned()),
    );
    let count = pages.len();
    for (number, draws) in pages.iter().enumerate() {
        let size = PageSettings::from_wh(WIDE, HIGH);
        let size = size.ok_or_else(|| Unprintable("a page has no size".to_owned()))?;
        let mut page = out.start_page_with(size);
        let mut surface = page.surface();
        for one in draws {
            draw(&mut surface, &fonts, one);
        }
        let foot = format!("{} · page {} of {count}", document.line, number + 1);
        let foot = Draw::Text(MARGIN, HIGH - 28.0, 7.5, Face::Plain, Tone::Soft, foot);
        draw(&mut surface, &fonts, &foot);
        surface.finish();
        page.finish();
    }
    out.finish().map_err(|error| Unprintable(format!("{error:?}")))
}

fn of_section(layout: &mut Layout<'_>, section: &Section) {
    layout.space(10.0);
    // A title stands above what it is about, and a plot takes room.
    layout.keep(150.0);
    layout.text(&section.title, 13.0, Face::Bold, Tone::Ink, 0.0);
    for part in &section.parts {
        layout.space(4.0);
        match part {
            Part::Text(text) => layout.text(text, 9.5, Face::Plain, Tone::Ink, 0.0),
            Part::Quoted(text) => {
                for line in text.lines() {
                    layout.text(line, 9.0, Face::Plain, Tone::Soft, 12.0);
                }
            }
            Part::Fields(fields) => layout.fields(fields),
            Part::Table(one) => table(layout, one),
            Part::Plot(one) => plot(layout, one),
        }
    }
}

fn table(layout: &mut Layout<'_>, table: &Table) {
    // Its head does not stand alone at the end of a page.
    layout.keep(70.0);
    layout.text(&table.caption, 8.5, Face::Plain, Tone::Soft, 0.0);
    layout.table(&table.head, &table.rows);
}

fn plot(layout: &mut Layout<'_>, plot: &Plot) {
    let scale = (WIDE - 2.0 * MARGIN) / f32::from(plot.width);
    layout.keep(f32::from(plot.height) * scale + 30.0);
    layout.text(&plot.title, 9.5, Face::Bold, Tone::Ink, 0.0);
    let size = f32::from(crate::plot::TEXT) * scale;
    let top = layout.block(f32::from(plot.height) * scale);
    for shape in &plot.shapes {
        match shape {
            Shape::Rect(x, y, wide, high, tone) => layout.draw(Draw::Rect(
                MARGIN + f32::from(*x) * scale,
                top + f32::from(*y) * scale,
                f32::from(*wide) * scale,
                f32::from(*high) * scale,
                *tone,
            )),
            Shape::Text(x, y, anchor, tone, text) => {
                let wide = layout.fonts.width(text, size, Face::Plain);
                let back = match anchor {
                    Anchor::Start => 0.0,
                    Anchor::Middle => wide / 2.0,
                    Anchor::End => wide,
                };
                let (x, y) = (MARGIN + f32::from(*x) * scale - back, top + f32::from(*y) * scale);
                layout.draw(Draw::Text(x, y, size, Face::Plain, *tone, text.clone()));
            }
        }
    }
    layout.text(&plot.what, 8.5, Face::Plain, Tone::Soft, 0.0);
    table(layout, &plot.table);
}

fn draw(surface: &mut Surface<'_>, fonts: &Fonts, one: &Draw) {
    match one {
        Draw::Rect(x, y, wide, high, tone) => {
            surface.set_fill(Some(fill(*tone)));
            let mut path = PathBuilder::new();
            let Some(rect) = Rect::from_xywh(*x, *y, *wide, *high) else { return };
            path.push_rect(rect);
            if let Some(path) = path.finish() {
                surface.draw_path(&path);
            }
        }
        Draw::Text(x, y, size, face, tone, text) => {
            surface.set_fill(Some(fill(*tone)));
            let mut x = *x;
            for (font, run, wide) in fonts.runs(text, *size, *face) {
                let at = Point::from_xy(x, *y);
                surface.draw_text(at, font, *size, &run, false, TextDirection::LeftToRight);
                x += wide;
            }
        }
    }
}

/// The colours of paper: dark enough on white.
fn fill(tone: Tone) -> Fill {
    let (r, g, b) = match tone {
        Tone::Good => (26, 127, 55),
        Tone::Due => (154, 103, 0),
        Tone::Bad => (192, 38, 45),
        Tone::Held => (185, 165, 216),
        Tone::Ink => (22, 25, 29),
        Tone::Soft => (84, 92, 102),
        Tone::Ground => (228, 232, 236),
    };
    let opacity = krilla::num::NormalizedF32::ONE;
    Fill { paint: rgb::Color::new(r, g, b).into(), opacity, rule: FillRule::NonZero }
}
