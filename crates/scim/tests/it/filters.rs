//! Filters: what they mean, and what garbage does to them.

use proptest::prelude::*;
use scim::{FILTER_BYTES, FILTER_DEPTH, FILTER_TERMS, Filter, GROUP, Kind, Meta, Resource, USER};
use serde_json::{Value, json};
use std::fmt::Write as _;

fn ana() -> Resource {
    let stated = json!({
        "userName": "Ana@Northwind.example", "externalId": "E-1", "active": true,
        "name": {"familyName": "Lima", "givenName": "Ana"},
        "title": "Head of \"Cases\"",
        "emails": [
            {"value": "ana@work.example", "type": "work", "primary": true},
            {"value": "ana@home.example", "type": "home"},
        ],
        "urn:ietf:params:scim:schemas:extension:enterprise:2.0:User": {"department": "Support"},
    });
    let meta = Meta {
        id: "a1".to_owned(),
        created: "2026-11-22T14:02:11.000000Z".to_owned(),
        modified: "2026-11-22T14:02:11.500000Z".to_owned(),
        location: "https://x/scim/v2/Users/a1".to_owned(),
        version: "\"3\"".to_owned(),
    };
    Resource::read(&USER, &stated).unwrap().with(&USER, &meta)
}

fn holds(filter: &str) -> bool {
    Filter::parse(&USER, filter).unwrap_or_else(|why| panic!("{filter}: {why}")).matches(&ana())
}

fn refused(filter: &str) -> Kind {
    match Filter::parse(&USER, filter) {
        Err(error) => error.kind,
        Ok(filter) => panic!("{filter:?}"),
    }
}

#[test]
fn filters_mean_what_the_standard_says() {
    for filter in [
        // Case of names, of operators, and of values that are not exact (RFC 7643 §2.1, §4.1.1).
        "userName eq \"ana@northwind.EXAMPLE\"",
        "USERNAME Eq \"Ana@Northwind.example\"",
        "urn:ietf:params:scim:schemas:core:2.0:User:userName sw \"ana\"",
        "externalId eq \"E-1\"",
        "name.familyName co \"im\" and name.givenName ew \"NA\"",
        "title eq \"Head of \\\"Cases\\\"\"",
        "title pr and not (nickName pr)",
        "emails eq \"ana@home.example\"",
        "emails.type eq \"home\"",
        "emails[type eq \"work\" and value co \"@work\"]",
        "emails[type eq \"work\" and primary eq true]",
        "emails[primary eq \"True\"]",
        "not (emails[type eq \"home\" and value co \"@work\"])",
        "active eq true",
        "active eq \"True\"",
        "active ne false",
        "nickName eq null",
        "title ne null",
        "nickName ne \"x\"",
        "urn:ietf:params:scim:schemas:extension:enterprise:2.0:User:department eq \"support\"",
        "meta.lastModified gt \"2026-11-22T14:02:11Z\"",
        "meta.lastModified ge \"2026-11-22T14:02:11.5Z\"",
        "meta.created le \"2026-11-22T14:02:11+00:00\"",
        "id eq \"a1\"",
        // `and` binds closer than `or`.
        "active eq true or active eq false and title eq \"x\"",
        "(active eq false or active eq true) and (title pr)",
        " userName   eq   \"ana@northwind.example\"  ",
        "userName gt \"am\" and userName lt \"ao\"",
    ] {
        assert!(holds(filter), "{filter}");
    }
    for filter in [
        "externalId eq \"e-1\"",
        "id eq \"A1\"",
        "userName eq \"ana\"",
        "nickName eq \"x\"",
        "nickName pr",
        "active eq false",
        "emails[type eq \"work\" and value co \"@home\"]",
        "meta.lastModified gt \"2026-11-22T14:02:11.500000001Z\"",
        "(active eq true or active eq false) and title eq \"x\"",
    ] {
        assert!(!holds(filter), "{filter}");
    }
}

