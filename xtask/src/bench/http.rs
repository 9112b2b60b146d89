//! The server over TLS, under `wrk`: protected put and get of 1 KiB at 1, 8 and 64 connections.

use std::fmt::Write as _;
use std::fs;
use std::io::{BufRead as _, BufReader};
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};

use serde_json::Value;

use super::table::Row;
use crate::shell::{self, Failure, Outcome, Workspace, failed};

const CONNECTIONS: [u32; 3] = [1, 8, 64];
const ACCOUNTS: usize = 1000;

/// Measures with one account and with a thousand.
pub fn measure(workspace: &Workspace, seconds: u32) -> Outcome<Vec<Row>> {
    let bench = Bench::start(workspace)?;
    let mut rows = Vec::new();
    for (accounts, name) in [(1, ""), (ACCOUNTS, ", 1,000 accounts")] {
        for (verb, method) in [("put", "PUT"), ("get", "GET")] {
            let script = bench.script(method, accounts)?;
            // Fills what gets read, and warms both sides up.
            bench.load(&script, 8, 2)?;
            for connections in CONNECTIONS {
                let more = format!("1 KiB, TLS 1.3, durable entry, receipt{name}");
                let what = format!("{verb} 1 KiB c={connections}{name}");
                rows.extend(bench.cell(&what, &more, &script, connections, seconds)?);
            }
        }
    }
    Ok(rows)
}

/// A server on a temporary store, ended when dropped.
struct Bench {
    folder: PathBuf,
    binary: PathBuf,
    url: String,
    token: String,
    server: Child,
}

impl Bench {
    fn start(workspace: &Workspace) -> Outcome<Self> {
        let binary = workspace.target.join("release/bailee");
        let folder = workspace.target.join("bench");
        drop(fs::remove_dir_all(&folder));
        fs::create_dir_all(&folder).map_err(|why| Failure::Failed(why.to_string()))?;
        let data = folder.join("data").display().to_string();
        let init = shell::capture(Command::new(&binary).args(["init", "--json", "--data", &data]))?;
        let admin = member(&init, "token")?;
        let mut server = Command::new(&binary)
            .args(["serve", "--json", "--listen", "127.0.0.1:0", "--data", &data])
            .stdin(Stdio::null())
            .stdout(Stdio::piped())
            .spawn()
            .map_err(|why| Failure::Failed(format!("cannot start the server: {why}")))?;
        let mut line = String::new();
        let printed = server.stdout.take().map(BufReader::new);
        printed.and_then(|mut out| out.read_line(&mut line).ok());
        let url = member(line.as_bytes(), "url")?;
        let mut bench = Self { folder, binary, url, token: admin, server };
        let service = bench.ask(&["service", "create", "load", "--json"])?;
        let grant = [
            "grant",
            "create",
            "--to",
            "service:load",
            "--account",
            "*",
            "--collection",
            "*",
            "--verbs",
            "read,write,open",
            "--purpose",
            "measuring",
            "--for",
            "8h",
            "--json",
        ];
        bench.ask(&grant)?;
        bench.token = member(&service, "token")?;
        bench.fill()?;
        Ok(bench)
    }

    /// A thousand accounts with a collection and a record each, by one import.
    fn fill(&self) -> Outcome {
        let mut csv = "account,id,v\n".to_owned();
        for n in 1..=ACCOUNTS {
            let _ = writeln!(csv, "a{n},r1,{}", "x".repeat(1000));
        }
        let file = self.folder.join("fill.csv");
        fs::write(&file, csv).map_err(|why| Failure::Failed(why.to_string()))?;
        let file = file.display().to_string();
        let columns = ["--account-column", "account", "--id-column", "id", "--json"];
        let import = [&["import", &file, "--collection", "bench"][..], &columns].concat();
        self.ask(&import).map(drop)
    }

    fn ask(&self, arguments: &[&str]) -> Outcome<Vec<u8>> {
        let mut command = Command::new(&self.binary);
        command.args(arguments).env("BAILEE_URL", &self.url).env("BAILEE_TOKEN", &self.token);
        shell::capture(command.env("BAILEE_CA", self.folder.join("data/tls/ca.pem")))
    }

