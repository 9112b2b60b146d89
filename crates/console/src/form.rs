//! Forms: shown from the fields that the schema names, read back into JSON by the same fields.
//!
//! Nothing is guessed from what somebody typed: a field that is a number is read as one or refused.
//! A refused form is shown again as it was filled in, with each problem at its field.

mod reading;

pub(crate) use reading::read;

use crate::guard;
use crate::request::Pairs;
use crate::schema::{Choice, Field, Shape, label};
use crate::show::sentence;
use crate::visit::{ONCE, Visit, once};
use kernel::{Error, Kind};
use maud::{Markup, html};
use serde_json::Value;

/// What is wrong with a form, by field; an empty field is the form as a whole.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(crate) struct Problems(Vec<(String, String)>);

impl Problems {
    /// Out of an operation's refusal.
    pub(crate) fn of(error: &Error, fields: &[Field]) -> Self {
        let field = error.field().unwrap_or_default();
        let mut paths = paths(fields, "");
        let known = paths
            .iter()
            .position(|path| path == field)
            .or_else(|| paths.iter().position(|path| path.rsplit('.').next() == Some(field)));
        let place = known.map(|at| paths.swap_remove(at)).unwrap_or_default();
        let said = error.message().to_owned();
        let said = if place.is_empty() && error.kind() == Kind::Invalid && !field.is_empty() {
            format!("{field}: {said}")
        } else {
            said
        };
        Self(vec![(place, said)])
    }

    pub(crate) fn is_empty(&self) -> bool {
        self.0.is_empty()
    }

    /// By field and what is said of it.
    pub(crate) fn into_lines(self) -> Vec<(String, String)> {
        self.0
    }

    fn at<'a>(&'a self, path: &'a str) -> impl Iterator<Item = &'a str> {
        self.0.iter().filter(move |(place, _)| place == path).map(|(_, said)| said.as_str())
    }

    fn add(&mut self, path: &str, said: impl Into<String>) {
        self.0.push((path.to_owned(), said.into()));
    }
}

/// Prose of these names is a document rather than a sentence.
const LONG: [&str; 4] = ["content", "markdown", "template", "text"];

/// The field that a passkey fills.
const PROOF: &str = "proof";

/// The field that a link in a letter fills.
const LETTER: &str = "letter";

/// A form in the making.
pub(crate) struct Form<'a> {
    /// Unique on its page; first part of every id in it.
    pub(crate) id: &'a str,
    pub(crate) action: String,
    pub(crate) fields: &'a [Field],
    /// What stands in the fields.
    pub(crate) values: &'a Pairs,
    pub(crate) problems: &'a Problems,
    /// What the button says it will do.
    pub(crate) button: String,
    /// Whether what it does ends or takes something away.
    pub(crate) grave: bool,
    /// What a passkey signs when it is sent, and the domain it belongs to, if one does.
    pub(crate) challenge: Option<(String, String)>,
}

