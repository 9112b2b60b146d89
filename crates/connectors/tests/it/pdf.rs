//! Documents made here, stamped, and read again by this library and by PyPI's pikepdf.

use std::path::Path;
use std::process::Command;

use connectors::pdf::{DOCUMENT_BYTES, PdfRefused, Stamp, check, stamp, write_text};
use lopdf::content::Content;
use lopdf::xref::XrefType;
use lopdf::{Dictionary, Document, Object, ObjectId, Stream, dictionary};
use proptest::prelude::*;

use crate::peer;

/// How a document is built: by default one level, its own resources on each page, no rotation.
#[derive(Clone, Default)]
struct Made {
    pages: usize,
    /// What each page has besides, and what its parents have.
    page: Dictionary,
    parent: Dictionary,
    root: Dictionary,
    /// Drawn before and after each page's text.
    before: &'static str,
    after: &'static str,
    catalog: Dictionary,
}

impl Made {
    fn pages(pages: usize) -> Self {
        let root = dictionary! { "MediaBox" => frame([0, 0, 595, 842]) };
        Self { pages, root, ..Self::default() }
    }

    fn build(&self) -> Document {
        let mut document = Document::with_version("1.3");
        document.reference_table.cross_reference_type = XrefType::CrossReferenceTable;
        let font = document.add_object(dictionary! {
            "Type" => "Font", "Subtype" => "Type1", "BaseFont" => "Times-Roman",
            "Encoding" => "WinAnsiEncoding",
        });
        let (root, parent) = (document.new_object_id(), document.new_object_id());
        let mut kids = Vec::new();
        for number in 1..=self.pages {
            let text = format!(
                "{}BT /BaileeFont 12 Tf 72 300 Td (Original {number}) Tj ET{}",
                self.before, self.after
            );
            let content = document.add_object(Stream::new(Dictionary::new(), text.into_bytes()));
            let mut page =
                dictionary! { "Type" => "Page", "Parent" => parent, "Contents" => content };
            page.extend(&self.page);
            kids.push(Object::Reference(document.add_object(page)));
        }
        let count = i64::try_from(self.pages).unwrap();
        let mut node = dictionary! {
            "Type" => "Pages", "Parent" => root, "Kids" => kids, "Count" => count,
        };
        node.extend(&self.parent);
        document.objects.insert(parent, node.into());
        // A name that the stamp would choose is taken.
        let resources = document.add_object(dictionary! {
            "Font" => dictionary! { "BaileeFont" => font },
        });
        let mut top = dictionary! {
            "Type" => "Pages", "Kids" => vec![parent.into()], "Count" => count,
            "Resources" => resources,
        };
        top.extend(&self.root);
        document.objects.insert(root, top.into());
        let mut catalog = dictionary! { "Type" => "Catalog", "Pages" => root };
        catalog.extend(&self.catalog);
        let catalog = document.add_object(catalog);
        document.trailer.set("Root", catalog);
        let information = document.add_object(dictionary! {
            "Title" => Object::string_literal("Report"),
        });
        document.trailer.set("Info", information);
        document
    }

    fn bytes(&self) -> Vec<u8> {
        saved(&mut self.build())
    }
}

fn frame(edges: [i64; 4]) -> Vec<Object> {
    edges.into_iter().map(Object::Integer).collect()
}

fn saved(document: &mut Document) -> Vec<u8> {
    let mut bytes = Vec::new();
    document.save_to(&mut bytes).unwrap();
    bytes
}

fn to(receiver: &str) -> Stamp {
    Stamp { receiver: receiver.into(), release: "REL-2026-0042".into(), at: 1_767_225_600 }
}

fn acme() -> Stamp {
    to("Acme Ltd, Ann Ash")
}

