//! Coverage: who is on call at a moment, where nobody is, and where somebody stands twice.
//!
//! Pure: it follows from rotas, shifts and a span of time. A shift replaces what rotas have for
//! its kind, for as long as it lasts, and nothing else. Somebody who cannot answer incidents any
//! more covers nothing: such a span is a gap, and is named.

use super::rotas::Rota;
use super::shifts::{Kind, Shift};
use crate::register::Kept;
use kernel::Moment;

/// Where a span comes from.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Source {
    /// A turn of a rota, by the rota's name; the piece that shifts left of it is counted from 0.
    Rota {
        /// The rota.
        rota: String,
        /// The number of the turn.
        turn: u32,
        /// First moment of the turn, or of the part of it that is within the rota's hours.
        begins: Moment,
        /// Which piece of it.
        piece: usize,
    },
    /// A shift, by its id.
    Shift(String),
}

impl Source {
    /// The row it comes from, as a place in the registers.
    pub fn place(&self) -> String {
        match self {
            Self::Rota { rota, .. } => format!("rotas/{rota}"),
            Self::Shift(id) => format!("shifts/{id}"),
        }
    }
}

/// Somebody on call for a while.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Span {
    /// Which of those on call.
    pub kind: Kind,
    /// Who: `person:NAME`.
    pub person: String,
    /// First moment of it.
    pub from: Moment,
    /// First moment after it.
    pub to: Moment,
    /// Where it comes from.
    pub source: Source,
    /// When what it comes from was changed last.
    pub changed: Moment,
}

impl Span {
    fn is_at(&self, moment: Moment) -> bool {
        self.from <= moment && moment < self.to
    }
}

/// A while in which the rota says two things at once.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Double {
    /// First moment of it.
    pub from: Moment,
    /// First moment after it.
    pub to: Moment,
    /// The earlier of the two spans, by its person, kind and source.
    pub one: Span,
    /// The other.
    pub other: Span,
}

impl Double {
    /// What is said twice, in a sentence.
    pub fn what(&self) -> String {
        let (one, other) = (&self.one, &self.other);
        match one.kind == other.kind {
            true => {
                let (kind, one, other) = (one.kind.word(), &one.person, &other.person);
                format!("{one} and {other} are both on call as {kind}")
            }
            false => format!("{} is on call as primary and as secondary", one.person),
        }
    }
}

/// Who is on call between two moments.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Coverage {
    from: Moment,
    to: Moment,
    spans: Vec<Span>,
}

impl Coverage {
    /// What rotas and shifts say between two moments; spans keep their whole length.
    pub fn of(rotas: &[Kept<Rota>], shifts: &[Kept<Shift>], from: Moment, to: Moment) -> Self {
        let own = shifts.iter().filter_map(span_of);
        let mut spans: Vec<Span> = own.filter(|one| one.from < to && one.to > from).collect();
        let replaced: Vec<Span> = shifts.iter().filter_map(span_of).collect();
        for rota in rotas {
            let changed = rota.row.changed.as_ref().unwrap_or(&rota.added).at.0;
            for turn in rota.row.turns(from, to) {
                let whole = Span {
                    kind: rota.row.kind,
                    person: turn.person,
                    from: turn.from,
                    to: turn.to,
                    source: Source::Rota {
                        rota: rota.id.clone(),
                        turn: turn.number,
                        begins: turn.from,
                        piece: 0,
                    },
                    changed,
                };
                spans.extend(left_of(whole, &replaced));
            }
        }
        spans.retain(|one| one.from < to && one.to > from);
        spans.sort_by(|a, b| {
            (a.from, a.kind, &a.person, a.to).cmp(&(b.from, b.kind, &b.person, b.to))
        });
        Self { from, to, spans }
    }

    /// Every span, in order of its beginning.
    pub fn spans(&self) -> &[Span] {
        &self.spans
    }

    /// Who is on call as this at a moment; more than one where the rota is doubled.
    pub fn at(&self, kind: Kind, moment: Moment) -> impl Iterator<Item = &Span> {
        self.spans.iter().filter(move |one| one.kind == kind && one.is_at(moment))
    }

