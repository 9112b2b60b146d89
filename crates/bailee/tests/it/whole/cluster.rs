//! Signing in to a cluster: the real `kubectl`, which has `bailee kube` give it certificates, and a
//! server that takes them as a cluster's API server does.

use super::support::{Client, Server, Store, ends_with, skip_unless_all, text, workspace};
use pki::x509;
use serde_json::{Value, json};
use std::fs;
use std::io::{BufRead as _, BufReader};
use std::process::{Child, Command, Output, Stdio};

const SYSTEM: &str = "k-1";

/// A server that trusts an authority as a cluster does.
struct Cluster {
    child: Child,
    port: u16,
}

impl Cluster {
    fn start(store: &Store, authority: &str) -> Self {
        let file = store.beside("authority.pem");
        fs::write(&file, authority).unwrap();
        let issued = rcgen::generate_simple_self_signed(vec!["localhost".to_owned()]).unwrap();
        let (cert, key) = (store.beside("cluster.pem"), store.beside("cluster.key"));
        fs::write(&cert, issued.cert.pem()).unwrap();
        fs::write(&key, issued.signing_key.serialize_pem()).unwrap();
        let mut child = Command::new("node")
            .arg(workspace().join("tests/foreign/cluster.mjs"))
            .args([key, cert, file])
            .stdout(Stdio::piped())
            .spawn()
            .unwrap();
        let mut port = String::new();
        BufReader::new(child.stdout.take().unwrap()).read_line(&mut port).unwrap();
        Self { child, port: port.trim().parse().unwrap() }
    }
}

impl Drop for Cluster {
    fn drop(&mut self) {
        drop(self.child.kill());
        drop(self.child.wait());
    }
}

/// `kubectl` with a kubeconfig that names this program, signed in as somebody.
fn kubectl(server: &Server, store: &Store, cluster: &Cluster, token: &str) -> Command {
    let path = store.beside("kubeconfig");
    let config = json!({
        "apiVersion": "v1", "kind": "Config", "current-context": "k",
        "clusters": [{"name": "k", "cluster": {
            "server": format!("https://localhost:{}", cluster.port),
            "certificate-authority": store.beside("cluster.pem"),
        }}],
        "contexts": [{"name": "k", "context": {"cluster": "k", "user": "me"}}],
        "users": [{"name": "me", "user": {"exec": {
            "apiVersion": "client.authentication.k8s.io/v1beta1",
            "command": env!("CARGO_BIN_EXE_bailee"),
            "args": ["kube", "--system", SYSTEM],
            "interactiveMode": "Never",
        }}}],
    });
    fs::write(&path, config.to_string()).unwrap();
    let mut command = Command::new("kubectl");
    command.args(["--kubeconfig", text(&path), "get", "--raw", "/whoami"]);
    command.env("BAILEE_URL", &server.url).env("BAILEE_CA", &server.ca);
    command.env("BAILEE_TOKEN", token).env("HOME", text(&store.beside("home")));
    command.stdin(Stdio::null());
    command
}

fn person(server: &Server, name: &str, role: &str) -> String {
    let made = server.did(&server.admin, &["person", "create", name, "--roles", role, "--json"]);
    made["token"].as_str().unwrap().to_owned()
}

fn refused(output: &Output, why: &str) {
    let said = String::from_utf8_lossy(&output.stderr);
    assert!(!output.status.success() && said.contains(why), "{output:?}");
}

#[test]
fn kubectl_is_given_certificates_that_name_the_cluster_and_end_by_themselves() {
    if Command::new("kubectl").arg("version").arg("--client").output().is_err() {
        skip_unless_all("there is no `kubectl`");
        return;
    }
    let store = Store::init();
    let server = store.serve();
    let (eve, abe) = (person(&server, "eve", "engineer"), person(&server, "abe", "approver"));
    let lea = person(&server, "lea", "security-lead");
    let system = json!({"name": SYSTEM, "kind": "cluster", "purpose": "shop",
        "owner": "person:lea"});
    server.client(&lea).post("/v1/systems", system.to_string().as_bytes()).expect(201);
    let authority = server.client("").get("/pki/ca.pem").expect(200).text().to_owned();
    let cluster = Cluster::start(&store, &authority);
    let ask = |token: &str| kubectl(&server, &store, &cluster, token).output().unwrap();

    refused(&ask(&eve), "ask for a grant");
    let wish = ["request", "--system", SYSTEM, "--login", "deploy", "--purpose", "it stands"];
    let asked =
        server.did(&eve, &[&wish[..], &["--reference", "T", "--for", "1h", "--json"]].concat());
    let id = asked["id"].as_str().unwrap();
    server.did(&abe, &["approve", id, "--json"]);
    server.did(&eve, &["request", "begin", id, "--json"]);
    let output = ask(&eve);
    let who: Value = serde_json::from_str(&ends_with(&output, 0)).unwrap();
    assert_eq!((&who["user"], &who["groups"]), (&json!("deploy@k-1"), &json!([SYSTEM])), "{who}");

    // The plugin as it answers by itself, in the present version of the interface.
    let plugin = |info: Option<&str>| {
        let mut command = server.command(&eve, &["kube", "--system", SYSTEM]);
        info.map(|info| command.env("KUBERNETES_EXEC_INFO", info));
        command.output().unwrap()
    };
    let asked = r#"{"apiVersion": "client.authentication.k8s.io/v1", "kind": "ExecCredential"}"#;
    let answer: Value = serde_json::from_str(&ends_with(&plugin(Some(asked)), 0)).unwrap();
    assert_eq!(answer["apiVersion"], "client.authentication.k8s.io/v1");
    let given = answer["status"]["clientCertificateData"].as_str().unwrap();
    let by = x509::AuthorityCertificate::parse(authority.as_bytes()).unwrap();
    let read = x509::Certificate::parse(given.as_bytes(), &by).unwrap();
    assert!(read.window.until() - read.window.from() <= 660, "ten minutes, and slow clocks");
    assert!(answer["status"]["clientKeyData"].as_str().unwrap().contains("PRIVATE KEY"));
    for hostile in [None, Some("{"), Some(r#"{"apiVersion": "v9"}"#)] {
        let said = ends_with(&plugin(hostile), 2);
        assert!(said.contains("KUBERNETES_EXEC_INFO"), "{said}");
    }

    ends_with(&server.cli(&server.admin, &["person", "end", "eve"]), 0);
    refused(&ask(&eve), "");
    let mut rows: Client = server.client(&lea);
    let rows = rows.get("/v1/certificates").expect(200).json();
    assert_eq!(rows["items"].as_array().unwrap().len(), 2, "each is on record: {rows}");
}
