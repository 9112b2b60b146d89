//! Allowances: what a rule, or every rule, leaves alone for a time, by whose word and why.
//!
//! An allowance wins over every alert and every answer. It ends by itself: what is to be allowed
//! for longer is looked at again.

use super::Alert;
use crate::catalogue::directly;
use crate::register::{
    At, Entry, Mark, Register, Row, Status, Step, Tone, When, line, prose, step,
};
use core::net::IpAddr;
use kernel::{Error, Moment, Result};
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use std::time::Duration;

/// An allowance.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct Allowance {
    /// The rule it is about, by its id; every rule, if none is stated.
    pub rule: Option<String>,
    /// The field of the group that has to have the value, such as `source.ip`.
    pub field: String,
    /// The value; for an address also a network, such as `198.51.100.0/24`.
    pub value: String,
    /// Why.
    pub reason: String,
    /// First moment at which it does not count any more.
    pub until: When,
    /// When it was ended before its time, if it was.
    pub ended: Option<Mark>,
}

/// Longest allowance.
const LONGEST: Duration = Duration::from_secs(366 * 86_400);

impl Allowance {
    /// Whether it counts at a moment.
    pub fn counts(&self, now: Moment) -> bool {
        self.ended.is_none() && now < self.until.0
    }

    /// Whether it is about a rule and a field with this value.
    pub fn covers(&self, rule: &str, field: &str, value: &str) -> bool {
        self.rule.as_deref().is_none_or(|own| own == rule)
            && self.field == field
            && (self.value == value || within(&self.value, value))
    }

    /// Whether it is about an alert.
    pub fn allows(&self, alert: &Alert) -> bool {
        let mut group = alert.about.split(' ').filter_map(|part| part.split_once('='));
        group.any(|(field, value)| self.covers(&alert.rule, field, value))
    }
}

/// A network: its first address and the bits that count.
fn network(text: &str) -> Option<(IpAddr, u32)> {
    let (address, bits) = text.split_once('/')?;
    let address: IpAddr = address.parse().ok()?;
    let bits: u32 = bits.parse().ok()?;
    let most = if address.is_ipv4() { 32 } else { 128 };
    (bits <= most).then_some((address, bits))
}

/// Whether an address is in a network.
pub fn within(text: &str, address: &str) -> bool {
    let Some((first, bits)) = network(text) else { return false };
    let Ok(address) = address.parse::<IpAddr>() else { return false };
    let same = |a: u128, b: u128, width: u32| {
        let drop = width.saturating_sub(bits);
        a.checked_shr(drop).unwrap_or(0) == b.checked_shr(drop).unwrap_or(0)
    };
    match (first, address.to_canonical()) {
        (IpAddr::V4(a), IpAddr::V4(b)) => same(u32::from(a).into(), u32::from(b).into(), 32),
        (IpAddr::V6(a), IpAddr::V6(b)) => same(a.into(), b.into(), 128),
        _ => false,
    }
}

/// An allowance to be made.
#[derive(Clone, Debug, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct NewAllowance {
    /// The rule it is about, by its id; every rule, if none is stated.
    pub rule: Option<String>,
    /// The field of the group that has to have the value, such as `source.ip`.
    pub field: String,
    /// The value; for an address also a network, such as `198.51.100.0/24`.
    pub value: String,
    /// Why.
    pub reason: String,
    /// First moment at which it does not count any more, at most 366 days from now.
    pub until: When,
}

impl Row for Allowance {
    const NOUN: &'static str = "allowance";
    const REGISTER: &'static str = "allowances";
    const FORMAT: &'static str = "allowance/v1";
    const ADD: &'static str = "allowance.add";
    const READ: &'static str = "allowance.read";
    const LIST: &'static str = "allowance.list";
    // What is allowed is not answered either, from this commit on.
    const RIGHTS: bool = true;
    type New = NewAllowance;

    fn add(new: &NewAllowance, at: &mut At<'_, '_>) -> Result<Self> {
        directly(Self::ADD, at)?;
        let until = new.until.0;
        if until <= at.now() || until.since(at.now()) > LONGEST {
            let why = "state a moment later than now, by at most 366 days";
            return Err(Error::invalid("until", why));
        }
        let value = line("value", &new.value, 200)?;
        let plain = |text: &str| text.chars().all(|c| !c.is_whitespace());
        if !plain(&value) || (value.contains('/') && network(&value).is_none()) {
            let why = "state a value without spaces, or a network such as `198.51.100.0/24`";
            return Err(Error::invalid("value", why));
        }
        let everything = network(&value).is_some_and(|(_, bits)| bits < 8);
        if everything {
            let why = "a network of more than 2^24 addresses is no allowance: state a smaller one";
            return Err(Error::invalid("value", why));
        }
        Ok(Self {
            rule: new.rule.as_deref().map(|rule| line("rule", rule, 64)).transpose()?,
            field: line("field", &new.field, 100)?,
            value,
            reason: prose("reason", &new.reason, 1000)?,
            until: new.until,
            ended: None,
        })
    }

    fn status(&self, now: Moment) -> Status {
        match self.counts(now) {
            true => Status::of("allowed", Tone::Good).due(self.until.0),
            false => Status::of("over", Tone::Past),
        }
    }
}

/// Ends an allowance before its time.
#[derive(Clone, Debug, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct End {
    /// Why.
    pub reason: String,
}

impl Step<Allowance> for End {
    const ACTION: &'static str = "allowance.end";

    fn apply(&self, row: &mut Allowance, at: &mut At<'_, '_>) -> Result<()> {
        if !row.counts(at.now()) {
            return Err(Error::conflict("this allowance is over"));
        }
        at.tell("reason", prose("reason", &self.reason, 500)?);
        row.ended = Some(at.mark());
        Ok(())
    }
}

const STEPS: &[Entry] = &[step::<Allowance, End>("end", "Ends it before its time")];

/// The register, as the faces know it.
pub const REGISTER: Register = Register::of::<Allowance>(
    "programme",
    "What detection leaves alone for a time, by whose word and why",
)
.serves(&["E1.2", "E6.2"])
.first("Allow your own scanner, or an office behind one address, with an end")
.columns(&["rule", "field", "value", "until"])
.steps(STEPS);

#[cfg(test)]
mod tests {
    use super::within;

    #[test]
    fn an_address_is_in_a_network_or_not() {
        for (network, address, is) in [
            ("198.51.100.0/24", "198.51.100.7", true),
            ("198.51.100.0/24", "198.51.101.7", false),
            ("198.51.100.7/32", "198.51.100.7", true),
            ("2001:db8::/32", "2001:db8:7::1", true),
            ("2001:db8::/32", "2001:db9::1", false),
            ("198.51.100.0/24", "::ffff:198.51.100.9", true),
            ("198.51.100.0/33", "198.51.100.7", false),
            ("198.51.100.0", "198.51.100.0", false),
            ("::/0", "198.51.100.7", false),
            ("0.0.0.0/0", "198.51.100.7", true),
        ] {
            assert_eq!(within(network, address), is, "{network} {address}");
        }
    }
}