#[test]
fn what_is_no_filter_is_refused_by_its_kind() {
    let deep = format!("{}active eq true{}", "(".repeat(20), ")".repeat(20));
    let long = format!("userName eq \"{}\"", "x".repeat(FILTER_BYTES));
    let hostile = [
        "",
        " ",
        "userName",
        "userName eq",
        "userName eq ana",
        "userName eq \"ana",
        "userName eq \"ana\" and",
        "userName eq \"ana\" \"bob\"",
        "userName is \"ana\"",
        "eq \"ana\"",
        "nothing eq \"ana\"",
        "name eq \"ana\"",
        "active gt true",
        "active eq \"maybe\"",
        "active co \"r\"",
        "userName eq 5",
        "userName gt null",
        "meta.created gt \"yesterday\"",
        "meta.created co \"2026-11-22T14:02:11Z\"",
        "emails[type eq \"work\"",
        "emails[type eq \"work\"]]",
        "emails[]",
        "emails[emails[type eq \"work\"]]",
        "userName[type eq \"work\"]",
        "not active eq true",
        "(active eq true",
        "active eq true)",
        "userName eq \"\\x\"",
        "userName eq \"a\" OR 1=1 --",
        "userName eq \"a\"; drop table users",
        "urn:evil:userName eq \"a\"",
        &deep,
        &long,
    ];
    for filter in hostile {
        assert_eq!(refused(filter), Kind::InvalidFilter, "{filter:.60}");
    }
    let fits = FILTER_DEPTH - 1;
    assert!(holds(&format!("{}active eq true{}", "(".repeat(fits), ")".repeat(fits))));
}

#[test]
fn only_an_equality_by_itself_is_looked_up_in_an_index() {
    let equals = |text: &str| {
        let filter = Filter::parse(&USER, text).unwrap();
        filter.equals("userName").map(str::to_owned)
    };
    assert_eq!(equals("userName eq \"Ana\"").as_deref(), Some("Ana"));
    assert_eq!(equals("(USERNAME eq \"Ana\")").as_deref(), Some("Ana"));
    for other in [
        "userName ne \"Ana\"",
        "not (userName eq \"Ana\")",
        "userName eq \"Ana\" or active eq true",
        "externalId eq \"Ana\"",
        "userName eq null",
    ] {
        assert_eq!(equals(other), None, "{other}");
    }
}

/// Many terms and deep brackets cost no more than their length.
#[test]
fn the_longest_filters_are_read_at_once() {
    let wide = |terms: usize| vec!["active eq true"; terms].join(" or ");
    assert!(holds(&wide(FILTER_TERMS)));
    assert_eq!(refused(&wide(FILTER_TERMS + 1)), Kind::InvalidFilter);
    for text in ["not(", "(", "emails[", "\"", "userName eq \"\\", "a.", "urn:"] {
        let text = text.repeat(FILTER_BYTES / text.len());
        assert_eq!(refused(&text), Kind::InvalidFilter);
    }
    let mut members = String::new();
    for n in 0..9_000 {
        let _ = write!(members, "{}{{\"value\":\"m{n}\"}}", if n > 0 { "," } else { "" });
    }
    let group = format!("{{\"displayName\":\"g\",\"members\":[{members}]}}");
    let group: Value = serde_json::from_str(&group).unwrap();
    let group = Resource::read(&GROUP, &group).unwrap();
    let many = vec!["members.value eq \"x\""; FILTER_TERMS].join(" or ");
    assert!(!Filter::parse(&GROUP, &many).unwrap().matches(&group));
}

/// Words that filters are made of, in any order.
fn soup() -> impl Strategy<Value = String> {
    let word = prop_oneof![
        Just("userName".to_owned()),
        Just("emails".to_owned()),
        Just("name.familyName".to_owned()),
        Just("active".to_owned()),
        Just("eq".to_owned()),
        Just("pr".to_owned()),
        Just("co".to_owned()),
        Just("and".to_owned()),
        Just("or".to_owned()),
        Just("not".to_owned()),
        Just("(".to_owned()),
        Just(")".to_owned()),
        Just("[".to_owned()),
        Just("]".to_owned()),
        Just("\"x\"".to_owned()),
        Just("true".to_owned()),
        Just("null".to_owned()),
        Just("\u{202e}".to_owned()),
        ".{0,4}",
    ];
    prop::collection::vec(word, 0..40).prop_map(|words| words.join(" "))
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(2000))]

    #[test]
    fn garbage_is_read_or_refused(text in prop_oneof![soup(), ".{0,200}"]) {
        if let Ok(filter) = Filter::parse(&USER, &text) {
            filter.matches(&ana());
            filter.matches(&Resource::default());
        }
    }

    /// A filter and its opposite never agree.
    #[test]
    fn not_is_the_opposite(text in soup()) {
        if let (Ok(is), Ok(not)) =
            (Filter::parse(&USER, &text), Filter::parse(&USER, &format!("not ({text})")))
        {
            prop_assert_ne!(is.matches(&ana()), not.matches(&ana()));
        }
    }
}