    /// What `wrk` sends: a random one of 1,000 records, in one account or one in each of many.
    fn script(&self, method: &str, accounts: usize) -> Outcome<PathBuf> {
        let path = match accounts {
            1 => {
                "\"/v1/accounts/a1/collections/bench/records/r\" .. math.random(1,1000)".to_owned()
            }
            n => format!(
                "\"/v1/accounts/a\" .. math.random(1,{n}) .. \"/collections/bench/records/r1\""
            ),
        };
        let body = if method == "PUT" { "body" } else { "nil" };
        let text = format!(
            "local body = '{{\"v\":\"' .. string.rep('x', 1016) .. '\"}}'\n\
             local headers = {{['Authorization']='Bearer {}'}}\n\
             if '{method}' == 'PUT' then headers['Content-Type'] = 'application/json' end\n\
             math.randomseed(7)\n\
             request = function() return wrk.format('{method}', {path}, headers, {body}) end\n\
             done = function(summary, latency)\n\
             local e = summary.errors\n\
             io.write(string.format('RESULT %f %f %f %d\\n',\n\
             summary.requests / (summary.duration / 1e6), latency:percentile(50) / 1e3,\n\
             latency:percentile(99) / 1e3, e.status + e.connect + e.read + e.write + e.timeout))\n\
             end\n",
            self.token
        );
        let file = self.folder.join(format!("{method}-{accounts}.lua"));
        fs::write(&file, text).map_err(|why| Failure::Failed(why.to_string()))?;
        Ok(file)
    }

    fn load(&self, script: &Path, connections: u32, seconds: u32) -> Outcome<[f64; 4]> {
        let mut command = Command::new("wrk");
        command.args(["-t1", "--latency", &format!("-c{connections}"), &format!("-d{seconds}s")]);
        command.arg("-s").arg(script).arg(&self.url);
        let printed = shell::capture(&mut command)?;
        let text = String::from_utf8_lossy(&printed);
        let line = text.lines().find_map(|line| line.strip_prefix("RESULT "));
        let numbers: Vec<f64> =
            line.unwrap_or_default().split(' ').filter_map(|n| n.parse().ok()).collect();
        match <[f64; 4]>::try_from(numbers) {
            Ok(numbers) => Ok(numbers),
            Err(_) => failed(format!("`wrk` gave no result:\n{text}")),
        }
    }

    fn cell(
        &self,
        what: &str,
        more: &str,
        script: &Path,
        connections: u32,
        seconds: u32,
    ) -> Outcome<Vec<Row>> {
        let before = self.cpu()?;
        let [rate, p50, p99, errors] = self.load(script, connections, seconds)?;
        let cpu = (self.cpu()? - before) * 1e6 / (rate * f64::from(seconds));
        if errors > 0.0 {
            return failed(format!("{what}: {errors} requests were not answered with a success"));
        }
        let row = |what: String, value: f64, unit: &str| Row {
            what,
            value,
            unit: unit.to_owned(),
            more: more.to_owned(),
        };
        Ok(vec![
            row(what.to_owned(), rate, "1/s"),
            row(format!("{what}: p50"), p50, "ms"),
            row(format!("{what}: p99"), p99, "ms"),
            row(format!("{what}: server CPU"), cpu, "us"),
        ])
    }

    /// Seconds of CPU the server has used, user and system.
    fn cpu(&self) -> Outcome<f64> {
        let path = format!("/proc/{}/stat", self.server.id());
        let text = fs::read_to_string(path).map_err(|why| Failure::Failed(why.to_string()))?;
        let after = text.rsplit(')').next().unwrap_or_default();
        let ticks = after.split_whitespace().skip(11).take(2).filter_map(|n| n.parse::<f64>().ok());
        // USER_HZ is 100 on every Linux there is.
        Ok(ticks.sum::<f64>() / 100.0)
    }
}

impl Drop for Bench {
    fn drop(&mut self) {
        drop(self.server.kill());
        drop(self.server.wait());
        drop(fs::remove_dir_all(&self.folder));
    }
}

fn member(printed: &[u8], name: &str) -> Outcome<String> {
    let json: Option<Value> = serde_json::from_slice(printed).ok();
    let text = json.as_ref().and_then(|json| json.get(name)?.as_str());
    let said = String::from_utf8_lossy(printed);
    text.map(str::to_owned).ok_or_else(|| Failure::Failed(format!("no `{name}` in: {said}")))
}
