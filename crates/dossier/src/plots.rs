//! The plots of an incident: alert volume, timeline, and who accessed what.

use crate::Label;
use crate::document::Table;
use crate::facts::{Access, Alerted, Event};
use crate::plot::{Anchor, Plot, Shape, Tone, scaled, short};
use kernel::Moment;
use std::collections::{BTreeMap, BTreeSet};

pub use crate::clocks::clocks;

/// Units across a plot.
pub(crate) const WIDTH: u16 = 640;
const HOUR: u64 = 3_600_000_000;
/// Bars of the volume: three days by the hour.
const BARS: u64 = 72;
/// Events that a timeline numbers.
const EVENTS: usize = 60;
/// Accounts and principals in the matrix; all are in the table.
const CELLS: usize = 12;

/// How many events the alerts of an incident counted, by the hour; by more hours, where a plot has
/// no room for each. Nothing without alerts.
#[must_use]
pub fn alerts(all: &[Alerted], label: Label<'_>) -> Option<Plot> {
    let hour = |at: Moment| at.0 / HOUR;
    let (first, last) =
        (hour(all.iter().map(|one| one.at).min()?), hour(all.iter().map(|one| one.at).max()?));
    let step = ((last - first) / BARS + 1).max(1);
    let mut bars: BTreeMap<u64, (u64, u64)> = BTreeMap::new();
    for one in all {
        let bar = bars.entry((hour(one.at) - first) / step).or_default();
        (bar.0, bar.1) = (bar.0 + 1, bar.1.saturating_add(one.events));
    }
    let count = (last - first) / step + 1;
    let most = bars.values().map(|bar| bar.1).max().unwrap_or(1).max(1);
    let (left, top, high) = (48_u16, 16_u16, 96_u16);
    let room = u64::from(WIDTH - left);
    let wide = u16::try_from((room / count).clamp(2, 40)).unwrap_or(2);
    let mut shapes = vec![
        Shape::Rect(left, top + high, WIDTH - left, 1, Tone::Ink),
        Shape::Text(left - 6, top + 4, Anchor::End, Tone::Soft, most.to_string()),
        Shape::Text(left - 6, top + high, Anchor::End, Tone::Soft, "0".to_owned()),
    ];
    let start = |bar: u64| Moment((first + bar * step) * HOUR);
    let unit = if step == 1 { "hour".to_owned() } else { format!("{step} hours") };
    let mut table = Table::new(format!("Alerts by {unit}"), &["From", "Alerts", "Events"]);
    for (bar, (alerts, events)) in &bars {
        let x = left + u16::try_from(bar * u64::from(wide)).unwrap_or(0);
        let tall = scaled(*events, most, high).max(2);
        shapes.push(Shape::Rect(
            x,
            top + high - tall,
            wide.saturating_sub(1).max(1),
            tall,
            Tone::Bad,
        ));
        table.rows.push(vec![label(start(*bar)), alerts.to_string(), events.to_string()]);
    }
    let under = top + high + 14;
    shapes.push(Shape::Text(left, under, Anchor::Start, Tone::Soft, label(start(0))));
    let end = left + u16::try_from(count * u64::from(wide)).unwrap_or(0);
    if count > 12 {
        let text = label(start(count - 1));
        shapes.push(Shape::Text(end.min(WIDTH), under, Anchor::End, Tone::Soft, text));
    }
    let what = format!(
        "Alerts: {}; most events in {unit}: {most}; from {} to {}.",
        all.len(),
        label(start(0)),
        label(start(count - 1))
    );
    let title = format!("Alert volume by {unit}");
    Some(Plot { name: "volume", title, what, width: WIDTH, height: under + 6, shapes, table })
}

