//! The clocks of an incident as bars on one line of time: when each began, when it is due, where an
//! order stops it, and now.

use crate::Label;
use crate::document::Table;
use crate::facts::Bar;
use crate::plot::{Anchor, Plot, Shape, Tone, scaled, short};
use crate::plots::WIDTH;
use kernel::Moment;

/// Clocks in a plot; all are in the table.
const ROWS: usize = 20;
const LEFT: u16 = 170;
const ROW: u16 = 26;
const TOP: u16 = 20;

/// The clocks at this moment. Nothing without one.
#[must_use]
pub fn clocks(all: &[Bar], now: Moment, label: Label<'_>) -> Option<Plot> {
    let from = all.iter().map(|one| one.from).min()?.min(now);
    let to = all.iter().map(|one| one.due.max(one.done.unwrap_or_default())).max()?.max(now);
    let scale = Scale { from, to };
    let rows = u16::try_from(all.len().min(ROWS)).unwrap_or(0);
    let bottom = TOP + rows * ROW;
    let mut shapes = vec![];
    for (y, one) in (TOP..).step_by(usize::from(ROW)).zip(all.iter().take(ROWS)) {
        bar(&mut shapes, y, one, now, &scale);
    }
    let x = scale.x(now);
    shapes.push(Shape::Rect(x, TOP - 6, 2, bottom - TOP + 6, Tone::Ink));
    let anchor = if x > WIDTH - 60 { Anchor::End } else { Anchor::Middle };
    shapes.push(Shape::Text(x, TOP - 9, anchor, Tone::Ink, "now".to_owned()));
    shapes.push(Shape::Text(LEFT, bottom + 14, Anchor::Start, Tone::Soft, label(from)));
    shapes.push(Shape::Text(WIDTH - 2, bottom + 14, Anchor::End, Tone::Soft, label(to)));
    let head = ["Clock", "From", "Due", "Done", "Stopped by order"];
    let mut table = Table::new("Clocks", &head);
    for one in all {
        let held: Vec<_> = one
            .held
            .iter()
            .map(|(from, to)| format!("{} to {}", label(*from), label(*to)))
            .collect();
        let held = if held.is_empty() { "–".to_owned() } else { held.join("; ") };
        let done = one.done.map_or_else(|| "–".to_owned(), label);
        table.rows.push(vec![one.name.clone(), label(one.from), label(one.due), done, held]);
    }
    let open: Vec<_> = all.iter().filter(|one| one.done.is_none()).collect();
    let late = open.iter().filter(|one| one.due <= now).count();
    let next = open.iter().filter(|one| one.due > now).min_by_key(|one| one.due);
    let next = next.map(|one| format!(" Next: {}, due {}.", one.name, label(one.due)));
    let what = format!(
        "Clocks: {}; open: {}; late: {late}.{}",
        all.len(),
        open.len(),
        next.unwrap_or_default()
    );
    let (title, height) = ("Clocks".to_owned(), bottom + 20);
    Some(Plot { name: "clocks", title, what, width: WIDTH, height, shapes, table })
}

/// Time across the plot.
struct Scale {
    from: Moment,
    to: Moment,
}

impl Scale {
    fn x(&self, at: Moment) -> u16 {
        let whole = self.to.0.saturating_sub(self.from.0).max(1);
        LEFT + scaled(at.0.saturating_sub(self.from.0), whole, WIDTH - LEFT - 2)
    }
}

/// One clock: its ground, what of it has run, thin where an order stops it, and its end.
fn bar(shapes: &mut Vec<Shape>, y: u16, one: &Bar, now: Moment, scale: &Scale) {
    let (start, end) = (scale.x(one.from), scale.x(one.due));
    shapes.push(Shape::Text(0, y + 14, Anchor::Start, Tone::Ink, short(&one.name, 26)));
    shapes.push(Shape::Rect(start, y + 4, (end - start).max(2), 12, Tone::Ground));
    let until = one.done.unwrap_or(now).min(now).max(one.from);
    let tone = match one.done {
        Some(done) if done < one.due => Tone::Good,
        None if now < one.due => Tone::Due,
        _ => Tone::Bad,
    };
    let stop = scale.x(until.min(one.due.max(one.from)));
    shapes.push(Shape::Rect(start, y + 4, (stop - start).max(2), 12, tone));
    for (from, to) in &one.held {
        let (from, to) = (scale.x((*from).max(one.from)), scale.x((*to).min(one.due)));
        if to > from {
            shapes.push(Shape::Rect(from, y + 3, to - from, 14, Tone::Held));
            shapes.push(Shape::Rect(from, y + 9, to - from, 2, Tone::Ink));
        }
    }
    shapes.push(Shape::Rect(end, y + 1, 2, 18, Tone::Ink));
}
