//! Sending selected records to a destination: the operation on the account.

use super::destinations::{Destination, Kind};
use super::elections::Election;
use super::steps::{SEND, object};
use super::{Custody, Medium, Transfer};
use crate::data::Place;
use crate::register::{
    Boxed, Kept, Mapped, Mark, On, Row, Shown, When, body, key, line, parse, stated,
};
use kernel::authority::{Action, Verb};
use kernel::engine::Wants;
use kernel::id::{AccountId, Collection, RecordId};
use kernel::{
    Act, After, Error, HOUSE, Kernel, Operation, Pointer, RecordKey, Replay, Result, Target,
    Version, Work, on_collection,
};
use schemars::JsonSchema;
use serde::Deserialize;

/// The action of sending records away: by a grant with the verb `export` only.
pub struct Export;

impl Act for Export {
    const ACTION: &'static Action =
        &Action { name: Transfer::ADD, verb: Some(Verb::Export), changes_rights: false };
}

/// Records of one transfer. More are several transfers, each with an entry of its own.
const RECORDS: usize = 100;

/// Bodies of one transfer together: they are held in memory from the commit until they are sent.
const BYTES: u64 = 16 * 1024 * 1024;

/// What is to be sent.
#[derive(Clone, Debug, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct NewTransfer {
    /// The account whose records they are.
    pub account: String,
    /// The collection they are in.
    pub collection: String,
    /// The destination, declared before.
    pub destination: String,
    /// The ids of 1 to 100 records; for a medium none means the whole collection.
    #[serde(default)]
    pub records: Vec<String>,
    /// Who carries the medium.
    pub carrier: Option<String>,
    /// How the medium is encrypted, and how its key travels.
    pub encryption: Option<String>,
    /// Where the medium is handed to the carrier.
    pub place: Option<String>,
}

/// What came of asking for a transfer.
#[derive(Clone, Debug)]
pub struct Outgoing {
    /// The transfer's id.
    pub id: String,
    /// The transfer; none if this request was done before.
    pub transfer: Option<Shown<Transfer>>,
    /// The bodies, to be sent by whoever asked; none on a medium, and none a second time.
    pub bodies: Vec<Version>,
}

/// Sends records to a destination: reads them, as an entry in the account's log, and leaves
/// the right to note what came of it.
pub struct SendRecords {
    new: NewTransfer,
    place: Place,
    records: Vec<RecordKey>,
    destination: RecordKey,
    election: RecordKey,
    key: RecordKey,
    only_media: bool,
    held_by: Option<String>,
}

/// The way a transfer takes, once the rules allow it.
struct Way {
    destination: Destination,
    engagement: Option<String>,
    election: Option<String>,
    medium: Option<Medium>,
}

impl SendRecords {
    /// As stated; `random` makes the id.
    ///
    /// # Errors
    /// `Invalid` for what is no id, too many records, or one that stands twice; `NotFound` if there
    /// is no such account.
    pub fn new(kernel: &Kernel, new: NewTransfer, random: [u8; 16]) -> Result<Self> {
        let account = AccountId::parse(&new.account)?;
        let place = Place::new(kernel, &account, Collection::parse(&new.collection)?)?;
        if new.records.len() > RECORDS {
            let why = format!("one transfer sends at most {RECORDS} records: make several");
            return Err(Error::invalid("records", why));
        }
        let mut ids: Vec<&str> = new.records.iter().map(String::as_str).collect();
        ids.sort_unstable();
        if let Some([twice, _]) = ids.array_windows().find(|[a, b]| a == b) {
            let twice = kernel::id::shown(twice);
            return Err(Error::invalid("records", format!("`{twice}` stands twice")));
        }
        let records = new.records.iter().map(|id| place.record(kernel, &RecordId::parse(id)?));
        let records = records.collect::<Result<_>>()?;
        let election = Election::id(&new.account, &new.destination);
        let id = format!("{}-{:012x}", Transfer::NOUN, u128::from_be_bytes(random) >> 80);
        Ok(Self {
            records,
            destination: key::<Kept<Destination>>(kernel, &new.destination)?,
            election: key::<Kept<Election>>(kernel, &election)?,
            key: key::<Kept<Transfer>>(kernel, &id)?,
            place,
            new,
            only_media: false,
            held_by: None,
        })
    }

    /// The server of this name holds the message, and no other can send it.
    #[must_use]
    pub fn held_by(self, node: Option<&str>) -> Self {
        Self { held_by: node.map(str::to_owned), ..self }
    }

