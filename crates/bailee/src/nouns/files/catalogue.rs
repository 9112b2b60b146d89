//! `bailee catalogue load`: a provider's own terms, each under the obligation it stands for.

use super::{about, found, one, read};
use crate::client::Client;
use crate::exit::Failure;
use crate::output::{Output, counted, note, read_answer};
use clap::ArgMatches;
use connectors::intake::MAX_JSON;
use domain::catalogue::{CURRENT, VERSION};
use serde::Deserialize;
use serde_json::{Map, Value, json};
use std::collections::BTreeMap;

/// What the file looks like.
pub(super) const HELP: &str = r#"The file is one JSON object:

  {
    "version": "2027-1",
    "reason": "the terms that counsel signed off",
    "parameters": {"breach_hours": 24},
    "terms": {"E4.4": "Clause 7.2: ...", "E5.5": ["Clause 9.1: ...", "Clause 9.2: ..."]}
  }

A number that is not there is as Bailee comes with it. `bailee measures --json` has the ids of the
obligations, `bailee catalogue propose --help` the names of the numbers."#;

/// The file.
#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct File {
    version: String,
    reason: String,
    #[serde(default)]
    parameters: Map<String, Value>,
    #[serde(default)]
    terms: BTreeMap<String, Words>,
}

/// What a provider says for one obligation.
#[derive(Deserialize)]
#[serde(untagged)]
enum Words {
    One(String),
    Several(Vec<String>),
}

/// Proposes what the file says. Where there is no catalogue yet, the one that Bailee comes with is
/// put there first, so that what weakens it is seen.
pub(super) async fn load(
    client: &Client,
    stated: &ArgMatches,
    output: Output,
) -> Result<(), Failure> {
    let path = one(stated, "file");
    let body = body(path, &read(path, MAX_JSON)?)?;
    if found(client, "catalogues", CURRENT).await?.is_none() {
        let first = json!({"version": *VERSION, "reason": "the catalogue that Bailee comes with"});
        client.post(&["catalogues"]).json(&first)?.send().await?;
    }
    let place = format!("{CURRENT}:propose");
    let answer = client.post(&["catalogues", &place]).json(&body)?.send().await?;
    let row = read_answer(&answer.body)?;
    output.json(&row)?;
    let list = |place: &str| {
        row.pointer(place).and_then(Value::as_array).map(Vec::as_slice).unwrap_or_default()
    };
    let lines = u64::try_from(list("/proposal/terms").len()).unwrap_or(u64::MAX);
    let version = row.pointer("/proposal/version").and_then(Value::as_str).unwrap_or_default();
    let weaker: Vec<&str> = list("/proposal/weakens").iter().filter_map(Value::as_str).collect();
    output.line(&format!("version {version} is proposed, with {}", counted(lines, "own term")))?;
    if !weaker.is_empty() {
        output.line(&format!("it promises less by {}", weaker.join(", ")))?;
    }
    if !output.json {
        note(&format!(
            "a second person approves it: bailee catalogue approve {CURRENT} --version {version}"
        ));
    }
    Ok(())
}

/// The request that the file states.
fn body(path: &str, bytes: &[u8]) -> Result<Value, Failure> {
    let file: File = serde_json::from_slice(bytes).map_err(|error| about(path, error))?;
    let mut lines = Vec::new();
    for (id, words) in file.terms {
        let several = match words {
            Words::One(text) => vec![text],
            Words::Several(all) => all,
        };
        lines.extend(several.iter().map(|text| format!("{id}: {text}")));
    }
    let File { version, reason, parameters, .. } = file;
    Ok(json!({"version": version, "reason": reason, "parameters": parameters, "terms": lines}))
}

#[cfg(test)]
mod tests {
    use super::body;
    use serde_json::json;

    #[test]
    fn terms_become_lines_under_their_obligations() {
        let file =
            json!({"version": "1", "reason": "ours", "terms": {"E4.4": "a", "E5.5": ["b", "c"]}});
        let made = body("f", file.to_string().as_bytes()).unwrap();
        assert_eq!(made["terms"], json!(["E4.4: a", "E5.5: b", "E5.5: c"]));
        assert_eq!(made["parameters"], json!({}));
    }

    #[test]
    fn what_is_no_such_file_is_refused_with_its_place() {
        for (text, said) in [
            ("{", "line 1 column 1"),
            (r#"{"version": "1"}"#, "missing field `reason`"),
            (r#"{"version": "1", "reason": "x", "term": {}}"#, "unknown field `term`"),
            (r#"{"version": "1", "reason": "x", "terms": {"E4.4": 1}}"#, "line 1"),
            (r#"["E4.4: x"]"#, "line 1"),
        ] {
            let refused = body("f", text.as_bytes()).unwrap_err();
            assert!(refused.message.starts_with("f: "), "{}", refused.message);
            assert!(refused.message.contains(said), "{text}: {}", refused.message);
        }
    }
}
