//! Writes a sample log as a folder: `cargo run -p ledger --example make_log -- FOLDER [ENTRIES]`.
//!
//! The folder is what `bailee export` makes of a ledger, plus receipts and a consistency proof, for
//! trying verifiers on.

mod sample;

use std::path::Path;

fn main() -> Result<(), sample::Error> {
    let mut args = std::env::args().skip(1);
    let folder = args.next().ok_or("usage: make_log FOLDER [ENTRIES]")?;
    let entries = args.next().map_or(Ok(1000), |n| n.parse::<u64>())?;
    if !(1..=1_000_000).contains(&entries) {
        return Err("the number of entries must be 1 to 1000000".into());
    }
    let sample = sample::make(entries)?;
    for (path, bytes) in &sample.files {
        let file = Path::new(&folder).join(path);
        if let Some(parent) = file.parent() {
            std::fs::create_dir_all(parent)?;
        }
        std::fs::write(file, bytes)?;
    }
    println!("{} files for {entries} entries in {folder}", sample.files.len());
    Ok(())
}
