//! Playbooks of CACAO 2.0, from a file and to one.

use std::path::Path;

use clap::{ArgMatches, Command};
use serde_json::json;

use super::{about, file, found, one, option, read, read_answer, word};
use crate::client::Client;
use crate::exit::Failure;
use crate::output::{Output, note};

/// Bytes of a file that is read; the server says what is too long for a playbook.
const FILE: usize = 1 << 20;

pub(super) fn loading(command: Command) -> Command {
    command
        .arg(word("name", "NAME", "Unique name; it is written if there is none of it"))
        .arg(file("FILE.json"))
        .arg(option("class", "CLASS", "Class of incident it is for, where it is written"))
}

pub(super) async fn load(
    client: &Client,
    stated: &ArgMatches,
    output: Output,
) -> Result<(), Failure> {
    let (name, path) = (one(stated, "name"), one(stated, "file"));
    let text = String::from_utf8(read(path, FILE)?);
    let text = text.map_err(|_| about(path, "it is no UTF-8: save it as UTF-8"))?;
    let fresh = found(client, "playbooks", name).await?.is_none();
    if fresh {
        let class = stated.get_one::<String>("class").map_or("other", String::as_str);
        let new = json!({"name": name, "class": class, "purpose": format!("taken in from {path}")});
        client.post(&["playbooks"]).json(&new)?.send().await?;
    }
    let place = format!("{name}:adopt");
    let adopt = client.post(&["playbooks", &place]).json(&json!({"cacao": text}))?.send().await;
    let answer = adopt.inspect_err(|_| {
        if fresh && !output.json {
            note(&format!("`{name}` is written, without steps: load a mended file into it"));
        }
    })?;
    let row = read_answer(&answer.body)?;
    let count = |name: &str| {
        let list = row.pointer(name).and_then(serde_json::Value::as_array);
        list.map_or(0, Vec::len)
    };
    let (steps, kept) = (count("/steps"), count("/cacao/not_run"));
    output.json(&json!({"playbook": name, "steps": steps, "kept_and_not_run": kept}))?;
    output.line(&format!(
        "`{name}` has {steps} steps; {kept} parts are kept and not run: bailee playbook show {name}"
    ))
}

pub(super) fn exporting(command: Command) -> Command {
    command
        .arg(word("name", "NAME", "Name of the playbook"))
        .arg(option("out", "FILE", "File to write to; it must be new").required(true))
}

pub(super) async fn export(
    client: &Client,
    stated: &ArgMatches,
    output: Output,
) -> Result<(), Failure> {
    let (name, out) = (one(stated, "name"), Path::new(one(stated, "out")));
    if out.exists() {
        let why = format!("`{}` exists: name a new file", out.display());
        return Err(Failure::usage(why));
    }
    let answer = client.get(&["playbooks", name, "cacao"]).send().await?;
    let failed = |error: std::io::Error| Failure::file("write", out, &error);
    let mut file = std::fs::File::create_new(out).map_err(failed)?;
    std::io::Write::write_all(&mut file, &answer.body).map_err(failed)?;
    let place = out.display().to_string();
    output.json(&json!({"out": place, "bytes": answer.body.len()}))?;
    output.line(&format!("`{name}` is in `{place}` as CACAO 2.0"))
}
