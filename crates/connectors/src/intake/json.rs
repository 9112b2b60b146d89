//! JSON (RFC 8259) as a tree that remembers where it is.
//!
//! Promises: nesting over [`MAX_DEPTH`] is refused before the parser goes deeper; an object that
//! has a key twice is refused, because two readers would see two values; at most [`MAX_VALUES`]
//! values; strings are borrowed from the file where they have no escapes. A [`Node`] knows its
//! path, so that a refusal says `components[17].purl` without its reader doing anything.
//! Deliberately not: numbers beyond what the formats here need (64-bit integers and doubles).

use std::borrow::Cow;
use std::cell::Cell;
use std::collections::BTreeMap;
use std::fmt;

use serde::de::{self, DeserializeSeed, Deserializer, MapAccess, SeqAccess, Visitor};

use super::text::{self, quote};
use super::{MAX_DEPTH, MAX_VALUES, Refused};

/// A value of JSON.
#[derive(Debug)]
pub(super) enum Json<'a> {
    Null,
    Bool(bool),
    Whole(i64),
    Real(f64),
    Text(Cow<'a, str>),
    List(Vec<Json<'a>>),
    Object(BTreeMap<Cow<'a, str>, Json<'a>>),
}

impl Json<'_> {
    /// What it is, for a message.
    fn kind(&self) -> &'static str {
        match self {
            Self::Null => "null",
            Self::Bool(_) => "a boolean",
            Self::Whole(_) | Self::Real(_) => "a number",
            Self::Text(_) => "text",
            Self::List(_) => "a list",
            Self::Object(_) => "an object",
        }
    }
}

/// Parses a whole file of at most `limit` bytes.
pub(super) fn file(bytes: &[u8], limit: usize) -> Result<Json<'_>, Refused> {
    parse(text::text(bytes, limit)?)
}

/// Parses one document.
pub(super) fn parse(text: &str) -> Result<Json<'_>, Refused> {
    if text.trim_start().is_empty() {
        return Err(Refused::new(text::FILE, "it is empty", "export it again"));
    }
    if text.trim_start().starts_with('<') {
        let remedy = "export it as JSON and send it again";
        return Err(Refused::new("line 1", "this is XML or HTML, not JSON", remedy));
    }
    let count = Cell::new(0);
    let mut source = serde_json::Deserializer::from_str(text);
    let seed = Seed { depth: 0, count: &count };
    let value = seed.deserialize(&mut source).and_then(|value| source.end().map(|()| value));
    value.map_err(|error| {
        let place = format!("line {}, column {}", error.line(), error.column().max(1));
        // serde_json appends the position, which is the place already.
        let told = error.to_string();
        let told = told.rsplit_once(" at line ").map_or(told.as_str(), |(head, _)| head);
        let remedy = "export the file again; it may be cut or edited by hand";
        Refused::new(place, format!("this is not JSON that is read here, {told}"), remedy)
    })
}

/// Reads one value at a known depth.
#[derive(Clone, Copy)]
struct Seed<'c> {
    depth: usize,
    count: &'c Cell<usize>,
}

impl<'c> Seed<'c> {
    fn deeper<E: de::Error>(self) -> Result<Self, E> {
        if self.depth == MAX_DEPTH {
            return Err(E::custom(format_args!("nested deeper than {MAX_DEPTH}")));
        }
        Ok(Self { depth: self.depth + 1, count: self.count })
    }
}

impl<'de> DeserializeSeed<'de> for Seed<'_> {
    type Value = Json<'de>;

    fn deserialize<D: Deserializer<'de>>(self, source: D) -> Result<Json<'de>, D::Error> {
        self.count.set(self.count.get() + 1);
        if self.count.get() > MAX_VALUES {
            return Err(de::Error::custom(format_args!("more than {MAX_VALUES} values")));
        }
        source.deserialize_any(self)
    }
}

