//! A correlation, ready to be evaluated.

use std::collections::HashMap;

use rsigma_parser::{
    ConditionExpr, ConditionOperator, CorrelationCondition, CorrelationRule, CorrelationType,
    Quantifier, SelectorPattern, WindowMode,
};

/// The longest window, in seconds: 31 days.
const LONGEST: u64 = 31 * 86_400;

/// How many rules a correlation may refer to.
pub(crate) const REFERENCES: usize = 32;

/// What is counted over which window, and by whom.
#[derive(Clone, Debug)]
pub(crate) struct Plan {
    /// The rule it belongs to.
    pub(crate) rule: usize,
    /// What is asked of the matches in the window.
    pub(crate) kind: Kind,
    /// The window, in µs, from a match backwards, both ends included.
    pub(crate) window: u64,
    /// Alerts of one group are told apart by this span, in µs; at least the window.
    pub(crate) span: u64,
    /// The fields that make the group.
    pub(crate) group: Vec<GroupField>,
    /// The field or fields whose values are counted or added up.
    pub(crate) field: Vec<String>,
    /// How many rules it refers to; a match carries the place of its rule as a tag.
    pub(crate) references: usize,
}

/// A field of the group, under other names in some of the rules referred to.
#[derive(Clone, Debug)]
pub(crate) struct GroupField {
    /// Its name in the alert.
    pub(crate) name: String,
    /// Its name in the events of each rule referred to.
    pub(crate) in_rule: Vec<String>,
}

/// What is asked of the matches in a window.
#[derive(Clone, Debug)]
pub(crate) enum Kind {
    /// The number of events.
    Count(Bound),
    /// The number of distinct values of a field.
    Distinct(Bound),
    /// The sum of a field, in thousandths.
    Sum(Bound),
    /// Some combination of the rules matched.
    Together(Seen),
    /// All of them matched, in this order; the first of them so many times.
    Ordered(usize),
    /// Some combination matched, and none of the others did.
    Absent(Absent),
}

/// Something happened, and something else did not.
#[derive(Clone, Debug)]
pub(crate) struct Absent {
    /// What happened.
    pub(crate) seen: Seen,
    /// What did not: tags.
    pub(crate) missing: Vec<Missing>,
}

/// A rule that must not match, and when.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Missing {
    /// Its tag.
    pub(crate) tag: u32,
    /// Not within the window before.
    pub(crate) before: bool,
    /// Not within the window after.
    pub(crate) after: bool,
}

/// A combination of rules that rises: another match never makes it false.
#[derive(Clone, Debug)]
pub(crate) enum Seen {
    /// The rule with this tag matched.
    Tag(u32),
    /// All of these.
    All(Vec<Seen>),
    /// At least so many of these.
    Some(usize, Vec<Seen>),
}

impl Seen {
    /// Whether it holds, given which tags were seen.
    pub(crate) fn holds(&self, seen: &impl Fn(u32) -> bool) -> bool {
        match self {
            Self::Tag(tag) => seen(*tag),
            Self::All(parts) => parts.iter().all(|part| part.holds(seen)),
            Self::Some(least, parts) => {
                parts.iter().filter(|part| part.holds(seen)).count() >= *least
            }
        }
    }

    fn greatest(&self) -> Option<u32> {
        match self {
            Self::Tag(tag) => Some(*tag),
            Self::All(parts) | Self::Some(_, parts) => {
                parts.iter().filter_map(Self::greatest).max()
            }
        }
    }

    fn least(&self) -> Option<u32> {
        match self {
            Self::Tag(tag) => Some(*tag),
            Self::All(parts) | Self::Some(_, parts) => parts.iter().filter_map(Self::least).min(),
        }
    }
}

/// What a number is compared with.
#[derive(Clone, Debug)]
pub(crate) struct Bound {
    predicates: Vec<(ConditionOperator, u64)>,
    unit: u64,
}

impl Bound {
    /// Whether the number, in the unit counted, passes.
    pub(crate) fn holds(&self, number: u128) -> bool {
        self.predicates.iter().all(|&(operator, threshold)| {
            let threshold = u128::from(threshold) * u128::from(self.unit);
            match operator {
                ConditionOperator::Lt => number < threshold,
                ConditionOperator::Lte => number <= threshold,
                ConditionOperator::Gt => number > threshold,
                ConditionOperator::Gte => number >= threshold,
                ConditionOperator::Eq => number == threshold,
                ConditionOperator::Neq => number != threshold,
            }
        })
    }

    /// Whether more matches can only make it true.
    fn rises(&self) -> bool {
        let up =
            |op: &ConditionOperator| matches!(op, ConditionOperator::Gt | ConditionOperator::Gte);
        self.predicates.iter().all(|(operator, _)| up(operator))
    }
}

/// What our own fields say of a correlation.
#[derive(Clone, Copy, Debug, Default)]
pub(crate) struct Own {
    /// `quiet`: one alert in so many µs.
    pub(crate) quiet: u64,
    /// `times`: how often the first rule of an order must have matched.
    pub(crate) times: usize,
}

