//! The table of registers and the machine under it.

use crate::support::{both, field, kind};
use domain::register::{Kept, On, Read, Shown};
use domain::registers::{REGISTERS, schema};
use domain::systems::System;
use kernel::{Done, Kind, Result};
use serde_json::{Value, json};
use std::path::Path;
use std::sync::atomic::{AtomicU64, Ordering};
use testkit::World;

/// Adds a row, as the faces do it.
pub fn add(world: &World, token: &str, plural: &str, stated: &Value) -> Result<Value> {
    static NEXT: AtomicU64 = AtomicU64::new(0);
    let number = u128::from(NEXT.fetch_add(1, Ordering::Relaxed)) + (1 << 100);
    let register = domain::registers::known(plural)?;
    let target = On::New((number << 80 | number).to_be_bytes());
    let made = (register.add.make)(&world.kernel, target, stated.to_string().as_bytes())?;
    Ok(world.run(token, made)?.output)
}

/// Takes a step with a row, as the faces do it.
pub fn take(
    world: &World,
    token: &str,
    (plural, id, verb): (&str, &str, &str),
    stated: &Value,
) -> Result<Value> {
    Ok(step(world, token, (plural, id, verb), stated)?.output)
}

fn step(
    world: &World,
    token: &str,
    (plural, id, verb): (&str, &str, &str),
    stated: &Value,
) -> Result<Done<Value>> {
    let register = domain::registers::known(plural)?;
    let entry = register.steps.iter().find(|entry| entry.verb == verb).unwrap();
    let made = (entry.make)(&world.kernel, On::Row(id), stated.to_string().as_bytes())?;
    world.run(token, made)
}

/// A row as it is shown.
pub fn show(world: &World, token: &str, plural: &str, id: &str) -> Result<Value> {
    let register = domain::registers::known(plural)?;
    Ok(world.run(token, (register.get)(&world.kernel, id)?)?.output)
}

#[test]
fn golden_registers_schema() {
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../authority/registers.cedarschema");
    if std::env::var_os("BAILEE_BLESS").is_some_and(|value| value == "1") {
        std::fs::write(&path, schema()).unwrap();
    }
    let golden = std::fs::read_to_string(&path).unwrap_or_default();
    assert_eq!(golden, schema(), "bless a wanted change with BAILEE_BLESS=1, then build again");
}

#[test]
fn every_register_says_what_it_is_for() {
    for register in REGISTERS {
        let noun = register.noun;
        assert!(!register.purpose.is_empty() && !register.first.is_empty(), "{noun}");
        assert!(!register.obligations.is_empty() && !register.columns.is_empty(), "{noun}");
        for entry in register.entries() {
            let name = format!("{noun}.{}", entry.verb);
            assert_eq!(entry.action.name, name, "an action is named after noun and verb");
            assert!(!entry.summary.is_empty(), "{name}");
        }
    }
}

#[test]
fn a_row_lives_through_the_machine() {
    both(41, |world| {
        let lead = world.person("lea", &["security-lead"]);
        let new = json!({"name": "db-1", "kind": "data-store", "purpose": "orders",
            "holds_service_data": true, "owner": "person:lea"});
        let row = add(world, &lead, "systems", &new).unwrap();
        assert_eq!(
            (row["id"].as_str(), row["state"]["word"].as_str()),
            (Some("db-1"), Some("registered"))
        );
        assert_eq!(kind(add(world, &lead, "systems", &new)), Kind::Conflict);
        let nobody =
            json!({"name": "db-2", "kind": "host", "purpose": "x", "owner": "person:nobody"});
        assert_eq!(field(add(world, &lead, "systems", &nobody)), (Kind::Invalid, "owner".into()));
        let odd = json!({"name": "db-2", "kind": "toaster", "purpose": "x", "owner": "person:lea"});
        assert_eq!(kind(add(world, &lead, "systems", &odd)), Kind::Invalid);
        let more = json!({"name": "db-2", "state": "good"});
        assert_eq!(field(add(world, &lead, "systems", &more)), (Kind::Invalid, "state".into()));
        let fact = json!({"claim": "encrypted-at-rest", "good": true, "source": "recorded",
            "evidence": "LUKS2, checked by hand", "valid_to": "2027-02-01"});
        let row = take(world, &lead, ("systems", "db-1", "report"), &fact).unwrap();
        assert_eq!(row["state"]["word"], "described");
        assert_eq!(row["facts"][0]["mark"]["by"], "person:lea");
        let read = Read::<Kept<System>>::new(&world.kernel, "db-1").unwrap();
        let kept = world.run(&lead, read).unwrap().output;
        let shown = serde_json::to_value(Shown::at(kept, world.kernel.now())).unwrap();
        assert_eq!(shown, row);
        assert_eq!(show(world, &lead, "systems", "db-1").unwrap(), row);
        assert_eq!(kind(show(world, &lead, "systems", "db-9")), Kind::NotFound);
        let missing = take(world, &lead, ("systems", "db-9", "report"), &fact);
        assert_eq!(kind(missing), Kind::NotFound);
        let engineer = world.person("omar", &["support"]);
        assert_eq!(kind(show(world, &engineer, "systems", "db-1")), Kind::Forbidden);
        assert_eq!(kind(add(world, &engineer, "systems", &new)), Kind::Forbidden);
    });
}