impl Form<'_> {
    /// As HTML.
    pub(crate) fn show(&self, visit: &Visit<'_>) -> Markup {
        html! {
            form #(self.id) method="post" action=(self.action)
                data-passkey=[self.challenge.as_ref().map(|_| "get")]
                data-challenge=[self.challenge.as_ref().map(|(challenge, _)| challenge)]
                data-site=[self.challenge.as_ref().map(|(_, site)| site)] {
                (hidden(visit))
                (self.summary())
                @for field in self.fields { (self.field(field, &field.name)) }
                p.act { button.grave[self.grave] type="submit" { (self.button) } }
            }
        }
    }

    /// Everything that is wrong, with a way to each field.
    fn summary(&self) -> Markup {
        html! {
            @if !self.problems.is_empty() {
                div.problems role="alert" {
                    p { strong { "Nothing was done." } " What you wrote is kept below." }
                    ul {
                        @for (path, said) in &self.problems.0 {
                            li {
                                @if path.is_empty() { (sentence(said)) }
                                @else { a href={ "#" (self.id_of(path)) } {
                                    (label(path.rsplit('.').next().unwrap_or(path)))
                                } ": " (sentence(said)) }
                            }
                        }
                    }
                }
            }
        }
    }

    fn id_of(&self, path: &str) -> String {
        format!("{}-{}", self.id, path.replace('.', "-"))
    }

    fn field(&self, field: &Field, path: &str) -> Markup {
        // What a passkey signs is not typed: the script fills it when the form is sent.
        if field.name == PROOF {
            return html! { @if self.challenge.is_some() {
                p.help { "Your passkey signs this when you press the button." }
                (crate::passkeys::parts(&format!("{path}.")))
            } };
        }
        if field.name == LETTER {
            let value = self.values.filled(path);
            return html! { @if let Some(value) = value {
                input type="hidden" name=(path) value=(value);
            } };
        }
        if let Shape::Group(inner) = &field.shape {
            return html! {
                fieldset {
                    legend { (label(&field.name)) }
                    @if !field.help.is_empty() { p.help { (sentence(&field.help)) } }
                    div.grid { @for one in inner {
                        (self.field(one, &format!("{path}.{}", one.name)))
                    } }
                }
            };
        }
        if let Shape::Choices(choices) = &field.shape {
            return self.boxes(field, path, choices);
        }
        let id = self.id_of(path);
        let wrong: Vec<_> = self.problems.at(path).collect();
        let (help, error) = (format!("{id}-help"), format!("{id}-error"));
        let mut described = Vec::new();
        if !field.help.is_empty() {
            described.push(help.as_str());
        }
        if !wrong.is_empty() {
            described.push(error.as_str());
        }
        let described = Some(described.join(" ")).filter(|text| !text.is_empty());
        let control = self.control(field, path, &id, described.as_deref(), !wrong.is_empty());
        let flag = field.shape == Shape::Flag;
        html! {
            div.field.flag[flag].wrong[!wrong.is_empty()] {
                @if flag { (control) }
                label for=(id) {
                    (label(&field.name))
                    @if field.required && !flag { " " span.must { "(required)" } }
                }
                @if !field.help.is_empty() { p.help #(help) { (sentence(&field.help)) } }
                @if !wrong.is_empty() {
                    p.error #(error) { @for said in &wrong { "✕ " (sentence(said)) " " } }
                }
                @if !flag { (control) }
            }
        }
    }

    fn boxes(&self, field: &Field, path: &str, choices: &[Choice]) -> Markup {
        let id = self.id_of(path);
        let wrong: Vec<_> = self.problems.at(path).collect();
        let on = |choice: &Choice| self.values.all(path).any(|value| value == choice.value);
        html! {
            fieldset.boxes.wrong[!wrong.is_empty()] #(id) {
                legend {
                    (label(&field.name))
                    @if field.required { " " span.must { "(required)" } }
                }
                @if !field.help.is_empty() { p.help { (sentence(&field.help)) } }
                @for said in &wrong { p.error { "✕ " (sentence(said)) } }
                @for choice in choices {
                    @let one = format!("{id}-{}", choice.value);
                    div.flag {
                        input #(one) type="checkbox" name=(path) value=(choice.value)
                            checked[on(choice)];
                        label for=(one) {
                            (choice.value)
                            @if !choice.help.is_empty() { span.help { " " (choice.help) } }
                        }
                    }
                }
            }
        }
    }

    fn control(
        &self,
        field: &Field,
        path: &str,
        id: &str,
        described: Option<&str>,
        wrong: bool,
    ) -> Markup {
        let value = self.values.get(path).unwrap_or_default();
        let invalid = wrong.then_some("true");
        let input = |kind: &str, least: Option<i64>, most: Option<i64>| {
            html! {
                input #(id) type=(kind) name=(path) value=(value) required[field.required]
                    min=[least] max=[most] aria-describedby=[described] aria-invalid=[invalid]
                    autocomplete="off";
            }
        };
        let area = |rows: u8| {
            html! {
                textarea #(id) name=(path) rows=(rows) required[field.required]
                    aria-describedby=[described] aria-invalid=[invalid] { "\n" (value) }
            }
        };
        let select = |choices: &[(String, String)]| {
            html! {
                select #(id) name=(path) required[field.required] aria-describedby=[described]
                    aria-invalid=[invalid] {
                    @for (word, text) in choices {
                        option value=(word) selected[word == value] { (text) }
                    }
                }
            }
        };
        match &field.shape {
            Shape::Line => input("text", None, None),
            Shape::Whole { least, most } => input("number", *least, *most),
            Shape::Number => html! {
                input #(id) type="number" step="any" name=(path) value=(value)
                    required[field.required] aria-describedby=[described] aria-invalid=[invalid];
            },
            Shape::Day => input("date", None, None),
            // Moments are stated in UTC, as the record keeps them; a local one would be guessed.
            Shape::Moment => html! {
                input #(id) type="text" name=(path) value=(value) required[field.required]
                    placeholder="2026-11-22T14:02:11Z" aria-describedby=[described]
                    aria-invalid=[invalid] autocomplete="off";
                p.help { "In UTC." }
            },
            Shape::Flag => html! {
                input #(id) type="checkbox" name=(path) value="true" checked[value == "true"]
                    aria-describedby=[described] aria-invalid=[invalid];
            },
            Shape::Maybe => select(&maybe()),
            Shape::Choice(choices) => select(&options(choices)),
            Shape::Text => area(if LONG.contains(&field.name.as_str()) { 12 } else { 3 }),
            Shape::Lines { .. } => html! { (area(4)) p.help { "One a line." } },
            Shape::Json | Shape::Choices(_) | Shape::Group(_) => {
                html! { (area(6)) p.help { "Written as JSON." } }
            }
        }
    }
}

