//! Rules read from Sigma files.

use std::collections::{BTreeMap, HashMap};

use rsigma_eval::Engine;
use rsigma_parser::{
    CorrelationRule, FilterRule, FilterRuleTarget, SigmaRule, Timespan, parse_sigma_yaml,
};

use crate::alert::{Answer, Level, id_of};
use crate::described::{Told, described, expressions};
use crate::event::{Event, View};
use crate::plan::{Own, Plan};
use crate::yaml;

/// How many rules are read; SigmaHQ has under 4,000.
const RULES: usize = 20_000;

/// The longest regular expression, in bytes.
const PATTERN: usize = 4 * 1024;

/// The largest compiled regular expression, in bytes. Searching takes time in its size times the
/// length of the text, never more (crate `regex`), so this bounds what one text can cost.
const COMPILED: usize = 1024 * 1024;

/// How often the first rule of an order may be asked to have matched.
const TIMES: u64 = 1_000;

/// Why a rule, or a part of one, was not taken.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Problem {
    /// The file.
    pub file: String,
    /// The rule's id, name or title, if it got so far.
    pub rule: Option<String>,
    /// The line in the file, from 1, if it is known.
    pub line: Option<usize>,
    /// What is wrong and what to do.
    pub message: String,
}

impl std::fmt::Display for Problem {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "{}", self.file)?;
        if let Some(line) = self.line {
            write!(f, ":{line}")?;
        }
        write!(f, ": ")?;
        if let Some(rule) = &self.rule {
            write!(f, "rule `{rule}`: ")?;
        }
        f.write_str(&self.message)
    }
}

/// One rule, as its file describes it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Rule {
    /// Its id; its name or title where it has none.
    pub id: String,
    /// Its name, by which others may refer to it.
    pub name: Option<String>,
    /// Changes with its text, with that of the rules it refers to, and with filters.
    pub version: String,
    /// The file it came from.
    pub file: String,
    /// Its title.
    pub title: String,
    /// What it is about.
    pub description: Option<String>,
    /// Who wrote it.
    pub author: Option<String>,
    /// Under which licence.
    pub license: Option<String>,
    /// How grave a finding is.
    pub level: Level,
    /// Tags, such as `attack.t1110`.
    pub tags: Vec<String>,
    /// What else looks like it.
    pub false_positives: Vec<String>,
    /// Whether somebody is to be paged (`paging: true`).
    pub paging: bool,
    /// What may be done by itself (`answer: none|limit|lock|ban|suspend`).
    pub answer: Answer,
    /// Whether it is on trial (`shadow: true`).
    pub shadow: bool,
    /// Whether it looks at several events.
    pub correlates: bool,
    /// Whether it makes alerts itself: a rule that only serves a correlation does not.
    pub alerts: bool,
}

impl Rule {
    /// In place of a rule that is not there.
    pub(crate) fn unknown() -> Self {
        described("", "", &Told::default())
    }
}

/// What a log source is told by.
#[derive(Clone, Debug, Default, PartialEq, Eq, PartialOrd, Ord)]
struct Source {
    product: Option<String>,
    service: Option<String>,
    category: Option<String>,
}

impl Source {
    /// Whether events of this source are the rule's: all that the rule names must be equal.
    fn takes(&self, event: &Event) -> bool {
        let same = |asked: &Option<String>, given: &Option<String>| match (asked, given) {
            (None, _) => true,
            (Some(asked), Some(given)) => asked.eq_ignore_ascii_case(given),
            (Some(_), None) => false,
        };
        same(&self.product, &event.product)
            && same(&self.service, &event.service)
            && same(&self.category, &event.category)
    }

    fn is_empty(&self) -> bool {
        self.product.is_none() && self.service.is_none() && self.category.is_none()
    }
}

/// A set of rules, ready to be evaluated.
pub struct Rules {
    rules: Vec<Rule>,
    /// Detection rules by log source, so that a rule is never asked about another's events.
    engines: Vec<(Source, Engine)>,
    /// The place of a detection rule by its id.
    places: HashMap<String, usize>,
    /// Which plans a detection rule feeds, and with which tag.
    feeds: Vec<Vec<(usize, u32)>>,
    plans: Vec<Plan>,
}

impl std::fmt::Debug for Rules {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Rules").field("rules", &self.rules.len()).finish_non_exhaustive()
    }
}

