//! `kill -9` under load, many times: nothing that was acknowledged is lost, nothing is half there,
//! and the store verifies each time with its high-water mark.

use super::support::client::Client;
use super::support::receipts::{extends, head_now, head_of};
use super::support::{Dice, Server, Store, full, text};
use ledger::checkpoint::Checkpoint;
use std::collections::{BTreeMap, BTreeSet};
use std::fs;
use std::sync::mpsc::{Sender, channel};
use std::thread;

const WRITERS: usize = 6;
const ACCOUNTS: [&str; 3] = ["north", "south", "west"];

/// What one writer knows: it alone writes its records.
struct Writer {
    name: String,
    account: &'static str,
    dice: Dice,
    count: u64,
    /// Version and body by id, as they were acknowledged.
    known: BTreeMap<String, (u64, String)>,
    /// What was sent and not answered.
    open: BTreeMap<String, String>,
    /// The newest receipts of this round.
    receipts: Vec<String>,
}

impl Writer {
    fn new(number: usize) -> Self {
        Self {
            name: format!("w{number}"),
            account: ACCOUNTS[number % ACCOUNTS.len()],
            dice: Dice::new(number as u64),
            count: 0,
            known: BTreeMap::new(),
            open: BTreeMap::new(),
            receipts: Vec::new(),
        }
    }

    /// Writes until the server goes away.
    fn write(&mut self, mut client: Client, acknowledged: &Sender<()>) {
        loop {
            let count = if self.dice.below(4) == 0 { 1 + self.dice.below(8) } else { 1 };
            let mut records = BTreeMap::new();
            for _ in 0..count {
                self.count += 1;
                let id = format!("{}-{}", self.name, self.dice.below(25));
                let padding = "x".repeat(usize::try_from(self.dice.below(3000)).unwrap());
                records.insert(id, format!("{{\"n\":{},\"x\":\"{padding}\"}}", self.count));
            }
            self.open.clone_from(&records);
            let Ok(answers) = self.send(&mut client, &records) else { return };
            self.open.clear();
            for ((id, body), (version, receipt)) in records.into_iter().zip(answers) {
                self.known.insert(id, (version, body));
                self.receipts.push(receipt);
            }
            // Nobody counts any more when the kill is under way.
            let _ = acknowledged.send(());
        }
    }

    /// Versions and receipts, in the order of the ids.
    fn send(
        &self,
        client: &mut Client,
        records: &BTreeMap<String, String>,
    ) -> std::io::Result<Vec<(u64, String)>> {
        let base = format!("/v1/accounts/{}/collections/c/records", self.account);
        let of = |json: &serde_json::Value| {
            (json["version"].as_u64().unwrap(), json["receipt"].to_string())
        };
        if let (1, Some((id, body))) = (records.len(), records.first_key_value()) {
            let path = format!("{base}/{id}");
            let answer = client.try_ask("PUT", &path, &[], Some(body.as_bytes()))?;
            assert!([200, 201].contains(&answer.status), "{}", answer.text());
            return Ok(vec![of(&answer.json())]);
        }
        let items: Vec<String> = records
            .iter()
            .map(|(id, body)| format!("{{\"id\":\"{id}\",\"value\":{body}}}"))
            .collect();
        let body = format!("{{\"records\":[{}]}}", items.join(","));
        let path = format!("{base}:batch");
        let answer = client.try_ask("POST", &path, &[], Some(body.as_bytes()))?;
        assert_eq!(answer.status, 200, "{}", answer.text());
        Ok(answer.json()["items"].as_array().unwrap().iter().map(of).collect())
    }

    /// Compares the store with what is known; what was on its way is there whole or not at all.
    fn compare(&mut self, client: &mut Client) {
        let base = format!("/v1/accounts/{}/collections/c/records", self.account);
        let open = std::mem::take(&mut self.open);
        let mut arrived = Vec::new();
        for id in self.known.keys().chain(open.keys()).cloned().collect::<BTreeSet<_>>() {
            let answer = client.get(&format!("{base}/{id}"));
            let Some((version, body)) = self.known.get(&id).cloned() else {
                // New with the kill: there or not.
                match answer.status {
                    404 => arrived.push(false),
                    _ => {
                        let body = answer.expect(200).text();
                        assert_eq!(Some(&body), open.get(&id), "{id}");
                        self.known.insert(id, (1, body));
                        arrived.push(true);
                    }
                }
                continue;
            };
            let stored = answer.expect(200);
            let etag = stored.field("etag").unwrap().trim_matches('"').parse::<u64>().unwrap();
            if etag == version {
                assert_eq!(stored.text(), body, "{id}");
                if open.contains_key(&id) {
                    arrived.push(false);
                }
            } else {
                assert_eq!(etag, version + 1, "{id}: an acknowledged version is not there");
                assert_eq!(Some(&stored.text()), open.get(&id), "{id}");
                self.known.insert(id, (etag, stored.text()));
                arrived.push(true);
            }
        }
        arrived.dedup();
        assert!(arrived.len() <= 1, "a batch was half written: {arrived:?}");
    }
}

