//! Contacts: entered, checked, too old, ended.

use super::{Crew, id, word};
use crate::registers::{add, take};
use crate::support::{account_with_data, both, field, kind};
use kernel::Kind;
use serde_json::json;

#[test]
fn a_contact_counts_while_its_check_is_fresh() {
    both(702, |world| {
        let mut crew = Crew::new(world);
        account_with_data(world);
        let new = json!({"account": "one", "name": "Ada", "email": "ada@one.example",
            "kind": "security", "source": "order form"});
        for (name, bad) in [
            ("account", "nobody"),
            ("account", "../house"),
            ("name", ""),
            ("email", "ada@one.example\r\nBcc: all@one.example"),
            ("email", "Ada <ada@one.example>"),
            ("source", " "),
        ] {
            let mut stated = new.clone();
            stated[name] = json!(bad);
            let refused = add(world, &crew.rita, "contacts", &stated);
            assert_eq!(field(refused), (Kind::Invalid, name.to_owned()), "{bad:?}");
        }
        assert_eq!(kind(add(world, &crew.cora, "contacts", &new)), Kind::Forbidden);
        let row = add(world, &crew.rita, "contacts", &new).unwrap();
        assert_eq!(word(&row), "unverified");
        crew.check(world, &id(&row));
        assert_eq!(word(&crew.show(world, "contacts", &id(&row))), "verified");
        crew.wait(world, 364);
        assert_eq!(word(&crew.show(world, "contacts", &id(&row))), "verified");
        crew.wait(world, 1);
        assert_eq!(word(&crew.show(world, "contacts", &id(&row))), "stale");
        crew.check(world, &id(&row));
        assert_eq!(word(&crew.show(world, "contacts", &id(&row))), "verified");
        let step = |verb| {
            let stated =
                if verb == "end" { json!({"reason": "left"}) } else { json!({"how": "x"}) };
            take(world, &crew.rita, ("contacts", &id(&row), verb), &stated)
        };
        assert_eq!(word(&step("end").unwrap()), "ended");
        assert_eq!(kind(step("end")), Kind::Conflict);
        assert_eq!(kind(step("verify")), Kind::Conflict);
    });
}
