//! Ledgers: who may open entries, and that opening is an entry too.

use crate::support::{account_with_data, both, kind, newest, size, slot};
use domain::ledgers::{OpenEntries, OpenReceipt};
use kernel::id::AccountId;
use kernel::{HOUSE, Kind, Result, SeenEntry};
use ledger::verify::verify_receipt;
use testkit::World;

fn open(
    world: &World,
    token: &str,
    account: &AccountId,
    from: u64,
    limit: u64,
) -> Result<Vec<SeenEntry>> {
    let open = OpenEntries::new(&world.kernel, account, from, limit)?;
    Ok(world.run(token, open)?.output)
}

#[test]
fn entries_are_opened_by_whoever_may_read_all_and_by_auditors() {
    both(1, |world| {
        let (import, account) = account_with_data(world);
        world.put(&import, (&account, "c", "x"), "{}").unwrap();
        let auditor = world.person("ada", &["auditor"]);
        let nil = world.person("nil", &[]);
        for (who, collection, verb) in
            [("whole", "*", "read"), ("narrow", "c", "read"), ("writer", "*", "write")]
        {
            world.service(who);
            world.grant(&format!("service:{who}"), "one", collection, &[verb]);
        }
        world.grant("person:nil", "one", "*", &["read"]);
        let token = |who: &str| {
            let issue =
                domain::services::IssueToken::new(&world.kernel, &crate::support::name(who));
            world.run(&world.admin, issue.unwrap()).unwrap().output.token
        };
        for allowed in [&import, &auditor, &token("whole")] {
            assert_eq!(open(world, allowed, &account, 0, 2).unwrap().len(), 2);
        }
        for denied in [&world.admin, &nil, &token("narrow"), &token("writer")] {
            assert_eq!(kind(open(world, denied, &account, 0, 2)), Kind::Forbidden);
        }
        let stranger = world.service("stranger");
        assert_eq!(kind(open(world, &stranger, &account, 0, 2)), Kind::NotFound);
    });
}

#[test]
fn opening_is_an_entry_and_shows_it_too() {
    both(2, |world| {
        let (import, account) = account_with_data(world);
        world.put(&import, (&account, "c", "x"), "{}").unwrap();
        let log = slot(world, &account);
        let before = size(world, log);
        let seen = open(world, &import, &account, 1, 1000).unwrap();
        assert_eq!(size(world, log), before + 1);
        let indexes: Vec<_> = seen.iter().map(|entry| entry.index).collect();
        assert_eq!(indexes, (1..=before).collect::<Vec<_>>(), "from the first asked to its own");
        let opening = seen.last().unwrap().opening.clone().unwrap();
        assert_eq!(opening.fields["from"].value, "1");
        assert_eq!(open(world, &import, &account, before + 50, 10).unwrap().len(), 0);
        let (kind_of, _) = newest(world, log);
        assert_eq!(kind_of, "ledger.open", "also where nothing was shown");
        let nobody = AccountId::parse("nobody").unwrap();
        assert_eq!(kind(open(world, &import, &nobody, 0, 1)), Kind::NotFound);
    });
}

#[test]
fn a_receipt_with_its_opening_shows_what_was_done() {
    both(3, |world| {
        let (import, account) = account_with_data(world);
        world.put(&import, (&account, "c", "x"), "{}").unwrap();
        let log = slot(world, &account);
        let index = size(world, log) - 1;
        let open = |index| {
            let open = OpenReceipt::new(&world.kernel, &account, index)?;
            world.run(&import, open)
        };
        let json = open(index).unwrap().output;
        let report = verify_receipt(&json, Some(&world.kernel.public_key()));
        assert!(report.ok(), "{report}");
        let receipt = ledger::receipt::Receipt::from_json(&json).unwrap();
        let fields = receipt.opening.unwrap().fields;
        assert_eq!(fields["object"].value, "c/x");
        assert_eq!(fields["actor"].value, "service:import");
        let bare = world.kernel.receipt(log, index, false).unwrap();
        let report = verify_receipt(&bare, Some(&world.kernel.public_key()));
        assert!(report.ok() && !bare.contains("c/x"), "{report}");
        assert_eq!(kind(open(index + 100)), Kind::NotFound);
        assert_eq!(kind(world.kernel.receipt(HOUSE, 1 << 40, false)), Kind::NotFound);
    });
}
