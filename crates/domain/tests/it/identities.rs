//! Identities at a provider: bound by an administrator, begin sessions, and end them.

use crate::passkeys::{Device, by_link, make};
use crate::signer::Signer;
use crate::support::{both, field, kind, name, newest, says};
use domain::members::{ApproveDevice, BeginSession, FRESH, Logout};
use domain::people::{BindPerson, EndPerson, Identity, Person};
use domain::register::Read;
use domain::services::RevokeToken;
use jose::{IdToken, LogoutToken, Wanted};
use kernel::id::PrincipalId;
use kernel::{HOUSE, Kind, Result};
use serde_json::{Value, json};
use testkit::World;

const ISSUER: &str = "https://id.example";

fn now(world: &World) -> u64 {
    world.kernel.now().0 / 1_000_000
}

fn id_token(world: &World, subject: &str, session: Option<&str>, age: u64) -> IdToken {
    let (signer, now) = (Signer::new(1), now(world));
    let mut claims = json!({"iss": ISSUER, "aud": "us", "sub": subject, "iat": now,
        "exp": now + 60, "nonce": "n", "auth_time": now - age, "amr": ["otp"]});
    if let Some(session) = session {
        claims["sid"] = session.into();
    }
    let wanted = Wanted { issuer: ISSUER, client: "us", nonce: "n", asked: now, max_age: 28_800 };
    IdToken::check(&signer.token(&claims), &signer.keys(), &wanted, now).unwrap()
}

fn begin(world: &World, token: IdToken) -> Result<String> {
    let (caller, begin) = BeginSession::by_provider(&world.kernel, token)?;
    Ok(world.kernel.run(testkit::asked_by(caller), begin)?.output.token)
}

fn sign_in(world: &World, subject: &str, session: &str) -> Result<String> {
    begin(world, id_token(world, subject, Some(session), 5))
}

fn bind(world: &World, who: &str, subject: &str) -> Result<String> {
    let bind = BindPerson::new(&world.kernel, &name(who), ISSUER, subject)?;
    Ok(world.run(&world.admin, bind)?.output.id)
}

/// Ends what a logout token names; how many sessions, or `None` if nobody here is named.
pub fn log_out(world: &World, names: &Value, id: &str) -> Result<Option<usize>> {
    let (signer, now) = (Signer::new(1), now(world));
    let event = json!({"http://schemas.openid.net/event/backchannel-logout": {}});
    let mut claims = json!({"iss": ISSUER, "aud": "us", "iat": now, "exp": now + 60, "jti": id,
        "events": event});
    for (name, value) in names.as_object().unwrap() {
        claims[name] = value.clone();
    }
    let keys = signer.keys();
    let token = LogoutToken::check(&signer.token(&claims), &keys, (ISSUER, "us"), now).unwrap();
    let Some((caller, logout)) = Logout::new(&world.kernel, token)? else { return Ok(None) };
    Ok(Some(world.kernel.run(testkit::asked_by(caller), logout)?.output))
}

fn alive(world: &World, session: &str) -> bool {
    world.kernel.identify(session).is_ok()
}

#[test]
fn an_identity_begins_sessions_and_ends_them_and_nothing_else() {
    both(561, |world| {
        world.person("eve", &["engineer"]);
        assert_eq!(kind(sign_in(world, "s-1", "a")), Kind::Unauthenticated, "nobody is bound");
        let id = bind(world, "eve", "s-1").unwrap();
        let (kind_of, fields) = newest(world, HOUSE);
        assert_eq!((kind_of.as_str(), fields["subject"].as_str()), ("person.bind", "s-1"));
        let session = sign_in(world, "s-1", "a").unwrap();
        let (kind_of, fields) = newest(world, HOUSE);
        assert_eq!((kind_of.as_str(), &fields["identity"]), ("session.begin", &id));
        assert!(alive(world, &session));
        assert_eq!(kind(sign_in(world, "s-2", "a")), Kind::Unauthenticated);
        // Its name is no secret, and no token.
        let hash = Identity::hash(ISSUER, "s-1");
        let caller = world.kernel.bound(&hash).unwrap();
        let read = Read::<Person>::new(&world.kernel, "eve").unwrap();
        let other = world.kernel.run(testkit::asked_by(caller.clone()), read);
        assert_eq!(kind(other), Kind::Unauthenticated);
        let bare = BeginSession::new(&world.kernel, &caller).unwrap();
        let bare = world.kernel.run(testkit::asked_by(caller.clone()), bare);
        assert_eq!(kind(bare), Kind::Forbidden, "only with what the provider signed");
        // A session there is found by its name, and begins nothing by itself.
        let there = world.kernel.bound(&Identity::session(ISSUER, "a")).unwrap();
        assert_ne!(there.credential, caller.credential);
        let bare = BeginSession::new(&world.kernel, &there).unwrap();
        assert_eq!(kind(world.kernel.run(testkit::asked_by(there), bare)), Kind::Forbidden);

        let end = RevokeToken::new(&world.kernel, &PrincipalId::person(&name("eve")), &id);
        world.run(&world.admin, end.unwrap()).unwrap();
        assert!(!alive(world, &session), "what it began ends with it");
        assert_eq!(kind(sign_in(world, "s-1", "b")), Kind::Unauthenticated);
    });
}

