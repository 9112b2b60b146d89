//! Passwords with one-time codes: for people of vendors whose manager allowed it, and nobody else.

use crate::passkeys::{CHALLENGE, Device, by_link, by_passkey, make};
use crate::registers::take;
use crate::support::{both, field, kind, name, says};
use crate::vendors::Team;
use aws_lc_rs::hmac;
use domain::members::{BeginSession, SetPassword, password_hash};
use domain::people::{CreatePerson, EndPerson};
use kernel::{Kind, Moment, Result};
use serde_json::json;
use std::time::Duration;
use testkit::World;

const DERIVED: [u8; 32] = [5; 32];
const SECRET: [u8; 20] = [7; 20];

/// The code of a moment, computed once more (RFC 6238).
fn code(now: Moment) -> String {
    let key = hmac::Key::new(hmac::HMAC_SHA1_FOR_LEGACY_USE_ONLY, &SECRET);
    let tag = hmac::sign(&key, &(now.0 / 30_000_000).to_be_bytes());
    let tag = tag.as_ref();
    let at = usize::from(tag[19] & 15);
    let number = u32::from_be_bytes(tag[at..at + 4].try_into().unwrap()) & 0x7fff_ffff;
    format!("{:06}", number % 1_000_000)
}

fn set(world: &World, session: &str, code: &str) -> Result<()> {
    let caller = world.kernel.identify(session)?;
    let set = SetPassword::new(&world.kernel, &caller, &DERIVED, (SECRET, code))?;
    world.run(session, set).map(|_| ())
}

fn begin(world: &World, derived: &[u8; 32], code: &str) -> Result<String> {
    let caller = world.kernel.password(&password_hash(derived))?;
    let begin = BeginSession::by_password(&world.kernel, &caller, code)?;
    Ok(world.kernel.run(testkit::asked_by(caller), begin)?.output.token)
}

/// A vendor with a person `vic`, whose manager allows passwords or not.
fn vendor<'w>(world: &'w World, allowed: bool) -> Team<'w> {
    let team = Team::new(world);
    team.ready("acme", "support-access");
    let person = CreatePerson::new(&world.kernel, "vic", None, None, vec!["engineer".into()]);
    world.run(&team.admin(), person.unwrap().with_vendor("acme")).unwrap();
    if allowed {
        allow(world, &team, true).unwrap();
    }
    team
}

fn allow(world: &World, team: &Team<'_>, allowed: bool) -> Result<serde_json::Value> {
    let stated = json!({"allowed": allowed, "reason": "their laptops have no keys"});
    take(world, &team.token("mia"), ("vendors", "acme", "passwords"), &stated)
}

#[test]
fn a_password_begins_a_session_with_the_code_of_the_moment_only() {
    both(720, |world| {
        vendor(world, true);
        let session = by_link(world, "vic").unwrap();
        assert_eq!(field(set(world, &session, "000000")), (Kind::Invalid, "code".into()));
        set(world, &session, &code(world.kernel.now())).unwrap();
        world.clock.advance(Duration::from_secs(60));
        let now = world.kernel.now();
        assert_eq!(kind(begin(world, &[6; 32], &code(now))), Kind::Unauthenticated);
        for bad in ["", "000000", &code(now.after(Duration::from_secs(90)))] {
            assert_eq!(kind(begin(world, &DERIVED, bad)), Kind::Forbidden, "{bad}");
        }
        let session = begin(world, &DERIVED, &code(now)).unwrap();
        world.kernel.identify(&session).unwrap();
        let again = begin(world, &DERIVED, &code(now)).unwrap_err();
        assert!(says(&again, "used already"), "{again:?}");
        // The code that set it is used, too; and the hash is no token.
        let caller = world.kernel.password(&password_hash(&DERIVED)).unwrap();
        let other = world.kernel.run(
            testkit::asked_by(caller),
            domain::measures::ReadMeasures::new(&world.kernel, None).unwrap(),
        );
        assert_eq!(kind(other), Kind::Unauthenticated, "it begins sessions, and nothing else");
    });
}

#[test]
fn only_people_of_vendors_that_may_have_passwords() {
    both(721, |world| {
        let team = vendor(world, false);
        let now = code(world.kernel.now());
        let vic = by_link(world, "vic").unwrap();
        assert!(says(&set(world, &vic, &now).unwrap_err(), "bailee vendor passwords"));
        allow(world, &team, true).unwrap();
        assert_eq!(kind(allow(world, &team, true)), Kind::Conflict);
        let eve = by_link(world, "eve").unwrap();
        assert!(says(&set(world, &eve, &now).unwrap_err(), "only people of vendors"));
        let engineer = json!({"allowed": false, "reason": "r"});
        let place = ("vendors", "acme", "passwords");
        let refused = take(world, &team.token("eve"), place, &engineer);
        assert_eq!(kind(refused), Kind::Forbidden);
        set(world, &vic, &now).unwrap();
        world.clock.advance(Duration::from_secs(60));
        let next = || code(world.kernel.now());
        begin(world, &DERIVED, &next()).unwrap();
        world.clock.advance(Duration::from_secs(60));
        allow(world, &team, false).unwrap();
        assert_eq!(kind(begin(world, &DERIVED, &next())), Kind::Forbidden, "not any more");
        allow(world, &team, true).unwrap();
        begin(world, &DERIVED, &next()).unwrap();
        world.clock.advance(Duration::from_secs(60));
        let end = EndPerson::new(&world.kernel, &name("vic")).unwrap();
        world.run(&team.admin(), end).unwrap();
        assert_eq!(kind(begin(world, &DERIVED, &next())), Kind::Unauthenticated);
    });
}

#[test]
fn whoever_has_a_passkey_has_no_password() {
    both(722, |world| {
        vendor(world, true);
        let session = by_link(world, "vic").unwrap();
        set(world, &session, &code(world.kernel.now())).unwrap();
        world.clock.advance(Duration::from_secs(60));
        let session = begin(world, &DERIVED, &code(world.kernel.now())).unwrap();
        let device = Device::new("key-of-vic");
        make(world, &session, &device).unwrap();
        world.clock.advance(Duration::from_secs(60));
        let weaker = begin(world, &DERIVED, &code(world.kernel.now())).unwrap_err();
        assert!(says(&weaker, "you have a passkey"), "{weaker:?}");
        let session = by_passkey(world, &device, &CHALLENGE, &CHALLENGE).unwrap();
        let again = set(world, &session, &code(world.kernel.now()));
        assert_eq!(kind(again), Kind::Conflict);
    });
}

#[test]
fn a_password_is_set_in_a_fresh_session_and_replaces_the_one_before() {
    both(723, |world| {
        vendor(world, true);
        let session = by_link(world, "vic").unwrap();
        world.clock.advance(Duration::from_secs(16 * 60));
        let late = set(world, &session, &code(world.kernel.now())).unwrap_err();
        assert!(says(&late, "sign in again"), "{late:?}");
        let session = by_link(world, "vic").unwrap();
        set(world, &session, &code(world.kernel.now())).unwrap();
        world.clock.advance(Duration::from_secs(60));
        let caller = world.kernel.identify(&session).unwrap();
        let now = code(world.kernel.now());
        let other = SetPassword::new(&world.kernel, &caller, &[9; 32], (SECRET, &now)).unwrap();
        world.run(&session, other).unwrap();
        world.clock.advance(Duration::from_secs(60));
        let now = code(world.kernel.now());
        assert_eq!(kind(begin(world, &DERIVED, &now)), Kind::Unauthenticated, "replaced");
        begin(world, &[9; 32], &now).unwrap();
    });
}
