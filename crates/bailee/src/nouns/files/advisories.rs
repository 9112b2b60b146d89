//! Advisories against inventories: which components each matches, and what is new about it compared
//! with what is registered.

use std::collections::{BTreeMap, BTreeSet, HashMap};

use connectors::intake::inventory::Component;
use connectors::intake::osv::{Advisory, Match, matches, package_key};
use domain::register::When;
use serde_json::{Map, Value, json};

use super::feed::informational;
use super::{fitting, text, utc};

/// Components that one advisory may match.
const MATCHED: usize = 500;

/// The components of every inventory, by what an advisory names.
pub(super) struct Matching {
    named: HashMap<(String, String), Vec<Listed>>,
    /// Those of no known ecosystem.
    loose: HashMap<String, Vec<Listed>>,
    /// Every line, to see whether something is still there.
    lines: BTreeSet<String>,
}

struct Listed {
    inventory: String,
    component: Component,
}

impl Matching {
    /// Of the inventories that are in use.
    pub(super) fn new(inventories: &[Value]) -> Self {
        let (named, loose, lines) = (HashMap::new(), HashMap::new(), BTreeSet::new());
        let mut all = Self { named, loose, lines };
        for row in inventories.iter().filter(|row| row.get("retired").is_none_or(Value::is_null)) {
            let components = row.get("components").and_then(Value::as_array);
            for line in components.into_iter().flatten().filter_map(Value::as_str) {
                all.add(text(row, "id"), line);
            }
        }
        all
    }

    pub(super) fn is_empty(&self) -> bool {
        self.lines.is_empty()
    }

    fn add(&mut self, inventory: &str, line: &str) {
        let mut parts = line.splitn(3, '|').map(|part| if part == "-" { "" } else { part });
        let (Some(ecosystem), Some(name), Some(version)) =
            (parts.next(), parts.next(), parts.next())
        else {
            return;
        };
        let component = Component {
            ecosystem: ecosystem.to_owned(),
            name: name.to_owned(),
            version: version.to_owned(),
            purl: None,
        };
        self.lines.insert(format!("{inventory}|{line}"));
        let listed = Listed { inventory: inventory.to_owned(), component };
        if ecosystem.is_empty() {
            self.loose.entry(words(name)).or_default().push(listed);
        } else {
            self.named.entry(package_key(ecosystem, name)).or_default().push(listed);
        }
    }

    /// The lines of components that an advisory matches, in order, and whether there are more.
    fn of(&self, advisory: &Advisory) -> (Vec<String>, bool) {
        let mut lines = BTreeMap::new();
        for affected in advisory.affected.iter().filter(|one| !one.name.is_empty()) {
            let named = self.named.get(&package_key(&affected.ecosystem, &affected.name));
            let loose = self.loose.get(&words(&affected.name));
            for one in named.into_iter().chain(loose).flatten() {
                let fixed = match matches(advisory, &one.component) {
                    Match::Affected { fixed } => fixed.unwrap_or_default(),
                    Match::Unknown { .. } => String::new(),
                    Match::NotAffected { .. } => continue,
                };
                lines.insert(one.line(), fixed);
            }
        }
        let line = |(line, fixed): (String, String)| format!("{line}|{fixed}");
        let more = lines.len() > MATCHED;
        (lines.into_iter().map(line).take(MATCHED).collect(), more)
    }
}

impl Listed {
    fn line(&self) -> String {
        let part = |text: &str| if text.is_empty() { "-".to_owned() } else { text.to_owned() };
        let Component { ecosystem, name, version, .. } = &self.component;
        format!("{}|{}|{}|{}", self.inventory, part(ecosystem), part(name), part(version))
    }
}

/// Maven writes `group:artifact`, others `group/name`.
fn words(name: &str) -> String {
    name.replace(':', "/")
}

/// A registered advisory.
pub(super) struct Known(Value);

impl Known {
    pub(super) fn new(row: Value) -> Self {
        Self(row)
    }

    pub(super) fn id(&self) -> &str {
        text(&self.0, "id")
    }

    pub(super) fn exploited(&self) -> bool {
        self.0.get("known_exploited") == Some(&Value::Bool(true))
    }

    /// Whether one of these is an id of it.
    pub(super) fn in_any(&self, ids: &BTreeSet<String>) -> bool {
        let aliases = self.0.get("aliases").and_then(Value::as_array);
        let aliases = aliases.into_iter().flatten().filter_map(Value::as_str);
        aliases.chain([text(&self.0, "osv")]).any(|id| ids.contains(id))
    }

