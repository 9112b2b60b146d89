//! What a rule file tells of a rule, beside what it asks.

use rsigma_parser::{CorrelationRule, Detection, Modifier, SigmaRule, SigmaValue};

use crate::alert::{Answer, Level};
use crate::rules::Rule;

/// What both kinds of rules tell about themselves.
#[derive(Default)]
pub(crate) struct Told<'a> {
    id: Option<&'a String>,
    name: Option<&'a String>,
    title: &'a str,
    description: Option<&'a String>,
    author: Option<&'a String>,
    license: Option<&'a String>,
    level: Option<rsigma_parser::Level>,
    tags: &'a [String],
    false_positives: &'a [String],
}

impl<'a> Told<'a> {
    pub(crate) fn of(rule: &'a SigmaRule) -> Self {
        Self {
            id: rule.id.as_ref(),
            name: rule.name.as_ref(),
            title: &rule.title,
            description: rule.description.as_ref(),
            author: rule.author.as_ref(),
            license: rule.license.as_ref(),
            level: rule.level,
            tags: &rule.tags,
            false_positives: &rule.falsepositives,
        }
    }

    pub(crate) fn of_correlation(rule: &'a CorrelationRule) -> Self {
        Self {
            id: rule.id.as_ref(),
            name: rule.name.as_ref(),
            title: &rule.title,
            description: rule.description.as_ref(),
            author: rule.author.as_ref(),
            license: rule.license.as_ref(),
            level: rule.level,
            tags: &rule.tags,
            false_positives: &rule.falsepositives,
        }
    }
}

/// A rule by what it tells; our own fields are read later.
pub(crate) fn described(file: &str, version: &str, told: &Told<'_>) -> Rule {
    let id = told.id.or(told.name).cloned().unwrap_or_else(|| told.title.to_owned());
    Rule {
        id,
        name: told.name.cloned(),
        version: version.to_owned(),
        file: file.to_owned(),
        title: told.title.to_owned(),
        description: told.description.cloned(),
        author: told.author.cloned(),
        license: told.license.cloned(),
        level: told.level.map_or_else(Level::default, level_of),
        tags: told.tags.to_vec(),
        false_positives: told.false_positives.to_vec(),
        paging: false,
        answer: Answer::None,
        shadow: false,
        correlates: false,
        alerts: true,
    }
}

fn level_of(level: rsigma_parser::Level) -> Level {
    match level {
        rsigma_parser::Level::Informational => Level::Informational,
        rsigma_parser::Level::Low => Level::Low,
        rsigma_parser::Level::Medium => Level::Medium,
        rsigma_parser::Level::High => Level::High,
        rsigma_parser::Level::Critical => Level::Critical,
    }
}

/// Every regular expression of a detection.
pub(crate) fn expressions<'a>(detection: &'a Detection, found: &mut Vec<&'a str>) {
    match detection {
        Detection::AllOf(items) => {
            for item in items.iter().filter(|item| item.field.has_modifier(Modifier::Re)) {
                found.extend(item.values.iter().filter_map(|value| match value {
                    SigmaValue::String(text) => Some(text.original.as_str()),
                    _ => None,
                }));
            }
        }
        Detection::AnyOf(parts) | Detection::And(parts) => {
            parts.iter().for_each(|part| expressions(part, found));
        }
        Detection::ArrayMatch { body, .. } => expressions(body, found),
        Detection::Conditional { named, .. } => {
            named.values().for_each(|part| expressions(part, found));
        }
        Detection::Keywords(_) => {}
    }
}
