//! Those who mean harm.

use super::*;
use connectors::logs::framing::{MAX_FRAME, counted};
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::{TcpStream, UdpSocket};

impl Scene {
    async fn connect(&self, transport: &str) -> TcpStream {
        TcpStream::connect(self.addresses[transport]).await.unwrap()
    }
}

/// Whether the other side has closed.
async fn closed(stream: &mut TcpStream) -> bool {
    !matches!(stream.read(&mut [0; 1]).await, Ok(1))
}

#[tokio::test]
async fn frames_that_lie_or_never_end_cost_their_sender_alone() {
    let mut scene = Scene::new(None).await;
    let mut evil = scene.connect("tcp").await;
    let long = "x".repeat(3 * MAX_FRAME);
    // An endless line, an oversized count, a count too short, a count that is none.
    let stream = format!(
        "<13>Nov 23 05:00:00 h t: {long}\n{} <13>{long}\n9 <13>Nov 23 05:00:00 h t: cut\n1x <13>y\n\
         <13>Nov 23 05:00:00 h t: still here\n",
        long.len() + 4
    );
    evil.write_all(stream.as_bytes()).await.unwrap();
    let found = scene.until("still here").await;
    assert_eq!(found.record.host.as_deref(), Some("h"));
    let counts = scene.counted(Transport::Tcp, |one| one.malformed >= 3).await;
    assert_eq!(counts.cut, 0);
    // A count beyond everything ends the connection, and only that one.
    evil.write_all(b"99999999 ").await.unwrap();
    assert!(closed(&mut evil).await);
    scene.counted(Transport::Tcp, |one| one.cut == 1).await;
    let mut good = scene.connect("tcp").await;
    good.write_all(&counted(b"<13>1 - h a - - - all well")).await.unwrap();
    scene.until("all well").await;
}

#[tokio::test]
async fn who_is_never_in_sync_is_cut() {
    let scene = Scene::new(None).await;
    let mut evil = scene.connect("tcp").await;
    evil.write_all(&b"1x\n".repeat(100)).await.unwrap();
    assert!(closed(&mut evil).await);
    scene.counted(Transport::Tcp, |one| one.cut == 1 && one.malformed >= 16).await;
}

#[tokio::test(start_paused = true)]
async fn a_message_that_drips_is_cut_and_a_quiet_connection_is_not() {
    let mut scene = Scene::new(None).await;
    let mut quiet = scene.connect("tcp").await;
    let mut evil = scene.connect("tcp").await;
    let began = tokio::time::Instant::now();
    evil.write_all(b"<13>").await.unwrap();
    // A byte now and then does not help.
    let (mut read, mut write) = evil.into_split();
    let drip = tokio::spawn(async move {
        let mut pace = tokio::time::interval(Duration::from_secs(5));
        loop {
            pace.tick().await;
            if write.write_all(b"x").await.is_err() {
                return;
            }
        }
    });
    assert!(!matches!(read.read(&mut [0; 1]).await, Ok(1)));
    let lasted = began.elapsed();
    assert!(lasted >= Duration::from_secs(30) && lasted < Duration::from_secs(120), "{lasted:?}");
    drip.await.unwrap();
    quiet.write_all(b"<13>Nov 23 05:00:00 h t: after a pause\n").await.unwrap();
    scene.until("after a pause").await;
}

#[tokio::test]
async fn connections_beyond_the_share_of_an_address_are_closed() {
    let mut scene = Scene::new(None).await;
    let mut held = Vec::new();
    for _ in 0..stream::FROM_ONE {
        held.push(scene.connect("tcp").await);
    }
    let mut beyond = scene.connect("tcp").await;
    assert!(closed(&mut beyond).await);
    scene.counted(Transport::Tcp, |one| one.cut == 1).await;
    // Who was there before is still heard, and a place that is freed can be taken.
    held[0].write_all(b"<13>Nov 23 05:00:00 h t: first\n").await.unwrap();
    scene.until("first").await;
    drop(held.split_off(1));
    loop {
        let mut again = scene.connect("tcp").await;
        let sent = again.write_all(b"<13>Nov 23 05:00:00 h t: again\n").await;
        let ended = again.shutdown().await;
        if sent.is_ok() && ended.is_ok() && scene.sources.snapshot()[0].counts.received > 1 {
            break;
        }
    }
    scene.until("again").await;
}

