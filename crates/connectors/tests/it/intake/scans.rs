//! Reports of nmap, testssl.sh, and in SARIF.

use connectors::intake::Severity;
use connectors::intake::scans::{Found, Scan, Target, nmap, sarif, testssl};

use super::refuses;
use super::samples::{NMAP, SARIF, TESTSSL, TESTSSL_PRETTY};

fn target(
    address: &str,
    names: &[&str],
    port: Option<(u16, &str)>,
    service: &str,
    state: &str,
) -> Target {
    Target {
        address: address.to_owned(),
        names: names.iter().map(|name| (*name).to_owned()).collect(),
        port: port.map(|(port, _)| port),
        protocol: port.map_or("", |(_, protocol)| protocol).to_owned(),
        service: (!service.is_empty()).then(|| service.to_owned()),
        state: state.to_owned(),
    }
}

fn found(id: &str, target: &str, severity: Severity, title: &str) -> Found {
    Found { id: id.to_owned(), target: target.to_owned(), severity, title: title.to_owned() }
}

fn head(scan: &Scan) -> (&str, &str, Option<&str>) {
    (&scan.tool, &scan.tool_version, scan.started.as_deref())
}

#[test]
fn nmap_lists_hosts_ports_and_what_scripts_found() {
    let scan = nmap(NMAP.as_bytes()).unwrap();
    assert_eq!(head(&scan), ("nmap", "7.93", Some("2026-11-22T22:40:49Z")));
    let names = ["www.example.com", "a.example.com"];
    assert_eq!(
        scan.targets,
        [
            target("192.0.2.1", &names, Some((443, "tcp")), "https nginx & more 1.26", "open"),
            target("192.0.2.1", &names, Some((53, "udp")), "", "closed"),
            target("2001:db8::1", &[], None, "", "down"),
        ]
    );
    assert_eq!(
        scan.findings,
        [found("ssl-poodle", "192.0.2.1:443", Severity::High, "POODLE leak")]
    );
}

#[test]
fn broken_nmap_reports_are_refused_where_they_are_broken() {
    let change = |from: &str, to: &str| {
        assert!(NMAP.contains(from), "{from}");
        nmap(NMAP.replace(from, to).as_bytes())
    };
    refuses(nmap(b""), "line 1, column 1", "too early");
    refuses(nmap(b"<html></html>"), "line 1, column 1", "`html`");
    refuses(nmap(b"<nmaprun/><nmaprun/>"), "line 1, column 11", "second root");
    refuses(nmap(b"<nmaprun></wrong>"), "line 1, column 10", "not XML");
    refuses(nmap(b"<nmaprun/>text"), "line 1, column 11", "outside of the root");
    refuses(change("exit=\"success\"", "exit=\"error\""), "line 21, column 11", "did not finish");
    refuses(change("</runstats>\n</nmaprun>\n", ""), "line 21, column 89", "too early");
    refuses(change("addr=\"2001:db8::1\"", "addr=\"nowhere\""), "line 20, column 29", "`nowhere`");
    let address = "<address addr=\"2001:db8::1\" addrtype=\"ipv6\"/>";
    refuses(change(address, ""), "line 20, column 29", "no address");
    refuses(change("portid=\"53\"", "portid=\"70000\""), "line 18, column 1", "`70000`");
    refuses(change("<service", "<service a='1' a='2'"), "line 13, column 1", "attribute");
    let utf16: Vec<u8> = NMAP.encode_utf16().flat_map(u16::to_be_bytes).collect();
    refuses(nmap(&utf16), "the file", "UTF-16");
    refuses(change("UTF-8", "ISO-8859-1"), "line 1, column 1", "`ISO-8859-1`");
    refuses(nmap(&vec![b' '; (32 << 20) + 1]), "the file", "33554433 bytes");
}

