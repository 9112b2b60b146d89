//! Claiming an attempt, so that nobody else makes it.
//!
//! A claim holds for [`LEASE`]; a server that was started again takes over what it claimed before
//! at once, because it cannot be sending any more.

use super::{Event, FOLLOW, Held, Page, Severity, Subject, Try, following, pacing, sending};
use crate::oncall::channels::{Channel, Way};
use crate::oncall::hex;
use crate::register::{self, Kept, When, act};
use kernel::engine::Wants;
use kernel::{
    Act, After, Allowed, HOUSE, Kernel, Moment, Operation, RecordKey, Result, Target, Work,
    on_house,
};
use std::time::Duration;

/// How long a claim holds. Longer than a task may take.
const LEASE: Duration = Duration::from_secs(60);

act!(
    /// An attempt is claimed.
    Claiming, "page.claim", None, false
);

/// A page, as it is to be sent by one channel.
#[derive(Clone, PartialEq, Eq)]
pub struct Envelope {
    /// The page, by its id.
    pub page: String,
    /// What it tells.
    pub event: Event,
    /// What it is about.
    pub subject: Subject,
    /// How urgent.
    pub severity: Severity,
    /// What happened.
    pub title: String,
    /// When it was raised.
    pub at: Moment,
    /// Who answered or resolved it and when, where it tells that.
    pub by: Option<(String, Moment)>,
    /// Who is paged.
    pub person: String,
    /// How.
    pub way: Way,
    /// The address, where the channel has one.
    pub address: Option<String>,
    /// The name of the channel's secret, where it has one.
    pub secret: Option<String>,
    /// What makes it itself: the same for each attempt.
    pub identifier: String,
    /// The secret of the link by which it is answered.
    pub token: String,
    /// Whether an earlier attempt may have arrived.
    pub repeated: bool,
    /// The number of the claim.
    pub claim: u32,
    /// When the channel was used for it: what goes with it has the same.
    pub used: Moment,
    /// Whether nothing else goes with it.
    pub alone: bool,
}

impl Envelope {
    /// What makes a message itself that brings these: of one it is its own identifier. With others
    /// in it, it is another message, so that nobody takes it for one that came before.
    pub fn message(all: &[&Self]) -> String {
        if let [one] = all {
            return one.identifier.clone();
        }
        let each: Vec<_> = all.iter().map(|one| one.identifier.as_str()).collect();
        let hash = hex(&kernel::digest(each.join("\n").as_bytes()));
        format!("pages-{}", hash.get(..24).unwrap_or_default())
    }
}

/// What came of claiming.
#[derive(Clone, PartialEq, Eq)]
pub enum Claimed {
    /// It is to be sent now, by nobody else.
    Send(Box<Envelope>),
    /// It is to be sent later: the channel was used a moment ago.
    Later(Moment),
    /// Somebody else is at it.
    Held,
    /// There is nothing to send any more.
    Nothing,
}

/// Claims an attempt.
pub struct Claim {
    kernel: Kernel,
    page: RecordKey,
    number: u32,
    token: String,
    node: String,
    boot: String,
    with: Option<Moment>,
}

impl Claim {
    /// Of the job, for this server by its name, and this start of it.
    ///
    /// # Errors
    /// `Internal` for a job of another form.
    pub fn new(kernel: &Kernel, object: &str, node: &str, boot: &str) -> Result<Self> {
        let (page, number, token) = sending::parts(object)?;
        Ok(Self {
            kernel: kernel.clone(),
            page: register::key::<Kept<Page>>(kernel, page)?,
            number,
            token: token.to_owned(),
            node: node.to_owned(),
            boot: boot.to_owned(),
            with: None,
        })
    }

    /// To go in one message with what the channel was used for at this moment, if it may.
    #[must_use]
    pub fn with(self, used: Option<Moment>) -> Self {
        Self { with: used, ..self }
    }

    /// Whether it is to be made at all.
    fn wanted(&self, page: &Page, one: &Try, channel: &Channel) -> bool {
        let wanted = match one.event {
            Event::Raised => {
                let own = one.link == hex(&kernel::token_hash(&self.token));
                own && !page.settled() && channel.counts()
            }
            // Who is told that it is over need not be told that somebody had it.
            Event::Acknowledged => page.resolved.is_none() && channel.ended.is_none(),
            Event::Resolved => channel.ended.is_none(),
        };
        wanted && one.sent.is_none() && !one.given_up()
    }

    /// Whether somebody else may be making it at this moment.
    fn held(&self, one: &Try, now: Moment) -> bool {
        one.claim.as_ref().is_some_and(|held| {
            (held.node != self.node || held.boot == self.boot) && held.until.0 > now
        })
    }