/// What happened, in order, on a line of time. Nothing without events.
#[must_use]
pub fn timeline(all: &[Event], label: Label<'_>) -> Option<Plot> {
    let (first, last) = (all.first()?.at, all.last()?.at);
    let span = last.since(first).as_micros();
    let span = u64::try_from(span).unwrap_or(u64::MAX).max(1);
    let (left, right) = (16_u16, 16_u16);
    let room = WIDTH - left - right;
    let mut table = Table::new("Timeline", &["No.", "When", "Who", "What"]);
    let mut shapes = vec![];
    // Each number stands in the first lane in which it has room.
    let mut lanes = [0_u16; 5];
    let mut used = 1_u16;
    for (index, event) in all.iter().enumerate() {
        let number = (index + 1).to_string();
        table.rows.push(vec![
            number.clone(),
            label(event.at),
            event.who.clone(),
            event.what.clone(),
        ]);
        let micros = u64::try_from(event.at.since(first).as_micros()).unwrap_or(u64::MAX);
        let x = left + scaled(micros, span, room);
        let tone = if event.who == "kernel" { Tone::Soft } else { Tone::Ink };
        let free = lanes.iter_mut().enumerate().find(|(_, end)| **end <= x);
        let Some((lane, end)) = free.filter(|_| index < EVENTS) else {
            shapes.push(Shape::Rect(x, 10, 2, 8, tone));
            continue;
        };
        let lane = u16::try_from(lane).unwrap_or(0);
        used = used.max(lane + 1);
        *end = x + 8 + 7 * u16::try_from(number.len()).unwrap_or(1);
        shapes.push(Shape::Rect(x, 10, 2, 14 + lane * 14, tone));
        shapes.push(Shape::Text(x + 4, 26 + lane * 14, Anchor::Start, tone, number));
    }
    shapes.insert(0, Shape::Rect(left, 12, room, 4, Tone::Ground));
    let under = 10 + 14 * used + 20;
    shapes.push(Shape::Text(left, under, Anchor::Start, Tone::Soft, label(first)));
    if last > first {
        shapes.push(Shape::Text(WIDTH - right, under, Anchor::End, Tone::Soft, label(last)));
    }
    let what = format!(
        "Events: {}, from {} to {}; the table names each.",
        all.len(),
        label(first),
        label(last)
    );
    let title = "Timeline".to_owned();
    Some(Plot { name: "timeline", title, what, width: WIDTH, height: under + 6, shapes, table })
}

/// How often each of those in question touched each account. Nothing if nobody touched any.
#[must_use]
pub fn accesses(all: &[Access]) -> Option<Plot> {
    let most = all.iter().map(|one| one.entries).max()?.max(1);
    let who: BTreeSet<&str> = all.iter().map(|one| one.who.as_str()).collect();
    let accounts: BTreeSet<&str> = all.iter().map(|one| one.account.as_str()).collect();
    let (left, top, cell, row) = (200_u16, 22_u16, 72_u16, 30_u16);
    let columns: Vec<&str> = accounts.iter().take(CELLS.min(6)).copied().collect();
    let mut shapes = vec![];
    for (x, account) in (left..).step_by(usize::from(cell)).zip(&columns) {
        let text = short(account, 10);
        shapes.push(Shape::Text(x + cell / 2, top - 8, Anchor::Middle, Tone::Ink, text));
    }
    for (y, one) in (top..).step_by(usize::from(row)).zip(who.iter().take(CELLS)) {
        let text = short(one, 30);
        shapes.push(Shape::Text(0, y + row / 2 + 4, Anchor::Start, Tone::Ink, text));
        for (x, account) in (left..).step_by(usize::from(cell)).zip(&columns) {
            let mut of =
                all.iter().filter(|access| access.who == **one && access.account == **account);
            let Some(access) = of.next() else { continue };
            let wide = scaled(access.entries, most, cell - 8).max(2);
            shapes.push(Shape::Rect(x + 2, y + 4, cell - 4, row - 8, Tone::Ground));
            shapes.push(Shape::Rect(x + 4, y + row - 10, wide, 4, Tone::Bad));
            let (count, middle) = (access.entries.to_string(), x + cell / 2);
            shapes.push(Shape::Text(middle, y + row / 2 + 1, Anchor::Middle, Tone::Ink, count));
        }
    }
    let mut table = Table::new("Who accessed what", &["Who", "Account", "Entries"]);
    let line = |one: &Access| vec![one.who.clone(), one.account.clone(), one.entries.to_string()];
    table.rows = all.iter().map(line).collect();
    let rows = u16::try_from(who.len().min(CELLS)).unwrap_or(1);
    let what = format!(
        "In question: {}; accounts: {}; most entries of one in one account: {most}.",
        who.len(),
        accounts.len()
    );
    let (title, height) = ("Who accessed what".to_owned(), top + rows * row + 4);
    Some(Plot { name: "accesses", title, what, width: WIDTH, height, shapes, table })
}
