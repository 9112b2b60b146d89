//! Reading filters, by descent with a bound on depth.

use super::{Comparison, Inner, Target, Term};
use crate::path::Place;
use crate::schema::{Attribute, ResourceType, Type};
use crate::{Error, FILTER_DEPTH, FILTER_TERMS, Kind, Result, shown};
use serde_json::Value;

/// A place in a text.
pub(crate) struct Cursor<'a> {
    rest: &'a str,
    /// Comparisons so far.
    terms: usize,
}

impl<'a> Cursor<'a> {
    pub(crate) fn new(text: &'a str) -> Self {
        Self { rest: text, terms: 0 }
    }

    pub(crate) fn rest(&self) -> &'a str {
        self.rest
    }

    fn space(&mut self) {
        self.rest = self.rest.trim_start_matches(' ');
    }

    /// Goes over this character, if it is the next.
    pub(crate) fn eat(&mut self, wanted: char) -> bool {
        self.space();
        match self.rest.strip_prefix(wanted) {
            Some(rest) => {
                self.rest = rest;
                true
            }
            None => false,
        }
    }

    /// Goes over this word, whatever its case, if it is the next one whole.
    fn word(&mut self, wanted: &str) -> bool {
        self.space();
        let Some((word, rest)) = self.rest.split_at_checked(wanted.len()) else { return false };
        let whole = !rest.starts_with(|c: char| c.is_alphanumeric());
        let found = word.eq_ignore_ascii_case(wanted) && whole;
        if found {
            self.rest = rest;
        }
        found
    }

    /// As many characters as are of this kind.
    fn take(&mut self, kind: impl Fn(char) -> bool) -> &'a str {
        self.space();
        let end = self.rest.find(|c| !kind(c)).unwrap_or(self.rest.len());
        let (taken, rest) = self.rest.split_at_checked(end).unwrap_or((self.rest, ""));
        self.rest = rest;
        taken
    }
}

fn wrong(why: impl Into<String>) -> Error {
    Error::new(Kind::InvalidFilter, why)
}

/// A name as RFC 7644 §3.10 writes it: with its schema's URN, and a sub-attribute.
pub(crate) fn name<'a>(cursor: &mut Cursor<'a>) -> &'a str {
    cursor.take(|c| c.is_ascii_alphanumeric() || ":._-$".contains(c))
}