#[test]
fn an_identity_is_of_one_person_and_of_nobody_who_left_or_has_a_key() {
    both(562, |world| {
        for who in ["eve", "max", "ada"] {
            world.person(who, &["engineer"]);
        }
        let id = bind(world, "eve", "s-1").unwrap();
        assert_eq!(kind(bind(world, "max", "s-1")), Kind::Conflict, "it is somebody's");
        assert_eq!(kind(bind(world, "eve", "s-1")), Kind::Conflict);
        let end = RevokeToken::new(&world.kernel, &PrincipalId::person(&name("eve")), &id);
        world.run(&world.admin, end.unwrap()).unwrap();
        bind(world, "max", "s-1").unwrap();
        // What changes of the one it was before takes nothing from the other.
        bind(world, "eve", "s-2").unwrap();
        sign_in(world, "s-1", "a").unwrap();
        let end = EndPerson::new(&world.kernel, &name("max")).unwrap();
        world.run(&world.admin, end).unwrap();
        assert_eq!(kind(sign_in(world, "s-1", "a")), Kind::Unauthenticated);
        assert_eq!(kind(bind(world, "max", "s-3")), Kind::Conflict, "who left");
        make(world, &by_link(world, "ada").unwrap(), &Device::new("ada")).unwrap();
        let keyed = bind(world, "ada", "s-4").unwrap_err();
        assert!(says(&keyed, "end the passkeys first"), "{keyed:?}");
        for (issuer, subject, wrong) in [
            ("http://id.example", "s", "issuer"),
            ("https://", "s", "issuer"),
            ("https://id.example?a", "s", "issuer"),
            (ISSUER, "", "subject"),
            (ISSUER, "a\nb", "subject"),
            (ISSUER, &"x".repeat(256), "subject"),
        ] {
            let outcome = BindPerson::new(&world.kernel, &name("eve"), issuer, subject);
            assert_eq!(field(outcome.map(drop)), (Kind::Invalid, wrong.to_owned()));
        }
        let by_eve = BindPerson::new(&world.kernel, &name("eve"), ISSUER, "s-9").unwrap();
        let session = sign_in(world, "s-2", "b").unwrap();
        assert_eq!(kind(world.run(&session, by_eve)), Kind::Forbidden);
    });
}

#[test]
fn an_administrator_who_has_a_passkey_signs_in_with_it() {
    both(563, |world| {
        world.person("abe", &["administrator"]);
        bind(world, "abe", "s-1").unwrap();
        let session = sign_in(world, "s-1", "a").unwrap();
        make(world, &session, &Device::new("abe")).unwrap();
        let refused = sign_in(world, "s-1", "a").unwrap_err();
        assert!(says(&refused, "signs in with it"), "{refused:?}");
    });
}

#[test]
fn what_is_fresh_is_when_the_provider_asked() {
    both(564, |world| {
        world.person("eve", &["engineer"]);
        bind(world, "eve", "s-1").unwrap();
        let old = begin(world, id_token(world, "s-1", None, FRESH.as_secs())).unwrap();
        let refused = make(world, &old, &Device::new("eve")).unwrap_err();
        assert!(says(&refused, "more than 15 minutes"), "{refused:?}");
        let young = begin(world, id_token(world, "s-1", None, 60)).unwrap();
        make(world, &young, &Device::new("eve")).unwrap();
        // From now on the key makes further ones, not the provider.
        let again = begin(world, id_token(world, "s-1", None, 1)).unwrap();
        assert_eq!(kind(make(world, &again, &Device::new("two"))), Kind::Forbidden);
    });
}

