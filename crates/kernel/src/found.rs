//! Founding a store, and beginning a new epoch after a rollback. Both are done offline.

use crate::authority::{Action, Decision, Interpret};
use crate::engine::{Engine, Wants};
use crate::error::{Error, Result};
use crate::highwater::{HighWater, Mark};
use crate::operation::{Act, Asked, Content, RecordKey, Target};
use crate::stage::{Finished, Stage};
use crate::store::{HOUSE, Identity, Keyring, found as found_identity, house_tag, known, meta_row};
use crate::time::{Clock, Moment};
use crate::work::Work;
use sealing::{AccountKeys, Entropy, RootKey};
use std::sync::Arc;

/// The first entry of every store.
static FOUNDED: Action = Action { name: "house.founded", verb: None, changes_rights: true };
/// The entry that takes a store for the newest there is.
static ACCEPTED: Action = Action { name: "store.accepted", verb: None, changes_rights: false };
/// The entry that begins a new epoch.
static EPOCH: Action = Action { name: "epoch.begun", verb: None, changes_rights: false };

struct Founding;

impl Act for Founding {
    const ACTION: &'static Action = &FOUNDED;
}

/// A register entry that a new store starts with: collection, id, body.
pub type Register = (&'static str, String, Vec<u8>);

/// Makes a store: its identity, its signing key, the account `house`, and the first registers.
/// Gives the public half of the signing key.
///
/// # Errors
/// `Conflict` if the store was founded already.
#[expect(clippy::too_many_arguments, reason = "a store is founded from all of these, once")]
pub fn found(
    engine: &mut dyn Engine,
    root: RootKey,
    high_water: &mut HighWater,
    clock: &dyn Clock,
    entropy: &mut dyn Entropy,
    interpret: Interpret,
    provider: &str,
    registers: Vec<Register>,
) -> Result<[u8; 32]> {
    if engine.counters()?.commit.sequence != 0 {
        return Err(Error::conflict("this store was founded already"));
    }
    let (identity, signing, meta) = found_identity(&root, provider, entropy)?;
    let tag = house_tag(&root);
    let mut offline = Offline::new(engine, root, identity, interpret)?;
    let keys = AccountKeys::generate(HOUSE, 1, entropy)?;
    let mut work = Before::new(&FOUNDED, clock.now());
    let mut stage = offline.stage(vec![])?;
    let now = work.now;
    let mut first = work.work(&stage, entropy);
    first.founded.push(crate::operation::Founded { tag, keys: copy(&keys) });
    first.note(HOUSE, FOUNDED.name, vec![("provider", provider.to_owned())]);
    let finished = Finished::of(first, None);
    stage.apply(finished, entropy)?;
    for (collection, id, body) in registers {
        let mut work = Before::new(&FOUNDED, now);
        let mut next = work.work(&stage, entropy);
        let key = record_key(&keys, collection, &id);
        let allowed = next.load::<Founding>(&key)?;
        next.save(allowed, Content::Body(body), vec![])?;
        let finished = Finished::of(next, None);
        stage.apply(finished, entropy)?;
    }
    stage.commit.meta = meta;
    offline.commit(stage, high_water)?;
    Ok(*ledger::note::NoteSigner::from_seed(signing.expose()).public_key())
}

/// Accepts a store as the newest there is, although it is behind or beside its high-water mark.
///
/// Every log gets a new origin, so that heads of before and after cannot be confused, and `house`
/// says what was known of the lost history.
///
/// # Errors
/// `Unavailable` if the keys are not those of the store.
pub fn begin_epoch(
    engine: &mut dyn Engine,
    root: RootKey,
    high_water: &mut HighWater,
    clock: &dyn Clock,
    entropy: &mut dyn Entropy,
    interpret: Interpret,
    reason: &str,
) -> Result<u32> {
    let (mut identity, _) = known(&root, &*engine.reader())?;
    let last = high_water.read(&root)?;
    alone(engine)?;
    identity.epoch += 1;
    let epoch = identity.epoch;
    let meta = meta_row(&root, "epoch", &epoch.to_be_bytes());
    let latest = engine.reader().head(HOUSE)?.map_or(0, |head| head.time);
    let mut offline = Offline::new(engine, root, identity, interpret)?;
    let mut work = Before::new(&EPOCH, clock.now().max(Moment(latest)));
    let mut stage = offline.stage(vec![HOUSE])?;
    let mut entry = work.work(&stage, entropy);
    let (sequence, chain) = last.map_or((0, [0; 32]), |mark| (mark.sequence, mark.chain));
    let chain: String = chain.iter().map(|byte| format!("{byte:02x}")).collect();
    let fields = vec![
        ("epoch", epoch.to_string()),
        ("last", format!("{sequence} {chain}")),
        ("reason", reason.to_owned()),
    ];
    entry.note(HOUSE, EPOCH.name, fields);
    let finished = Finished::of(entry, None);
    stage.apply(finished, entropy)?;
    stage.commit.meta = vec![meta];
    offline.commit(stage, high_water)?;
    Ok(epoch)
}

/// Takes the store as it stands for the newest there is, on the word of an administrator, where no
/// mark outside of it says so: on a node that never served it. The word is an entry.
///
/// # Errors
/// `Conflict` if there is a mark, or other nodes could vouch; `Unavailable` if the keys are not
/// those of the store.
pub fn accept(
    engine: &mut dyn Engine,
    root: RootKey,
    high_water: &mut HighWater,
    clock: &dyn Clock,
    entropy: &mut dyn Entropy,
    interpret: Interpret,
    reason: &str,
) -> Result<u64> {
    let (identity, _) = known(&root, &*engine.reader())?;
    if high_water.read(&root)?.is_some() {
        return Err(Error::conflict(
            "this node has a high-water mark: where the store is behind it, begin a new epoch",
        ));
    }
    alone(engine)?;
    let newest = engine.counters()?.commit;
    let latest = engine.reader().head(HOUSE)?.map_or(0, |head| head.time);
    let mut offline = Offline::new(engine, root, identity, interpret)?;
    let mut work = Before::new(&ACCEPTED, clock.now().max(Moment(latest)));
    let mut stage = offline.stage(vec![HOUSE])?;
    let mut entry = work.work(&stage, entropy);
    let chain: String = newest.chain.iter().map(|byte| format!("{byte:02x}")).collect();
    let newest = format!("{} {chain}", newest.sequence);
    let fields = vec![("newest", newest), ("reason", reason.to_owned())];
    entry.note(HOUSE, ACCEPTED.name, fields);
    let finished = Finished::of(entry, None);
    stage.apply(finished, entropy)?;
    offline.commit(stage, high_water)?;
    Ok(offline.engine.counters()?.commit.sequence)
}

/// Nobody else works on the store.
fn alone(engine: &mut dyn Engine) -> Result<()> {
    let others = engine.others()?;
    if others.is_empty() {
        return Ok(());
    }
    let others = others.join("`, `");
    Err(Error::conflict(format!("other nodes work on this store: stop `{others}` first")))
}

/// A store without a lane.
struct Offline<'a> {
    engine: &'a mut dyn Engine,
    keyring: Arc<Keyring>,
    identity: Arc<Identity>,
    interpret: Interpret,
}

