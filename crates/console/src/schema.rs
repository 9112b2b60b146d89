//! What a form has to ask for, out of the JSON schema of what an operation takes.
//!
//! The schema is made from the noun's own type, so a form, the API and the command line cannot
//! differ in what they ask for. What has no form of its own is asked for as JSON.

use domain::register::Entry;
use schemars::generate::SchemaSettings;
use serde_json::{Map, Value};

/// Levels of objects in objects that are looked at.
const DEPTH: usize = 4;

/// Fields of that name are prose, whatever the schema says of their length.
const PROSE: [&str; 16] = [
    "agenda",
    "basis",
    "certificate",
    "content",
    "description",
    "evidence",
    "how",
    "markdown",
    "plan",
    "reason",
    "result",
    "risk",
    "scope",
    "statement",
    "text",
    "why",
];

/// A thing to ask for.
#[derive(Clone, Debug, PartialEq)]
pub(crate) struct Field {
    /// Its name in the object.
    pub(crate) name: String,
    /// What it is, as the type says.
    pub(crate) help: String,
    pub(crate) required: bool,
    pub(crate) shape: Shape,
    /// What it is if nothing is stated.
    pub(crate) default: Option<Value>,
}

/// How a value is asked for.
#[derive(Clone, Debug, PartialEq)]
pub(crate) enum Shape {
    /// A line of text.
    Line,
    /// Several lines of text.
    Text,
    /// A whole number.
    Whole { least: Option<i64>, most: Option<i64> },
    /// Any number.
    Number,
    /// Yes or no.
    Flag,
    /// Yes, no, or not stated.
    Maybe,
    /// One of these.
    Choice(Vec<Choice>),
    /// A day.
    Day,
    /// A moment.
    Moment,
    /// Several, one a line; `true` if they are whole numbers.
    Lines { whole: bool },
    /// Several of these.
    Choices(Vec<Choice>),
    /// Several fields that belong together.
    Group(Vec<Field>),
    /// Anything else, as JSON.
    Json,
}

/// One of several values.
#[derive(Clone, Debug, PartialEq)]
pub(crate) struct Choice {
    pub(crate) value: String,
    pub(crate) help: String,
}

/// The fields that an entry of a register asks for.
pub(crate) fn asked(entry: &Entry) -> Vec<Field> {
    let settings = SchemaSettings::draft2020_12().for_deserialize();
    let mut generator = settings.into_generator();
    let schema = (entry.schema)(&mut generator).to_value();
    let definitions = Value::Object(generator.take_definitions(false));
    fields(&schema, &definitions, 0)
}

fn fields(schema: &Value, definitions: &Value, depth: usize) -> Vec<Field> {
    let schema = resolve(schema, definitions);
    let empty = Map::new();
    let properties = schema.get("properties").and_then(Value::as_object).unwrap_or(&empty);
    let required = list(schema, "required");
    let each = |(name, of): (&String, &Value)| {
        let required = required.iter().any(|one| one.as_str() == Some(name));
        field(name, of, required, definitions, depth)
    };
    properties.iter().map(each).collect()
}

fn field(name: &str, of: &Value, required: bool, definitions: &Value, depth: usize) -> Field {
    let plain = resolve(without_null(of), definitions);
    let nullable = is_nullable(of);
    let text = |key| of.get(key).or_else(|| plain.get(key)).and_then(Value::as_str);
    let help = text("description").unwrap_or_default().replace('\n', " ");
    let default = of.get("default").filter(|value| !value.is_null()).cloned();
    let shape = shape(name, plain, &help, nullable, definitions, depth);
    Field { name: name.to_owned(), help, required: required && !nullable, shape, default }
}

fn shape(
    name: &str,
    plain: &Value,
    help: &str,
    nullable: bool,
    definitions: &Value,
    depth: usize,
) -> Shape {
    let choices = choices(plain);
    if !choices.is_empty() {
        return Shape::Choice(choices);
    }
    let number = |key| plain.get(key).and_then(Value::as_i64);
    match (kind(plain), plain.get("format").and_then(Value::as_str)) {
        ("string", Some("date")) => Shape::Day,
        ("string", Some("date-time")) => Shape::Moment,
        ("string", _) if is_prose(name, plain, help) => Shape::Text,
        ("string", _) => Shape::Line,
        ("integer", _) => Shape::Whole { least: number("minimum"), most: number("maximum") },
        ("number", _) => Shape::Number,
        ("boolean", _) if nullable => Shape::Maybe,
        ("boolean", _) => Shape::Flag,
        ("object", _) if depth < DEPTH && plain.get("properties").is_some() => {
            Shape::Group(fields(plain, definitions, depth + 1))
        }
        ("array", _) => items(plain, definitions),
        _ => Shape::Json,
    }
}

fn items(plain: &Value, definitions: &Value) -> Shape {
    let Some(item) = plain.get("items").map(|item| resolve(item, definitions)) else {
        return Shape::Json;
    };
    let choices = choices(item);
    match kind(item) {
        _ if !choices.is_empty() => Shape::Choices(choices),
        "string" => Shape::Lines { whole: false },
        "integer" => Shape::Lines { whole: true },
        _ => Shape::Json,
    }
}

