//! What the server notices by itself, as signals of its own: kept, searched and evaluated as those
//! of others are, and with fields that no other source can set.

use domain::signals::Signal;
use kernel::Moment;
use serde_json::{Map, Value, json};

/// How such a signal came: no listener has this word.
pub const TRANSPORT: &str = "own";

/// The source that stands in the row; nobody can name one with a colon.
const SOURCE: &str = "bailee:sources";

/// That something happened, with these fields.
pub fn signal<const N: usize>(action: &str, now: Moment, told: [(&str, Value); N]) -> Signal {
    let mut fields: Map<String, Value> = Map::new();
    fields.insert("event.action".to_owned(), json!(action));
    fields.extend(told.map(|(name, value)| (name.to_owned(), value)));
    Signal {
        received: now.0,
        time: None,
        source: SOURCE.to_owned(),
        transport: TRANSPORT.to_owned(),
        peer: None,
        product: Some("bailee".to_owned()),
        service: Some("sources".to_owned()),
        category: None,
        fields,
    }
}