impl Plan {
    /// Whether a later arrival can undo what was decided, so that the decision waits.
    pub(crate) fn waits(&self) -> bool {
        match &self.kind {
            Kind::Count(bound) | Kind::Distinct(bound) | Kind::Sum(bound) => !bound.rises(),
            Kind::Together(_) | Kind::Ordered(_) => false,
            Kind::Absent(_) => true,
        }
    }

    /// How long after a match its window is complete, in µs.
    pub(crate) fn ahead(&self) -> u64 {
        match &self.kind {
            Kind::Absent(absent) if absent.missing.iter().any(|it| it.after) => self.window,
            _ => 0,
        }
    }

    /// Compiles a correlation.
    ///
    /// # Errors
    /// A sentence that says what is not evaluated here.
    pub(crate) fn of(
        correlation: &CorrelationRule,
        rule: usize,
        own: &Own,
    ) -> Result<Self, String> {
        if correlation.window != WindowMode::Sliding {
            let mode = correlation.window.as_str();
            return Err(format!("windows that are `{mode}` are not evaluated; leave `window` out"));
        }
        let seconds = correlation.timespan.seconds;
        if seconds == 0 || seconds > LONGEST {
            return Err("the timespan must be from 1 second to 31 days".to_owned());
        }
        let references = correlation.rules.len();
        if references == 0 || references > REFERENCES {
            return Err(format!("`rules` must name from 1 to {REFERENCES} rules"));
        }
        let field = match &correlation.condition {
            CorrelationCondition::Threshold { field, .. } => field.clone().unwrap_or_default(),
            CorrelationCondition::Extended(_) => Vec::new(),
        };
        let kind = kind(correlation, own)?;
        if matches!(kind, Kind::Distinct(_)) && field.is_empty() {
            return Err("`value_count` needs a `field` under `condition`".to_owned());
        }
        if matches!(kind, Kind::Sum(_)) && field.len() != 1 {
            return Err("`value_sum` needs one `field` under `condition`".to_owned());
        }
        let window = seconds * 1_000_000;
        let span = own.quiet.max(window);
        let group = correlation.group_by.iter().map(|name| aliased(correlation, name)).collect();
        Ok(Self { rule, kind, window, span, group, field, references })
    }
}

fn kind(correlation: &CorrelationRule, own: &Own) -> Result<Kind, String> {
    let is_ordered = correlation.correlation_type == CorrelationType::TemporalOrdered;
    if own.times > 1 && !is_ordered {
        return Err("`times` stands in a `temporal_ordered` rule".to_owned());
    }
    match correlation.correlation_type {
        CorrelationType::EventCount => Ok(Kind::Count(bound(correlation, 1)?)),
        CorrelationType::ValueCount => Ok(Kind::Distinct(bound(correlation, 1)?)),
        CorrelationType::ValueSum => Ok(Kind::Sum(bound(correlation, 1000)?)),
        CorrelationType::Temporal => together(correlation),
        CorrelationType::TemporalOrdered => ordered(correlation, own.times.max(1)),
        other => Err(format!(
            "`{}` is not evaluated; use event_count, value_count, value_sum, temporal or \
             temporal_ordered",
            other.as_str()
        )),
    }
}

fn bound(correlation: &CorrelationRule, unit: u64) -> Result<Bound, String> {
    match &correlation.condition {
        CorrelationCondition::Threshold { predicates, .. } => {
            Ok(Bound { predicates: predicates.clone(), unit })
        }
        CorrelationCondition::Extended(_) => {
            Err("the condition must compare a number, such as `gte: 10`".to_owned())
        }
    }
}

fn together(correlation: &CorrelationRule) -> Result<Kind, String> {
    let all: Vec<Seen> = tags(correlation).map(Seen::Tag).collect();
    match &correlation.condition {
        // Without a condition, Sigma asks for all; `gte: k` asks for any k of them.
        CorrelationCondition::Threshold { predicates, .. } => {
            let [(operator, least)] = predicates.as_slice() else {
                return Err("a temporal condition has one number, such as `gte: 2`".to_owned());
            };
            let least = usize::try_from(*least).unwrap_or(usize::MAX);
            match operator {
                // What the parser puts in when there is no condition.
                ConditionOperator::Gte if least <= 1 => Ok(Kind::Together(Seen::All(all))),
                ConditionOperator::Gte => Ok(Kind::Together(Seen::Some(least, all))),
                ConditionOperator::Gt => Ok(Kind::Together(Seen::Some(least + 1, all))),
                _ => Err("a temporal condition counts upwards, such as `gte: 2`".to_owned()),
            }
        }
        CorrelationCondition::Extended(expression) => {
            let (seen, missing) = expressed(correlation, expression)?;
            if missing.is_empty() {
                return Ok(Kind::Together(seen));
            }
            let both = |tag| Missing { tag, before: true, after: true };
            let missing = missing.into_iter().map(both).collect();
            Ok(Kind::Absent(Absent { seen, missing }))
        }
    }
}

