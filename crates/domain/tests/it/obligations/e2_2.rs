//! E2.2: Service Data is encrypted in transit with interfaces and APIs.

use super::systems::{listener, scope, seen, through};
use crate::support::both;
use crate::team::Team;
use domain::measures::{Listener, State};
use std::time::Duration;

#[test]
fn service_data_is_encrypted_in_transit() {
    both(122, |world| {
        let team = Team::new(world);
        seen(&team, None, "E2.2", State::Unproven);
        scope(&team);
        let answer = seen(&team, None, "E2.2", State::Unproven);
        assert_eq!(answer.missing, ["a probe of the listener"]);
        let good = listener(&team);
        seen(&team, Some(good.clone()), "E2.2", State::Holding);
        let plain = Listener { refuses_plaintext: false, ..good.clone() };
        seen(&team, Some(plain), "E2.2", State::Failing);
        let old = Listener { version: "TLSv1.0".to_owned(), ..good.clone() };
        seen(&team, Some(old), "E2.2", State::Failing);
        world.clock.advance(Duration::from_secs(2 * 3600 + 1));
        seen(&team, Some(good), "E2.2", State::Unproven);
        through(&team, "E2.2", "encrypted-in-transit", || ());
    });
}