    fn say(&self, work: &mut Work<'_>, outcome: &str) {
        let fields = vec![("page", self.page.id.to_string()), ("outcome", outcome.to_owned())];
        work.note(HOUSE, Claiming::ACTION.name, fields);
    }

    /// Nothing is sent any more. What was claimed before may have arrived, and is followed then.
    fn abandon(
        &self,
        work: &mut Work<'_>,
        (allowed, mut kept): (Allowed<Claiming>, Kept<Page>),
    ) -> Result<After<Claimed>> {
        let one = kept.row.numbered(self.number)?;
        if one.claim.take().is_none() {
            self.say(work, "not wanted any more");
            return Ok(After::now(Claimed::Nothing));
        }
        one.unknown = true;
        for object in following::follow(&mut kept.row, &kept.id, work.now()) {
            work.later(work.now(), HOUSE, FOLLOW, &object);
        }
        let fields =
            vec![("try", self.number.to_string()), ("outcome", "not wanted any more".to_owned())];
        work.save(allowed, register::body(&kept)?, fields)?;
        Ok(After::now(Claimed::Nothing))
    }

    fn envelope(&self, kept: &Kept<Page>, one: &Try, channel: &Channel, claim: u32) -> Envelope {
        let answered = kept.row.acknowledged.as_ref().map(|one| (one.by.clone(), one.at.0));
        let resolved = kept.row.resolved.as_ref().map(|one| (one.mark.by.clone(), one.mark.at.0));
        Envelope {
            page: kept.id.clone(),
            event: one.event,
            subject: kept.row.subject,
            severity: kept.row.severity,
            title: kept.row.title.clone(),
            at: kept.added.at.0,
            by: match one.event {
                Event::Raised => None,
                Event::Acknowledged => answered,
                Event::Resolved => resolved,
            },
            person: one.person.clone(),
            way: one.way,
            address: channel.address.clone(),
            secret: channel.secret.clone(),
            identifier: format!("{}-{}", kept.id, one.number),
            token: self.token.clone(),
            repeated: one.unknown || !one.attempts.is_empty(),
            claim,
            used: channel.used.map_or(kept.added.at.0, |used| used.0),
            alone: pacing::alone(one),
        }
    }
}

impl Operation for Claim {
    type Output = Claimed;

    fn target(&self) -> Target {
        on_house(Claiming::ACTION)
    }

    fn wants(&self, wants: &mut Wants) {
        wants.record(&self.page);
    }

    fn execute(&self, work: &mut Work<'_>) -> Result<After<Claimed>> {
        let (allowed, mut kept) = register::load::<Kept<Page>, Claiming>(work, &self.page)?;
        let now = work.now();
        let mut one = kept.row.numbered(self.number)?.clone();
        if self.held(&one, now) {
            self.say(work, "claimed by another");
            return Ok(After::now(Claimed::Held));
        }
        let key = register::key::<Kept<Channel>>(&self.kernel, &one.channel)?;
        let channel = work.look_late(&key)?.map(|body| register::parse::<Kept<Channel>>(&body));
        let channel = channel.transpose()?;
        let wanted = |channel: &Kept<Channel>| self.wanted(&kept.row, &one, &channel.row);
        let Some(mut channel) = channel.filter(wanted) else {
            return self.abandon(work, (allowed, kept));
        };
        if let Some(due) = pacing::pause(&one, &channel.row, self.with, now) {
            self.say(work, "after the one before");
            return Ok(After::now(Claimed::Later(due)));
        }
        one.unknown |= one.claim.is_some();
        let number = one.claim.as_ref().map_or(0, |held| held.number).max(last(&one)) + 1;
        let (node, boot) = (self.node.clone(), self.boot.clone());
        one.claim = Some(Held { node, boot, until: When(now.after(LEASE)), number });
        let joins = self.with.is_some() && channel.row.used.map(|used| used.0) == self.with;
        let uses = one.event == Event::Raised && !joins;
        if uses {
            pacing::used(&mut channel.row, now);
        }
        let envelope = self.envelope(&kept, &one, &channel.row, number);
        *kept.row.numbered(self.number)? = one;
        let fields = vec![("try", self.number.to_string()), ("claim", number.to_string())];
        work.save(allowed, register::body(&kept)?, fields)?;
        if uses {
            let allowed = work.load_late::<Claiming>(&key)?;
            work.save(allowed, register::body(&channel)?, vec![])?;
        }
        Ok(After::now(Claimed::Send(Box::new(envelope))))
    }
}

/// The number of the last claim whose attempt was recorded.
fn last(one: &Try) -> u32 {
    one.attempts.iter().map(|attempt| attempt.claim).max().unwrap_or(0)
}
