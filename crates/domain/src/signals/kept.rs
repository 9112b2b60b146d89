//! Signals as they are kept: batches of JSON lines, delivered, taken and forgotten.

use super::{Deliver, Forget, Source, Take};
use crate::register::{Kept, Row, parse};
use kernel::engine::Wants;
use kernel::id::Name;
use kernel::{
    Act, After, Error, HOUSE, Kernel, Operation, RecordKey, Replay, Result, Target, Work, on_house,
};
use serde::{Deserialize, Serialize};
use serde_json::{Map, Value};

/// One signal, as it was understood.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
pub struct Signal {
    /// When Bailee was told, µs since 1970.
    pub received: u64,
    /// When it happened, as the source says, µs since 1970.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub time: Option<u64>,
    /// The source, by its id; or what the server itself watches, such as `bailee`.
    pub source: String,
    /// How it came, such as `tls`, `tcp`, `udp` or `https`.
    pub transport: String,
    /// From which address, where it came over the network.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub peer: Option<String>,
    /// Product of the log source, as Sigma rules name it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub product: Option<String>,
    /// Service of the log source.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub service: Option<String>,
    /// Category of the log source.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub category: Option<String>,
    /// What it says, by flat names such as `source.ip`.
    pub fields: Map<String, Value>,
}

/// Signals of one batch. Each batch is an entry; a batch of this many is some hundred kilobytes.
pub const BATCH: usize = 2000;

/// Bytes of one batch, so that one commit cannot exhaust memory.
pub const BATCH_BYTES: usize = 4 * 1024 * 1024;

/// A batch as it is kept: JSON, a line each.
///
/// # Errors
/// `Limit` if it is too large.
pub fn encode(signals: &[Signal]) -> Result<Vec<u8>> {
    let mut bytes = Vec::new();
    for signal in signals {
        serde_json::to_writer(&mut bytes, signal)
            .map_err(|error| Error::internal(format!("a signal has no JSON form: {error}")))?;
        bytes.push(b'\n');
    }
    if signals.len() > BATCH || bytes.len() > BATCH_BYTES {
        let why = format!("a batch has at most {BATCH} signals and {BATCH_BYTES} bytes: send less");
        return Err(Error::limit(why));
    }
    Ok(bytes)
}

/// The signals of a batch that was kept.
///
/// # Errors
/// `Internal` if it has another form.
pub fn decode(bytes: &[u8]) -> Result<Vec<Signal>> {
    let lines = bytes.split(|byte| *byte == b'\n').filter(|line| !line.is_empty());
    lines
        .map(serde_json::from_slice)
        .collect::<std::result::Result<_, _>>()
        .map_err(|error| Error::internal(format!("a batch of signals: {error}")))
}

/// Takes signals that a named source delivers.
pub struct SendSignals {
    source: RecordKey,
    bytes: Vec<u8>,
    count: usize,
    rejected: usize,
}

impl SendSignals {
    /// From this source; `rejected` is how many of the delivery were not understood.
    ///
    /// # Errors
    /// `Limit` if they are too many, `Invalid` if the source is no name.
    pub fn new(kernel: &Kernel, source: &str, signals: &[Signal], rejected: usize) -> Result<Self> {
        let source = Name::parse(source)?;
        let source = kernel.key(HOUSE, Source::REGISTER, source.as_str())?;
        Ok(Self { source, bytes: encode(signals)?, count: signals.len(), rejected })
    }
}

impl Operation for SendSignals {
    /// How many were kept.
    type Output = usize;

    fn target(&self) -> Target {
        on_house(Deliver::ACTION)
    }

    fn wants(&self, wants: &mut Wants) {
        wants.record(&self.source);
    }

    fn execute(&self, work: &mut Work<'_>) -> Result<After<usize>> {
        let id = &self.source.id;
        let named = work.look(&self.source)?;
        let named = named.map(|body| parse::<Kept<Source>>(&body));
        let own = named.transpose()?.map(|kept| kept.row).filter(|source| {
            let by = work.caller().principal.to_string();
            source.counts() && source.service.as_deref() == Some(by.as_str())
        });
        if own.is_none() {
            let why = format!("`{id}` is no source of yours: name it in the register of sources");
            return Err(Error::forbidden(why));
        }
        let mut fields = vec![("from", id.clone()), ("count", self.count.to_string())];
        if self.rejected > 0 {
            fields.push(("rejected", self.rejected.to_string()));
        }
        work.keep_signals(Deliver::ACTION.name, self.bytes.clone(), fields);
        Ok(After::now(self.count))
    }

    fn replay(&self, first: &Replay) -> Result<usize> {
        Ok(first.field(0, "count").and_then(|count| count.parse().ok()).unwrap_or(self.count))
    }

    fn weight(&self) -> usize {
        self.bytes.len()
    }
}

/// Keeps signals that the server's own listeners took.
pub struct TakeSignals {
    bytes: Vec<u8>,
    count: usize,
}

impl TakeSignals {
    /// These.
    ///
    /// # Errors
    /// `Limit` if they are too many for a batch.
    pub fn new(signals: &[Signal]) -> Result<Self> {
        Ok(Self { bytes: encode(signals)?, count: signals.len() })
    }
}

impl Operation for TakeSignals {
    type Output = ();

    fn target(&self) -> Target {
        on_house(Take::ACTION)
    }

    fn execute(&self, work: &mut Work<'_>) -> Result<After<()>> {
        let fields = vec![("count", self.count.to_string())];
        work.keep_signals(Take::ACTION.name, self.bytes.clone(), fields);
        Ok(After::now(()))
    }

    fn weight(&self) -> usize {
        self.bytes.len()
    }
}

/// Forgets the signals of a day that is over and past its time.
pub struct ForgetSignals {
    day: u32,
}

impl ForgetSignals {
    /// The first day whose signals were kept for longer than that, if there is one.
    ///
    /// # Errors
    /// `Unavailable` if the store cannot be read.
    pub fn due(kernel: &Kernel, days: u32) -> Result<Option<Self>> {
        let today = u32::try_from(kernel.now().0 / 86_400_000_000).unwrap_or(u32::MAX);
        let old = |(day, _): &(u32, i64)| day.saturating_add(days) < today;
        Ok(kernel.signal_days()?.into_iter().find(old).map(|(day, _)| Self { day }))
    }
}

impl Operation for ForgetSignals {
    type Output = ();

    fn target(&self) -> Target {
        on_house(Forget::ACTION)
    }

    fn execute(&self, work: &mut Work<'_>) -> Result<After<()>> {
        work.forget_signals(Forget::ACTION.name, self.day, vec![]);
        Ok(After::now(()))
    }
}