impl Rules {
    /// Reads rules from files: their names and texts. What cannot be read is reported and left out;
    /// the rest is taken.
    pub fn parse<'a>(files: impl IntoIterator<Item = (&'a str, &'a str)>) -> (Self, Vec<Problem>) {
        let mut reading = Reading::default();
        for (name, text) in files {
            reading.file(name, text);
        }
        reading.finish()
    }

    /// All rules, in the order of their files.
    pub fn iter(&self) -> impl Iterator<Item = &Rule> {
        self.rules.iter()
    }

    /// The rule with this id.
    pub fn get(&self, id: &str) -> Option<&Rule> {
        self.rules.iter().find(|rule| rule.id == id)
    }

    /// How many rules there are.
    pub fn len(&self) -> usize {
        self.rules.len()
    }

    /// Whether there is no rule.
    pub fn is_empty(&self) -> bool {
        self.rules.is_empty()
    }

    /// Puts a rule on trial, or ends its trial; whether there is such a rule.
    pub fn set_shadow(&mut self, id: &str, shadow: bool) -> bool {
        let rule = self.rules.iter_mut().find(|rule| rule.id == id);
        rule.map(|rule| rule.shadow = shadow).is_some()
    }

    pub(crate) fn rule(&self, place: usize) -> Option<&Rule> {
        self.rules.get(place)
    }

    pub(crate) fn plans(&self) -> &[Plan] {
        &self.plans
    }

    pub(crate) fn feeds(&self, place: usize) -> &[(usize, u32)] {
        self.feeds.get(place).map_or(&[], Vec::as_slice)
    }

    /// The places of the detection rules that an event matches.
    pub(crate) fn matching(&self, event: &Event, found: &mut Vec<usize>) {
        found.clear();
        let view = View(event);
        for (source, engine) in &self.engines {
            if !source.takes(event) {
                continue;
            }
            for result in engine.evaluate(&view) {
                let id = result.header.rule_id.as_deref().unwrap_or_default();
                found.extend(self.places.get(id));
            }
        }
    }
}

/// Files read so far.
#[derive(Default)]
struct Reading {
    problems: Vec<Problem>,
    detections: Vec<(Rule, SigmaRule)>,
    correlations: Vec<(Rule, CorrelationRule)>,
    /// Files, their versions, and filters.
    filters: Vec<(String, String, FilterRule)>,
    known: HashMap<String, String>,
}

impl Reading {
    fn problem(&mut self, file: &str, rule: Option<&str>, line: Option<usize>, what: String) {
        let rule = rule.map(str::to_owned);
        self.problems.push(Problem { file: file.to_owned(), rule, line, message: what });
    }

    fn file(&mut self, file: &str, text: &str) {
        if text.len() > yaml::FILE {
            let limit = yaml::FILE / 1024;
            self.problem(file, None, None, format!("larger than {limit} KiB: split it"));
            return;
        }
        if let Some((line, what)) = yaml::refused(text) {
            self.problem(file, None, Some(line), what.to_owned());
            return;
        }
        let collection = match parse_sigma_yaml(text) {
            Ok(collection) => collection,
            Err(error) => {
                self.problem(file, None, None, format!("not read: {error}"));
                return;
            }
        };
        for error in &collection.errors {
            self.problem(file, None, None, error.clone());
        }
        let version = id_of(&[b"file", text.as_bytes()]);
        for rule in collection.rules {
            let described = described(file, &version, &Told::of(&rule));
            if let Some(rule_found) = self.named(file, described, &rule.custom_attributes)
                && self.patterns_are_bounded(file, &rule_found, &rule)
            {
                self.detections.push((rule_found, rule));
            }
        }
        for rule in collection.correlations {
            let described = described(file, &version, &Told::of_correlation(&rule));
            if let Some(rule_found) = self.named(file, described, &rule.custom_attributes) {
                self.correlations.push((Rule { correlates: true, ..rule_found }, rule));
            }
        }
        for filter in collection.filters {
            self.filters.push((file.to_owned(), version.clone(), filter));
        }
    }

    /// Takes a rule's own fields, and refuses a second one under the same id.
    fn named<V: serde::Serialize>(
        &mut self,
        file: &str,
        mut rule: Rule,
        attributes: &HashMap<String, V>,
    ) -> Option<Rule> {
        if self.known.len() >= RULES {
            self.problem(file, Some(&rule.id), None, format!("more than {RULES} rules"));
            return None;
        }
        if let Some(other) = self.known.get(&rule.id).cloned() {
            let what = format!("the id is already used in `{other}`: give it another");
            self.problem(file, Some(&rule.id), None, what);
            return None;
        }
        self.known.insert(rule.id.clone(), file.to_owned());
        let own = |name: &str| serde_json::to_value(attributes.get(name)?).ok();
        for (name, place) in [("paging", &mut rule.paging), ("shadow", &mut rule.shadow)] {
            match own(name) {
                None => {}
                Some(serde_json::Value::Bool(truth)) => *place = truth,
                Some(_) => {
                    let what = format!("`{name}` is true or false");
                    self.problem(file, Some(&rule.id), None, what);
                    return None;
                }
            }
        }
        if let Some(answer) = own("answer") {
            let Ok(answer) = serde_json::from_value(answer) else {
                let what = "`answer` is one of none, limit, lock, ban, suspend".to_owned();
                self.problem(file, Some(&rule.id), None, what);
                return None;
            };
            rule.answer = answer;
        }
        Some(rule)
    }

    fn patterns_are_bounded(&mut self, file: &str, rule: &Rule, sigma: &SigmaRule) -> bool {
        let mut patterns = Vec::new();
        for detection in sigma.detection.named.values() {
            expressions(detection, &mut patterns);
        }
        for pattern in patterns {
            let size = pattern.len() <= PATTERN;
            let sound =
                size && regex::RegexBuilder::new(pattern).size_limit(COMPILED).build().is_ok();
            if !sound {
                let shown: String = pattern.chars().take(60).collect();
                let what = format!(
                    "the expression `{shown}` is malformed or too large: no look-around or \
                     back-references, at most {PATTERN} bytes, and few counted repetitions"
                );
                self.problem(file, Some(&rule.id), None, what);
                return false;
            }
        }
        true
    }