/// The values of an enumeration, in either of the two ways that schemas write one.
fn choices(plain: &Value) -> Vec<Choice> {
    let mut all = Vec::new();
    let choice =
        |value: &str, help: &str| Choice { value: value.to_owned(), help: help.to_owned() };
    for value in list(plain, "enum").iter().filter_map(Value::as_str) {
        all.push(choice(value, ""));
    }
    for one in list(plain, "oneOf") {
        let help = one.get("description").and_then(Value::as_str).unwrap_or_default();
        match one.get("const").and_then(Value::as_str) {
            Some(value) => all.push(choice(value, help)),
            None if list(one, "enum").is_empty() => return vec![],
            None => all.extend(
                list(one, "enum").iter().filter_map(Value::as_str).map(|value| choice(value, help)),
            ),
        }
    }
    if let Some(value) = plain.get("const").and_then(Value::as_str) {
        all.push(choice(value, ""));
    }
    all
}

fn is_prose(name: &str, plain: &Value, help: &str) -> bool {
    let length = plain.get("maxLength").and_then(Value::as_u64).unwrap_or(0);
    let last = name.rsplit('_').next().unwrap_or(name);
    length > 200 || (PROSE.contains(&last) && !help.contains("one line"))
}

/// The type, without `null`.
fn kind(schema: &Value) -> &str {
    match schema.get("type") {
        Some(Value::String(one)) => one,
        Some(Value::Array(all)) => {
            all.iter().filter_map(Value::as_str).find(|one| *one != "null").unwrap_or_default()
        }
        _ => "",
    }
}

fn is_nullable(schema: &Value) -> bool {
    let null = |one: &Value| one.as_str() == Some("null") || kind(one) == "null";
    ["type", "anyOf"].iter().any(|key| list(schema, key).iter().any(null))
}

fn without_null(schema: &Value) -> &Value {
    let real = |one: &&Value| one.get("type").and_then(Value::as_str) != Some("null");
    list(schema, "anyOf").iter().find(real).unwrap_or(schema)
}

/// Follows `$ref` into the definitions; a chain of them ends.
fn resolve<'a>(schema: &'a Value, definitions: &'a Value) -> &'a Value {
    let mut at = schema;
    for _ in 0..8 {
        let name = at.get("$ref").and_then(Value::as_str).and_then(|path| path.rsplit('/').next());
        match name.and_then(|name| definitions.get(name)) {
            Some(next) => at = next,
            None => return at,
        }
    }
    at
}

fn list<'a>(schema: &'a Value, key: &str) -> &'a [Value] {
    schema.get(key).and_then(Value::as_array).map_or(&[], Vec::as_slice)
}

/// Every field that is a column of a table of text: groups by their parts, `a.b`.
pub(crate) fn flat(fields: &[Field]) -> Vec<(String, &Field)> {
    let mut all = Vec::new();
    for field in fields {
        match &field.shape {
            Shape::Group(inner) => all.extend(
                flat(inner).into_iter().map(|(name, one)| (format!("{}.{name}", field.name), one)),
            ),
            _ => all.push((field.name.clone(), field)),
        }
    }
    all
}

/// A name as people read it: `holds_service_data` as `Holds Service Data`.
pub(crate) fn label(name: &str) -> String {
    match name {
        "sha256" => return "SHA-256".to_owned(),
        "url" => return "URL".to_owned(),
        "osv" => return "OSV".to_owned(),
        _ => {}
    }
    let words = name.replace(['_', '-'], " ").replace("service data", "Service Data");
    let mut letters = words.chars();
    let first = letters.next().map(|letter| letter.to_ascii_uppercase());
    first.into_iter().chain(letters).collect()
}

#[cfg(test)]
mod tests {
    use super::{Shape, asked, flat, label};
    use domain::registers::register;

    #[test]
    fn a_form_asks_for_what_the_type_says() {
        let system = register("systems").unwrap();
        let fields = asked(&system.add);
        let named = |name: &str| fields.iter().find(|one| one.name == name).unwrap();
        assert!(named("name").required && named("name").shape == Shape::Line);
        assert!(named("name").help.starts_with("The unique name"));
        let Shape::Choice(kinds) = &named("kind").shape else { panic!("{:?}", named("kind")) };
        assert_eq!(kinds[0].value, "data-store");
        assert!(kinds[0].help.contains("database"));
        assert_eq!(named("holds_service_data").shape, Shape::Flag);
        assert!(!named("vendor").required && named("vendor").shape == Shape::Line);
        assert_eq!(named("purpose").shape, Shape::Line);

        let report = asked(system.steps.iter().find(|step| step.verb == "report").unwrap());
        let shape = |name: &str| &report.iter().find(|one| one.name == name).unwrap().shape;
        assert_eq!(*shape("valid_to"), Shape::Day);
        assert_eq!(*shape("evidence"), Shape::Text);
        let change = asked(system.steps.iter().find(|step| step.verb == "change").unwrap());
        let maybe = change.iter().find(|one| one.name == "holds_service_data").unwrap();
        assert_eq!((maybe.shape.clone(), maybe.required), (Shape::Maybe, false));
    }

    #[test]
    fn what_belongs_together_is_a_group() {
        let fields = asked(&register("catalogues").unwrap().add);
        let parameters = fields.iter().find(|one| one.name == "parameters").unwrap();
        let Shape::Group(inner) = &parameters.shape else { panic!("{parameters:?}") };
        let hours = inner.iter().find(|one| one.name == "breach_hours").unwrap();
        assert!(matches!(hours.shape, Shape::Whole { least: Some(0), .. }), "{hours:?}");
        assert!(flat(&fields).iter().any(|(name, _)| name == "parameters.breach_hours"));
        let terms = fields.iter().find(|one| one.name == "terms").unwrap();
        assert_eq!(terms.shape, Shape::Lines { whole: false });
        assert_eq!(label("holds_service_data"), "Holds Service Data");
    }
}
