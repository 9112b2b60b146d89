//! Protobuf's wire format, for the messages of `opentelemetry/proto/logs/v1/logs.proto`.

use serde_json::{Map, Value};

use super::super::{Batch, Refused};
use super::{Around, DEPTH, Log, VALUES, base64, hex, take};

/// One field of a message.
enum Field<'a> {
    Varint(u64),
    Fixed64([u8; 8]),
    Bytes(&'a [u8]),
    Fixed32([u8; 4]),
}

impl<'a> Field<'a> {
    fn bytes(&self) -> Option<&'a [u8]> {
        if let Self::Bytes(bytes) = self { Some(bytes) } else { None }
    }

    /// UTF-8, as protobuf's strings have to be.
    fn text(&self) -> Option<&'a str> {
        std::str::from_utf8(self.bytes()?).ok()
    }

    fn number(&self) -> Option<u64> {
        match self {
            Self::Varint(number) => Some(*number),
            Self::Fixed64(bytes) => Some(u64::from_le_bytes(*bytes)),
            Self::Fixed32(bytes) => Some(u64::from(u32::from_le_bytes(*bytes))),
            Self::Bytes(_) => None,
        }
    }
}

fn broken(place: &str) -> Refused {
    Refused::new(place, "it is no protobuf of OTLP", "send an `ExportLogsServiceRequest`")
}

/// The fields of a message in their order; unknown wire types end it.
struct Fields<'a> {
    rest: &'a [u8],
}

impl<'a> Fields<'a> {
    /// The next field and its number, `None` at the end; an inner `None` when it is broken.
    fn next(&mut self) -> Option<Option<(u64, Field<'a>)>> {
        if self.rest.is_empty() { None } else { Some(self.field()) }
    }

    fn field(&mut self) -> Option<(u64, Field<'a>)> {
        let key = self.varint()?;
        let field = match key & 7 {
            0 => Field::Varint(self.varint()?),
            1 => Field::Fixed64(self.fixed()?),
            2 => {
                let length = usize::try_from(self.varint()?).ok()?;
                let (bytes, rest) = self.rest.split_at_checked(length)?;
                self.rest = rest;
                Field::Bytes(bytes)
            }
            5 => Field::Fixed32(self.fixed()?),
            _ => return None,
        };
        (key >> 3 > 0).then_some((key >> 3, field))
    }

    fn fixed<const N: usize>(&mut self) -> Option<[u8; N]> {
        let (bytes, rest) = self.rest.split_first_chunk::<N>()?;
        self.rest = rest;
        Some(*bytes)
    }

    /// At most ten bytes, the last of which has one bit.
    fn varint(&mut self) -> Option<u64> {
        let mut number = 0;
        for shift in (0..70).step_by(7) {
            let (byte, rest) = self.rest.split_first()?;
            self.rest = rest;
            if shift == 63 && *byte > 1 {
                return None;
            }
            number |= u64::from(byte & 127) << shift;
            if byte & 128 == 0 {
                return Some(number);
            }
        }
        None
    }
}

/// Calls `each` for every field of a message.
fn fields<'a>(
    bytes: &'a [u8],
    place: &str,
    mut each: impl FnMut(u64, Field<'a>) -> Result<(), Refused>,
) -> Result<(), Refused> {
    let mut fields = Fields { rest: bytes };
    while let Some(field) = fields.next() {
        let (number, field) = field.ok_or_else(|| broken(place))?;
        each(number, field)?;
    }
    Ok(())
}

pub(super) fn request(bytes: &[u8]) -> Result<Batch, Refused> {
    let mut batch = Batch::default();
    fields(bytes, "the request", |number, field| match (number, field.bytes()) {
        (1, Some(resource)) => resource_logs(resource, &mut batch),
        (1, None) => Err(broken("the request")),
        _ => Ok(()),
    })?;
    Ok(batch)
}

fn resource_logs(bytes: &[u8], batch: &mut Batch) -> Result<(), Refused> {
    // The resource may stand behind the logs.
    let (mut around, mut scopes) = (Around::default(), Vec::new());
    fields(bytes, "resourceLogs", |number, field| {
        match (number, field.bytes()) {
            (1, Some(resource)) => around.resource = attributes(resource, 1)?,
            (2, Some(scope)) => scopes.push(scope),
            _ => {}
        }
        Ok(())
    })?;
    for scope in scopes {
        let mut logs = Vec::new();
        around.scope = None;
        fields(scope, "scopeLogs", |number, field| {
            match (number, field.bytes()) {
                (1, Some(scope)) => fields(scope, "scope", |number, field| {
                    if number == 1 {
                        around.scope = field.text().map(str::to_owned);
                    }
                    Ok(())
                })?,
                (2, Some(log)) => logs.push(log),
                _ => {}
            }
            Ok(())
        })?;
        for (number, log) in logs.into_iter().enumerate() {
            let log = one(log).map_err(|why| why.inside(&format!("logRecords[{number}]")));
            take(batch, log, &around);
        }
    }
    Ok(())
}

