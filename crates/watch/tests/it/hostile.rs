//! Rule files that somebody means ill with.

use watch::Rules;

fn problems(text: &str) -> Vec<String> {
    let (rules, problems) = Rules::parse([("f.yml", text)]);
    assert!(rules.is_empty(), "{text:.200}");
    problems.into_iter().map(|problem| problem.to_string()).collect()
}

fn with(detection: &str) -> String {
    format!(
        "title: t\nid: i\nlogsource: {{product: p}}\ndetection:\n    s:\n        {detection}\n    \
         condition: s\n"
    )
}

#[test]
fn an_alias_bomb_is_refused_before_it_is_read() {
    let mut bomb = String::from("a0: &a0 [x, x, x, x, x, x, x, x, x]\n");
    for level in 1..10 {
        let refs = vec![format!("*a{}", level - 1); 9].join(", ");
        bomb.push_str(&format!("a{level}: &a{level} [{refs}]\n"));
    }
    assert_eq!(problems(&bomb), ["f.yml:1: anchors and aliases are not read: write the value out"]);
}

#[test]
fn an_expression_that_would_take_for_ever_is_refused() {
    for pattern in ["(?:a{1,1000}){1,1000}", "(a+)+\\1", "(?<=a)b", &"x".repeat(5_000), "(a"] {
        let found = problems(&with(&format!("message|re: '{pattern}'")));
        assert_eq!(found.len(), 1, "{pattern:.50}");
        assert!(found[0].contains("expression"), "{found:?}");
    }
}

#[test]
fn what_is_nested_or_malformed_is_reported_and_not_followed() {
    for text in [
        "{".repeat(100_000),
        "[".repeat(100_000),
        "- ".repeat(50_000),
        format!("a: {}", "[".repeat(100_000)),
        "title: t\nlogsource: {product: p}\ndetection: {s: {a: b}, condition: 's and'}".to_owned(),
        format!(
            "title: t\nlogsource: {{product: p}}\ndetection: {{s: {{a: b}}, condition: '{}s'}}",
            "not (".repeat(2_000)
        ),
        "\u{0}".to_owned(),
        "title: [1, 2".to_owned(),
        "just text".to_owned(),
        with("a|nosuchmodifier: b"),
    ] {
        assert!(!problems(&text).is_empty(), "{text:.100}");
    }
}

#[test]
fn a_file_that_is_too_large_is_refused() {
    let found = problems(&format!("title: t\ndescription: '{}'\n", "x".repeat(300_000)));
    assert_eq!(found, ["f.yml: larger than 256 KiB: split it"]);
}

#[test]
fn a_rule_without_a_log_source_would_match_everything() {
    let text = with("a: b").replace("{product: p}", "{}");
    assert!(problems(&text)[0].contains("log source"), "{:?}", problems(&text));
}

#[test]
fn what_is_not_evaluated_is_said_and_not_passed_over() {
    let base = with("a: b");
    for (lines, said) in [
        ("type: value_avg\n    condition: {field: a, gte: 1}", "not evaluated"),
        ("type: value_count\n    condition: {gte: 1}", "needs a `field`"),
        ("type: event_count\n    window: tumbling\n    condition: {gte: 1}", "windows"),
        ("type: temporal\n    condition: not i", "did match"),
        ("type: temporal\n    condition: i and not nobody", "not under `rules`"),
        ("type: event_count\n    condition: {gte: 1}\n    timespan: 400d", "31 days"),
        ("type: event_count\n    condition: {gte: 1}\ntimes: 3", "temporal_ordered"),
        ("type: temporal_ordered\ntimes: 0", "from 1 to 1000"),
    ] {
        let span = if lines.contains("timespan") { "" } else { "\n    timespan: 1m" };
        let text = format!(
            "{base}---\ntitle: c\nid: c\ncorrelation:\n    rules: [i]{span}\n    {lines}\n"
        );
        let (_, problems) = Rules::parse([("f.yml", text.as_str())]);
        assert!(problems.iter().any(|it| it.to_string().contains(said)), "{lines}: {problems:?}");
    }
}

#[test]
fn two_rules_cannot_have_one_id() {
    let text = with("a: b");
    let (rules, problems) = Rules::parse([("f.yml", text.as_str()), ("g.yml", text.as_str())]);
    assert_eq!((rules.len(), problems.len()), (1, 1));
    assert!(problems[0].to_string().contains("already used in `f.yml`"));
}

#[test]
fn our_own_fields_are_checked() {
    for (line, said) in [
        ("answer: explode", "`answer`"),
        ("paging: perhaps", "`paging`"),
        ("shadow: 1", "`shadow`"),
    ] {
        assert!(problems(&format!("{line}\n{}", with("a: b")))[0].contains(said), "{line}");
    }
}