impl<'de> Visitor<'de> for Seed<'_> {
    type Value = Json<'de>;

    fn expecting(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        out.write_str("a value of JSON")
    }

    fn visit_unit<E>(self) -> Result<Json<'de>, E> {
        Ok(Json::Null)
    }

    fn visit_bool<E>(self, value: bool) -> Result<Json<'de>, E> {
        Ok(Json::Bool(value))
    }

    fn visit_i64<E>(self, value: i64) -> Result<Json<'de>, E> {
        Ok(Json::Whole(value))
    }

    fn visit_u64<E>(self, value: u64) -> Result<Json<'de>, E> {
        Ok(i64::try_from(value).map_or(Json::Real(value as f64), Json::Whole))
    }

    fn visit_f64<E>(self, value: f64) -> Result<Json<'de>, E> {
        Ok(Json::Real(value))
    }

    fn visit_str<E>(self, value: &str) -> Result<Json<'de>, E> {
        Ok(Json::Text(Cow::Owned(value.to_owned())))
    }

    fn visit_borrowed_str<E>(self, value: &'de str) -> Result<Json<'de>, E> {
        Ok(Json::Text(Cow::Borrowed(value)))
    }

    fn visit_seq<A: SeqAccess<'de>>(self, mut items: A) -> Result<Json<'de>, A::Error> {
        let inner = self.deeper()?;
        let mut list = Vec::new();
        while let Some(item) = items.next_element_seed(inner)? {
            list.push(item);
        }
        Ok(Json::List(list))
    }

    fn visit_map<A: MapAccess<'de>>(self, mut members: A) -> Result<Json<'de>, A::Error> {
        let inner = self.deeper()?;
        let mut object = BTreeMap::new();
        while let Some(key) = members.next_key_seed(Key)? {
            if object.contains_key(&key) {
                let key = quote(&key);
                return Err(de::Error::custom(format_args!("the key {key} is there twice")));
            }
            object.insert(key, members.next_value_seed(inner)?);
        }
        Ok(Json::Object(object))
    }
}

/// Reads a key, borrowed where it has no escapes.
struct Key;

impl<'de> DeserializeSeed<'de> for Key {
    type Value = Cow<'de, str>;

    fn deserialize<D: Deserializer<'de>>(self, source: D) -> Result<Self::Value, D::Error> {
        source.deserialize_str(self)
    }
}

impl<'de> Visitor<'de> for Key {
    type Value = Cow<'de, str>;

    fn expecting(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        out.write_str("a key")
    }

    fn visit_str<E>(self, value: &str) -> Result<Self::Value, E> {
        Ok(Cow::Owned(value.to_owned()))
    }

    fn visit_borrowed_str<E>(self, value: &'de str) -> Result<Self::Value, E> {
        Ok(Cow::Borrowed(value))
    }
}

/// A value and the way to it.
#[derive(Clone, Copy)]
pub(super) struct Node<'a> {
    value: &'a Json<'a>,
    step: Step<'a>,
    above: Option<&'a Node<'a>>,
}

/// The last step of the way to a value.
#[derive(Clone, Copy)]
enum Step<'a> {
    Root,
    Member(&'a str),
    Item(usize),
}

/// Whether a key can stand in a path as it is. Others are quoted, since a file chooses its keys.
fn plain(key: &str) -> bool {
    (1..=64).contains(&key.len())
        && key.chars().all(|letter| letter.is_ascii_alphanumeric() || "_-$@:".contains(letter))
}

impl<'a> Node<'a> {
    /// The document itself.
    pub(super) fn root(value: &'a Json<'a>) -> Self {
        Self { value, step: Step::Root, above: None }
    }

    /// The place as a path: `components[17].purl`; for the document itself, `the file`.
    pub(super) fn place(&self) -> String {
        let mut steps = Vec::new();
        let mut node = Some(self);
        while let Some(here) = node {
            steps.push(here.step);
            node = here.above;
        }
        let mut path = String::new();
        for step in steps.into_iter().rev() {
            match step {
                Step::Root => {}
                Step::Member(key) if !plain(key) => path.push_str(&format!("[{}]", quote(key))),
                Step::Member(key) if path.is_empty() => path.push_str(key),
                Step::Member(key) => path.push_str(&format!(".{key}")),
                Step::Item(index) => path.push_str(&format!("[{index}]")),
            }
        }
        if path.is_empty() { text::FILE.to_owned() } else { path }
    }

