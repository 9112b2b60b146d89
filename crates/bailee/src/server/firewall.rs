//! The bans, copied into sets of nftables on request, so that the machine drops what Bailee would
//! refuse.
//!
//! Promises: the sets hold exactly the bans in force, each with its remaining time, from about a
//! second after a change on; they are replaced in one transaction. The operator makes the table,
//! the sets and the rules that use them; nothing else of the firewall is touched. A failure is
//! logged, counted and tried again, and holds no answer up: Bailee refuses by itself all the same.
//!
//! Does not: use a shell. The program is named by an absolute path and gets its words on standard
//! input.

use std::fmt::Write as _;
use std::io::Write as _;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

use kernel::authority::Network;
use kernel::{Kernel, Moment};
use rustix::process::{Pid, Signal, kill_process};

use super::config::Nftables;

/// How often the bans are compared with what the firewall was told.
const PACE: Duration = Duration::from_secs(1);

/// How long the program may take.
const PATIENCE: Duration = Duration::from_secs(10);

/// When what was told is told again, in case somebody else changed the sets.
const AGAIN: Duration = Duration::from_secs(300);

/// What the firewall was told.
#[derive(Clone, Default)]
pub struct Firewall(Arc<Counts>);

#[derive(Default)]
struct Counts {
    told: AtomicU64,
    failed: AtomicU64,
}

impl Firewall {
    /// The counters, in the form of Prometheus.
    pub fn text(&self) -> String {
        let mut text = String::new();
        for (name, help, count) in [
            ("told", "Times the firewall was told of the bans.", &self.0.told),
            ("failures", "Times the firewall could not be told.", &self.0.failed),
        ] {
            let name = format!("bailee_firewall_{name}_total");
            // Writing to a string cannot fail.
            let _ = writeln!(text, "# HELP {name} {help}\n# TYPE {name} counter");
            let _ = writeln!(text, "{name} {}", count.load(Ordering::Relaxed));
        }
        text
    }

    /// Keeps the sets as the bans are, until it is aborted.
    pub async fn run(self, kernel: Kernel, to: Nftables) {
        let mut pace = tokio::time::interval(PACE);
        pace.set_missed_tick_behavior(tokio::time::MissedTickBehavior::Delay);
        let mut told: Option<(Vec<(Network, Moment)>, Moment)> = None;
        loop {
            pace.tick().await;
            let now = kernel.now();
            let bans = kernel.authority().bans(now);
            let same =
                told.as_ref().is_some_and(|(own, at)| *own == bans && now.since(*at) < AGAIN);
            if same {
                continue;
            }
            match tell(&to, words(&to, &bans, now)).await {
                Ok(()) => {
                    self.0.told.fetch_add(1, Ordering::Relaxed);
                    told = Some((bans, now));
                }
                Err(why) => {
                    // Said once for each run of failures, counted each time.
                    if told.take().is_some() || self.0.failed.load(Ordering::Relaxed) == 0 {
                        tracing::warn!(%why, "the firewall could not be told of the bans");
                    }
                    self.0.failed.fetch_add(1, Ordering::Relaxed);
                }
            }
        }
    }
}

/// What `nft -f -` reads: both sets emptied and filled, in one transaction.
fn words(to: &Nftables, bans: &[(Network, Moment)], now: Moment) -> String {
    let mut text = String::new();
    for (set, four) in [(&to.v4, true), (&to.v6, false)] {
        let place = format!("{} {} {set}", to.family, to.table);
        // Writing to a string cannot fail.
        let _ = writeln!(text, "flush set {place}");
        let own: Vec<_> = outermost(bans.iter().filter(|(network, _)| network.is_ipv4() == four));
        if own.is_empty() {
            continue;
        }
        let element = |(network, until): &(Network, Moment)| {
            let seconds = until.since(now).as_secs().max(1);
            format!("{network} timeout {seconds}s")
        };
        let all: Vec<_> = own.iter().map(element).collect();
        let _ = writeln!(text, "add element {place} {{ {} }}", all.join(", "));
    }
    text
}

/// Without networks that lie within others: a set of intervals takes none.
fn outermost<'a>(bans: impl Iterator<Item = &'a (Network, Moment)>) -> Vec<(Network, Moment)> {
    let mut all: Vec<(Network, Moment)> = bans.copied().collect();
    all.sort_by_key(|(network, _)| network.bits());
    let mut kept: Vec<(Network, Moment)> = Vec::new();
    for one in all {
        match kept.iter_mut().find(|(wide, _)| wide.meets(&one.0)) {
            Some(wide) if wide.0 == one.0 => wide.1 = wide.1.max(one.1),
            Some(_) => {}
            None => kept.push(one),
        }
    }
    kept
}

/// Runs the program, and ends it if it takes too long.
async fn tell(to: &Nftables, words: String) -> Result<(), String> {
    let program: PathBuf = to.program.clone();
    let mut child = start(&program).map_err(|why| format!("`{}`: {why}", program.display()))?;
    let pid = i32::try_from(child.id()).ok().and_then(Pid::from_raw);
    let done = tokio::task::spawn_blocking(move || {
        if let Some(mut input) = child.stdin.take() {
            // A program that ends early says why on standard error.
            drop(input.write_all(words.as_bytes()));
        }
        child.wait_with_output()
    });
    let Ok(ended) = tokio::time::timeout(PATIENCE, done).await else {
        if let Some(pid) = pid {
            // It may have ended by itself in this moment.
            let _ = kill_process(pid, Signal::KILL);
        }
        return Err(format!("`{}` took too long", program.display()));
    };
    let output = ended.map_err(|why| why.to_string())?.map_err(|why| why.to_string())?;
    if output.status.success() {
        return Ok(());
    }
    let said = String::from_utf8_lossy(&output.stderr);
    let said: String = said.chars().filter(|c| !c.is_control()).take(300).collect();
    Err(format!("`{}` ended with {}: {said}", program.display(), output.status))
}

fn start(program: &Path) -> std::io::Result<std::process::Child> {
    Command::new(program)
        .args(["-f", "-"])
        .env_clear()
        .current_dir("/")
        .stdin(Stdio::piped())
        .stdout(Stdio::null())
        .stderr(Stdio::piped())
        .spawn()
}

#[cfg(test)]
mod tests {
    use super::words;
    use crate::server::config::Nftables;
    use kernel::Moment;

    #[test]
    fn both_sets_are_replaced_and_no_interval_overlaps() {
        let now = Moment(1_795_356_131_000_000);
        let ban =
            |text: &str, seconds: u64| (text.parse().unwrap(), Moment(now.0 + seconds * 1_000_000));
        let all = [ban("203.0.113.7", 60), ban("203.0.113.0/24", 30), ban("198.51.100.9", 0)];
        let text = words(&Nftables::default(), &all, now);
        assert_eq!(
            text,
            "flush set inet bailee banned4\n\
             add element inet bailee banned4 { 203.0.113.0/24 timeout 30s, 198.51.100.9 timeout \
             1s }\n\
             flush set inet bailee banned6\n"
        );
    }
}
