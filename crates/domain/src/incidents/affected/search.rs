//! The search: entries by the access index, closed under what they say was issued, given, opened
//! and left to be done; each read from its log and compared with the index.
//!
//! It fails wide. An entry that cannot be read makes its account unknown; one of the house's, from
//! which rights are followed, or more entries than [`ENTRIES`], makes every account unknown.

use super::Query;
use super::answer::{Account, Answer, AsOf, Certainty, FORMAT, Followed, HeadOf, Tries};
use super::gather::Gathered;
use super::query::By;
use crate::accounts::readable;
use crate::incidents::hex;
use crate::register::When;
use kernel::engine::Span;
use kernel::id::PrincipalId;
use kernel::{Fed, HOUSE, Kernel, Result, Told, Trace, Traced};
use std::collections::{BTreeMap, BTreeSet, VecDeque};

/// Entries that one search reads: about half a minute's work.
pub const ENTRIES: usize = 1_000_000;
/// Rows of a span up to which every entry is read, to see whether the index hides one.
pub const CHECKED: i64 = 20_000;
/// Rows of tries that an answer lists.
const TRIES: usize = 1000;
/// Entries that are read at once.
const PAGE: usize = 1000;
/// Fields that name what an operation issued.
const ISSUED: &str = "issued";

/// What is still to be followed.
struct Lead {
    by: Trace,
    span: Span,
    only: Only,
}

/// Which of the entries count.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
enum Only {
    All,
    /// Those that rest on this grant.
    Grant(String),
    /// Those that did one of these jobs.
    Jobs(BTreeSet<String>),
}

struct Search<'k> {
    kernel: &'k Kernel,
    until: i64,
    leads: VecDeque<Lead>,
    known: BTreeSet<(String, String)>,
    followed: BTreeSet<Followed>,
    seen: BTreeSet<i64>,
    read: usize,
    of: BTreeMap<u64, Gathered>,
    after_end: u64,
    restrained: u64,
    /// By answer, holder, credential and address.
    tries: BTreeMap<[String; 4], Tries>,
    wide: Option<String>,
}

/// Answers a question as the logs stood at a commit, or stand now.
///
/// # Errors
/// `NotFound` if there is no such commit, `Invalid` for a question that makes no sense,
/// `Unavailable` if the store cannot be read.
pub fn search(kernel: &Kernel, query: Query, commit: Option<u64>) -> Result<Answer> {
    let (query, by) = query.checked()?;
    let commit = kernel.commit(commit)?;
    let span = kernel.span(query.from.0, query.to.0, commit.last)?;
    let mut search = Search {
        kernel,
        until: commit.last,
        leads: VecDeque::new(),
        known: BTreeSet::new(),
        followed: BTreeSet::new(),
        seen: BTreeSet::new(),
        read: 0,
        of: BTreeMap::new(),
        after_end: 0,
        restrained: 0,
        tries: BTreeMap::new(),
        wide: None,
    };
    match by.trace() {
        Some(trace) => search.lead(trace, span, Only::All),
        None => search.vendor(&by, span)?,
    }
    search.follow()?;
    if matches!(by, By::Address(_)) {
        search.without_address(span)?;
    }
    let every_entry = span.until - span.after <= CHECKED;
    if every_entry {
        search.check(span)?;
    }
    let as_of = AsOf { commit: commit.sequence, chain: hex(&commit.chain) };
    search.answer(query, as_of, every_entry)
}