#[test]
fn xml_can_neither_declare_nor_expand_anything() {
    let types = [
        "<!DOCTYPE nmaprun SYSTEM \"file:///etc/passwd\">",
        "<!DOCTYPE nmaprun PUBLIC \"a\" \"http://example.com/a.dtd\">",
        "<!DOCTYPE nmaprun [<!ENTITY a \"aaaaaaaaaa\"><!ENTITY b \"&a;&a;&a;\">]>",
        "<!DOCTYPE nmaprun [<!ENTITY % x SYSTEM \"http://example.com/\"> %x;]>",
        "<!DOCTYPE nmaprun []>",
    ];
    for declared in types {
        let text = NMAP.replace("<!DOCTYPE nmaprun>", declared);
        let refused = nmap(text.as_bytes()).unwrap_err();
        assert!(refused.place.starts_with("line 2, column "), "{refused}");
        assert!(refused.problem.contains("document type"), "{refused}");
    }
    let text = NMAP.replace("nginx &amp; more", "&xxe;");
    refuses(nmap(text.as_bytes()), "line 13, column 1", "attribute");
    let text = NMAP.replace("<hosthint>", "<hosthint>&xxe;");
    refuses(nmap(text.as_bytes()), "line 7, column 11", "entity `xxe`");
    let deep = format!("{}{}", "<nmaprun>".repeat(65), "</nmaprun>".repeat(65));
    refuses(nmap(deep.as_bytes()), "line 1, column 577", "deeper than 64");
    let wide: String = (0..101).map(|number| format!(" a{number}=''")).collect();
    let refused = nmap(format!("<nmaprun{wide}/>").as_bytes()).unwrap_err();
    assert!(refused.problem.contains("more than 100 attributes"), "{refused}");
}

#[test]
fn testssl_is_read_in_both_forms() {
    let scan = testssl(TESTSSL.as_bytes()).unwrap();
    assert_eq!(head(&scan), ("testssl.sh", "", None));
    assert_eq!(
        scan.targets,
        [
            target("192.0.2.9", &[], Some((443, "tcp")), "", "unreachable"),
            target("192.0.2.1", &["www.example.com"], Some((443, "tcp")), "HTTP", "open"),
        ]
    );
    assert_eq!(
        scan.findings,
        [
            found("TLS1", "192.0.2.1:443", Severity::Low, "offered (deprecated)"),
            found("ROBOT", "192.0.2.1:443", Severity::High, "VULNERABLE"),
            found("scanProblem", "192.0.2.9:443", Severity::Unknown, "Can't connect"),
        ]
    );
    let scan = testssl(TESTSSL_PRETTY.as_bytes()).unwrap();
    assert_eq!(head(&scan), ("testssl.sh", "3.0.8", Some("2026-11-22T22:40:49Z")));
    assert_eq!(
        scan.targets,
        [
            target("gone.example.com", &[], Some((8443, "tcp")), "", "unreachable"),
            target("192.0.2.1", &["www.example.com"], Some((443, "tcp")), "HTTP", "open"),
        ]
    );
    assert_eq!(
        scan.findings,
        [
            found("SSLv3", "192.0.2.1:443", Severity::High, "offered"),
            found("scanProblem", "gone.example.com:8443", Severity::Unknown, "Can't connect"),
        ]
    );
}

#[test]
fn a_check_that_broke_off_is_never_a_clean_one() {
    let flat = r#"[
        {"id":"service","ip":"h/192.0.2.1","port":"443","severity":"INFO","finding":"HTTP"},
        {"id":"scanTime","ip":"h/192.0.2.1","port":"443","severity":"WARN",
         "finding":"Scan interrupted"}]"#;
    let pretty = TESTSSL_PRETTY.replace("\"scanTime\": 23", "\"scanTime\": \"Scan interrupted\"");
    for text in [flat, &pretty] {
        let scan = testssl(text.as_bytes()).unwrap();
        let at = scan.targets.iter().find(|target| target.address == "192.0.2.1").unwrap();
        assert_eq!(at.state, "unreachable");
        assert!(scan.findings.iter().any(|found| found.title == "Scan interrupted"));
    }
}