    fn way(&self, work: &Work<'_>) -> Result<Way> {
        let name = kernel::id::shown(&self.new.destination);
        let invalid = |why: String| Error::invalid("destination", why);
        let found = work.look(&self.destination)?.map(|bytes| parse::<Kept<Destination>>(&bytes));
        let destination = found.transpose()?.map(|kept| kept.row).ok_or_else(|| {
            invalid(format!("`{name}` is no destination: declare it before anything is sent"))
        })?;
        if destination.retired.is_some() {
            return Err(invalid(format!("destination `{name}` is retired")));
        }
        if destination.verified.is_none() {
            return Err(Error::conflict(format!(
                "nobody has checked that destination `{name}` is its receiver's: verify it first"
            )));
        }
        let engagement = self.engagement(work, &destination)?;
        let election = self.elected(work, &destination)?;
        let medium = self.medium(work, destination.kind)?;
        Ok(Way { destination, engagement, election, medium })
    }

    /// The engagement of the vendor that receives; a subscriber receives its own data without one.
    fn engagement(&self, work: &Work<'_>, to: &Destination) -> Result<Option<String>> {
        let rights = work.rights()?;
        let sender = rights.principal(&work.caller().principal);
        let sends_for = sender.as_ref().and_then(|sender| sender.vendor.as_deref());
        if sends_for.is_some() && sends_for != to.vendor() {
            let why = "a vendor's people and services send to that vendor only";
            return Err(Error::forbidden(why));
        }
        let Some(vendor) = to.vendor() else {
            if to.subscriber() == Some(self.new.account.as_str()) {
                return Ok(None);
            }
            let why = "a subscriber receives the data of its own account only";
            return Err(Error::forbidden(why));
        };
        let now = work.now();
        if rights.vendor_until(vendor).is_none_or(|until| until <= now) {
            return Err(Error::forbidden(format!(
                "vendor `{vendor}` has no agreement and review in force: renew them first"
            )));
        }
        let sponsored = |one: &kernel::authority::Engagement| {
            let sponsor = rights.principal(&one.sponsor);
            sponsor.is_some_and(|sponsor| sponsor.active && sponsor.vendor.is_none())
        };
        let all = rights.engagements_of(vendor);
        let wide = all.iter().filter(|one| {
            let accounts = one.accounts.as_ref();
            let collections = one.collections.as_ref();
            !one.ended
                && one.not_before <= now
                && now < one.not_after
                && one.verbs.contains(&Verb::Export)
                && accounts.is_none_or(|named| named.contains(&self.place.account))
                && collections.is_none_or(|named| named.contains(&self.place.collection))
                && sponsored(one)
        });
        let found = wide.max_by_key(|one| one.not_after).map(|one| one.id.clone());
        found.map(Some).ok_or_else(|| {
            Error::forbidden(format!(
                "no engagement of vendor `{vendor}` lets this collection be sent to it: it has to \
                 name the account, the collection and the verb `export`"
            ))
        })
    }

    /// The account's election, where the way is not encrypted.
    fn elected(&self, work: &Work<'_>, to: &Destination) -> Result<Option<String>> {
        if !to.plaintext() {
            return Ok(None);
        }
        let found = work.look(&self.election)?.map(|bytes| parse::<Kept<Election>>(&bytes));
        let election = found.transpose()?.filter(|kept| kept.row.in_force(work.now()));
        let own = election.filter(|_| to.subscriber() == Some(self.new.account.as_str()));
        own.map(|kept| Some(kept.id)).ok_or_else(|| {
            Error::forbidden(
                "the way to this destination is not encrypted, and no election of the account's \
                 own administrator is in force",
            )
        })
    }

    fn medium(&self, work: &Work<'_>, kind: Kind) -> Result<Option<Medium>> {
        let new = &self.new;
        let parts = [&new.carrier, &new.encryption, &new.place];
        if kind == Kind::Webhook {
            if self.only_media {
                let why = "a webhook is sent by whoever asks for it: use `bailee transfer`";
                return Err(Error::invalid("destination", why));
            }
            if parts.iter().any(|part| part.is_some()) {
                let why = "a webhook has no carrier, encryption or place of its own";
                return Err(Error::invalid("carrier", why));
            }
            if self.records.is_empty() {
                return Err(Error::invalid("records", "name the records to send"));
            }
            return Ok(None);
        }
        let text =
            |field, text: &Option<String>| line(field, text.as_deref().unwrap_or_default(), 300);
        let holder = text("carrier", &new.carrier)?;
        let custody =
            Custody { holder: holder.clone(), place: text("place", &new.place)?, mark: mark(work) };
        Ok(Some(Medium {
            carrier: holder,
            encryption: text("encryption", &new.encryption)?,
            custody: vec![custody],
        }))
    }

