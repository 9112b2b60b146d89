//! Other people's code, outside Rust, checks a log that ours wrote, and refuses it altered.
//!
//! The scripts are in `tests/foreign` at the root of the workspace. Their packages are looked for
//! in the folder `BAILEE_TOOLS` (default `target/tools`); `cargo xtask test` installs them there.

use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use ledger::checkpoint::Checkpoint;
use ledger::note::NoteSigner;
use serde_json::Value;

use crate::sample::{self, ORIGIN, Sample};

fn root() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("../..")
}

fn tools() -> PathBuf {
    std::env::var_os("BAILEE_TOOLS").map_or_else(|| root().join("target/tools"), PathBuf::from)
}

/// One of the scripts, with what runs it.
struct Foreign {
    name: &'static str,
    program: PathBuf,
    script: &'static str,
}

impl Foreign {
    fn accepts(&self, folder: &Path) -> (bool, String) {
        let output = Command::new(&self.program)
            .arg(root().join("tests/foreign").join(self.script))
            .arg(folder)
            .env("BAILEE_TOOLS", tools())
            .output()
            .unwrap_or_else(|e| panic!("{} does not start: {e}", self.program.display()));
        let said = [output.stdout, output.stderr].concat();
        (output.status.success(), String::from_utf8_lossy(&said).into_owned())
    }
}

/// The verifiers that are installed. A missing one is said, or fails where all tests must run.
fn installed() -> Vec<Foreign> {
    let node = tools().join("node_modules/@sigstore/verify");
    let python = tools().join("venv/bin/python");
    let candidates = [
        (node, Foreign { name: "npm", program: "node".into(), script: "verify.mjs" }),
        (python.clone(), Foreign { name: "PyPI", program: python, script: "verify.py" }),
    ];
    let all = std::env::var_os("BAILEE_TEST_ALL").is_some_and(|value| value == "1");
    let present = candidates.into_iter().filter(|(needed, foreign)| {
        let there = needed.exists();
        let missing = format!("{} verifiers are not in {}", foreign.name, tools().display());
        assert!(there || !all, "{missing}; cargo xtask test installs them");
        if !there {
            eprintln!("skipped: {missing}");
        }
        there
    });
    present.map(|(_, foreign)| foreign).collect()
}

fn write(log: &Sample, folder: &Path) {
    for (path, bytes) in &log.files {
        let file = folder.join(path);
        fs::create_dir_all(file.parent().unwrap()).unwrap();
        fs::write(file, bytes).unwrap();
    }
}

/// Changes one file of a folder.
fn change(folder: &Path, path: &str, how: impl Fn(Vec<u8>) -> Vec<u8>) {
    let file = folder.join(path);
    let bytes = fs::read(&file).unwrap();
    let changed = how(bytes.clone());
    assert_ne!(bytes, changed, "{path} was not changed");
    fs::write(file, changed).unwrap();
}

fn change_json(folder: &Path, path: &str, how: impl Fn(&mut Value)) {
    change(folder, path, |bytes| {
        let mut value = serde_json::from_slice(&bytes).unwrap();
        how(&mut value);
        serde_json::to_vec(&value).unwrap()
    });
}

/// A receipt with its proof's lines changed.
fn change_proof(folder: &Path, how: impl Fn(&str) -> String) {
    change_json(folder, "receipts/100.json", |receipt| {
        receipt["proof"] = how(receipt["proof"].as_str().unwrap()).into();
    });
}

fn change_leaf(folder: &Path, how: impl Fn(&mut Vec<u8>)) {
    change_json(folder, "receipts/100.json", |receipt| {
        let mut leaf = STANDARD.decode(receipt["leaf"].as_str().unwrap()).unwrap();
        how(&mut leaf);
        receipt["leaf"] = STANDARD.encode(leaf).into();
    });
}

#[test]
fn they_accept_what_we_wrote() {
    for foreign in installed() {
        for size in [1, 2, 7, 256, 300, 1000] {
            let folder = tempfile::tempdir().unwrap();
            write(&sample::make(size).unwrap(), folder.path());
            let (accepted, said) = foreign.accepts(folder.path());
            assert!(accepted, "{} at {size}:\n{said}", foreign.name);
            assert!(said.contains(&format!("head of {size} entries")), "{said}");
        }
    }
}

