//! What people read: the same text in HTML and PDF, in every script, with nothing that runs.

use crate::peer;
use crate::scene::{HOSTILE, NAMES, Scene};
use std::process::Command;

/// The text of a PDF as poppler reads it.
fn poppler(pdf: &[u8]) -> Option<String> {
    let program = peer::program("pdftotext")?;
    let mut command = Command::new(program);
    Some(peer::through(command.args(["-layout", "-enc", "UTF-8", "-", "-"]), pdf))
}

/// The same as pypdf reads it, under a line with the title, the pages, and what would run.
fn pypdf(pdf: &[u8]) -> Option<String> {
    let script = "import io, sys, pypdf\n\
        r = pypdf.PdfReader(io.BytesIO(sys.stdin.buffer.read()), strict=True)\n\
        root = r.trailer['/Root']\n\
        print(r.metadata.title, len(r.pages), root.get('/Names'), root.get('/OpenAction'))\n\
        [print(p.extract_text()) for p in r.pages]";
    let mut command = Command::new(peer::python("pypdf")?);
    Some(peer::through(command.env("PYTHONIOENCODING", "utf-8").args(["-c", script]), pdf))
}

fn squeezed(text: &str) -> String {
    text.split_whitespace().collect()
}

#[test]
fn two_other_readers_find_every_word_of_the_pdf() {
    let scene = Scene::new(801);
    let document = scene.document();
    let pdf = dossier::pdf(&document).unwrap();
    assert_eq!(pdf, dossier::pdf(&document).unwrap(), "the same bytes again");
    for text in [poppler(&pdf), pypdf(&pdf)].into_iter().flatten() {
        let text = squeezed(&text);
        for word in NAMES {
            assert!(text.contains(&squeezed(word)), "{word}: {text}");
        }
        for word in [
            "What is due when",
            "Who is affected",
            "rotate the upstream secret",
            "Αθηνά",
            "Do not tell them.",
            "service:report",
            "<script>alert(1)</script>",
            "[U+05D0]",
            "verified",
            "Page 1",
        ] {
            let found = text.to_lowercase().contains(&squeezed(word).to_lowercase());
            assert!(found, "{word}: {text}");
        }
    }
    let Some(said) = pypdf(&pdf) else { return };
    let first = said.lines().next().unwrap();
    assert!(first.contains("Stolen token") && first.ends_with("None None"), "{first}");
}

#[test]
fn the_page_says_the_same_and_runs_nothing() {
    let scene = Scene::new(802);
    let page = dossier::page(&scene.document());
    assert!(!page.contains("<script"), "{page}");
    assert!(page.contains("&lt;script&gt;alert(1)"), "what was entered is shown: {HOSTILE}");
    for outside in ["http://", "https://", "src=", "url(", "@import", "<link", "onload"] {
        assert!(!page.contains(outside), "{outside}");
    }
    for name in NAMES {
        assert!(page.contains(name), "{name}");
    }
    for plot in ["timeline", "accesses", "clocks"] {
        assert!(page.contains(&format!("<title id=\"{plot}-title\">")), "{plot}");
        assert!(page.contains(&format!("<desc id=\"{plot}-what\">")), "{plot}");
    }
    let tables = page.matches("<table>").count();
    assert!(tables >= 6, "each plot has its table: {tables}");
}

#[test]
fn the_plots_say_what_the_rows_say() {
    let scene = Scene::new(803);
    let whole = scene.whole();
    let facts = dossier::Facts::of(&whole);
    let clocks = dossier::clocks(&facts.clocks, whole.at.0, &dossier::utc).unwrap();
    assert!(clocks.what.starts_with("Clocks: 2; open: 2; late: 0."), "{}", clocks.what);
    let held = &clocks.table.rows.iter().find(|row| row[0] == "beta").unwrap()[4];
    assert!(held.contains(" to 2026-11-26 00:00"), "{held}");
    let now = clocks.shapes.iter().filter(|shape| format!("{shape:?}").contains("Held")).count();
    assert_eq!(now, 1, "an order is a gap in its bar");
    let accesses = dossier::accesses(&facts.accesses).unwrap();
    assert_eq!(accesses.table.rows.len(), 2);
    assert!(accesses.table.rows.iter().all(|row| row[2] != "0"), "{:?}", accesses.table);
    let line = dossier::timeline(&facts.events, &dossier::utc).unwrap();
    assert_eq!(line.table.rows.len(), facts.events.len());
    let times: Vec<_> = line.table.rows.iter().map(|row| &row[1]).collect();
    assert!(times.is_sorted(), "{times:?}");
}
