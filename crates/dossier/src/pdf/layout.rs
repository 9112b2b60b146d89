//! Where things stand on the pages: lines below each other, a new page where one is full.

use super::fonts::{Face, Fonts};
use super::{HIGH, MARGIN, WIDE};
use crate::plot::Tone;

/// Something on a page.
pub(super) enum Draw {
    /// Left, base line, size, face, tone, text.
    Text(f32, f32, f32, Face, Tone, String),
    /// Left, top, width, height, tone.
    Rect(f32, f32, f32, f32, Tone),
}

/// Points across what is written.
const ROOM: f32 = WIDE - 2.0 * MARGIN;
/// Points down to the last line.
const BOTTOM: f32 = HIGH - MARGIN;
/// Size of text in tables.
const CELL: f32 = 8.0;
/// Points between columns.
const GAP: f32 = 8.0;

/// Pages that are being filled.
pub(super) struct Layout<'f> {
    pub(super) fonts: &'f Fonts,
    done: Vec<Vec<Draw>>,
    page: Vec<Draw>,
    y: f32,
}

impl<'f> Layout<'f> {
    pub(super) fn new(fonts: &'f Fonts) -> Self {
        Self { fonts, done: vec![], page: vec![], y: MARGIN }
    }

    pub(super) fn pages(mut self) -> Vec<Vec<Draw>> {
        self.done.push(self.page);
        self.done
    }

    pub(super) fn draw(&mut self, one: Draw) {
        self.page.push(one);
    }

    pub(super) fn space(&mut self, points: f32) {
        self.y += points;
    }

    /// Begins a new page, if so many points have no room on this one.
    pub(super) fn keep(&mut self, points: f32) {
        if self.y + points > BOTTOM && self.y > MARGIN {
            self.done.push(std::mem::take(&mut self.page));
            self.y = MARGIN;
        }
    }

    /// Takes so many points; answers where they begin.
    pub(super) fn block(&mut self, points: f32) -> f32 {
        self.keep(points);
        let top = self.y;
        self.y += points;
        top
    }

    /// A paragraph.
    pub(super) fn text(&mut self, text: &str, size: f32, face: Face, tone: Tone, inset: f32) {
        for line in self.fonts.lines(text, ROOM - inset, size, face) {
            let top = self.block(size * 1.4);
            self.draw(Draw::Text(MARGIN + inset, top + size, size, face, tone, line));
        }
    }

    /// Names with what they are.
    pub(super) fn fields(&mut self, fields: &[(String, String)]) {
        for (name, value) in fields {
            let lines = self.fonts.lines(value, ROOM - 130.0, 9.0, Face::Plain);
            for (index, line) in lines.into_iter().enumerate() {
                let top = self.block(12.5) + 9.0;
                if index == 0 {
                    let name = name.clone();
                    self.draw(Draw::Text(MARGIN, top, 9.0, Face::Plain, Tone::Soft, name));
                }
                self.draw(Draw::Text(MARGIN + 130.0, top, 9.0, Face::Plain, Tone::Ink, line));
            }
        }
    }

    /// Rows under a head, which stands again on each page.
    pub(super) fn table(&mut self, head: &[String], rows: &[Vec<String>]) {
        let columns = self.columns(head, rows);
        self.row(head, &columns, Face::Bold);
        for row in rows {
            let lines = self.wrapped(row, &columns, Face::Plain);
            let tall = lines.iter().map(Vec::len).max().unwrap_or(1);
            if self.y + CELL * 1.35 * f32::from(u16::try_from(tall.min(40)).unwrap_or(40)) > BOTTOM
            {
                self.keep(HIGH);
                self.row(head, &columns, Face::Bold);
            }
            self.row(row, &columns, Face::Plain);
        }
        self.space(4.0);
    }

    fn wrapped(&self, row: &[String], columns: &[f32], face: Face) -> Vec<Vec<String>> {
        let cells = row.iter().zip(columns);
        cells.map(|(cell, wide)| self.fonts.lines(cell, *wide, CELL, face)).collect()
    }

    fn row(&mut self, row: &[String], columns: &[f32], face: Face) {
        let cells = self.wrapped(row, columns, face);
        let tall = cells.iter().map(Vec::len).max().unwrap_or(1);
        for index in 0..tall {
            let top = self.block(CELL * 1.35);
            let mut x = MARGIN;
            for (lines, wide) in cells.iter().zip(columns) {
                if let Some(line) = lines.get(index).filter(|line| !line.is_empty()) {
                    let text = line.clone();
                    self.draw(Draw::Text(x, top + CELL, CELL, face, Tone::Ink, text));
                }
                x += wide + GAP;
            }
        }
        let y = self.y + 1.5;
        self.draw(Draw::Rect(MARGIN, y, ROOM, 0.4, Tone::Ground));
        self.space(3.0);
    }

    /// How wide each column is: what it needs, as far as there is room for all; what is too wide
    /// shares the rest.
    fn columns(&self, head: &[String], rows: &[Vec<String>]) -> Vec<f32> {
        let mut wants: Vec<f32> =
            head.iter().map(|name| self.fonts.width(name, CELL, Face::Bold) + 1.0).collect();
        for row in rows.iter().take(200) {
            for (want, cell) in wants.iter_mut().zip(row) {
                *want = want.max(self.fonts.width(cell, CELL, Face::Plain) + 1.0);
            }
        }
        let count = f32::from(u16::try_from(wants.len().max(1)).unwrap_or(1));
        let room = ROOM - GAP * (count - 1.0);
        if wants.iter().sum::<f32>() <= room {
            return wants;
        }
        let fair = room / count;
        let small: f32 = wants.iter().filter(|want| **want <= fair).sum();
        let large: f32 = wants.iter().filter(|want| **want > fair).sum();
        let rest = room - small;
        wants
            .into_iter()
            .map(|want| if want <= fair { want } else { want / large * rest })
            .collect()
    }
}
