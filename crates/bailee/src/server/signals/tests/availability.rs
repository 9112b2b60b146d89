//! Endpoints on loopback that go down and come back.

use super::super::availability::test_support::Rounds;
use super::*;
use std::sync::atomic::{AtomicU64, Ordering};

#[tokio::test]
async fn each_change_is_one_signal() {
    let (intake, mut arrivals) = queue();
    let now = Arc::new(AtomicU64::new(NOW));
    let clock = Arc::clone(&now);
    let shared = Shared {
        intake,
        sources: Arc::default(),
        clock: Arc::new(move || clock.load(Ordering::Relaxed)),
        habits: Habits::default(),
        places: Arc::default(),
    };
    let listener = TcpListener::bind(ANY).await.unwrap();
    let address = listener.local_addr().unwrap();
    let all = [("web", address.to_string()), ("odd", "::1".to_owned())];
    let mut rounds = Rounds::default();
    let mut heard = |action: &str, id: &str| {
        let parcel = arrivals.try_recv().unwrap();
        let record = &parcel.arrived[0].record;
        assert_eq!(parcel.arrived[0].transport, Transport::Probe);
        assert_eq!(record.service.as_deref(), Some("availability"));
        assert_eq!(
            (record.text("event.action"), record.text("service.name")),
            (Some(action), Some(id))
        );
        record.clone()
    };
    // The address that is none is seen at once, the other as soon as it answers.
    rounds.next(&all[1..], &shared).await;
    assert!(heard("endpoint.down", "odd").text("event.reason").unwrap().contains("host:port"));
    rounds.next(&all, &shared).await;
    let first = heard("endpoint.up", "web");
    assert_eq!(first.fields["availability.first_look"], true);
    assert!(first.fields["event.duration"].as_u64().unwrap() > 0);
    rounds.next(&all, &shared).await;
    drop(listener);
    now.store(NOW + 90_000_000, Ordering::Relaxed);
    rounds.next(&all, &shared).await;
    let down = heard("endpoint.down", "web");
    assert_eq!(down.text("event.outcome"), Some("failure"));
    assert_eq!(down.fields["availability.lasted_seconds"], 90);
    rounds.next(&all, &shared).await;
    let _again = TcpListener::bind(address).await.unwrap();
    rounds.next(&all, &shared).await;
    heard("endpoint.up", "web");
    assert!(arrivals.try_recv().is_err());
}
