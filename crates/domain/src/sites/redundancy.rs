//! N+1: whether a group of units holds with any one of them gone, under the load it carries now.
//!
//! A group of units with usable capacities c₁ … cₙ under the load L is redundant if the sum of all
//! without the largest still carries L. A unit of which nothing fresh is known may be usable or
//! not: if the answer depends on it, the answer is that nobody knows.

/// A unit of a group.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Unit {
    /// What it can carry, in the unit of the group.
    pub capacity: u64,
    /// Whether it can carry it now; `None` if nothing fresh is known.
    pub usable: Option<bool>,
}

/// What a group is worth.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Redundancy {
    /// It carries the load with any one unit gone.
    Redundant,
    /// It carries the load, and would not with the largest unit gone.
    AtRisk,
    /// It does not carry the load.
    Short,
    /// That depends on something of which nothing fresh is known.
    Unknown,
}

/// What a group of units is worth under a load, in the unit of the capacities; `None` if the load
/// is not known.
pub fn redundancy(units: &[Unit], load: Option<u64>) -> Redundancy {
    // More capacity never makes a group worse, so the two extremes say whether it depends on what
    // is unknown.
    let worst = verdict(units, load.unwrap_or(u64::MAX), false);
    let best = verdict(units, load.unwrap_or(0), true);
    if worst == best { worst } else { Redundancy::Unknown }
}

fn verdict(units: &[Unit], load: u64, unknown: bool) -> Redundancy {
    let usable = || units.iter().filter(|one| one.usable.unwrap_or(unknown));
    // Wide enough for every sum of capacities that memory can hold.
    let sum: u128 = usable().map(|one| u128::from(one.capacity)).sum();
    let largest = usable().map(|one| u128::from(one.capacity)).max().unwrap_or(0);
    let load = u128::from(load);
    // One unit alone has nothing that could take over, however small the load.
    match () {
        () if usable().count() >= 2 && sum - largest >= load => Redundancy::Redundant,
        () if usable().count() >= 1 && sum >= load => Redundancy::AtRisk,
        () => Redundancy::Short,
    }
}

#[cfg(test)]
mod tests {
    use super::{Redundancy, Unit, redundancy};

    #[test]
    fn a_group_is_worth_what_is_left_without_its_largest() {
        use Redundancy::{AtRisk, Redundant, Short, Unknown};
        let (up, down, silent) = (Some(true), Some(false), None);
        // Capacities with states, load, verdict.
        type Case<'a> = (&'a [(u64, Option<bool>)], Option<u64>, Redundancy);
        let table: [Case<'_>; 22] = [
            (&[], Some(0), Short),
            (&[], None, Short),
            (&[(10, up)], Some(0), AtRisk),
            (&[(10, up)], Some(10), AtRisk),
            (&[(10, up)], Some(11), Short),
            (&[(10, up), (10, up)], Some(10), Redundant),
            (&[(10, up), (10, up)], Some(11), AtRisk),
            (&[(10, up), (10, up)], Some(20), AtRisk),
            (&[(10, up), (10, up)], Some(21), Short),
            (&[(10, up), (40, up)], Some(10), Redundant),
            (&[(10, up), (40, up)], Some(30), AtRisk),
            (&[(10, up), (10, up), (10, up)], Some(20), Redundant),
            (&[(10, up), (10, up), (10, down)], Some(20), AtRisk),
            (&[(10, up), (10, down)], Some(5), AtRisk),
            (&[(10, down), (10, down)], Some(0), Short),
            (&[(10, up), (10, silent)], Some(10), Unknown),
            (&[(10, up), (10, silent)], Some(25), Short),
            (&[(10, up), (10, up), (10, silent)], Some(10), Redundant),
            (&[(10, up), (10, up)], None, Unknown),
            (&[(10, up), (10, down)], None, Unknown),
            (&[(u64::MAX, up), (u64::MAX, up)], Some(u64::MAX), Redundant),
            (&[(0, up), (0, up)], Some(0), Redundant),
        ];
        for (units, load, verdict) in table {
            let made = units
                .iter()
                .map(|(capacity, usable)| Unit { capacity: *capacity, usable: *usable });
            let made: Vec<Unit> = made.collect();
            assert_eq!(redundancy(&made, load), verdict, "{units:?} under {load:?}");
        }
    }
}