/// Stamps, and checks what has to hold of every stamped document.
fn stamped(bytes: &[u8], pages: usize) -> Document {
    let copy = stamp(bytes, &acme()).unwrap();
    assert_eq!(check(&copy).unwrap().pages, pages);
    assert_eq!(stamp(bytes, &acme()).unwrap(), copy, "the same stamp gives the same bytes");
    let document = Document::load_mem(&copy).unwrap();
    let all = document.get_pages();
    assert_eq!(all.len(), pages);
    for (number, page) in all {
        let text = document.extract_text(&[number]).unwrap();
        assert!(text.contains(&format!("Original {number}")), "{text}");
        assert!(text.contains("Acme Ltd, Ann Ash · REL-2026-0042"), "{text}");
        let footer = text.replace(['\n', '\r'], " ");
        assert!(footer.contains("Released to Acme Ltd"), "{text}");
        assert!(footer.contains("2026-01-01 00:00:00 UTC"), "{text}");
        let dictionary = document.get_dictionary(page).unwrap();
        let pieces = dictionary.get(b"PieceInfo").and_then(Object::as_dict).unwrap();
        assert_eq!(mark(&document, pieces, &[b"Bailee", b"Private", b"Receiver"]), RECEIVER);
        let content = Content::decode(&document.get_page_content(page)).unwrap();
        let marker =
            content.operations.iter().find(|operation| operation.operator == "DP").unwrap();
        let marker = marker.operands[1].as_dict().unwrap();
        assert_eq!(mark(&document, marker, &[b"Release"]), "REL-2026-0042");
    }
    let information = document.trailer.get_deref(b"Info", &document).unwrap().as_dict().unwrap();
    assert_eq!(mark(&document, information, &[b"BaileeReceiver"]), RECEIVER);
    assert_eq!(mark(&document, information, &[b"BaileeReleasedAt"]), "2026-01-01 00:00:00 UTC");
    document
}

const RECEIVER: &str = "Acme Ltd, Ann Ash";

/// A text string found along these keys.
fn mark(document: &Document, dictionary: &Dictionary, path: &[&[u8]]) -> String {
    let (last, path) = path.split_last().unwrap();
    let mut place = dictionary;
    for key in path {
        place = place.get_deref(key, document).unwrap().as_dict().unwrap();
    }
    let bytes = place.get(last).unwrap().as_str().unwrap();
    let units: Vec<u16> =
        bytes.chunks(2).map(|pair| u16::from_be_bytes([pair[0], pair[1]])).collect();
    assert_eq!(units[0], 0xfeff);
    String::from_utf16(&units[1..]).unwrap()
}

#[test]
fn a_plain_document_is_taken_and_stamped() {
    let bytes = Made::pages(3).bytes();
    let checked = check(&bytes).unwrap();
    assert_eq!((checked.pages, checked.version.as_str()), (3, "1.3"));
    let document = stamped(&bytes, 3);
    // Transparency needs a later version; what the information said is still there.
    assert_eq!(document.version, "1.4");
    let information = document.trailer.get_deref(b"Info", &document).unwrap().as_dict().unwrap();
    assert_eq!(information.get(b"Title").unwrap().as_str().unwrap(), b"Report");
    // Two releases are two documents that say which one they come from.
    let other = stamp(&bytes, &to("Other Inc")).unwrap();
    let other = Document::load_mem(&other).unwrap();
    assert_ne!(document.trailer.get(b"ID").unwrap(), other.trailer.get(b"ID").unwrap());
    let again = stamp(&stamp(&bytes, &acme()).unwrap(), &to("Other Inc")).unwrap();
    let text = Document::load_mem(&again).unwrap().extract_text(&[1]).unwrap();
    assert!(text.contains("Acme Ltd") && text.contains("Other Inc"), "{text}");
}

#[test]
fn object_streams_and_compressed_pages_are_stamped() {
    let mut document = Made::pages(40).build();
    document.compress();
    let mut bytes = Vec::new();
    document.save_modern(&mut bytes).unwrap();
    assert!(bytes.windows(7).any(|window| window == b"/ObjStm"));
    stamped(&bytes, 40);
}