fn one(bytes: &[u8]) -> Result<Log, Refused> {
    let (mut log, mut left) = (Log::default(), VALUES);
    let text = |field: &Field<'_>| {
        field.text().map(str::to_owned).ok_or_else(|| broken("a text that is not UTF-8"))
    };
    fields(bytes, "the record", |number, field| {
        match number {
            1 => log.time = field.number(),
            2 => log.severity = field.number(),
            3 => log.level = text(&field)?,
            5 => log.body = Some(value(required(&field)?, 0, &mut left)?),
            6 => {
                let (key, value) = pair(required(&field)?, 0, &mut left)?;
                log.attributes.insert(key, value);
            }
            9 => log.trace = hex(required(&field)?.get(..16).unwrap_or_default()),
            10 => log.span = hex(required(&field)?.get(..8).unwrap_or_default()),
            11 => log.observed = field.number(),
            12 => log.event = text(&field)?,
            _ => {}
        }
        Ok(())
    })?;
    Ok(log)
}

fn required<'a>(field: &Field<'a>) -> Result<&'a [u8], Refused> {
    field.bytes().ok_or_else(|| broken("the record"))
}

/// Pairs under one field number of a message.
fn attributes(bytes: &[u8], number: u64) -> Result<Map<String, Value>, Refused> {
    let (mut all, mut left) = (Map::new(), VALUES);
    fields(bytes, "attributes", |found, field| {
        if found == number {
            let (key, value) = pair(required(&field)?, 0, &mut left)?;
            all.insert(key, value);
        }
        Ok(())
    })?;
    Ok(all)
}

/// `KeyValue`
fn pair(bytes: &[u8], depth: usize, left: &mut usize) -> Result<(String, Value), Refused> {
    let (mut key, mut found) = (String::new(), Value::Null);
    fields(bytes, "an attribute", |number, field| {
        match number {
            1 => key = field.text().ok_or_else(|| broken("a name"))?.to_owned(),
            2 => found = value(required(&field)?, depth + 1, left)?,
            _ => {}
        }
        Ok(())
    })?;
    Ok((key, found))
}

/// `AnyValue`
fn value(bytes: &[u8], depth: usize, left: &mut usize) -> Result<Value, Refused> {
    *left = left.checked_sub(1).filter(|_| depth < DEPTH).ok_or_else(|| {
        let problem = format!("it has more than {VALUES} values or {DEPTH} levels");
        Refused::new("a value", problem, "log less in one record")
    })?;
    let mut found = Value::Null;
    fields(bytes, "a value", |number, field| {
        found = match number {
            1 => field.text().ok_or_else(|| broken("a text that is not UTF-8"))?.into(),
            2 => (field.number() == Some(1)).into(),
            3 => field.number().map(u64::cast_signed).into(),
            4 => match field {
                Field::Fixed64(bytes) => f64::from_le_bytes(bytes).into(),
                _ => Value::Null,
            },
            5 => {
                let mut all = Vec::new();
                fields(required(&field)?, "a list", |number, field| {
                    if number == 1 {
                        all.push(value(required(&field)?, depth + 1, left)?);
                    }
                    Ok(())
                })?;
                all.into()
            }
            6 => {
                let mut all = Map::new();
                fields(required(&field)?, "a map", |number, field| {
                    if number == 1 {
                        let (key, value) = pair(required(&field)?, depth + 1, left)?;
                        all.insert(key, value);
                    }
                    Ok(())
                })?;
                all.into()
            }
            7 => base64(required(&field)?).into(),
            _ => return Ok(()),
        };
        Ok(())
    })?;
    Ok(found)
}

/// `ExportLogsServiceResponse { partial_success { rejected_log_records, error_message } }`
pub(super) fn answer(rejected: u64, why: &str) -> Vec<u8> {
    if rejected == 0 {
        return Vec::new();
    }
    let mut partial = vec![0x08];
    varint(&mut partial, rejected);
    partial.push(0x12);
    varint(&mut partial, why.len() as u64);
    partial.extend_from_slice(why.as_bytes());
    let mut out = vec![0x0a];
    varint(&mut out, partial.len() as u64);
    out.extend(partial);
    out
}

fn varint(out: &mut Vec<u8>, mut number: u64) {
    while let Ok(low @ 0..128) = u8::try_from(number & 127)
        && number > 127
    {
        out.push(low | 128);
        number >>= 7;
    }
    out.extend(u8::try_from(number));
}