impl Search<'_> {
    fn lead(&mut self, by: Trace, span: Span, only: Only) {
        if self.known.insert((format!("{by:?}"), format!("{only:?} after {}", span.after))) {
            self.leads.push_back(Lead { by, span, only });
        }
    }

    /// Everybody who was ever of the vendor, as of the commit.
    fn vendor(&mut self, by: &By, span: Span) -> Result<()> {
        let By::Vendor(name) = by else { return Ok(()) };
        let newest = self.kernel.feed(self.until.saturating_sub(1), 1)?;
        let at = newest.first().map_or(kernel::Moment(0), |entry| entry.time);
        let all = super::vendors::principals(self.kernel, name, at)?;
        if all.is_empty() {
            let name = kernel::id::shown(name);
            let why = format!("nobody was ever of a vendor `{name}`: state its name");
            return Err(kernel::Error::invalid("by", why));
        }
        for (id, (principal, place)) in all {
            self.tell(id, place, "of the vendor");
            self.lead(Trace::Actor(principal), span, Only::All);
        }
        Ok(())
    }

    fn tell(&mut self, what: String, entry: String, why: &str) {
        self.followed.insert(Followed { what, entry, why: why.to_owned() });
    }

    fn widen(&mut self, why: String) {
        self.wide.get_or_insert(why);
    }

    /// Works until nothing is left to follow.
    fn follow(&mut self) -> Result<()> {
        while let Some(lead) = self.leads.pop_front() {
            let mut span = lead.span;
            loop {
                let page = self.kernel.trace(&lead.by, span, PAGE)?;
                for found in &page {
                    self.take(found, &lead.only)?;
                }
                self.read += page.len();
                if self.read > ENTRIES {
                    self.widen(format!("more than {ENTRIES} entries: ask about shorter spans"));
                    return Ok(());
                }
                match page.last() {
                    Some(last) if page.len() == PAGE => span.after = last.entry.row,
                    _ => break,
                }
            }
        }
        Ok(())
    }

    fn take(&mut self, found: &Traced, only: &Only) -> Result<()> {
        let entry = &found.entry;
        let counts = match only {
            Only::All => true,
            // One that cannot be read might be one of them.
            _ if !matches!(entry.fields, Told::Fields(_)) => true,
            Only::Grant(id) => entry.field("grant").is_some_and(|grant| of_grant(grant, id)),
            Only::Jobs(rows) => entry.field("job-done").is_some_and(|row| rows.contains(row)),
        };
        if !counts || !self.seen.insert(entry.row) {
            return Ok(());
        }
        if let Told::Closed(why) = &entry.fields {
            self.closed(entry, why);
        }
        self.expand(entry)?;
        if entry.account != HOUSE {
            if !self.kernel.in_tile(entry.account, entry.index)? {
                self.closed(entry, "its log holds another entry in its place");
            }
            self.of.entry(entry.account).or_default().take(found);
        } else if let Some(slot) = refused_on(entry) {
            self.of.entry(slot).or_default().refused += 1;
        } else if entry.kind == kernel::UNAUTHENTICATED.name && entry.field("why").is_some() {
            self.after_end += count(entry);
        } else if entry.kind == kernel::RESTRAINED.name {
            self.tried(entry);
        }
        Ok(())
    }

    /// What an answer refused: told, and nothing of an account.
    fn tried(&mut self, entry: &Fed) {
        let count = count(entry);
        self.restrained += count;
        let field = |name: &str| entry.field(name).map(str::to_owned);
        // Where nobody was asked who they are, the server's own name stands, which is no principal.
        let by = actor(entry).map(|actor| actor.to_string());
        let credential = field("credential").filter(|_| by.is_some());
        let (answer, source) = (field("answer").unwrap_or_default(), field("source"));
        let text = |one: &Option<String>| one.clone().unwrap_or_default();
        let key = [answer.clone(), text(&by), text(&credential), text(&source)];
        if self.tries.len() >= TRIES && !self.tries.contains_key(&key) {
            return;
        }
        let at = When(entry.time);
        let fresh = Tries { answer, by, credential, source, count: 0, first: at, last: at };
        let tries = self.tries.entry(key).or_insert(fresh);
        tries.count += count;
        (tries.first, tries.last) = (tries.first.min(at), tries.last.max(at));
    }

    fn closed(&mut self, entry: &Fed, why: &str) {
        if entry.account == HOUSE {
            let index = entry.index;
            self.widen(format!("entry {index} of the house cannot be read ({why})"));
        } else {
            let reason = format!("entries cannot be read ({why})");
            self.of.entry(entry.account).or_default().unknown(reason);
        }
    }

    /// What an entry leads to. It is followed to the end of what is asked as of, not of the span:
    /// what was made in the span goes on working after it.
    fn expand(&mut self, entry: &Fed) -> Result<()> {
        let span = Span { after: entry.row, until: self.until };
        let at = format!("{}#{}", readable(self.kernel, entry.account)?, entry.index);
        if let Some(id) = entry.field(ISSUED) {
            self.tell(format!("token:{id}"), at.clone(), "issued by an entry that counts");
            self.lead(Trace::Credential(id.to_owned()), span, Only::All);
        }
        if let (Some(jobs), Some(actor)) = (entry.field("jobs"), actor(entry)) {
            let row = |job: &str| job.split_once(':').map(|(row, _)| row.to_owned());
            self.lead(
                Trace::Actor(actor),
                span,
                Only::Jobs(jobs.split(' ').filter_map(row).collect()),
            );
        }
        let object = entry.field("object").and_then(|object| object.split_once('/'));
        match (entry.kind.as_str(), object) {
            ("person.create", Some((_, name))) | ("service.create", Some((_, name))) => {
                let kind = entry.kind.split('.').next().unwrap_or_default();
                if let Ok(made) = PrincipalId::parse(&format!("{kind}:{name}")) {
                    self.tell(made.to_string(), at, "made by an entry that counts");
                    self.lead(Trace::Actor(made), span, Only::All);
                }
            }
            ("grant.create", Some((_, id))) => {
                let to = entry.field("to").and_then(|to| PrincipalId::parse(to).ok());
                if let Some(to) = to {
                    self.tell(format!("{to} by {id}"), at, "given by an entry that counts");
                    self.lead(Trace::Actor(to), span, Only::Grant(id.to_owned()));
                }
            }
            _ => {}
        }
        Ok(())
    }

    /// Entries that name no address and were asked for by somebody: they may have come from the
    /// one in question.
    fn without_address(&mut self, mut span: Span) -> Result<()> {
        let mut read = 0;
        loop {
            let page = self.kernel.trace(&Trace::NoSource, span, PAGE)?;
            for found in &page {
                let entry = &found.entry;
                let by_itself = entry.field("credential") == Some("none");
                if !by_itself && entry.account != HOUSE {
                    let reason = "entries in the span name no address: they are from before \
                                  addresses were recorded, or came over no network";
                    self.of.entry(entry.account).or_default().unknown(reason.to_owned());
                }
            }
            read += page.len();
            if read > ENTRIES {
                self.widen(format!("more than {ENTRIES} entries name no address"));
                return Ok(());
            }
            match page.last() {
                Some(last) if page.len() == PAGE => span.after = last.entry.row,
                _ => return Ok(()),
            }
        }
    }

    /// Reads every entry of the span: what cannot be read, or is not what the index says, might
    /// be by whoever is in question.
    fn check(&mut self, mut span: Span) -> Result<()> {
        loop {
            let page = self.kernel.trace(&Trace::All, span, PAGE)?;
            for found in &page {
                if let Told::Closed(why) = &found.entry.fields {
                    self.closed(&found.entry, why);
                }
            }
            match page.last() {
                Some(last) if page.len() == PAGE => span.after = last.entry.row,
                _ => return Ok(()),
            }
        }
    }

    fn answer(mut self, query: Query, as_of: AsOf, every_entry: bool) -> Result<Answer> {
        if let Some(why) = &self.wide {
            let mut after = HOUSE;
            loop {
                let page = self.kernel.heads(Some(after), PAGE)?;
                let Some(last) = page.last() else { break };
                after = last.account;
                for head in page {
                    self.of.entry(head.account).or_default().unknown(why.clone());
                }
            }
        }
        let mut heads = vec![self.head(HOUSE)?];
        let mut accounts = Vec::with_capacity(self.of.len());
        for (slot, gathered) in std::mem::take(&mut self.of) {
            let head = self.head(slot)?;
            if head.size > 0 {
                accounts.push(gathered.account(self.kernel, slot, &head.account)?);
                heads.push(head);
            }
        }
        accounts.sort_unstable_by(|a: &Account, b| a.account.cmp(&b.account));
        heads.sort_unstable_by(|a, b| a.account.cmp(&b.account));
        Ok(Answer {
            format: FORMAT.to_owned(),
            query,
            as_of,
            heads,
            followed: self.followed.into_iter().collect(),
            every_entry,
            after_end: self.after_end,
            restrained: self.restrained,
            tries: self.tries.into_values().collect(),
            wide: self.wide,
            accounts,
        })
    }

    fn head(&self, account: u64) -> Result<HeadOf> {
        let size = self.kernel.size_at(account, self.until)?;
        let root = hex(&self.kernel.root_at(account, size)?);
        Ok(HeadOf { account: readable(self.kernel, account)?, size, root })
    }
}

/// The account that a refusal in the house's log is about. The account's own log is told of some
/// of them only.
fn refused_on(entry: &Fed) -> Option<u64> {
    let slot = entry.field("slot").filter(|_| entry.kind == kernel::REFUSED.name)?;
    slot.parse().ok().filter(|slot| *slot != HOUSE)
}

/// Whether the field `grant` names this grant: its id and where it was given.
fn of_grant(field: &str, id: &str) -> bool {
    field.strip_prefix(id).is_some_and(|rest| rest.is_empty() || rest.starts_with('#'))
}

/// How many requests an entry counts.
fn count(entry: &Fed) -> u64 {
    entry.field("count").and_then(|count| count.parse().ok()).unwrap_or(1)
}

fn actor(entry: &Fed) -> Option<PrincipalId> {
    entry.field("actor").and_then(|actor| PrincipalId::parse(actor).ok())
}

/// The certainty of what rests on an opening that was erased.
pub(super) const ERASED: (Certainty, &str) =
    (Certainty::UpperBound, "entries were erased: what they were about is known by tags only");