#[test]
fn brackets_left_open_do_not_move_the_stamp() {
    for (before, after) in [
        ("q 0.01 0 0 0.01 5000 5000 cm ", ""),
        ("q q 2 0 0 2 0 0 cm ", " Q"),
        ("Q Q ", ""),
        ("Q ", " q 9 0 0 9 0 0 cm q"),
    ] {
        let made = Made { before, after, ..Made::pages(2) };
        let document = stamped(&made.bytes(), 2);
        for page in document.get_pages().into_values() {
            assert_eq!(
                placed(&document, page),
                ([1.0, 0.0, 0.0, 1.0, 0.0, 0.0], 0),
                "{before}{after}"
            );
        }
    }
}

/// The matrix under which the stamp is drawn, and how deep in brackets.
fn placed(document: &Document, page: ObjectId) -> ([f32; 6], usize) {
    let content = Content::decode(&document.get_page_content(page)).unwrap();
    let mut stack: Vec<[f32; 6]> = Vec::new();
    let mut now = [1.0, 0.0, 0.0, 1.0, 0.0, 0.0];
    let mut seen = false;
    for operation in &content.operations {
        match operation.operator.as_str() {
            "DP" => seen = true,
            "q" if seen => return (now, stack.len()),
            "q" => stack.push(now),
            "Q" => now = stack.pop().expect("a bracket that was opened"),
            "cm" => {
                let m: Vec<f32> =
                    operation.operands.iter().map(|number| number.as_float().unwrap()).collect();
                let [a, b, c, d, e, f] = now;
                now = [
                    m[0] * a + m[1] * c,
                    m[0] * b + m[1] * d,
                    m[2] * a + m[3] * c,
                    m[2] * b + m[3] * d,
                    m[4] * a + m[5] * c + e,
                    m[4] * b + m[5] * d + f,
                ];
            }
            _ => {}
        }
    }
    panic!("no stamp");
}

#[test]
fn a_stamp_is_upright_and_on_the_page_whatever_the_page_inherits() {
    let boxes: [(Dictionary, [f32; 4]); 6] = [
        (dictionary! { "MediaBox" => frame([0, 0, 595, 842]) }, [0.0, 0.0, 595.0, 842.0]),
        (dictionary! { "MediaBox" => frame([842, 595, 0, 0]) }, [0.0, 0.0, 842.0, 595.0]),
        (dictionary! { "MediaBox" => frame([-100, -50, 100, 50]) }, [-100.0, -50.0, 100.0, 50.0]),
        (
            dictionary! {
                "MediaBox" => frame([0, 0, 1000, 1000]), "CropBox" => frame([200, 300, 600, 2000]),
            },
            [200.0, 300.0, 600.0, 1000.0],
        ),
        (
            dictionary! {
                "MediaBox" => frame([0, 0, 400, 400]), "CropBox" => frame([900, 900, 950, 950]),
            },
            [0.0, 0.0, 400.0, 400.0],
        ),
        (dictionary! {}, [0.0, 0.0, 612.0, 792.0]),
    ];
    for (attributes, [left, bottom, right, top]) in boxes {
        for turn in [0_i64, 90, 180, 270, -90, 450, 45] {
            let mut attributes = attributes.clone();
            attributes.set("Rotate", turn);
            // On the page itself, one node up, two nodes up.
            for level in 0..3 {
                let mut made = Made { root: Dictionary::new(), ..Made::pages(2) };
                match level {
                    0 => made.page = attributes.clone(),
                    1 => made.parent = attributes.clone(),
                    _ => made.root = attributes.clone(),
                }
                let document = stamped(&made.bytes(), 2);
                let page = document.get_pages()[&2];
                for (at, along) in drawn(&document, page) {
                    let place = format!("{attributes:?} {turn} {level} {at:?} {along:?}");
                    assert!(at.0 >= left && at.0 <= right, "{place}");
                    assert!(at.1 >= bottom && at.1 <= top, "{place}");
                    // A page that is turned clockwise shows its left edge on top.
                    let shown = match turn.rem_euclid(360) {
                        90 => (along.1, -along.0),
                        180 => (-along.0, -along.1),
                        270 => (-along.1, along.0),
                        _ => along,
                    };
                    assert!(shown.0 > 0.0 && shown.1 >= -1e-3, "{place}: {shown:?}");
                }
            }
        }
    }
}

type Point = (f32, f32);