    /// A refusal of this very value.
    pub(super) fn refuse(&self, problem: impl Into<String>, remedy: &str) -> Refused {
        Refused::new(self.place(), problem, remedy)
    }

    fn wrong(&self, wanted: &str) -> Refused {
        let problem = format!("{} is here, where {wanted} belongs", self.value.kind());
        self.refuse(problem, "export the file again with a current version of the tool")
    }

    /// The members of an object, in the order of their keys.
    pub(super) fn members<'n>(
        &'n self,
    ) -> Result<impl Iterator<Item = (&'n str, Node<'n>)>, Refused>
    where
        'a: 'n,
    {
        let Json::Object(object) = self.value else { return Err(self.wrong("an object")) };
        Ok(object.iter().map(move |(key, value)| {
            let step = Step::Member(key);
            (&**key, Node { value, step, above: Some(self) })
        }))
    }

    /// A member that may be missing or null; refused when this is not an object.
    pub(super) fn maybe<'n>(&'n self, key: &'n str) -> Result<Option<Node<'n>>, Refused>
    where
        'a: 'n,
    {
        let Json::Object(object) = self.value else { return Err(self.wrong("an object")) };
        Ok(object.get(key).filter(|value| !matches!(value, Json::Null)).map(|value| Node {
            value,
            step: Step::Member(key),
            above: Some(self),
        }))
    }

    /// A member that must be there.
    pub(super) fn member<'n>(&'n self, key: &'n str) -> Result<Node<'n>, Refused>
    where
        'a: 'n,
    {
        self.maybe(key)?.ok_or_else(|| {
            let null = Json::Null;
            let node = Node { value: &null, step: Step::Member(key), above: Some(self) };
            node.refuse("it is missing", "add it, or export the file again")
        })
    }

    /// The items of a list.
    pub(super) fn items<'n>(&'n self) -> Result<impl Iterator<Item = Node<'n>>, Refused>
    where
        'a: 'n,
    {
        let Json::List(list) = self.value else { return Err(self.wrong("a list")) };
        Ok(list.iter().enumerate().map(move |(index, value)| {
            let step = Step::Item(index);
            Node { value, step, above: Some(self) }
        }))
    }

    /// Text, as it stands.
    pub(super) fn text(&self) -> Result<&'a str, Refused> {
        match self.value {
            Json::Text(text) => Ok(text),
            _ => Err(self.wrong("text")),
        }
    }

    /// Text that is a name, version or identifier.
    pub(super) fn name(&self) -> Result<String, Refused> {
        text::name(|| self.place(), self.text()?)
    }

    /// A time of RFC 3339.
    pub(super) fn moment(&self) -> Result<String, Refused> {
        text::moment(|| self.place(), self.text()?)
    }

    /// A date of RFC 3339.
    pub(super) fn date(&self) -> Result<String, Refused> {
        text::date(|| self.place(), self.text()?)
    }

    /// A whole number.
    pub(super) fn whole(&self) -> Result<i64, Refused> {
        match self.value {
            Json::Whole(number) => Ok(*number),
            _ => Err(self.wrong("a whole number")),
        }
    }

    /// A number.
    pub(super) fn number(&self) -> Result<f64, Refused> {
        match self.value {
            Json::Whole(number) => Ok(*number as f64),
            Json::Real(number) => Ok(*number),
            _ => Err(self.wrong("a number")),
        }
    }

    /// A boolean.
    pub(super) fn truth(&self) -> Result<bool, Refused> {
        match self.value {
            Json::Bool(value) => Ok(*value),
            _ => Err(self.wrong("`true` or `false`")),
        }
    }

    /// Whether it is a list.
    pub(super) fn is_list(&self) -> bool {
        matches!(self.value, Json::List(_))
    }

    /// Whether it is text.
    pub(super) fn is_text(&self) -> bool {
        matches!(self.value, Json::Text(_))
    }
}
