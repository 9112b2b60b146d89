//! Counters for Prometheus (text format 0.0.4). They hold no names of accounts, records or people.

use crate::routes::ROUTES;
use hyper::StatusCode;
use std::fmt::Write;
use std::sync::Arc;
use std::sync::atomic::{AtomicI64, AtomicU64, Ordering};

/// The statuses that are counted one by one; others are counted as `other`.
const STATUSES: [u16; 19] =
    [200, 201, 204, 304, 400, 401, 403, 404, 405, 408, 409, 412, 413, 415, 417, 429, 500, 501, 503];

/// What the server counts.
pub(crate) struct Metrics {
    /// Per route, per status; the last route stands for what matches none.
    requests: Vec<[AtomicU64; STATUSES.len() + 1]>,
    in_flight: AtomicI64,
    busy: AtomicU64,
    unauthenticated: AtomicU64,
    /// What others in this process count.
    more: Option<More>,
}

/// Counters of others, as text in the same format, whole lines; no names in a label either.
pub type More = Arc<dyn Fn() -> String + Send + Sync>;

/// A request in flight; dropping it says that it ended, also when its connection broke off.
pub(crate) struct InFlight<'a>(&'a Metrics);

impl Metrics {
    pub(crate) fn new() -> Self {
        let row = || std::array::from_fn(|_| AtomicU64::new(0));
        Self {
            requests: (0..=ROUTES.len()).map(|_| row()).collect(),
            in_flight: AtomicI64::new(0),
            busy: AtomicU64::new(0),
            unauthenticated: AtomicU64::new(0),
            more: None,
        }
    }

    /// With the counters of others behind its own.
    pub(crate) fn with(&mut self, more: More) {
        self.more = Some(more);
    }

    pub(crate) fn enter(&self) -> InFlight<'_> {
        self.in_flight.fetch_add(1, Ordering::Relaxed);
        InFlight(self)
    }

    /// Counts an answer; `route` is the index in [`ROUTES`], `None` where no route matched.
    pub(crate) fn answered(&self, route: Option<usize>, status: StatusCode) {
        let place = STATUSES.iter().position(|known| *known == status.as_u16());
        let counter = self
            .requests
            .get(route.unwrap_or(ROUTES.len()))
            .and_then(|row| row.get(place.unwrap_or(STATUSES.len())));
        if let Some(counter) = counter {
            counter.fetch_add(1, Ordering::Relaxed);
        }
        match status {
            StatusCode::UNAUTHORIZED => self.unauthenticated.fetch_add(1, Ordering::Relaxed),
            StatusCode::SERVICE_UNAVAILABLE => self.busy.fetch_add(1, Ordering::Relaxed),
            _ => 0,
        };
    }

    /// The text that is scraped.
    pub(crate) fn text(&self) -> String {
        let mut text = String::from(
            "# HELP bailee_up Whether the server runs.\n# TYPE bailee_up gauge\nbailee_up 1\n",
        );
        let single = [
            (
                "in_flight",
                "gauge",
                "Requests being answered.",
                self.in_flight.load(Ordering::Relaxed),
            ),
            ("unavailable_total", "counter", "Requests refused for now.", signed(&self.busy)),
            (
                "unauthenticated_total",
                "counter",
                "Requests without a valid login.",
                signed(&self.unauthenticated),
            ),
        ];
        for (name, kind, help, value) in single {
            line(
                &mut text,
                format_args!("# HELP bailee_{name} {help}\n# TYPE bailee_{name} {kind}"),
            );
            line(&mut text, format_args!("bailee_{name} {value}"));
        }
        line(&mut text, format_args!("# HELP bailee_requests_total Requests answered."));
        line(&mut text, format_args!("# TYPE bailee_requests_total counter"));
        let operations = ROUTES.iter().map(|route| route.operation).chain(["none"]);
        for (operation, row) in operations.zip(&self.requests) {
            let statuses = STATUSES.iter().map(ToString::to_string).chain(["other".to_owned()]);
            for (status, counter) in statuses.zip(row) {
                let count = counter.load(Ordering::Relaxed);
                if count > 0 {
                    let labels = format_args!("operation=\"{operation}\",status=\"{status}\"");
                    line(&mut text, format_args!("bailee_requests_total{{{labels}}} {count}"));
                }
            }
        }
        if let Some(more) = &self.more {
            text.push_str(&more());
        }
        text
    }
}

impl Drop for InFlight<'_> {
    fn drop(&mut self) {
        self.0.in_flight.fetch_sub(1, Ordering::Relaxed);
    }
}

fn signed(counter: &AtomicU64) -> i64 {
    i64::try_from(counter.load(Ordering::Relaxed)).unwrap_or(i64::MAX)
}

fn line(text: &mut String, arguments: std::fmt::Arguments<'_>) {
    // Writing to a string cannot fail.
    let _ = writeln!(text, "{arguments}");
}