/// Where each of the stamp's first lines begins, and in which direction it runs.
fn drawn(document: &Document, page: ObjectId) -> Vec<(Point, Point)> {
    let content = Content::decode(&document.get_page_content(page)).unwrap();
    let stamp = content.operations.iter().skip_while(|operation| operation.operator != "DP");
    let mut upright = [1.0, 0.0, 0.0, 1.0, 0.0, 0.0];
    let mut found = Vec::new();
    for operation in stamp {
        let number = |index: usize| operation.operands[index].as_float().unwrap();
        let [a, b, c, d, e, f] = upright;
        let map = |(x, y): Point| (a * x + c * y, b * x + d * y);
        let at = |x, y| (map((x, y)).0 + e, map((x, y)).1 + f);
        match operation.operator.as_str() {
            "cm" => upright = [number(0), number(1), number(2), number(3), number(4), number(5)],
            "Tm" => found.push((at(number(4), number(5)), map((number(0), number(1))))),
            "Td" => found.push((at(number(0), number(1)), map((1.0, 0.0)))),
            _ => {}
        }
    }
    assert_eq!(found.len(), 2);
    found
}

#[test]
fn what_runs_starts_or_carries_is_refused() {
    let action = |kind: &str| dictionary! { "S" => kind, "JS" => Object::string_literal("x()") };
    let embedded = dictionary! {
        "Names" => vec![Object::string_literal("a"), Object::Dictionary(dictionary! {
            "Type" => "Filespec", "EF" => dictionary! { "F" => Object::Reference((1, 0)) },
        })],
    };
    let cases: Vec<(&str, Dictionary)> = vec![
        ("JavaScript", dictionary! { "OpenAction" => action("JavaScript") }),
        ("JavaScript", dictionary! { "AA" => dictionary! { "WC" => action("Rendition") } }),
        ("program", dictionary! { "OpenAction" => dictionary! { "S" => "Launch" } }),
        ("form data", dictionary! { "OpenAction" => dictionary! { "S" => "SubmitForm" } }),
        ("embedded file", dictionary! { "Names" => dictionary! { "EmbeddedFiles" => embedded } }),
        ("XFA", dictionary! { "AcroForm" => dictionary! { "XFA" => vec![] } }),
        ("multimedia", dictionary! { "X" => dictionary! { "Subtype" => "RichMedia" } }),
        ("embedded file", dictionary! { "X" => dictionary! { "Type" => "EmbeddedFile" } }),
        (
            "JavaScript",
            dictionary! {
                "X" => vec![Object::Array(vec![action("JavaScript").into()])],
            },
        ),
    ];
    for (what, catalog) in cases {
        let made = Made { catalog: catalog.clone(), ..Made::pages(1) };
        let refused = check(&made.bytes()).unwrap_err();
        assert!(matches!(refused, PdfRefused::Active { .. }), "{catalog:?}: {refused}");
        assert!(refused.to_string().contains(what), "{catalog:?}: {refused}");
        assert_eq!(stamp(&made.bytes(), &acme()), Err(refused));
    }
    // The name of what an action does may be an object of its own, spelt with escapes.
    let made = Made {
        catalog: dictionary! { "OpenAction" => dictionary! { "S" => Object::Reference((900, 0)) } },
        ..Made::pages(1)
    };
    let mut document = made.build();
    document.objects.insert((900, 0), Object::Name(b"JavaScript".to_vec()));
    document.max_id = 900;
    assert!(matches!(check(&saved(&mut document)), Err(PdfRefused::Active { .. })));
    let escaped =
        Made { catalog: dictionary! { "OpenAction" => action("Launch") }, ..Made::pages(1) };
    let text = String::from_utf8_lossy(&escaped.bytes()).replace("/Launch", "/L#61unc#68");
    assert!(matches!(check(text.as_bytes()), Err(PdfRefused::Active { .. })));
    // Names that only sound like it are none.
    let harmless = dictionary! {
        "OpenAction" => dictionary! { "S" => "GoTo", "D" => vec![] },
        "Names" => dictionary! { "EmbeddedFiles" => dictionary! { "Names" => vec![] } },
        "X" => dictionary! {
            "Font" => dictionary! { "EF" => Object::Reference((1, 0)), "JS" => 1 },
        },
    };
    stamped(&Made { catalog: harmless, ..Made::pages(1) }.bytes(), 1);
}