/// What each alteration does to a folder, and whether the npm package can see it (it reads receipts
/// and the checkpoint only).
type Alteration = (&'static str, bool, fn(&Path));

const ALTERATIONS: &[Alteration] = &[
    ("another leaf", true, |folder| change_leaf(folder, |leaf| leaf[50] ^= 1)),
    ("a longer leaf", true, |folder| change_leaf(folder, |leaf| leaf.push(b' '))),
    ("another index", true, |folder| {
        change_proof(folder, |text| text.replace("index 100\n", "index 101\n"));
    }),
    ("another hash", true, |folder| {
        change_proof(folder, |text| {
            let hash = text.lines().nth(2).unwrap();
            text.replacen(hash, &STANDARD.encode([1; 32]), 1)
        });
    }),
    ("a hash less", true, |folder| {
        change_proof(folder, |text| {
            let hash = text.lines().nth(2).unwrap();
            text.replacen(&format!("{hash}\n"), "", 1)
        });
    }),
    ("a hash of 31 bytes", true, |folder| {
        change_proof(folder, |text| {
            let hash = text.lines().nth(2).unwrap();
            text.replacen(hash, &STANDARD.encode([1; 31]), 1)
        });
    }),
    ("another root in the receipt's checkpoint", true, |folder| {
        change_proof(folder, |text| {
            let root = text.split("\n\n").nth(1).unwrap().lines().nth(2).unwrap();
            text.replacen(root, &STANDARD.encode([1; 32]), 1)
        });
    }),
    ("another size in the receipt's checkpoint", true, |folder| {
        change_proof(folder, |text| text.replacen("17\n300\n", "17\n301\n", 1));
    }),
    ("a validly signed fork", true, |folder| {
        let fork = Checkpoint { origin: ORIGIN.into(), size: 300, root: [6; 32] };
        let note = fork.sign(&NoteSigner::from_seed(&sample::KEY_SEED));
        change_proof(folder, |text| format!("{}\n\n{note}", text.split("\n\n").next().unwrap()));
    }),
    ("another log's checkpoint", true, |folder| {
        change(folder, "checkpoint", |note| {
            String::from_utf8(note).unwrap().replacen("/17\n", "/18\n", 1).into_bytes()
        });
    }),
    ("another signature", true, |folder| {
        change(folder, "checkpoint", |mut note| {
            let place = note.len() - 20;
            note[place] = if note[place] == b'A' { b'B' } else { b'A' };
            note
        });
    }),
    ("another key", true, |folder| {
        change(folder, "vkey", |_| {
            let other = NoteSigner::from_seed(&[8; 32]);
            other.verifier(ORIGIN).unwrap().to_string().into_bytes()
        });
    }),
    ("another entry", false, |folder| {
        change(folder, "tile/entries/000", |mut bundle| {
            bundle[60] ^= 1;
            bundle
        });
    }),
    ("another hash in a full tile", false, |folder| {
        change(folder, "tile/0/000", |mut tile| {
            tile[40] ^= 1;
            tile
        });
    }),
    ("another hash in a partial tile", false, |folder| {
        change(folder, "tile/0/001.p/44", |mut tile| {
            tile[40] ^= 1;
            tile
        });
    }),
    ("another hash in an upper tile", false, |folder| {
        change(folder, "tile/1/000.p/1", |mut tile| {
            tile[3] ^= 1;
            tile
        });
    }),
    ("another consistency proof", false, |folder| {
        change_json(folder, "consistency.json", |value| {
            value["proof"][1] = STANDARD.encode([1; 32]).into();
        });
    }),
    ("a consistency proof from another size", false, |folder| {
        change_json(folder, "consistency.json", |value| value["from"] = 149.into());
    }),
    ("a missing tile", false, |folder| fs::remove_file(folder.join("tile/0/000")).unwrap()),
];

#[test]
fn they_refuse_it_altered() {
    let log = sample::make(300).unwrap();
    for foreign in installed() {
        for (what, by_receipt, alter) in ALTERATIONS {
            let folder = tempfile::tempdir().unwrap();
            write(&log, folder.path());
            alter(folder.path());
            let (accepted, said) = foreign.accepts(folder.path());
            let sees = *by_receipt || foreign.name != "npm";
            assert_eq!(accepted, !sees, "{}: {what}\n{said}", foreign.name);
        }
    }
}