    fn finish(mut self) -> (Rules, Vec<Problem>) {
        let mut rules = Rules {
            rules: Vec::new(),
            engines: Vec::new(),
            places: HashMap::new(),
            feeds: Vec::new(),
            plans: Vec::new(),
        };
        self.detections(&mut rules);
        self.filters(&mut rules);
        self.correlations(&mut rules);
        (rules, self.problems)
    }

    fn detections(&mut self, rules: &mut Rules) {
        let mut by_source: BTreeMap<Source, Engine> = BTreeMap::new();
        for (rule, mut sigma) in std::mem::take(&mut self.detections) {
            let told = &sigma.logsource;
            let source = Source {
                product: told.product.clone(),
                service: told.service.clone(),
                category: told.category.clone(),
            };
            if source.is_empty() {
                let what = "no log source: name a product, service or category".to_owned();
                self.problem(&rule.file, Some(&rule.id), None, what);
                continue;
            }
            // What a match copies is what it costs; all that is needed is the id.
            sigma.id = Some(rule.id.clone());
            sigma.tags.clear();
            sigma.custom_attributes.clear();
            if let Err(error) = by_source.entry(source).or_default().add_rule(&sigma) {
                self.problem(&rule.file, Some(&rule.id), None, format!("not compiled: {error}"));
                continue;
            }
            rules.places.insert(rule.id.clone(), rules.rules.len());
            rules.rules.push(rule);
            rules.feeds.push(Vec::new());
        }
        rules.engines = by_source.into_iter().collect();
    }

    fn filters(&mut self, rules: &mut Rules) {
        for (file, version, filter) in &self.filters {
            for (_, engine) in &mut rules.engines {
                if let Err(error) = engine.apply_filter(filter) {
                    let message = format!("the filter is not compiled: {error}");
                    let rule = filter.id.clone().or_else(|| Some(filter.title.clone()));
                    let file = file.clone();
                    self.problems.push(Problem { file, rule, line: None, message });
                }
            }
            for rule in &mut rules.rules {
                let named = match &filter.rules {
                    FilterRuleTarget::Any => true,
                    FilterRuleTarget::Specific(names) => {
                        names.iter().any(|name| *name == rule.id || *name == rule.title)
                    }
                };
                if named {
                    rule.version = id_of(&[rule.version.as_bytes(), version.as_bytes()]);
                }
            }
        }
    }

    fn correlations(&mut self, rules: &mut Rules) {
        let detections = rules.rules.len();
        for (mut rule, correlation) in std::mem::take(&mut self.correlations) {
            let place = rules.rules.len();
            match refer(&mut rule, &correlation, rules, detections, place) {
                Ok(plan) => {
                    rules.plans.push(plan);
                    rules.rules.push(rule);
                    rules.feeds.push(Vec::new());
                }
                Err(what) => self.problem(&rule.file, Some(&rule.id), None, what),
            }
        }
    }
}

/// Compiles a correlation and connects it with the rules it refers to.
fn refer(
    rule: &mut Rule,
    correlation: &CorrelationRule,
    rules: &mut Rules,
    detections: usize,
    place: usize,
) -> Result<Plan, String> {
    let mut own = Own::default();
    if let Some(value) = correlation.custom_attributes.get("quiet") {
        let span = value.as_str().and_then(|text| Timespan::parse(text).ok());
        let span = span.ok_or("`quiet` is a span such as `1h`")?;
        own.quiet = span.seconds.saturating_mul(1_000_000);
    }
    if let Some(value) = correlation.custom_attributes.get("times") {
        let times = value.as_u64().filter(|times| (1..=TIMES).contains(times));
        let times = times.ok_or_else(|| format!("`times` is a number from 1 to {TIMES}"))?;
        own.times = usize::try_from(times).unwrap_or(usize::MAX);
    }
    let plan = Plan::of(correlation, place, &own)?;
    let mut referred = Vec::new();
    for name in &correlation.rules {
        let named = |it: &Rule| it.id == *name || it.name.as_ref() == Some(name);
        let detection = rules.rules.iter().take(detections).position(named);
        referred.push(detection.ok_or_else(|| {
            format!("refers to `{name}`, which is no detection rule among those read")
        })?);
    }
    let mut texts = vec![rule.version.clone()];
    for (tag, &detection) in (0_u32..).zip(&referred) {
        if let Some(feeds) = rules.feeds.get_mut(detection) {
            feeds.push((rules.plans.len(), tag));
        }
        if let Some(detection) = rules.rules.get_mut(detection) {
            detection.alerts &= correlation.generate;
            texts.push(detection.version.clone());
        }
    }
    let texts: Vec<&[u8]> = texts.iter().map(String::as_bytes).collect();
    rule.version = id_of(&texts);
    Ok(plan)
}