#[test]
fn what_is_no_document_is_refused_with_a_remedy() {
    let none = Made { pages: 0, ..Made::pages(0) }.bytes();
    assert_eq!(check(&none), Err(PdfRefused::NoPages));
    for bytes in [&b""[..], b"hello", b"PK\x03\x04", &[0; 2000], b"%PDF"] {
        assert_eq!(check(bytes), Err(PdfRefused::NotPdf));
    }
    let late = [&[b' '; 1100][..], &Made::pages(1).bytes()].concat();
    assert_eq!(check(&late), Err(PdfRefused::NotPdf));
    let large = vec![b'%'; DOCUMENT_BYTES + 1];
    assert_eq!(check(&large), Err(PdfRefused::TooLarge { bytes: large.len() }));
    for bytes in [&b"%PDF-1.7"[..], b"%PDF-1.7\n1 0 obj\n<<>>\nendobj\ntrailer <<>>"] {
        let refused = check(bytes).unwrap_err();
        assert!(matches!(refused, PdfRefused::Damaged { .. }), "{refused:?}");
    }
    for (receiver, release) in
        [("", "r"), ("r", ""), (&*"x".repeat(201), "r"), ("r", &"x".repeat(201))]
    {
        let bad = Stamp { receiver: receiver.into(), release: release.into(), at: 0 };
        assert!(matches!(stamp(&Made::pages(1).bytes(), &bad), Err(PdfRefused::Stamp { .. })));
    }
}

#[test]
fn structures_that_loop_or_dig_end() {
    // Pages that are their own parents, children and contents.
    let mut document = Made::pages(2).build();
    let pages: Vec<ObjectId> = document.get_pages().into_values().collect();
    let catalog = document.catalog().unwrap().get(b"Pages").unwrap().as_reference().unwrap();
    let root = document.get_dictionary_mut(catalog).unwrap();
    root.set("Parent", catalog);
    root.set("Kids", vec![catalog.into(), pages[0].into(), pages[0].into(), catalog.into()]);
    root.remove(b"Resources");
    let page = document.get_dictionary_mut(pages[0]).unwrap();
    page.set("Parent", catalog);
    page.set("Resources", Object::Reference(pages[0]));
    page.set("MediaBox", Object::Reference(pages[0]));
    page.set("Contents", vec![pages[0].into(), pages[0].into()]);
    let bytes = saved(&mut document);
    if check(&bytes).is_ok() {
        assert_eq!(
            check(&stamp(&bytes, &acme()).unwrap()),
            check(&bytes).map(|mut checked| {
                checked.version = "1.4".into();
                checked
            })
        );
    }
    // Brackets as deep as they fit, and references to themselves.
    let plain = Made::pages(1).bytes();
    for deep in ["[".repeat(500_000), "<</A".repeat(200_000), "(".repeat(500_000)] {
        let text = format!("%PDF-1.7\n1 0 obj\n{deep}\nendobj\ntrailer <</Root 1 0 R>>\n");
        assert!(check(text.as_bytes()).is_err());
    }
    let nested = format!("{}{}", "[".repeat(90), "]".repeat(90));
    let text =
        String::from_utf8_lossy(&plain).replace("/Title (Report)", &format!("/Title {nested}"));
    assert!(check(text.as_bytes()).is_ok());
}

