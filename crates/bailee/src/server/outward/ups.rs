//! Polls of power supplies: one reading of a server of Network UPS Tools for each job.
//!
//! Promises: whatever the server does, the poll has an outcome, so that the equipment says since
//! when nobody answers. Does not: send commands, log in, or keep a connection.

use connectors::nut::{self, Trouble, Ups};
use domain::sites::equipment::{Outcome, Poll, polled};
use kernel::{Kernel, Ran, Result};

use super::{Ended, PATIENCE, blocking, in_time};

/// The variable with the status words.
const STATUS: &str = "ups.status";

/// Polls what a job asks for, and records what came of it.
///
/// # Errors
/// Whatever the operation answers; the job then stays.
pub async fn poll(kernel: Kernel, object: &str, right: Ran) -> Result<Ended> {
    let poll = Poll::of(object)?;
    let outcome = in_time(read(&poll)).await?;
    blocking(move || right.run(&kernel, polled(&kernel, poll, outcome)?)).await?;
    Ok(Ended::Done)
}

async fn read(poll: &Poll) -> Outcome {
    let silent = |problem: String| Outcome::Silent { problem };
    let all = match nut::read(&poll.source.address, PATIENCE).await {
        Ok(all) => all,
        Err(why) => return silent(why.to_string()),
    };
    match all.iter().find(|ups| ups.name == poll.source.ups) {
        Some(ups) => said(ups),
        None => silent(format!("the server has no UPS `{}`", poll.source.ups)),
    }
}

fn said(ups: &Ups) -> Outcome {
    if let Some(trouble) = &ups.trouble {
        let problem = match trouble {
            Trouble::DataStale => "the driver has not heard from the UPS for too long".to_owned(),
            Trouble::DriverNotConnected => "no driver runs for this UPS".to_owned(),
            Trouble::AccessDenied => "the server does not let this machine read it".to_owned(),
            Trouble::Other(word) => format!("the server answered `{word}`"),
        };
        return Outcome::Silent { problem };
    }
    Outcome::Read {
        status: ups.vars.get(STATUS).cloned().unwrap_or_default(),
        load_percent: whole(ups.load_percent()),
        runtime_seconds: whole(ups.runtime_seconds()),
        charge_percent: whole(ups.charge_percent()),
    }
}

/// The nearest whole number, if it is one of 32 bits.
fn whole(number: Option<f64>) -> Option<u32> {
    format!("{:.0}", number?).parse().ok()
}

#[cfg(test)]
mod tests {
    use super::whole;

    #[test]
    fn numbers_are_rounded_or_not_there() {
        for (number, rounded) in [
            (Some(61.4), Some(61)),
            (Some(61.6), Some(62)),
            (Some(0.0), Some(0)),
            (Some(4_294_967_295.0), Some(u32::MAX)),
            (Some(4_294_967_296.0), None),
            (Some(-3.0), None),
            (Some(f64::NAN), None),
            (None, None),
        ] {
            assert_eq!(whole(number), rounded, "{number:?}");
        }
    }
}