    /// The lines of components that it was seen to match.
    fn lines(&self) -> Vec<String> {
        let all = self.0.get("matched").and_then(Value::as_array).into_iter().flatten();
        let line = |one: &Value| {
            ["inventory", "ecosystem", "name", "version", "fixed"]
                .map(|part| text(one, part).to_owned())
                .join("|")
        };
        let mut lines: Vec<String> = all.map(line).collect();
        lines.sort_unstable();
        lines
    }
}

/// What a feed brings that is not registered yet.
#[derive(Default)]
pub(super) struct News {
    /// Place below `advisories` (empty for a new one) and body of each request.
    pub(super) calls: Vec<(String, Value)>,
    pub(super) matched: usize,
    pub(super) added: usize,
    pub(super) updated: usize,
    pub(super) informational: usize,
    /// Advisories that match more components than one row lists.
    pub(super) cut: usize,
}

/// Compares a feed with what is registered.
pub(super) fn news(
    feed: &str,
    advisories: &[Advisory],
    known: &[Known],
    matching: &Matching,
    exploited: &BTreeSet<String>,
) -> News {
    let by_id: HashMap<&str, &Known> = known.iter().map(|one| (text(&one.0, "osv"), one)).collect();
    let (mut news, mut seen) = (News::default(), BTreeSet::new());
    for advisory in advisories {
        if informational(advisory) {
            news.informational += 1;
            continue;
        }
        let ((lines, more), row) = (matching.of(advisory), by_id.get(&*advisory.id));
        news.cut += usize::from(more);
        news.matched += usize::from(!lines.is_empty());
        let hit = advisory.aliases.iter().chain([&advisory.id]).any(|id| exploited.contains(id));
        if let Some(row) = row {
            seen.insert(row.id());
            let body = update(row, advisory, &lines, hit);
            if !body.is_empty() {
                news.updated += 1;
                news.calls.push((format!("{}:update", row.id()), body.into()));
            }
        } else if !lines.is_empty() {
            news.added += 1;
            news.calls.push((String::new(), new(feed, advisory, lines, hit)));
        }
    }
    // What this feed does not list any more keeps what is still there of its components.
    for row in known.iter().filter(|row| text(&row.0, "feed") == feed && !seen.contains(row.id())) {
        let there = |line: &String| {
            line.rsplit_once('|').is_some_and(|(component, _)| matching.lines.contains(component))
        };
        let (before, mut now) = (row.lines(), row.lines());
        now.retain(there);
        if now != before {
            news.updated += 1;
            news.calls.push((format!("{}:update", row.id()), json!({"matched": now})));
        }
    }
    news
}

/// What is different from what is registered.
fn update(
    row: &Known,
    advisory: &Advisory,
    lines: &[String],
    exploited: bool,
) -> Map<String, Value> {
    let mut body = Map::new();
    let mut set = |name: &str, value: Value| body.insert(name.to_owned(), value);
    if text(&row.0, "severity") != advisory.severity.as_str() {
        set("severity", advisory.severity.as_str().into());
    }
    if exploited && !row.exploited() {
        set("known_exploited", true.into());
    }
    let same = |name: &str, new: &str| When::parse(text(&row.0, name)) == When::parse(new);
    if let Some(modified) = utc(&advisory.modified).filter(|at| !same("modified", at)) {
        set("modified", modified.into());
    }
    let withdrawn = advisory.withdrawn.as_deref().and_then(utc);
    if let Some(withdrawn) = withdrawn.filter(|at| !same("withdrawn", at)) {
        set("withdrawn", withdrawn.into());
    }
    let mut now = lines.to_vec();
    now.sort_unstable();
    if row.lines() != now {
        set("matched", now.into());
    }
    body
}

fn new(feed: &str, advisory: &Advisory, matched: Vec<String>, exploited: bool) -> Value {
    let summary = fitting(&advisory.summary, 500);
    let aliases = advisory.aliases.iter().filter(|id| id.len() <= 100).take(50);
    let mut body = json!({
        "osv": advisory.id,
        "aliases": aliases.collect::<Vec<_>>(),
        "summary": if summary.is_empty() { advisory.id.clone() } else { summary },
        "severity": advisory.severity.as_str(),
        "known_exploited": exploited,
        "modified": utc(&advisory.modified),
        "feed": feed,
        "matched": matched,
    });
    let published = advisory.published.as_deref().and_then(utc);
    super::set(&mut body, "published", published.as_ref());
    body
}