#[test]
fn broken_testssl_reports_are_refused_where_they_are_broken() {
    let flat = |text: &str| testssl(text.as_bytes());
    let change = |from: &str, to: &str| {
        assert!(TESTSSL.contains(from), "{from}");
        flat(&TESTSSL.replacen(from, to, 1))
    };
    refuses(flat("[]"), "the file", "no target");
    refuses(flat("{}"), "scanResult", "missing");
    refuses(flat(r#"{"scanResult":[]}"#), "the file", "no target");
    refuses(flat(TESTSSL.trim_end_matches(']')), "line 10, column 1", "EOF");
    refuses(change("\"443\"", "\"https\""), "[0].port", "`https`");
    refuses(change("\"443\"", "443"), "[0].port", "a number is here");
    refuses(change("\"LOW\"", "\"FINE\""), "[1].severity", "`FINE`");
    refuses(change("\"id\":\"service\",", ""), "[0].id", "missing");
    let pretty = TESTSSL_PRETTY.replace("\"HIGH\"", "\"DIRE\"");
    refuses(testssl(pretty.as_bytes()), "scanResult[0].protocols[0].severity", "`DIRE`");
}

#[test]
fn sarif_is_read_with_the_severity_of_rules() {
    let scan = sarif(SARIF.as_bytes()).unwrap();
    assert_eq!(head(&scan), ("Analyser", "4.1.0", Some("2026-01-31T12:00:00Z")));
    assert_eq!(scan.targets, []);
    assert_eq!(
        scan.findings,
        [
            found("A1", "src/db.rs:17", Severity::Critical, "tainted query"),
            found("A2/7", "", Severity::Low, "A2/7"),
            found("A9", "", Severity::Medium, "unknown rule"),
        ]
    );
    let twice = SARIF.replace("\"Analyser\"", "\"Other\"");
    let run = |text: &str| {
        text.split_once("\"runs\": [").unwrap().1.rsplit_once(']').unwrap().0.to_owned()
    };
    let both = SARIF.replace("\"runs\": [", &format!("\"runs\": [{},", run(&twice)));
    let scan = sarif(both.as_bytes()).unwrap();
    assert_eq!((scan.tool.as_str(), scan.findings.len()), ("Other, Analyser", 6));
}

#[test]
fn broken_sarif_is_refused_where_it_is_broken() {
    let change = |from: &str, to: &str| {
        assert!(SARIF.contains(from), "{from}");
        sarif(SARIF.replacen(from, to, 1).as_bytes())
    };
    refuses(sarif(b"{}"), "version", "missing");
    refuses(change("2.1.0\",\n", "2.0.0\",\n"), "version", "`2.0.0`");
    refuses(sarif(br#"{"version":"2.1.0","runs":[]}"#), "runs", "no run");
    // A run without results looked at nothing, and one that failed did not look at all.
    refuses(change("\"results\"", "\"outcome\""), "runs[0].results", "missing");
    let place = "runs[0].invocations[0].executionSuccessful";
    refuses(change("Successful\": true", "Successful\": false"), place, "did not succeed");
    let outside = "\"externalPropertyFileReferences\": {}, \"tool\"";
    refuses(change("\"tool\"", outside), "runs[0].externalPropertyFileReferences", "other files");
    refuses(
        change("\"level\": \"error\"", "\"level\": \"bad\""),
        "runs[0].results[0].level",
        "`bad`",
    );
    let place = "runs[0].results[0].locations[0].physicalLocation.region.startLine";
    refuses(change("17", "\"17\""), place, "text is here");
    refuses(
        change("\"message\": { \"text\": \"tainted query\" }", "\"message\": 7"),
        "runs[0].results[0].message",
        "number",
    );
    refuses(change("2026-01-31T12", "2026-01-32T12"), "runs[0].invocations[0].startTimeUtc", "RFC");
}
