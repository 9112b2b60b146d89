//! The catalogue of known exploited vulnerabilities.

use connectors::intake::kev::kev;

use super::refuses;
use super::samples::KEV;

#[test]
fn the_catalogue_is_read_in_the_order_of_its_ids() {
    let read = kev(KEV.as_bytes()).unwrap();
    assert_eq!(read.version, "2026.01.31");
    assert_eq!(read.released, "2026-01-31T15:00:00.1234Z");
    let lines: Vec<_> = read
        .known
        .iter()
        .map(|known| {
            (known.cve.as_str(), known.added.as_str(), known.due.as_str(), known.ransomware)
        })
        .collect();
    assert_eq!(
        lines,
        [
            ("CVE-2025-0001", "2026-01-01", "2026-01-22", false),
            ("CVE-2026-20002", "2026-01-30", "2026-02-20", true),
        ]
    );
}

#[test]
fn a_broken_catalogue_is_refused_where_it_is_broken() {
    let change = |from: &str, to: &str| {
        assert!(KEV.contains(from), "{from}");
        kev(KEV.replace(from, to).as_bytes())
    };
    refuses(kev(b"{}"), "catalogVersion", "missing");
    refuses(kev(b"[]"), "the file", "a list is here");
    refuses(change("\"count\": 2", "\"count\": 3"), "count", "3 lines are claimed and 2");
    refuses(change("\"count\": 2", "\"count\": -1"), "count", "-1 lines");
    refuses(change("CVE-2025-0001", "CVE-2026-20002"), "vulnerabilities", "twice");
    refuses(change("CVE-2025-0001", "CVE-25-1"), "vulnerabilities[1].cveID", "`CVE-25-1`");
    refuses(change("2026-02-20", "2026-02-30"), "vulnerabilities[0].dueDate", "`2026-02-30`");
    refuses(change("2026-02-20", "2026-2-2"), "vulnerabilities[0].dueDate", "not a date");
    refuses(change("\"2026-01-30\"", "null"), "vulnerabilities[0].dateAdded", "missing");
    refuses(change("2026-01-31T15:00:00.1234Z", "today"), "dateReleased", "`today`");
    refuses(kev(&KEV.as_bytes()[..KEV.len() - 5]), "line 11, column 1", "EOF");
}
