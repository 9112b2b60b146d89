//! Receipts in outsiders' hands, and other people's verifiers.

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use ledger::checkpoint::Checkpoint;
use ledger::note::VerifierKey;
use ledger::receipt::Receipt;
use ledger::tree::verify_consistency;
use std::path::{Path, PathBuf};
use std::process::Command;

use super::client::Client;
use super::{skip_unless_all, workspace};

/// The signed head of a receipt, which has to hold.
#[track_caller]
pub fn head_of(receipt: &str, key: &[u8; 32]) -> Checkpoint {
    let report = ledger::verify::verify_receipt(receipt, Some(key));
    assert!(report.ok(), "{report}");
    let receipt = Receipt::from_json(receipt).unwrap();
    let vkey = VerifierKey::parse(&receipt.vkey).unwrap();
    Checkpoint::open(&receipt.proof.checkpoint, &vkey).unwrap()
}

/// The signed head of an account's log, as the server gives it now.
#[track_caller]
pub fn head_now(client: &mut Client, account: &str, key: &[u8; 32]) -> Checkpoint {
    let note = client.get(&format!("/v1/accounts/{account}/ledger/checkpoint")).expect(200);
    let note = String::from_utf8(note.body).unwrap();
    let origin = note.lines().next().unwrap();
    Checkpoint::open(&note, &VerifierKey::new(origin, *key).unwrap()).unwrap()
}

/// Shows by the server's own proof that the later head extends the earlier one.
#[track_caller]
pub fn extends(client: &mut Client, account: &str, old: &Checkpoint, new: &Checkpoint) {
    assert_eq!(old.origin, new.origin);
    assert!(old.size <= new.size, "{} {}", old.size, new.size);
    let path =
        format!("/v1/accounts/{account}/ledger/consistency?from={}&to={}", old.size, new.size);
    let answer = client.get(&path).expect(200).json();
    let proof: Vec<ledger::Hash> = answer["proof"]
        .as_array()
        .unwrap()
        .iter()
        .map(|hash| STANDARD.decode(hash.as_str().unwrap()).unwrap().try_into().unwrap())
        .collect();
    verify_consistency(old.size, new.size, &old.root, &new.root, &proof).unwrap();
}

/// A script around other people's verifiers.
pub struct Foreign {
    pub name: &'static str,
    program: PathBuf,
    script: &'static str,
}

impl Foreign {
    /// Whether it accepts a folder, and what it said.
    pub fn accepts(&self, folder: &Path) -> (bool, String) {
        let output = Command::new(&self.program)
            .arg(workspace().join("tests/foreign").join(self.script))
            .arg(folder)
            .env("BAILEE_TOOLS", tools())
            .output()
            .unwrap_or_else(|why| panic!("{} does not start: {why}", self.program.display()));
        (output.status.success(), super::said(&output))
    }
}

/// Where the packages of PyPI and npm are.
pub fn tools() -> PathBuf {
    let tools = std::env::var_os("BAILEE_TOOLS");
    tools.map_or_else(|| workspace().join("target/tools"), PathBuf::from)
}

/// The verifiers that are installed.
pub fn foreign() -> Vec<Foreign> {
    let python = tools().join("venv/bin/python");
    let npm = Foreign { name: "npm", program: "node".into(), script: "verify.mjs" };
    let pypi = Foreign { name: "PyPI", program: python.clone(), script: "verify.py" };
    let all = [(tools().join("node_modules/@sigstore/verify"), npm), (python, pypi)];
    let there = all.into_iter().filter(|(needed, foreign)| {
        let there = needed.exists();
        if !there {
            let name = foreign.name;
            skip_unless_all(&format!("the {name} verifiers are not installed: cargo xtask test"));
        }
        there
    });
    there.map(|(_, foreign)| foreign).collect()
}