/// Whose attributes are named.
pub(super) enum Scope {
    Resource(&'static ResourceType),
    Value(&'static Attribute),
}

pub(super) fn filter(cursor: &mut Cursor<'_>, scope: &Scope, depth: usize) -> Result<Term> {
    if depth > FILTER_DEPTH {
        return Err(wrong(format!("more than {FILTER_DEPTH} brackets within brackets")));
    }
    let mut either = Vec::new();
    loop {
        let mut all = vec![factor(cursor, scope, depth)?];
        while cursor.word("and") {
            all.push(factor(cursor, scope, depth)?);
        }
        either.push(single(all, Term::And));
        if !cursor.word("or") {
            return Ok(single(either, Term::Or));
        }
    }
}

/// One term by itself, several combined.
fn single(mut terms: Vec<Term>, combine: fn(Vec<Term>) -> Term) -> Term {
    match (terms.len(), terms.pop()) {
        (1, Some(one)) => one,
        (_, last) => {
            terms.extend(last);
            combine(terms)
        }
    }
}

fn factor(cursor: &mut Cursor<'_>, scope: &Scope, depth: usize) -> Result<Term> {
    if cursor.word("not") {
        if !cursor.eat('(') {
            return Err(wrong("`not` stands before brackets: write `not (…)`"));
        }
        return bracketed(cursor, scope, depth).map(|term| Term::Not(Box::new(term)));
    }
    if cursor.eat('(') {
        return bracketed(cursor, scope, depth);
    }
    comparison(cursor, scope)
}

fn bracketed(cursor: &mut Cursor<'_>, scope: &Scope, depth: usize) -> Result<Term> {
    let term = filter(cursor, scope, depth + 1)?;
    if cursor.eat(')') { Ok(term) } else { Err(wrong("a bracket is not closed: write `)`")) }
}

fn comparison(cursor: &mut Cursor<'_>, scope: &Scope) -> Result<Term> {
    cursor.terms += 1;
    if cursor.terms > FILTER_TERMS {
        return Err(wrong(format!("more than {FILTER_TERMS} comparisons: ask for less at once")));
    }
    let text = name(cursor);
    if text.is_empty() {
        let rest = shown(cursor.rest());
        return Err(wrong(format!("`{rest}` begins with no attribute: write `userName eq \"…\"`")));
    }
    let unknown = || wrong(format!("`{}` is no attribute here: see /Schemas", shown(text)));
    let target = match scope {
        Scope::Resource(of) => {
            let place = Place::parse(of, text).ok_or_else(unknown)?;
            if place.attribute.multi && place.sub.is_none() && cursor.eat('[') {
                let inner = Inner::parse(cursor, place.attribute)?.term();
                return match cursor.eat(']') {
                    true => Ok(Term::Within(place, Box::new(inner))),
                    false => Err(wrong("a bracket is not closed: write `]`")),
                };
            }
            Target::Resource(place)
        }
        Scope::Value(of) => Target::Value(of.sub(text).ok_or_else(unknown)?),
    };
    let word = cursor.take(|c| c.is_ascii_alphabetic());
    if word.eq_ignore_ascii_case("pr") {
        return Ok(Term::Present(target));
    }
    let known = OPERATORS.iter().find(|(name, _)| name.eq_ignore_ascii_case(word));
    let Some((_, comparison)) = known else {
        let why = format!(
            "`{}` compares nothing: use eq, ne, co, sw, ew, gt, lt, ge, le or pr",
            shown(word)
        );
        return Err(wrong(why));
    };
    let value = literal(cursor)?;
    comparable(&target, *comparison, value, text)
}

const OPERATORS: [(&str, Comparison); 9] = [
    ("eq", Comparison::Equal),
    ("ne", Comparison::NotEqual),
    ("co", Comparison::Contains),
    ("sw", Comparison::Starts),
    ("ew", Comparison::Ends),
    ("gt", Comparison::Greater),
    ("lt", Comparison::Less),
    ("ge", Comparison::AtLeast),
    ("le", Comparison::AtMost),
];

/// A value: JSON, of which only texts, `true`, `false`, `null` and numbers can be compared.
fn literal(cursor: &mut Cursor<'_>) -> Result<Value> {
    cursor.space();
    let rest = cursor.rest();
    if let Some(inside) = rest.strip_prefix('"') {
        let end = closing(inside).ok_or_else(|| wrong("a text is not closed: write `\"`"))?;
        // The quotes are one byte each.
        let (text, after) = rest.split_at_checked(end + 2).unwrap_or((rest, ""));
        cursor.rest = after;
        let value = serde_json::from_str::<String>(text);
        let bad = |_| wrong(format!("`{}` is no text as JSON writes it", shown(text)));
        return value.map(Value::String).map_err(bad);
    }
    let word = cursor.take(|c| c.is_ascii_alphanumeric() || "+-.".contains(c));
    let lower = word.to_ascii_lowercase();
    match serde_json::from_str::<Value>(&lower) {
        Ok(value) => Ok(value),
        Err(_) => Err(wrong(format!("`{}` is no value: write texts in quotes", shown(word)))),
    }
}

/// Where a text ends that began before.
fn closing(inside: &str) -> Option<usize> {
    let mut escaped = false;
    for (at, byte) in inside.bytes().enumerate() {
        match byte {
            _ if escaped => escaped = false,
            b'\\' => escaped = true,
            b'"' => return Some(at),
            _ => {}
        }
    }
    None
}

/// Refuses what cannot be compared, and brings the value to the attribute's type.
fn comparable(target: &Target, how: Comparison, value: Value, name: &str) -> Result<Term> {
    use Comparison::{Contains, Ends, Equal, NotEqual, Starts};
    let name = shown(name);
    let Some(attribute) = target.compared() else {
        return Err(wrong(format!("`{name}` has parts: name one of them")));
    };
    let equality = matches!(how, Equal | NotEqual);
    let value = match (attribute.kind, value) {
        (_, Value::Null) if equality => Value::Null,
        (Type::Boolean, value) if equality => match crate::resource::boolean(&value) {
            Some(value) => Value::Bool(value),
            None => return Err(wrong(format!("`{name}` is compared with `true` or `false`"))),
        },
        (Type::Boolean, _) => {
            return Err(wrong(format!("`{name}` is true or false: compare by `eq` or `ne`")));
        }
        (Type::DateTime, Value::String(text)) => {
            let whole = !matches!(how, Contains | Starts | Ends);
            let moment = super::matching::moment(&text).filter(|_| whole);
            let why = || wrong(format!("`{name}` is compared with `2026-11-22T14:02:11Z`"));
            Value::String(moment.ok_or_else(why)?)
        }
        (Type::String | Type::Reference, Value::String(text)) => Value::String(text),
        _ => return Err(wrong(format!("`{name}` is compared with a text in quotes"))),
    };
    Ok(Term::Compare(target.clone(), how, value))
}