/// What every form of a session carries.
pub(crate) fn hidden(visit: &Visit<'_>) -> Markup {
    html! {
        input type="hidden" name=(guard::FIELD) value=(visit.form_token());
        input type="hidden" name=(ONCE) value=(once());
    }
}

fn maybe() -> Vec<(String, String)> {
    [("", "not stated"), ("true", "yes"), ("false", "no")]
        .map(|(word, text)| (word.to_owned(), text.to_owned()))
        .into()
}

fn options(choices: &[Choice]) -> Vec<(String, String)> {
    let first = (String::new(), "choose one".to_owned());
    let each = choices.iter().map(|choice| {
        let help = choice.help.replace('\n', " ");
        let text = if help.is_empty() { label(&choice.value) } else { help };
        let text = if text.eq_ignore_ascii_case(&choice.value) {
            text
        } else {
            format!("{} – {text}", choice.value)
        };
        (choice.value.clone(), text)
    });
    std::iter::once(first).chain(each).collect()
}

fn paths(fields: &[Field], above: &str) -> Vec<String> {
    let mut all = Vec::new();
    for field in fields {
        let path = format!("{above}{}", field.name);
        if let Shape::Group(inner) = &field.shape {
            all.extend(paths(inner, &format!("{path}.")));
        }
        all.push(path);
    }
    all
}

/// What stands in a form before anybody wrote in it.
pub(crate) fn defaults(fields: &[Field]) -> Pairs {
    let mut all = Pairs::default();
    for field in fields {
        if let Some(value) = &field.default {
            fill(&mut all, &field.name, value);
        }
    }
    all
}

/// A value as it stands in a form.
pub(crate) fn fill(all: &mut Pairs, path: &str, value: &Value) {
    match value {
        Value::Null => {}
        Value::Object(object) => {
            for (name, inner) in object {
                fill(all, &format!("{path}.{name}"), inner);
            }
        }
        Value::Array(items) if items.iter().all(|one| one.is_string() || one.is_number()) => {
            let lines: Vec<_> = items.iter().map(plain).collect();
            all.push(path, lines.join("\n"));
        }
        other => all.push(path, plain(other)),
    }
}

fn plain(value: &Value) -> String {
    value.as_str().map_or_else(|| value.to_string(), str::to_owned)
}

#[cfg(test)]
mod tests {
    use super::{Problems, fill, read};
    use crate::request::{Pairs, pairs};
    use crate::schema::asked;
    use domain::registers::register;
    use kernel::Error;
    use serde_json::json;

    fn typed(text: &str) -> Pairs {
        pairs(text, "body").unwrap()
    }

    #[test]
    fn a_form_becomes_json_of_the_types_that_the_noun_has() {
        let fields = asked(&register("systems").unwrap().add);
        let typed = typed("name=db+1&kind=data-store&purpose=x&holds_service_data=true&owner=%20a");
        assert_eq!(
            read(&fields, &typed).unwrap(),
            json!({"name": "db 1", "kind": "data-store", "purpose": "x",
                   "holds_service_data": true, "owner": "a"})
        );
        let fields = asked(&register("catalogues").unwrap().add);
        let good = super::tests::typed(
            "version=7&reason=a%0D%0Ab&terms=E1%3A+x%0D%0A%0D%0Ay&parameters.breach_hours=24",
        );
        assert_eq!(
            read(&fields, &good).unwrap(),
            json!({"version": "7", "reason": "a\nb", "terms": ["E1: x", "y"],
                   "parameters": {"breach_hours": 24}})
        );
    }

    #[test]
    fn what_is_wrong_is_named_at_every_field() {
        let fields = asked(&register("catalogues").unwrap().add);
        let bad = typed("version=&parameters.breach_hours=1e3&parameters.fix_low_days=x");
        let problems = read(&fields, &bad).unwrap_err();
        let places: Vec<_> = problems.0.iter().map(|(path, _)| path.as_str()).collect();
        for path in ["version", "reason", "parameters.breach_hours", "parameters.fix_low_days"] {
            assert!(places.contains(&path), "{path}: {places:?}");
        }
        let nested = Problems::of(&Error::invalid("breach_hours", "too many"), &fields);
        assert_eq!(nested.0, [("parameters.breach_hours".to_owned(), "too many".to_owned())]);
        let other = Problems::of(&Error::invalid("body", "what"), &fields);
        assert_eq!(other.0, [(String::new(), "body: what".to_owned())]);
    }

    #[test]
    fn a_row_fills_a_form_and_comes_back_as_it_was() {
        let fields = asked(&register("catalogues").unwrap().add);
        let row = json!({"version": "1", "reason": "r", "parameters": {"breach_hours": 48},
                         "terms": ["a", "b"]});
        let mut filled = Pairs::default();
        for (name, value) in row.as_object().unwrap() {
            fill(&mut filled, name, value);
        }
        assert_eq!(read(&fields, &filled).unwrap(), row);
    }
}
