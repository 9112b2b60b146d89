//! Collections: they are created before they are used, and stay.

use super::{COLLECTIONS, CreateIn, ListIn, Place};
use crate::register::{Page, cursor, list_with};
use kernel::engine::{PageWant, Wants};
use kernel::id::AccountId;
use kernel::{
    Act, After, Content, Error, Kernel, Operation, Replay, Result, Target, Work, on_collection,
};
use serde::{Deserialize, Serialize};

/// A collection as the account's register keeps it.
#[derive(Clone, Debug, Serialize, Deserialize, PartialEq, Eq)]
pub struct CollectionRow {
    /// `collection/v1`.
    pub format: String,
    /// Its name.
    pub collection: String,
    /// When it was created, µs since 1970.
    pub created: u64,
}

/// Creates a collection, or finds that it is there.
pub struct CreateCollection {
    place: Place,
}

/// Whether a collection was made.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Created {
    /// False if it was there already.
    pub new: bool,
}

impl CreateCollection {
    /// This one.
    pub fn new(place: Place) -> Self {
        Self { place }
    }
}

impl Operation for CreateCollection {
    type Output = Created;

    fn target(&self) -> Target {
        on_collection(CreateIn::ACTION, self.place.account, &self.place.collection)
    }

    fn wants(&self, wants: &mut Wants) {
        wants.record(&self.place.register);
    }

    fn execute(&self, work: &mut Work<'_>) -> Result<After<Created>> {
        let allowed = work.load::<CreateIn>(&self.place.register)?;
        if allowed.exists() {
            work.disclose(&allowed, vec![("outcome", "there already".to_owned())]);
            return Ok(After::now(Created { new: false }));
        }
        let row = CollectionRow {
            format: "collection/v1".to_owned(),
            collection: self.place.collection.to_string(),
            created: work.now().0,
        };
        let body = serde_json::to_vec(&row)
            .map_err(|error| Error::internal(format!("collection: {error}")))?;
        work.save(allowed, Content::Body(body), vec![])?;
        Ok(After::now(Created { new: true }))
    }

    fn replay(&self, first: &Replay) -> Result<Created> {
        Ok(Created { new: first.field(0, "outcome").is_none() })
    }
}

/// Lists the collections of an account that the caller's right covers.
pub struct ListCollections {
    want: PageWant,
}

impl ListCollections {
    /// The page after `after`.
    ///
    /// # Errors
    /// `NotFound` if there is no such account, `Invalid` if `after` is not what a page before gave.
    pub fn new(
        kernel: &Kernel,
        account: &AccountId,
        limit: usize,
        after: Option<&str>,
    ) -> Result<Self> {
        let account = kernel.slot(account)?;
        let collection = kernel.collection_tag(account, COLLECTIONS)?;
        Ok(Self { want: PageWant { account, collection, after: cursor(after)?, limit } })
    }
}

impl Operation for ListCollections {
    type Output = Page<CollectionRow>;

    fn target(&self) -> Target {
        Target { action: ListIn::ACTION, account: self.want.account, collection: None }
    }

    fn wants(&self, wants: &mut Wants) {
        wants.pages.push(self.want.clone());
    }

    fn execute(&self, work: &mut Work<'_>) -> Result<After<Page<CollectionRow>>> {
        let grant = work.decision().grant.clone();
        let named = grant.and_then(|grant| grant.collections.clone());
        let page = list_with::<ListIn, _>(work, &self.want, vec![], |version| {
            serde_json::from_slice::<CollectionRow>(&version.body)
                .map_err(|error| Error::internal(format!("a stored collection: {error}")))
        })?;
        Ok(page.map(move |mut page: Page<CollectionRow>| {
            let covered = |row: &CollectionRow| {
                let is = |name: &kernel::id::Collection| name.as_str() == row.collection;
                named.as_ref().is_none_or(|named| named.iter().any(is))
            };
            page.items.retain(covered);
            page
        }))
    }
}