#[tokio::test]
async fn a_full_queue_holds_tcp_up_and_drops_udp_and_counts_it() {
    let (intake, arrivals) = queue();
    let room = Arc::clone(&intake.room).acquire_many_owned(ROOM - 4).await.unwrap();
    let mut scene = Scene::with(None, (intake, arrivals)).await;
    let mut tcp = scene.connect("tcp").await;
    let line = format!("<13>Nov 23 05:00:00 h t: tcp {}\n", "x".repeat(8000));
    tcp.write_all(line.as_bytes()).await.unwrap();
    let udp = UdpSocket::bind(ANY).await.unwrap();
    let line = format!("<13>Nov 23 05:00:00 h t: udp {}", "x".repeat(8000));
    udp.send_to(line.as_bytes(), scene.addresses["udp"]).await.unwrap();
    scene.counted(Transport::Udp, |one| one.dropped == 1).await;
    drop(room);
    scene.until("tcp").await;
    udp.send_to(b"<13>Nov 23 05:00:00 h t: later", scene.addresses["udp"]).await.unwrap();
    let later = scene.until("later").await;
    assert!(!scene.held.iter().any(|one| one.record.text("message").unwrap().starts_with("udp")));
    assert_eq!(later.record.text("log.source.trust"), Some("unauthenticated transport"));
}

#[tokio::test]
async fn a_flood_over_udp_is_held_to_its_share_and_costs_tcp_nothing() {
    let mut scene = Scene::new(None).await;
    let udp = UdpSocket::bind(ANY).await.unwrap();
    // The clock of this scene stands: no share grows back. All of 127/8 is this machine.
    for number in 0..600 {
        let line = format!("<13>Nov 23 05:00:00 h t: flood {number}");
        udp.send_to(line.as_bytes(), scene.addresses["udp"]).await.unwrap();
    }
    scene.counted(Transport::Udp, |one| one.dropped > 0).await;
    let mut tcp = scene.connect("tcp").await;
    tcp.write_all(b"<13>Nov 23 05:00:00 h t: by tcp\n").await.unwrap();
    scene.until("by tcp").await;
    // Another source still has its share.
    let other = UdpSocket::bind("127.0.0.9:0").await.unwrap();
    other.send_to(b"<13>Nov 23 05:00:00 h t: other", scene.addresses["udp"]).await.unwrap();
    let found = scene.until("other").await;
    assert_eq!(found.peer, Some(IpAddr::from([127, 0, 0, 9])));
    let flood = scene.held.iter().filter(|one| one.transport == Transport::Udp).count();
    assert!(flood <= 500, "{flood}");
}

#[tokio::test]
async fn a_message_cannot_say_how_it_came() {
    let mut record = connectors::logs::lines::one(
        br#"{"message":"m","log.source.trust":"full","log":{"source":{"address":"10.0.0.1"}}}"#,
    )
    .unwrap();
    record.set("log.source.more", "x");
    let peer = Some(IpAddr::from([192, 0, 2, 1]));
    let arrived = Arrived::new(record, Transport::Tcp, peer, NOW);
    assert_eq!(arrived.record.text("log.source.address"), Some("192.0.2.1"));
    assert_eq!(arrived.record.text("log.source.trust"), None);
    assert_eq!(arrived.record.text("log.source.more"), None);
}

#[tokio::test]
async fn plain_text_on_the_port_of_tls_gets_nothing_in() {
    let issuer = senders::Issuer::new();
    let scene = Scene::new(Some(issuer.server(false))).await;
    let mut plain = scene.connect("tls").await;
    plain.write_all(b"<13>Nov 23 05:00:00 h t: in the clear\n").await.unwrap();
    let mut rest = Vec::new();
    drop(plain.read_to_end(&mut rest).await);
    let counts = scene.counted(Transport::Tls, |one| one.cut == 1).await;
    assert_eq!(counts.received, 0);
}