#[test]
fn a_structure_that_unpacks_without_end_is_refused() {
    let mut document = Made::pages(30).build();
    let mut bytes = Vec::new();
    document.save_modern(&mut bytes).unwrap();
    let mut bomb = Stream::new(
        dictionary! { "Type" => "ObjStm", "N" => 1, "First" => 4 },
        [b"9 0 ".to_vec(), vec![b' '; 20 << 20]].concat(),
    );
    bomb.compress().unwrap();
    // A file whose only table of objects is such a stream.
    let mut text = format!(
        "%PDF-1.5\n1 0 obj\n<</Type/ObjStm/N 1/First 4/Filter/FlateDecode/Length {}>>\nstream\n",
        bomb.content.len()
    )
    .into_bytes();
    text.extend_from_slice(&bomb.content);
    text.extend_from_slice(
        b"\nendstream\nendobj\n2 0 obj\n<</Type/XRef/Size 10/W[1 1 1]/Root 9 0 R\
        /Index[1 1 9 1]/Length 6>>\nstream\n\x01\x09\x00\x02\x01\x00\nendstream\nendobj\n\
        startxref\n",
    );
    let at = text.windows(7).rposition(|window| window == b"2 0 obj").unwrap();
    text.extend_from_slice(format!("{at}\n%%EOF\n").as_bytes());
    let refused = check(&text).unwrap_err();
    assert!(refused.to_string().contains("16 MiB"), "{refused}");
}

/// A small generator of numbers, the same each time.
struct Numbers(u64);

impl Numbers {
    fn below(&mut self, limit: usize) -> usize {
        self.0 ^= self.0 << 13;
        self.0 ^= self.0 >> 7;
        self.0 ^= self.0 << 17;
        usize::try_from(self.0 % u64::try_from(limit).unwrap()).unwrap()
    }
}

#[test]
fn altered_documents_are_refused_or_stamped_and_nothing_worse() {
    let plain = Made::pages(2).bytes();
    let mut packed = Vec::new();
    Made::pages(2).build().save_modern(&mut packed).unwrap();
    let mut numbers = Numbers(0x5eed);
    let words: [&[u8]; 12] = [
        b"4294967295",
        b"-1",
        b"/Kids",
        b"1 0 R",
        b"99999999999999999999",
        b"<<",
        b">>",
        b"stream",
        b"endobj",
        b"/Prev 9",
        b"obj",
        b"0",
    ];
    let (mut taken, mut refused) = (0, 0);
    for round in 0..1500 {
        let mut bytes = if round % 2 == 0 { plain.clone() } else { packed.clone() };
        for _ in 0..=numbers.below(4) {
            let at = numbers.below(bytes.len());
            match numbers.below(4) {
                0 => bytes[at] = u8::try_from(numbers.below(256)).unwrap(),
                1 => bytes.truncate(at.max(20)),
                2 => drop(bytes.drain(at..(at + numbers.below(9)).min(bytes.len()))),
                _ => drop(bytes.splice(at..at, words[numbers.below(words.len())].iter().copied())),
            }
        }
        match stamp(&bytes, &acme()) {
            Ok(copy) => {
                taken += 1;
                assert!(check(&copy).is_ok(), "round {round}: a copy of ours is refused");
            }
            Err(PdfRefused::Damaged { why }) => {
                refused += 1;
                assert_ne!(why, "it cannot be read", "round {round}: the reader panicked");
            }
            Err(_) => refused += 1,
        }
    }
    assert!(taken > 300 && refused > 300, "{taken} taken, {refused} refused");
}

#[test]
fn what_is_written_can_be_read() {
    let lines: Vec<String> = (1..=200)
        .map(|number| match number % 4 {
            0 => String::new(),
            1 => format!("Line {number}: €5 – Łódź, 中"),
            2 => format!("Line {number} {}", "word ".repeat(60)),
            _ => format!("Line {number}(\\)<x>"),
        })
        .collect();
    let bytes = write_text("Incident 7: what happened", &lines);
    let pages = check(&bytes).unwrap().pages;
    assert!(pages > 5, "{pages}");
    let document = Document::load_mem(&bytes).unwrap();
    let all: Vec<u32> = document.get_pages().into_keys().collect();
    let text = document.extract_text(&all).unwrap();
    for (index, line) in lines.iter().enumerate().filter(|(_, line)| !line.is_empty()) {
        let start = format!("Line {}", index + 1);
        assert!(text.contains(&start), "{start}");
        assert_eq!(text.matches("€5 – Lódz, <U+4E2D>").count(), 50, "{line}");
    }
    assert_eq!(text.matches("word").count(), 50 * 60);
    assert_eq!(text.matches("what happened").count(), pages);
    assert!(text.contains(&format!("Page {pages} of {pages}")));
    assert_eq!(write_text("Incident 7: what happened", &lines), bytes);
    assert_eq!(check(&write_text("", &[])).unwrap().pages, 1);
    stamp(&bytes, &acme()).unwrap();
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(64))]

    #[test]
    fn any_receiver_is_kept_to_the_letter(receiver in "\\PC{1,200}") {
        let bytes = Made::pages(1).bytes();
        let copy = stamp(&bytes, &to(&receiver)).unwrap();
        let document = Document::load_mem(&copy).unwrap();
        let information = document.trailer.get_deref(b"Info", &document).unwrap();
        let information = information.as_dict().unwrap();
        prop_assert_eq!(mark(&document, information, &[b"BaileeReceiver"]), receiver);
    }
}

