//! The main job: a record goes in sealed, comes out only with authority, every touch has a receipt.

use kernel::Kind;
use testkit::World;

fn both(seed: u64, test: impl Fn(&World)) {
    test(&World::memory(seed));
    let folder = tempfile::tempdir().unwrap();
    test(&World::sqlite(folder.path(), seed));
}

fn kind<T: std::fmt::Debug>(outcome: kernel::Result<T>) -> Kind {
    outcome.unwrap_err().kind()
}

#[test]
fn a_record_goes_in_and_comes_out_with_a_receipt() {
    both(1, |world| {
        let import = world.service("import");
        world.grant("service:import", "*", "*", &["read", "write", "open"]);
        let account = world.account(&import, "Wells Fargo & Company").unwrap();
        assert_eq!(account.as_str(), "wells-fargo-company");
        assert!(world.collection(&import, &account, "complaints").unwrap());
        assert!(!world.collection(&import, &account, "complaints").unwrap());
        let place = (&account, "complaints", "1");
        let done = world.put(&import, place, r#"{"a": 1}"#).unwrap();
        assert_eq!((done.output.version, done.output.created), (1, true));
        assert_eq!(done.receipts.len(), 1);
        let key = world.kernel.public_key();
        let report = ledger::verify::verify_receipt(&done.receipts[0], Some(&key));
        assert!(report.ok(), "{report:?}");
        assert_eq!(world.get(&import, place).unwrap(), r#"{"a": 1}"#);
        let done = world.put(&import, place, r#"{"a":2}"#).unwrap();
        assert_eq!((done.output.version, done.output.created), (2, false));
        assert_eq!(world.get(&import, place).unwrap(), r#"{"a":2}"#);
    });
}

#[test]
fn everybody_else_is_refused() {
    both(2, |world| {
        let import = world.service("import");
        let other = world.service("other");
        let grant = world.grant("service:import", "*", "*", &["read", "write", "open"]);
        let account = world.account(&import, "One").unwrap();
        world.account(&import, "Two").unwrap();
        world.collection(&import, &account, "c").unwrap();
        let place = (&account, "c", "x");
        world.put(&import, place, "{}").unwrap();
        assert_eq!(kind(world.get("bailee_wrong", place)), Kind::Unauthenticated);
        assert_eq!(kind(world.get(&world.admin, place)), Kind::Forbidden);
        assert_eq!(kind(world.get(&other, place)), Kind::NotFound);
        world.grant("service:other", "two", "*", &["read"]);
        assert_eq!(kind(world.get(&other, place)), Kind::NotFound);
        world.grant("service:other", "one", "d", &["read"]);
        assert_eq!(kind(world.get(&other, place)), Kind::Forbidden);
        assert_eq!(kind(world.account(&other, "Three")), Kind::Forbidden);
        assert_eq!(kind(world.account(&world.admin, "Three")), Kind::Forbidden);
        let id = kernel::id::RecordId::parse("x").unwrap();
        let delete = domain::data::DeleteRecord::new(
            &world.kernel,
            world.place(&account, "c"),
            &id,
            domain::data::Condition::None,
        );
        assert_eq!(kind(world.run(&import, delete.unwrap())), Kind::Forbidden, "no verb `delete`");
        world.get(&import, place).unwrap();
        let end = domain::grants::EndGrant::new(&world.kernel, &grant).unwrap();
        world.run(&world.admin, end).unwrap();
        assert_eq!(kind(world.get(&import, place)), Kind::NotFound, "revoked at once");
    });
}