impl<'a> Offline<'a> {
    fn new(
        engine: &'a mut dyn Engine,
        root: RootKey,
        identity: Identity,
        interpret: Interpret,
    ) -> Result<Self> {
        let keyring = Arc::new(Keyring::new(root, engine.reader()));
        Ok(Self { engine, keyring, identity: Arc::new(identity), interpret })
    }

    fn stage(&mut self, heads: Vec<u64>) -> Result<Stage> {
        let fetched = self.engine.fetch(&Wants { heads, ..Wants::default() })?;
        let reader = self.engine.reader();
        Stage::new(&self.keyring, &reader, &self.identity, self.interpret, &[], fetched)
    }

    fn commit(&mut self, stage: Stage, high_water: &mut HighWater) -> Result<()> {
        let closed = stage.close(self.engine.order()?)?;
        self.engine.persist(&closed.commit)?;
        high_water.reset(&self.keyring.root, Mark::from(&closed.commit.commit))
    }
}

/// What an offline entry says of its maker: nobody was logged in.
struct Before {
    asked: Asked,
    decision: Decision,
    target: Target,
    now: Moment,
}

impl Before {
    fn new(action: &'static Action, now: Moment) -> Self {
        Self {
            asked: crate::tick::kernel_asks(action.name),
            decision: crate::tick::kernel_decides(),
            target: Target { action, account: HOUSE, collection: None },
            now,
        }
    }

    fn work<'a>(&'a mut self, stage: &'a Stage, entropy: &'a mut dyn Entropy) -> Work<'a> {
        Work {
            stage,
            rights: None,
            asked: &self.asked,
            decision: &self.decision,
            target: &self.target,
            now: self.now,
            entropy,
            drafts: Vec::new(),
            founded: Vec::new(),
            jobs: Vec::new(),
            job_done: None,
            lease: None,
            shown: Vec::new(),
            anchored: None,
        }
    }
}

fn record_key(keys: &AccountKeys, collection: &str, id: &str) -> RecordKey {
    RecordKey {
        account: keys.account,
        collection: collection.to_owned(),
        id: id.to_owned(),
        collection_tag: sealing::tag(&keys.names, &[b"collection", collection.as_bytes()]),
        tag: sealing::tag(&keys.names, &[b"record", collection.as_bytes(), id.as_bytes()]),
    }
}

/// Keys are not `Clone`, so that copies are seen; here one set serves the stage and the tags.
fn copy(keys: &AccountKeys) -> AccountKeys {
    let copy = |key: &sealing::Key| sealing::Key::new(*key.expose());
    AccountKeys {
        account: keys.account,
        version: keys.version,
        names: copy(&keys.names),
        records: copy(&keys.records),
        tags: copy(&keys.tags),
        log: copy(&keys.log),
    }
}
