//! A network of its own for a test: namespaces on one bridge, a server in the first, and others
//! with an address each. Nothing in it reaches anything outside.

use super::{BAILEE, Server, Store, json, said};
use serde_json::Value;
use std::process::{Command, Output, Stdio};

/// The namespaces, until it is dropped.
pub struct Lab {
    names: Vec<String>,
}

impl Lab {
    /// The server's address.
    pub const SERVER: &'static str = "10.213.0.1";

    /// So many namespaces besides the server's; none where the machine gives none.
    pub fn new(tag: &str, peers: usize) -> Option<Self> {
        let id = std::process::id();
        let names = (0..=peers).map(|nth| format!("bz{tag}{id}-{nth}")).collect();
        let lab = Self { names };
        lab.build().ok().map(|()| lab)
    }

    fn build(&self) -> Result<(), String> {
        for name in &self.names {
            ip(&["netns", "add", name])?;
            ip(&["-n", name, "link", "set", "lo", "up"])?;
        }
        let server = self.name(0);
        ip(&["-n", server, "link", "add", "br0", "type", "bridge"])?;
        ip(&["-n", server, "addr", "add", "10.213.0.1/24", "dev", "br0"])?;
        ip(&["-n", server, "link", "set", "br0", "up"])?;
        for (nth, name) in self.names.iter().enumerate().skip(1) {
            let port = format!("p{nth}");
            let there = ["type", "veth", "peer", "name", "eth0", "netns", name.as_str()];
            ip(&[&["-n", server, "link", "add", &port][..], &there].concat())?;
            ip(&["-n", server, "link", "set", &port, "master", "br0"])?;
            ip(&["-n", server, "link", "set", &port, "up"])?;
            let address = format!("{}/24", Self::address(nth));
            ip(&["-n", name, "addr", "add", &address, "dev", "eth0"])?;
            ip(&["-n", name, "link", "set", "eth0", "up"])?;
        }
        Ok(())
    }

    /// The address of a peer, from 1 on.
    pub fn address(nth: usize) -> String {
        format!("10.213.0.{}", nth + 1)
    }

    fn name(&self, nth: usize) -> &str {
        &self.names[nth]
    }

    /// A program in a namespace; 0 is the server's.
    pub fn command(&self, nth: usize, program: &str) -> Command {
        let mut command = Command::new("ip");
        command.args(["netns", "exec", self.name(nth), program]).stdin(Stdio::null());
        command
    }

    /// A server that listens in the first namespace.
    pub fn serve(&self, store: &Store, arguments: &[&str]) -> Server {
        let plain = store.command(arguments, &[]);
        let mut command = self.command(0, BAILEE);
        for argument in plain.get_args() {
            match argument.to_str() {
                Some("127.0.0.1:0") => command.arg(format!("{}:0", Self::SERVER)),
                _ => command.arg(argument),
            };
        }
        Server::start(&mut command, store).unwrap_or_else(|said| panic!("no server: {said}"))
    }

    /// Runs a command of the client in a namespace, which has to succeed; gives its JSON.
    pub fn did(&self, nth: usize, server: &Server, token: &str, arguments: &[&str]) -> Value {
        let mut command = self.command(nth, BAILEE);
        command.args(arguments).env("BAILEE_URL", &server.url).env("BAILEE_CA", &server.ca);
        json(&command.env("BAILEE_TOKEN", token).output().unwrap())
    }

    /// Asks with curl from a namespace: statuses, in order; 0 where there was no answer.
    pub fn ask(&self, nth: usize, server: &Server, path: &str, token: &str) -> Vec<u16> {
        let mut curl = self.command(nth, "curl");
        curl.args(["-s", "-o", "/dev/null", "-w", "%{http_code}\\n", "--connect-timeout", "2"]);
        curl.args(["-m", "20", "--cacert", super::text(&server.ca)]);
        curl.args(["-H", &format!("authorization: Bearer {token}")]);
        let output = curl.arg(format!("{}{path}", server.url)).output().unwrap();
        let text = String::from_utf8(output.stdout).unwrap();
        text.lines().map(|line| line.parse().unwrap()).collect()
    }
}

impl Drop for Lab {
    fn drop(&mut self) {
        for name in &self.names {
            // What was not made cannot be taken away.
            drop(ip(&["netns", "del", name]));
        }
    }
}

fn ip(arguments: &[&str]) -> Result<(), String> {
    let output: Output =
        Command::new("ip").args(arguments).output().map_err(|why| why.to_string())?;
    if output.status.success() { Ok(()) } else { Err(said(&output)) }
}