    /// Where nobody who is able is on call as this, in order: begin, and first moment after it.
    pub fn gaps(&self, kind: Kind, able: impl Fn(&str) -> bool) -> Vec<(Moment, Moment)> {
        let of = self.spans.iter().filter(|one| one.kind == kind && able(&one.person));
        gaps(of.map(|one| (one.from, one.to)), self.from, self.to)
    }

    /// Where two people are on call as the same, or one person as both.
    pub fn doubles(&self) -> Vec<Double> {
        let mut doubles = Vec::new();
        for (at, one) in self.spans.iter().enumerate() {
            let later = self.spans.iter().skip(at + 1).take_while(|other| other.from < one.to);
            for other in later {
                if (one.kind == other.kind) == (one.person == other.person) {
                    continue;
                }
                let (from, to) = (other.from.max(self.from), one.to.min(other.to).min(self.to));
                if from < to {
                    let (one, other) = (one.clone(), other.clone());
                    doubles.push(Double { from, to, one, other });
                }
            }
        }
        doubles
    }
}

/// A shift as a span, if it ever counted.
fn span_of(kept: &Kept<Shift>) -> Option<Span> {
    let (from, to) = kept.row.span();
    let changed = kept.row.ended.as_ref().unwrap_or(&kept.added).at.0;
    (from < to).then(|| Span {
        kind: kept.row.kind,
        person: kept.row.person.clone(),
        from,
        to,
        source: Source::Shift(kept.id.clone()),
        changed,
    })
}

/// What shifts of its kind leave of a turn.
fn left_of(turn: Span, shifts: &[Span]) -> Vec<Span> {
    let over = |one: &&Span| one.kind == turn.kind && one.from < turn.to && one.to > turn.from;
    let over: Vec<_> = shifts.iter().filter(over).collect();
    if over.is_empty() {
        return vec![turn];
    }
    let changed = over.iter().map(|one| one.changed).max().unwrap_or(turn.changed);
    let left = gaps(over.iter().map(|one| (one.from, one.to)), turn.from, turn.to);
    let pieces = left.into_iter().enumerate().map(|(number, (from, to))| {
        let mut piece = Span { from, to, changed: changed.max(turn.changed), ..turn.clone() };
        if let Source::Rota { piece, .. } = &mut piece.source {
            *piece = number;
        }
        piece
    });
    pieces.collect()
}

/// Where nobody is on call between two moments, in order: begin, and first moment after it.
pub fn gaps(
    spans: impl IntoIterator<Item = (Moment, Moment)>,
    from: Moment,
    to: Moment,
) -> Vec<(Moment, Moment)> {
    let mut spans: Vec<_> = spans.into_iter().filter(|(begin, end)| begin < end).collect();
    spans.sort_unstable();
    let (mut at, mut gaps) = (from, Vec::new());
    for (begin, end) in spans {
        if at >= to {
            break;
        }
        if begin > at {
            gaps.push((at, begin.min(to)));
        }
        at = at.max(end);
    }
    if at < to {
        gaps.push((at, to));
    }
    gaps
}

#[cfg(test)]
mod tests {
    use super::gaps;
    use kernel::Moment;

    #[test]
    fn gaps_are_where_nobody_is() {
        let m = |pairs: &[(u64, u64)]| -> Vec<(Moment, Moment)> {
            pairs.iter().map(|(a, b)| (Moment(*a), Moment(*b))).collect()
        };
        for (spans, expected) in [
            (vec![], vec![(10, 20)]),
            (vec![(0, 30)], vec![]),
            (vec![(10, 20)], vec![]),
            (vec![(12, 15)], vec![(10, 12), (15, 20)]),
            (vec![(15, 25), (5, 15)], vec![]),
            (vec![(5, 12), (11, 14), (13, 13), (16, 40)], vec![(14, 16)]),
            (vec![(0, 10), (20, 30)], vec![(10, 20)]),
            (vec![(5, 30), (6, 7), (40, 50)], vec![]),
        ] {
            assert_eq!(gaps(m(&spans), Moment(10), Moment(20)), m(&expected), "{spans:?}");
        }
    }
}
