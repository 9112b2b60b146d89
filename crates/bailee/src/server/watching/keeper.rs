//! Keeps what the receivers take: batches of signals, each durable before its room is given back.

use std::time::Duration;

use domain::signals::{BATCH, Signal, TakeSignals};
use kernel::{Kernel, Kind, Ran};

use super::Watching;
use crate::server::signals::{Arrivals, Arrived, Parcel};

/// Time until keeping is tried again.
const PAUSE: Duration = Duration::from_millis(250);

/// Parcels that are kept together.
const TOGETHER: usize = 7;

/// Takes what arrives until nobody sends any more. What cannot be kept now is tried again, and
/// meanwhile the queue fills: senders over TCP wait, and what comes over UDP is counted as dropped.
pub async fn keep(kernel: Kernel, watching: Watching, mut arrivals: Arrivals) {
    let mut parcels = Vec::with_capacity(TOGETHER);
    while arrivals.recv_many(&mut parcels, TOGETHER).await > 0 {
        let signals = signals(&parcels, &watching);
        for batch in signals.chunks(BATCH) {
            if !kept(&kernel, &watching, batch).await {
                return;
            }
        }
        // Room is given back only now.
        parcels.clear();
    }
}

fn signals(parcels: &[Parcel], watching: &Watching) -> Vec<Signal> {
    let known = watching.0.known.lock().unwrap_or_else(std::sync::PoisonError::into_inner).clone();
    let name = |one: &Arrived| {
        let peer = one.peer.map(kernel::address);
        let named = peer
            .as_deref()
            .zip(known.as_ref())
            .and_then(|(peer, known)| known.source(peer).map(str::to_owned));
        named.or_else(|| peer.clone()).unwrap_or_else(|| "bailee".to_owned())
    };
    let signal = |one: &Arrived| Signal {
        received: one.received,
        time: one.record.time,
        source: name(one),
        transport: one.transport.word().to_owned(),
        peer: one.peer.map(kernel::address),
        product: one.record.product.clone(),
        service: one.record.service.clone(),
        category: one.record.category.clone(),
        fields: one.record.fields.clone(),
    };
    parcels.iter().flat_map(|parcel| &parcel.arrived).map(signal).collect()
}

/// Whether a batch is durable; false if the server ends.
async fn kept(kernel: &Kernel, watching: &Watching, batch: &[Signal]) -> bool {
    let mut pause = tokio::time::interval(PAUSE);
    loop {
        pause.tick().await;
        // Before the first tick nobody may keep anything; that is seconds.
        let Some(right) = watching.right().map(Ran::on_any_node) else { continue };
        let (kernel, batch) = (kernel.clone(), batch.to_vec());
        let keep = move || right.ask(&kernel, TakeSignals::new(&batch)?);
        match tokio::task::spawn_blocking(keep).await {
            Ok(Ok(())) => return true,
            Ok(Err(error)) if error.kind() == Kind::Unavailable => {
                tracing::warn!(?error, "signals could not be kept, and are tried again");
            }
            Ok(Err(error)) => {
                tracing::error!(?error, "signals could not be kept, and are lost");
                return true;
            }
            Err(error) => {
                tracing::error!(%error, "keeping signals ended by panic");
                return false;
            }
        }
    }
}