#[test]
fn a_logout_ends_what_it_names_once() {
    both(565, |world| {
        world.person("eve", &["engineer"]);
        world.person("max", &["engineer"]);
        bind(world, "eve", "s-1").unwrap();
        bind(world, "max", "s-2").unwrap();
        let by_hand = by_link(world, "eve").unwrap();
        let (one, two) = (sign_in(world, "s-1", "a").unwrap(), sign_in(world, "s-1", "b").unwrap());
        let other = sign_in(world, "s-2", "c").unwrap();
        let states = || [&by_hand, &one, &two, &other].map(|session| alive(world, session));
        // Somebody else's session under one's own name ends nothing.
        assert_eq!(log_out(world, &json!({"sub": "s-2", "sid": "a"}), "0").unwrap(), Some(0));
        assert_eq!(log_out(world, &json!({"sub": "s-9"}), "0").unwrap(), None);
        assert_eq!(states(), [true; 4]);
        assert_eq!(log_out(world, &json!({"sub": "s-1", "sid": "a"}), "1").unwrap(), Some(1));
        let (kind_of, fields) = newest(world, HOUSE);
        assert_eq!((kind_of.as_str(), fields["provider"].as_str()), ("session.end", ISSUER));
        assert_eq!(states(), [true, false, true, true]);
        assert_eq!(kind(sign_in(world, "s-1", "a")), Kind::Forbidden, "it is over there");
        assert_eq!(log_out(world, &json!({"sid": "b"}), "2").unwrap(), Some(1));
        assert_eq!(states(), [true, false, false, true]);
        // One that is on its way while its session ends there begins nothing.
        assert_eq!(log_out(world, &json!({"sub": "s-1", "sid": "d"}), "3").unwrap(), Some(0));
        assert_eq!(kind(sign_in(world, "s-1", "d")), Kind::Forbidden);
        let last = sign_in(world, "s-1", "e").unwrap();
        assert_eq!(kind(log_out(world, &json!({"sub": "s-1"}), "1")), Kind::Conflict);
        assert!(alive(world, &last));
        assert_eq!(log_out(world, &json!({"sub": "s-1"}), "4").unwrap(), Some(1));
        assert_eq!(states(), [true, false, false, true], "links are none of the provider's");
    });
}

const KEY: [u8; 32] = [7; 32];

/// Approves the code of a program within this session.
fn approve(world: &World, session: &str, code: &str) {
    let caller = world.kernel.identify(session).unwrap();
    let approve = ApproveDevice::new(&world.kernel, &caller, code).unwrap();
    world.run(session, approve).unwrap();
}

/// Begins the session of a program whose code was approved.
fn program(world: &World, code: &str) -> Result<String> {
    let (caller, begin) = BeginSession::by_device(&world.kernel, code, KEY)?;
    Ok(world.kernel.run(testkit::asked_by(caller), begin)?.output.token)
}

fn runs(world: &World, token: &str) -> bool {
    world.kernel.identify_keyed(token, &KEY).is_ok()
}

#[test]
fn what_ends_at_the_provider_ends_in_programs_too() {
    both(569, |world| {
        world.person("eve", &["engineer"]);
        let id = bind(world, "eve", "s-1").unwrap();
        let first = sign_in(world, "s-1", "a").unwrap();
        approve(world, &first, "BCDF-GHJK");
        log_out(world, &json!({"sub": "s-1", "sid": "a"}), "1").unwrap();
        assert_eq!(kind(program(world, "BCDFGHJK")), Kind::Unauthenticated, "nor does its code");

        let second = sign_in(world, "s-1", "b").unwrap();
        approve(world, &second, "LMNP-QRST");
        let token = program(world, "LMNPQRST").unwrap();
        assert!(runs(world, &token) && !alive(world, &token), "only with its key");
        assert!(world.kernel.identify_keyed(&token, &[8; 32]).is_err());
        assert_eq!(kind(program(world, "LMNPQRST")), Kind::Unauthenticated, "once");
        log_out(world, &json!({"sid": "b"}), "2").unwrap();
        assert!(!runs(world, &token));

        let third = sign_in(world, "s-1", "c").unwrap();
        approve(world, &third, "VWXZ-BCDF");
        let token = program(world, "VWXZBCDF").unwrap();
        let end = RevokeToken::new(&world.kernel, &PrincipalId::person(&name("eve")), &id);
        world.run(&world.admin, end.unwrap()).unwrap();
        assert!(!runs(world, &token), "nor without the identity");
    });
}

#[test]
fn a_program_is_signed_in_by_a_session_that_was_just_begun() {
    both(570, |world| {
        world.person("eve", &["engineer"]);
        bind(world, "eve", "s-1").unwrap();
        let session = sign_in(world, "s-1", "a").unwrap();
        let caller = world.kernel.identify(&session).unwrap();
        let bad = ApproveDevice::new(&world.kernel, &caller, "AAAA-AAAA");
        assert_eq!(field(bad.map(drop)), (Kind::Invalid, "code".to_owned()));
        approve(world, &session, "BCDF-GHJK");
        let again = ApproveDevice::new(&world.kernel, &caller, "BCDF-GHJK").unwrap();
        assert_eq!(kind(world.run(&session, again)), Kind::Conflict);
        let token = world.person("max", &["engineer"]);
        let of_max = world.kernel.identify(&token).unwrap();
        let bearer = ApproveDevice::new(&world.kernel, &of_max, "LMNP-QRST").unwrap();
        assert_eq!(kind(world.run(&token, bearer)), Kind::Forbidden, "a token is no session");
        world.clock.advance(FRESH);
        let late = ApproveDevice::new(&world.kernel, &caller, "LMNP-QRST").unwrap();
        assert_eq!(kind(world.run(&session, late)), Kind::Forbidden, "not just begun any more");
        world.clock.advance(std::time::Duration::from_secs(1));
        assert_eq!(kind(program(world, "BCDFGHJK")), Kind::Unauthenticated, "ten minutes are over");
    });
}