fn prepare(server: &Server) -> String {
    let token = server.service("writer", "*", "read,write,open");
    let mut client = server.client(&token);
    for account in ACCOUNTS {
        client.post("/v1/accounts", format!("{{\"name\":\"{account}\"}}").as_bytes()).expect(201);
        client.put(&format!("/v1/accounts/{account}/collections/c"), b"").expect(201);
    }
    token
}

/// Lets the writers work until so many answers came, ends the server, and waits for the writers.
fn load(
    server: Server,
    token: &str,
    writers: &mut [Writer],
    answers: u64,
    end: impl FnOnce(Server),
) {
    let (sender, receiver) = channel();
    let client = server.client(token);
    thread::scope(|scope| {
        for writer in writers {
            let (client, sender) = (client.another(), sender.clone());
            scope.spawn(move || writer.write(client, &sender));
        }
        drop(sender);
        for _ in 0..answers {
            receiver.recv().unwrap();
        }
        end(server);
    });
}

#[test]
fn nothing_acknowledged_is_lost_by_killing_at_random_moments() {
    let store = Store::init();
    let config = store.beside("bailee.toml");
    fs::write(&config, "anchor_seconds = 1\n").unwrap();
    let serve = || store.serve_with(&["--config", text(&config)], &[]);
    let mut server = serve();
    let token = prepare(&server);
    let key = store.public_key();
    let mut dice = Dice::new(20_261_122);
    let mut writers: Vec<_> = (0..WRITERS).map(Writer::new).collect();
    let mut heads: BTreeMap<&str, Vec<Checkpoint>> = BTreeMap::new();
    let rounds = if full() { 100 } else { 12 };
    for round in 0..rounds {
        let answers = dice.below(160);
        eprintln!("round {round}: killed after {answers} answers");
        load(server, &token, &mut writers, answers, Server::kill);
        let report = store.verified();
        assert!(report.contains("high-water"), "{report}");

        server = serve();
        let mut client = server.client(&token);
        for writer in &mut writers {
            writer.compare(&mut client);
            let newest = writer.receipts.drain(..).rev().take(3);
            let receipts = newest.map(|receipt| head_of(&receipt, &key));
            heads.entry(writer.account).or_default().extend(receipts);
        }
        for (account, heads) in &mut heads {
            let now = head_now(&mut client, account, &key);
            for head in heads.iter() {
                extends(&mut client, account, head, &now);
            }
            // The oldest is checked in every round, the others once.
            heads.truncate(1);
            heads.push(now);
        }
    }
    let written: u64 = writers.iter().map(|writer| writer.count).sum();
    assert!(written > rounds * 20, "{written}: there was no load");
    server.stop();
    store.verified();
}

#[test]
fn a_server_that_is_ended_under_load_finishes_what_it_began() {
    let store = Store::init();
    let server = store.serve();
    let token = prepare(&server);
    let mut writers: Vec<_> = (0..WRITERS).map(Writer::new).collect();
    // Writers see answers or the end of their connection, never a refusal.
    load(server, &token, &mut writers, 50, Server::stop);
    store.verified();
    let server = store.serve();
    let mut client = server.client(&token);
    for writer in &mut writers {
        writer.compare(&mut client);
    }
    server.stop();
}

#[test]
fn a_server_killed_while_it_starts_starts_again() {
    let store = Store::init();
    let server = store.serve();
    let token = prepare(&server);
    let mut dice = Dice::new(5);
    server.client(&token).put("/v1/accounts/north/collections/c/records/a", b"1").expect(201);
    server.kill();
    for _ in 0..10 {
        let mut command = store.command(&[], &[]);
        command.stdout(std::process::Stdio::null()).stderr(std::process::Stdio::null());
        let mut child = command.spawn().unwrap();
        // A different amount of work each time stands for a different moment.
        let mut spent = 0_u64;
        for _ in 0..dice.below(3_000_000) {
            spent = std::hint::black_box(spent + 1);
        }
        child.kill().unwrap();
        child.wait().unwrap();
    }
    store.verified();
    let server = store.serve();
    let mut client = server.client(&token);
    assert_eq!(client.get("/v1/accounts/north/collections/c/records/a").expect(200).text(), "1");
    server.stop();
}
