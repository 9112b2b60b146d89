//! After a group was mapped or unmapped: everybody of the directory gets the roles of their
//! groups, some at a time.

use super::groups_view::Mapped;
use super::people::move_all;
use super::{Directory, DirectoryUser};
use crate::register::{self, Kept, act};
use kernel::engine::{PageWant, Wants};
use kernel::{
    Act, After, HOUSE, Kernel, Operation, Ran, RecordKey, Result, Target, Work, on_house,
};

act!(
    /// Computing the roles of a directory's people anew.
    Settled, "directory.settle", None, true
);

/// The job that follows when a group is mapped or unmapped.
pub const SETTLE: &str = "directory.settle";

/// People that one run moves; the rest is for the next, which follows at once.
const MOST: usize = 100;

/// Users of all directories that are looked at.
pub(super) const USERS: usize = 20_000;

struct Settle {
    kernel: Kernel,
    key: RecordKey,
    users: PageWant,
}

/// Computes the roles of everybody of a directory anew.
///
/// # Errors
/// Whatever the kernel answers.
pub fn settle(kernel: &Kernel, directory: &str, right: Ran) -> Result<()> {
    let key = register::key::<Kept<Directory>>(kernel, directory)?;
    let users = page::<DirectoryUser>(kernel)?;
    right.run(kernel, Settle { kernel: kernel.clone(), key, users })
}

/// All rows of a register.
pub(super) fn page<N: register::Noun>(kernel: &Kernel) -> Result<PageWant> {
    let collection = kernel.collection_tag(HOUSE, N::REGISTER)?;
    Ok(PageWant { account: HOUSE, collection, after: 0, limit: USERS })
}

impl Operation for Settle {
    type Output = ();

    fn target(&self) -> Target {
        on_house(Settled::ACTION)
    }

    fn wants(&self, wants: &mut Wants) {
        wants.record(&self.key);
        wants.pages.push(self.users.clone());
    }

    fn execute(&self, work: &mut Work<'_>) -> Result<After<()>> {
        let (_, directory) = register::load::<Kept<Directory>, Settled>(work, &self.key)?;
        // Once it is not in use any more its people stay as they are.
        if directory.row.ended.is_some() {
            work.note(HOUSE, Settled::ACTION.name, vec![("settled", "0".to_owned())]);
            return Ok(After::now(()));
        }
        let mapped = Mapped::of(work, &self.kernel, &directory, None)?;
        let rows = work.page(&self.users)?.into_iter().filter(|row| !row.deleted);
        let users = rows.map(|row| register::parse::<DirectoryUser>(&work.body(&row)?));
        let users: Vec<_> = users.collect();
        let (changed, more) = move_all::<Settled>(
            work,
            &self.kernel,
            &directory,
            &mapped,
            (&mut users.into_iter(), MOST),
        )?;
        if changed == 0 {
            work.note(HOUSE, Settled::ACTION.name, vec![("settled", "0".to_owned())]);
        }
        if more {
            work.later(work.now(), HOUSE, SETTLE, &directory.id);
        }
        Ok(After::now(()))
    }
}
