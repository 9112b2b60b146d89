//! Syslog to the program as it is delivered.

use crate::whole::support::{Store, text};
use std::fs;
use std::io::{Read as _, Write as _};
use std::net::{SocketAddr, TcpListener, TcpStream};

/// Addresses on which nobody listens now.
fn free(number: usize) -> Vec<SocketAddr> {
    let held: Vec<_> = (0..number).map(|_| TcpListener::bind("127.0.0.1:0").unwrap()).collect();
    held.iter().map(|one| one.local_addr().unwrap()).collect()
}

fn scrape(address: SocketAddr) -> String {
    let mut stream = TcpStream::connect(address).unwrap();
    stream.write_all(b"GET /metrics HTTP/1.1\r\nhost: x\r\nconnection: close\r\n\r\n").unwrap();
    let mut text = String::new();
    stream.read_to_string(&mut text).unwrap();
    text
}

/// Scrapes until this line is there; what limits it is the time a test may take.
fn until(address: SocketAddr, line: &str) -> String {
    loop {
        let text = scrape(address);
        if text.lines().any(|one| one == line) {
            return text;
        }
    }
}

#[test]
fn syslog_is_received_and_what_is_malformed_or_dropped_is_counted() {
    let all = free(2);
    let (syslog, metrics) = (all[0], all[1]);
    let store = Store::init();
    let file = store.beside("bailee.toml");
    fs::write(&file, format!("metrics_listen = \"{metrics}\"\n")).unwrap();
    let address = syslog.to_string();
    let server = store.serve_with(&["--config", text(&file), "--syslog", &address], &[]);
    let mut tcp = TcpStream::connect(syslog).unwrap();
    tcp.write_all(b"<13>Nov 23 05:00:00 h t: one\n<999>none\n<13>Nov 23 05:00:00 h t: two\n")
        .unwrap();
    let udp = std::net::UdpSocket::bind("127.0.0.1:0").unwrap();
    udp.send_to(b"<13>Nov 23 05:00:00 h t: three", syslog).unwrap();
    until(metrics, "bailee_signals_received_total{transport=\"tcp\"} 2");
    until(metrics, "bailee_signals_malformed_total{transport=\"tcp\"} 1");
    let said = until(metrics, "bailee_signals_received_total{transport=\"udp\"} 1");
    assert!(said.contains("bailee_signals_dropped_total{transport=\"udp\"} 0"), "{said}");
    assert!(!said.contains("127.0.0.1"), "{said}");
    let logged = server.logged();
    server.stop();
    assert!(!logged.contains("panic"), "{logged}");
}
