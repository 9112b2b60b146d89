//! Uses: the last day on which somebody did anything, and on which something rested on each of
//! their grants. Kept by the server, so that a review shows what nobody uses.
//!
//! Days and not moments: a row changes at most once a day for each right. A refused request is no
//! use.

use crate::register::{self, At, Day, Entry, Kept, Register, Row, Status, Tone, act, body, parse};
use kernel::engine::Wants;
use kernel::{
    Act, After, Error, HOUSE, Kernel, Moment, Operation, RecordKey, Result, Target, Work, on_house,
};
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

/// Whom every server uses each day: since its row is there, uses are kept.
pub const KERNEL: &str = "kernel";

/// Days that the use of a grant is kept; none lasts that long.
const KEPT_DAYS: u32 = 100;

/// Holders that one operation keeps.
pub const HOLDERS: usize = 200;

/// A grant that was used.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[schemars(rename = "AccessUseGrant")]
pub struct Used {
    /// The grant, by its id.
    pub grant: String,
    /// The last day.
    pub last: Day,
}

/// What somebody used last.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct AccessUse {
    /// Who: `person:NAME`, `service:NAME` or `kernel`.
    pub holder: String,
    /// The last day they did anything.
    pub last: Day,
    /// The grants something rested on.
    pub grants: Vec<Used>,
}

impl AccessUse {
    /// The last day something rested on this grant.
    pub fn of(&self, grant: &str) -> Option<Day> {
        self.grants.iter().find(|one| one.grant == grant).map(|one| one.last)
    }

    /// Adds what was seen; whether that is new.
    fn see(&mut self, seen: &Self) -> bool {
        let before = self.clone();
        self.last = self.last.max(seen.last);
        for one in &seen.grants {
            match self.grants.iter_mut().find(|known| known.grant == one.grant) {
                Some(known) => known.last = known.last.max(one.last),
                None => self.grants.push(one.clone()),
            }
        }
        self.grants.retain(|one| one.last.plus(KEPT_DAYS) > self.last);
        before != *self
    }
}

/// Nothing: uses are kept by the server.
#[derive(Clone, Debug, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct NewAccessUse {}

impl Row for AccessUse {
    const NOUN: &'static str = "access-use";
    const REGISTER: &'static str = "access-uses";
    const FORMAT: &'static str = "access-use/v1";
    const ADD: &'static str = "access-use.add";
    const READ: &'static str = "access-use.read";
    const LIST: &'static str = "access-use.list";
    const COMPOSED: bool = true;
    type New = NewAccessUse;

    fn add(_: &NewAccessUse, _: &mut At<'_, '_>) -> Result<Self> {
        Err(Error::conflict("uses are kept by the server itself"))
    }

    fn status(&self, _now: Moment) -> Status {
        Status::of("known", Tone::Good).what(format!("last seen on {}", self.last))
    }
}

/// The id of the row of a holder.
pub fn id(holder: &str) -> String {
    holder.replace(':', ".")
}

act!(
    /// Keeping what was used.
    Keep, "access-use.keep", None, false
);

/// Keeps what was used.
pub struct KeepUses {
    seen: Vec<(RecordKey, AccessUse)>,
}

impl KeepUses {
    /// By these holders, each named once.
    ///
    /// # Errors
    /// `Limit` for more than 200 holders; `Internal` if `house` has no keys.
    pub fn new(kernel: &Kernel, seen: Vec<AccessUse>) -> Result<Self> {
        if seen.len() > HOLDERS {
            return Err(Error::limit(format!("uses of at most {HOLDERS} holders at once")));
        }
        let seen = seen.into_iter().map(|one| {
            let key = register::key::<Kept<AccessUse>>(kernel, &id(&one.holder))?;
            Ok((key, one))
        });
        Ok(Self { seen: seen.collect::<Result<_>>()? })
    }
}

impl Operation for KeepUses {
    type Output = ();

    fn target(&self) -> Target {
        on_house(Keep::ACTION)
    }

    fn wants(&self, wants: &mut Wants) {
        for (key, _) in &self.seen {
            wants.record(key);
        }
    }

    fn execute(&self, work: &mut Work<'_>) -> Result<After<()>> {
        let mut news = 0;
        for (key, seen) in &self.seen {
            let allowed = work.load::<Keep>(key)?;
            let known = work.look(key)?.map(|body| parse::<Kept<AccessUse>>(&body)).transpose()?;
            let (mut kept, fresh) = match known {
                Some(kept) => (kept, false),
                None => (Kept::begun(work, &key.id, seen.clone()), true),
            };
            if kept.row.see(seen) || fresh {
                work.save(allowed, body(&kept)?, vec![])?;
                news += 1;
            }
        }
        if news == 0 {
            work.note(HOUSE, Keep::ACTION.name, vec![("outcome", "known".to_owned())]);
        }
        Ok(After::now(()))
    }
}

const STEPS: &[Entry] = &[];

/// The register, as the faces know it.
pub const REGISTER: Register = Register::of::<AccessUse>(
    "access",
    "The last day on which somebody did anything, and used each of their grants",
)
.serves(&["E5.6"])
.first("The server keeps it by itself")
.columns(&["holder", "last"])
.steps(STEPS);

#[cfg(test)]
mod tests {
    use super::{AccessUse, KEPT_DAYS, Used};
    use crate::register::Day;

    #[test]
    fn days_only_grow_and_what_is_long_over_goes() {
        let day = |days| Day::parse("2026-01-01").unwrap().plus(days);
        let row = |last, grants: &[(&str, u32)]| AccessUse {
            holder: "person:eve".to_owned(),
            last: day(last),
            grants: grants
                .iter()
                .map(|(grant, last)| Used { grant: (*grant).to_owned(), last: day(*last) })
                .collect(),
        };
        let mut known = row(5, &[("a", 5), ("b", 1)]);
        assert!(!known.see(&row(4, &[("a", 4)])), "nothing of before is news");
        assert!(known.see(&row(6, &[("b", 6), ("c", 6)])));
        assert_eq!(known, row(6, &[("a", 5), ("b", 6), ("c", 6)]));
        assert!(known.see(&row(KEPT_DAYS + 5, &[])));
        assert_eq!(known.of("a"), None);
        assert_eq!(known.of("b"), Some(day(6)));
    }
}