fn ordered(correlation: &CorrelationRule, times: usize) -> Result<Kind, String> {
    let CorrelationCondition::Extended(expression) = &correlation.condition else {
        return Ok(Kind::Ordered(times));
    };
    let (seen, missing) = expressed(correlation, expression)?;
    let conjunction = match &seen {
        Seen::Tag(_) => 1,
        Seen::All(parts) if parts.iter().all(|part| matches!(part, Seen::Tag(_))) => parts.len(),
        _ => 0,
    };
    if missing.is_empty() && conjunction == correlation.rules.len() {
        return Ok(Kind::Ordered(times));
    }
    if times > 1 {
        return Err("`times` and `not` do not go together".to_owned());
    }
    if conjunction != 1 || missing.is_empty() {
        return Err("an ordered condition is `a and b …` over all rules, or one rule and `not` \
                    others"
            .to_owned());
    }
    let (least, greatest) = (seen.least(), seen.greatest());
    let place = |tag| Missing { tag, before: Some(tag) < least, after: Some(tag) > greatest };
    let missing = missing.into_iter().map(place).collect();
    Ok(Kind::Absent(Absent { seen, missing }))
}

/// An expression as what must be seen and which tags must not.
fn expressed(
    correlation: &CorrelationRule,
    expression: &ConditionExpr,
) -> Result<(Seen, Vec<u32>), String> {
    let parts = match expression {
        ConditionExpr::And(parts) => parts.as_slice(),
        other => std::slice::from_ref(other),
    };
    let (mut seen, mut missing) = (Vec::new(), Vec::new());
    for part in flat(parts) {
        match part {
            ConditionExpr::Not(inner) => match inner.as_ref() {
                ConditionExpr::Identifier(name) => missing.push(tag(correlation, name)?),
                ConditionExpr::Or(names) => {
                    for name in names {
                        let ConditionExpr::Identifier(name) = name else { return Err(no_not()) };
                        missing.push(tag(correlation, name)?);
                    }
                }
                _ => return Err(no_not()),
            },
            other => seen.push(rising(correlation, other)?),
        }
    }
    match seen.len() {
        0 => Err("a condition needs a rule that did match beside those that did not".to_owned()),
        1 => Ok((seen.remove(0), missing)),
        _ => Ok((Seen::All(seen), missing)),
    }
}

/// Conjunctions inside conjunctions, as one.
fn flat(parts: &[ConditionExpr]) -> Vec<&ConditionExpr> {
    let mut all = Vec::new();
    for part in parts {
        match part {
            ConditionExpr::And(inner) => all.extend(flat(inner)),
            other => all.push(other),
        }
    }
    all
}

fn no_not() -> String {
    "`not` stands before one rule, or before `(a or b)`".to_owned()
}

fn rising(correlation: &CorrelationRule, part: &ConditionExpr) -> Result<Seen, String> {
    let each = |parts: &[ConditionExpr]| -> Result<Vec<Seen>, String> {
        parts.iter().map(|part| rising(correlation, part)).collect()
    };
    match part {
        ConditionExpr::Identifier(name) => Ok(Seen::Tag(tag(correlation, name)?)),
        ConditionExpr::And(parts) => Ok(Seen::All(each(parts)?)),
        ConditionExpr::Or(parts) => Ok(Seen::Some(1, each(parts)?)),
        ConditionExpr::Not(_) => Err(no_not()),
        ConditionExpr::Selector { quantifier, pattern } => {
            let named: Vec<Seen> = tags(correlation)
                .zip(&correlation.rules)
                .filter(|(_, name)| fits(pattern, name))
                .map(|(tag, _)| Seen::Tag(tag))
                .collect();
            match quantifier {
                Quantifier::Any => Ok(Seen::Some(1, named)),
                Quantifier::All => Ok(Seen::All(named)),
                Quantifier::Count(least) => {
                    Ok(Seen::Some(usize::try_from(*least).unwrap_or(usize::MAX), named))
                }
            }
        }
    }
}

fn fits(pattern: &SelectorPattern, name: &str) -> bool {
    match pattern {
        SelectorPattern::Them => true,
        SelectorPattern::Pattern(pattern) => match pattern.strip_suffix('*') {
            Some(start) => name.starts_with(start),
            None => name == pattern,
        },
    }
}

fn tags(correlation: &CorrelationRule) -> impl Iterator<Item = u32> + use<> {
    (0_u32..).take(correlation.rules.len())
}

fn tag(correlation: &CorrelationRule, name: &str) -> Result<u32, String> {
    let places = tags(correlation).zip(&correlation.rules);
    places
        .into_iter()
        .find_map(|(tag, rule)| (rule == name).then_some(tag))
        .ok_or_else(|| format!("the condition names `{name}`, which is not under `rules`"))
}

fn aliased(correlation: &CorrelationRule, name: &str) -> GroupField {
    let none = HashMap::new();
    let mapping = correlation
        .aliases
        .iter()
        .find(|alias| alias.alias == name)
        .map_or(&none, |alias| &alias.mapping);
    let named = |rule: &String| mapping.get(rule).cloned().unwrap_or_else(|| name.to_owned());
    GroupField { name: name.to_owned(), in_rule: correlation.rules.iter().map(named).collect() }
}