/// Runs Python with pikepdf in a folder; answers what it printed.
fn pikepdf(folder: &Path, script: &str) -> Option<String> {
    let python = peer::python("pikepdf")?;
    let output = Command::new(python).args(["-c", script]).current_dir(folder).output().unwrap();
    let said = String::from_utf8_lossy(&output.stderr).into_owned();
    assert!(output.status.success(), "{said}");
    Some(String::from_utf8(output.stdout).unwrap())
}

#[test]
fn a_document_that_needs_a_password_is_refused() {
    let folder = tempfile::tempdir().unwrap();
    std::fs::write(folder.path().join("plain.pdf"), Made::pages(2).bytes()).unwrap();
    let script = "import pikepdf
for r in (2, 3, 4, 6):
    for name, user in (('user', 'secret'), ('owner', '')):
        pdf = pikepdf.open('plain.pdf')
        strong = {} if r >= 4 else {'aes': False, 'metadata': False}
        lock = pikepdf.Encryption(user=user, owner='o', R=r, **strong)
        pdf.save(f'{name}{r}.pdf', encryption=lock)
";
    if pikepdf(folder.path(), script).is_none() {
        return;
    }
    for revision in [2, 3, 4, 6] {
        let read = |name: &str| {
            std::fs::read(folder.path().join(format!("{name}{revision}.pdf"))).unwrap()
        };
        let refused = check(&read("user")).unwrap_err();
        assert_eq!(refused, PdfRefused::Encrypted, "revision {revision}");
        assert!(refused.to_string().contains("without one"), "{refused}");
        // Protected against changes only: it opens, and its copy is stamped.
        stamped(&read("owner"), 2);
    }
}

#[test]
fn another_library_finds_nothing_wrong_with_a_stamped_copy() {
    let folder = tempfile::tempdir().unwrap();
    let turned = Made { page: dictionary! { "Rotate" => 90 }, before: "q ", ..Made::pages(3) };
    let mut packed = Vec::new();
    Made::pages(3).build().save_modern(&mut packed).unwrap();
    for (name, bytes) in [("a", Made::pages(3).bytes()), ("b", turned.bytes()), ("c", packed)] {
        let path = folder.path().join(format!("{name}.pdf"));
        std::fs::write(path, stamp(&bytes, &acme()).unwrap()).unwrap();
    }
    let text = write_text("Title", &vec!["a line".to_owned(); 147]);
    std::fs::write(folder.path().join("d.pdf"), text).unwrap();
    let script = "import pikepdf
for name in 'abcd':
    pdf = pikepdf.open(name + '.pdf')
    print(name, len(pdf.pages), pdf.check() if hasattr(pdf, 'check') else pdf.check_pdf_syntax())
    for page in pdf.pages:
        pikepdf.parse_content_stream(page)
    if name != 'd':
        print(pdf.docinfo['/BaileeReceiver'], pdf.pages[0].PieceInfo.Bailee.Private.Release)
";
    let Some(said) = pikepdf(folder.path(), script) else { return };
    let marks = "Acme Ltd, Ann Ash REL-2026-0042\n";
    assert_eq!(said, format!("a 3 []\n{marks}b 3 []\n{marks}c 3 []\n{marks}d 3 []\n"));
}