    fn row(&self, work: &Work<'_>, way: Way, read: &[Pointer]) -> Result<Transfer> {
        let mut bytes = 0;
        for pointer in read {
            bytes += u64::try_from(work.body(pointer)?.len()).unwrap_or(u64::MAX);
            if bytes > BYTES {
                let most = BYTES / 1024 / 1024;
                return Err(Error::limit(format!("one transfer sends at most {most} MiB")));
            }
        }
        Ok(Transfer {
            account: self.new.account.clone(),
            collection: self.new.collection.clone(),
            destination: self.new.destination.clone(),
            plaintext: way.destination.plaintext(),
            receiver: way.destination.receiver,
            kind: way.destination.kind,
            engagement: way.engagement,
            election: way.election,
            count: u32::try_from(read.len()).unwrap_or(u32::MAX),
            bytes,
            shown: String::new(),
            entry: work.next_index(self.place.account)?,
            attempts: vec![],
            held_by: self.held_by.clone().filter(|_| way.medium.is_none()),
            medium: way.medium,
            received: None,
        })
    }

    /// What the entries say: in the account's own log which row of the house it is about, too.
    fn fields(&self, row: &Transfer) -> Vec<(&'static str, String)> {
        let mut fields = vec![
            ("row", format!("{}/{}", Transfer::REGISTER, self.key.id)),
            ("destination", row.destination.clone()),
            ("receiver", row.receiver.clone()),
        ];
        if let Some(engagement) = &row.engagement {
            fields.push(("engagement", engagement.clone()));
        }
        if let Some(election) = &row.election {
            fields.push(("election", election.clone()));
        }
        if let Some(medium) = &row.medium {
            fields.push(("carrier", medium.carrier.clone()));
        }
        if self.records.is_empty() {
            fields.push(("scope", "the whole collection".to_owned()));
        }
        fields
    }
}

impl Operation for SendRecords {
    type Output = Outgoing;

    fn target(&self) -> Target {
        on_collection(Export::ACTION, self.place.account, &self.place.collection)
    }

    fn wants(&self, wants: &mut Wants) {
        wants.record(&self.place.register);
        for key in [&self.destination, &self.election, &self.key].into_iter().chain(&self.records) {
            wants.record(key);
        }
    }

    fn execute(&self, work: &mut Work<'_>) -> Result<After<Outgoing>> {
        if !work.is_live(&self.place.register)? {
            return Err(self.place.missing());
        }
        let way = self.way(work)?;
        let mut read = Vec::with_capacity(self.records.len());
        for key in &self.records {
            let seen = work.load::<Export>(key)?;
            let Some(pointer) = seen.present().filter(|pointer| !pointer.deleted) else {
                // Whoever may send learns that it is not there, and the account sees that.
                work.disclose(&seen, vec![("outcome", "not found".to_owned())]);
                let why = format!("no record `{}` in `{}`", key.id, key.collection);
                return Ok(After::refused(Error::not_found(why)));
            };
            read.push(pointer);
        }
        let allowed = work.load::<Export>(&self.key)?;
        let mut row = self.row(work, way, &read)?;
        let fields = self.fields(&row);
        row.shown = work.disclose_many::<Export>(self.place.account, &read, fields.clone());
        let kept = Kept {
            format: Transfer::FORMAT.to_owned(),
            id: self.key.id.clone(),
            added: mark(work),
            row,
        };
        let of = vec![("account", self.new.account.clone())];
        work.save(allowed, body(&kept)?, of.into_iter().chain(fields).collect())?;
        let carried = kept.row.medium.is_some();
        if !carried {
            let object = object(&kept.id, kept.row.held_by.as_deref());
            work.later(work.now(), HOUSE, SEND, &object);
        }
        let transfer = Some(Shown::at(kept, work.now()));
        let id = self.key.id.clone();
        Ok(After::reveal(move |reveal| {
            let to_send = if carried { &[] } else { read.as_slice() };
            let bodies =
                to_send.iter().map(|pointer| reveal.open(pointer)).collect::<Result<_>>()?;
            Ok(Outgoing { id, transfer, bodies })
        }))
    }

    /// What was to be sent is given once; asked again, only which transfer it was.
    fn replay(&self, first: &Replay) -> Result<Outgoing> {
        let lost = || Error::not_found("the first request found a record missing");
        let row = first.field(0, "row").ok_or_else(lost)?;
        let id = row.split_once('/').map_or("", |(_, id)| id).to_owned();
        Ok(Outgoing { id, transfer: None, bodies: vec![] })
    }
}

fn mark(work: &Work<'_>) -> Mark {
    Mark { by: work.caller().principal.to_string(), at: When(work.now()) }
}

/// The operation of the table: a medium only, because the table's callers do not take bodies.
pub(super) fn medium(kernel: &Kernel, on: On<'_>, json: &[u8]) -> Result<Boxed> {
    let On::New(random) = on else { return Err(Error::internal("adding needs no row")) };
    let send = SendRecords { only_media: true, ..SendRecords::new(kernel, stated(json)?, random)? };
    Ok(Boxed::new(Mapped::new(send, |outgoing: Outgoing| outgoing.transfer), Transfer::NOUN))
}
