//! JSON without members that stand twice (RFC 7515 §4, RFC 8725 §2.4): two readers would read two
//! different tokens.

use crate::Error;
use serde::de::{DeserializeSeed, Deserializer, Error as _, MapAccess, SeqAccess, Visitor};
use serde_json::{Map, Number, Value};
use std::fmt;

/// Members of all objects and elements of all arrays that are taken; tokens have some dozens.
const MOST: usize = 4_096;

/// An object, at any depth without members that stand twice.
///
/// # Errors
/// `Unreadable`, with `what` it was to be.
pub(crate) fn object(bytes: &[u8], what: &'static str) -> Result<Map<String, Value>, Error> {
    let mut reader = serde_json::Deserializer::from_slice(bytes);
    let mut left = MOST;
    let value = Strict(&mut left).deserialize(&mut reader).map_err(|_| Error::Unreadable(what))?;
    reader.end().map_err(|_| Error::Unreadable(what))?;
    match value {
        Value::Object(object) => Ok(object),
        _ => Err(Error::Unreadable(what)),
    }
}

struct Strict<'l>(&'l mut usize);

impl Strict<'_> {
    fn count<E: serde::de::Error>(&mut self) -> Result<(), E> {
        *self.0 = self.0.checked_sub(1).ok_or_else(|| E::custom("too many members"))?;
        Ok(())
    }
}

impl<'de> DeserializeSeed<'de> for Strict<'_> {
    type Value = Value;

    fn deserialize<D: Deserializer<'de>>(self, from: D) -> Result<Value, D::Error> {
        from.deserialize_any(self)
    }
}

impl<'de> Visitor<'de> for Strict<'_> {
    type Value = Value;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("JSON without members that stand twice")
    }

    fn visit_bool<E>(self, value: bool) -> Result<Value, E> {
        Ok(Value::Bool(value))
    }

    fn visit_i64<E>(self, value: i64) -> Result<Value, E> {
        Ok(value.into())
    }

    fn visit_u64<E>(self, value: u64) -> Result<Value, E> {
        Ok(value.into())
    }

    fn visit_f64<E: serde::de::Error>(self, value: f64) -> Result<Value, E> {
        let number = Number::from_f64(value).ok_or_else(|| E::custom("no finite number"))?;
        Ok(Value::Number(number))
    }

    fn visit_str<E>(self, value: &str) -> Result<Value, E> {
        Ok(value.into())
    }

    fn visit_unit<E>(self) -> Result<Value, E> {
        Ok(Value::Null)
    }

    fn visit_seq<A: SeqAccess<'de>>(mut self, mut all: A) -> Result<Value, A::Error> {
        let mut read = Vec::new();
        while let Some(one) = all.next_element_seed(Strict(self.0))? {
            self.count()?;
            read.push(one);
        }
        Ok(Value::Array(read))
    }

    fn visit_map<A: MapAccess<'de>>(mut self, mut all: A) -> Result<Value, A::Error> {
        let mut read = Map::new();
        while let Some(name) = all.next_key::<String>()? {
            self.count()?;
            let value = all.next_value_seed(Strict(self.0))?;
            if read.insert(name, value).is_some() {
                return Err(A::Error::custom("a member stands twice"));
            }
        }
        Ok(Value::Object(read))
    }
}