/// A count as the register takes it.
pub(super) fn number_of(count: usize) -> u32 {
    u32::try_from(count).unwrap_or(u32::MAX)
}

#[cfg(test)]
mod tests {
    use super::{Known, Matching, news};
    use connectors::intake::osv::{Advisory, advisories};
    use serde_json::{Value, json};
    use std::collections::BTreeSet;

    fn feed(severity: &str, withdrawn: bool) -> Vec<Advisory> {
        let mut one = json!({
            "id": "RUSTSEC-2026-0001", "modified": "2026-02-01T00:00:00Z",
            "aliases": ["CVE-2026-1"], "summary": "a hole",
            "database_specific": {"severity": severity},
            "affected": [{"package": {"ecosystem": "crates.io", "name": "a"},
                "ranges": [{"type": "SEMVER",
                    "events": [{"introduced": "0"}, {"fixed": "1.2.0"}]}]}]
        });
        if withdrawn {
            one["withdrawn"] = json!("2026-02-02T00:00:00Z");
        }
        advisories(one.to_string().as_bytes()).unwrap().advisories
    }

    fn matching(version: &str) -> Matching {
        let lines = json!([format!("crates.io|a|{version}"), "crates.io|b|1.0.0", "-|a|1.0.0"]);
        Matching::new(&[
            json!({"id": "desk", "components": lines}),
            json!({"id": "old", "components": ["crates.io|a|1.0.0"], "retired": {"by": "x"}}),
        ])
    }

    /// The row as it would be registered.
    fn registered(body: &Value) -> Known {
        let mut row = body.clone();
        row["id"] = json!("rustsec-2026-0001");
        row["matched"] = json!([
            {"inventory": "desk", "ecosystem": "-", "name": "a", "version": "1.0.0"},
            {"inventory": "desk", "ecosystem": "crates.io", "name": "a", "version": "1.1.0",
                "fixed": "1.2.0"},
        ]);
        Known::new(row)
    }

    #[test]
    fn what_matches_is_added_once_and_then_followed() {
        let none = BTreeSet::new();
        let first = news("f", &feed("HIGH", false), &[], &matching("1.1.0"), &none);
        assert_eq!((first.matched, first.added, first.updated), (1, 1, 0));
        let (place, body) = &first.calls[0];
        assert!(place.is_empty());
        assert_eq!(body["matched"], json!(["desk|-|a|1.0.0|", "desk|crates.io|a|1.1.0|1.2.0"]));
        let known = [registered(body)];
        let again = news("f", &feed("HIGH", false), &known, &matching("1.1.0"), &none);
        assert_eq!((again.matched, again.calls.len()), (1, 0), "{:?}", again.calls);
        let fixed = news("f", &feed("HIGH", false), &known, &matching("1.2.0"), &none);
        assert_eq!(fixed.calls[0].1, json!({"matched": ["desk|-|a|1.0.0|"]}));
        let exploited = BTreeSet::from(["CVE-2026-1".to_owned()]);
        let worse = news("f", &feed("HIGH", false), &known, &matching("1.1.0"), &exploited);
        assert_eq!(worse.calls[0].1, json!({"known_exploited": true}));
        let gone = news("f", &feed("HIGH", true), &known, &matching("1.1.0"), &none);
        assert_eq!(gone.matched, 0);
        assert_eq!(gone.calls[0].1["matched"], json!([]));
        assert!(gone.calls[0].1["withdrawn"].is_string());
    }

    #[test]
    fn what_a_feed_lists_no_more_keeps_what_is_still_there() {
        let none = BTreeSet::new();
        let first = news("f", &feed("HIGH", false), &[], &matching("1.1.0"), &none);
        let known = [registered(&first.calls[0].1)];
        assert!(news("f", &[], &known, &matching("1.1.0"), &none).calls.is_empty());
        assert!(news("g", &[], &known, &matching("1.3.0"), &none).calls.is_empty(), "another's");
        let upgraded = news("f", &[], &known, &matching("1.3.0"), &none);
        assert_eq!(upgraded.calls[0].1, json!({"matched": ["desk|-|a|1.0.0|"]}));
    }
}
