//! Tables of people, vendors, contacts, systems and badges.

use std::collections::BTreeMap;

use connectors::intake::Refused;
use connectors::intake::table::rows;

use super::refuses;
use super::samples::TABLE;

const KNOWN: &[&str] = &["name", "mail", "role"];

fn read(text: &str) -> Result<Vec<BTreeMap<String, String>>, Refused> {
    rows(text.as_bytes(), KNOWN, &["name"])
}

fn row(cells: &[(&str, &str)]) -> BTreeMap<String, String> {
    cells.iter().map(|(column, cell)| ((*column).to_owned(), (*cell).to_owned())).collect()
}

#[test]
fn tables_of_several_tools_are_read_alike() {
    let expected = [
        row(&[("name", "Ada"), ("mail", "ada@example.com"), ("role", "lead")]),
        row(&[("name", "Bob"), ("mail", "bob@example.com"), ("role", "")]),
    ];
    let tables = [
        TABLE.to_owned(),
        TABLE.replace(',', ";"),
        TABLE.replace('\n', "\r\n"),
        TABLE.replace("name,mail", "\u{FEFF}Name , MAIL"),
        TABLE.replace("Ada", " \"Ada\" ").replace(" \"Ada\" ", "\"Ada\""),
        TABLE.replace('\n', "\n\n"),
        TABLE.trim_end().to_owned(),
        "role,name,mail\nlead,Ada,ada@example.com\n,Bob,bob@example.com".to_owned(),
    ];
    for table in tables {
        // A byte order mark stands at the very beginning only.
        let table = if table.contains('\u{FEFF}') {
            format!("\u{FEFF}{}", table.replace('\u{FEFF}', ""))
        } else {
            table
        };
        assert_eq!(read(&table).unwrap(), expected, "{table:?}");
    }
    assert_eq!(read("name").unwrap(), []);
    assert_eq!(read("name\nAda").unwrap(), [row(&[("name", "Ada")])]);
    let quoted = read("name,mail\n\"Lovelace, Ada \"\"A\"\"\",x").unwrap();
    assert_eq!(quoted[0]["name"], "Lovelace, Ada \"A\"");
}

#[test]
fn a_row_that_explains_is_passed_over_and_swallows_nothing() {
    let read = |rows: &str| read(&format!("name,mail\n{rows}"));
    assert_eq!(read("\"# text, \"\"x\"\"\",text\n").unwrap(), []);
    assert_eq!(read("# a,b\nAda,x\n#,\n").unwrap().len(), 1);
    assert_eq!(read("Ada,#x\n").unwrap()[0]["mail"], "#x");
    refuses(read("\"# a,b\nAda,x\n"), "line 2", "1 cells");
    refuses(read("# a,\"b\nAda,x\n"), "line 2, column `mail`", "line break");
}

#[test]
fn broken_tables_are_refused_by_line_and_column() {
    refuses(read(""), "line 1", "empty");
    refuses(read("name,shoe\n"), "line 1", "the column `shoe` is not known");
    refuses(read("name,mail,Name\n"), "line 1", "the column `name` is there twice");
    refuses(read("mail\na"), "line 1", "the column `name` is missing");
    refuses(read("name,mail\nAda\n"), "line 2", "1 cells, and the header has 2");
    refuses(read("name,mail\nAda,a\nBob,b,c\n"), "line 3", "3 cells");
    refuses(read("name,mail\nAda,a\n\n ,b\n"), "line 4, column `name`", "empty");
    refuses(read("name,mail\r\nAda,a\r\n\r\n,b\r\n"), "line 4, column `name`", "empty");
    refuses(read("\nname,shoe\n"), "line 2", "`shoe`");
    refuses(read("name,mail\nAda,a\u{7}b\n"), "line 2, column `mail`", "control");
    refuses(read("name,mail\nAda,\"lost\nBob,b\nEve,c\n"), "line 2, column `mail`", "line break");
    let long = format!("name\n{}\n", "x".repeat(2_001));
    refuses(read(&long), "line 2, column `name`", "2001 bytes");
    refuses(rows(b"name\nA\xFFda\n", KNOWN, &[]), "line 2, column 2", "UTF-8");
    let utf16: Vec<u8> = TABLE.encode_utf16().flat_map(u16::to_le_bytes).collect();
    refuses(rows(&utf16, KNOWN, &[]), "the file", "UTF-16");
    refuses(rows(&vec![b'a'; (32 << 20) + 1], KNOWN, &[]), "the file", "33554433 bytes");
    let many = format!("name\n{}", "a\n".repeat(100_001));
    refuses(read(&many), "line 100002", "more than 100000 rows");
    assert_eq!(read(&many[..many.len() - 2]).unwrap().len(), 100_000);
}
