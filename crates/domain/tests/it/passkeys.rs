//! Passkeys: made in a session that was begun just now, begin sessions, and sign approvals.

use crate::registers::{add, show, take};
use crate::support::{account_with_data, both, field, kind, name, newest, says};
use domain::grants::MovePerson;
use domain::members::{
    AddPasskey, Asked, BeginSession, EndPasskey, FRESH, IssueLink, LinkLife, Made, Signed,
};
use domain::people::{EndPerson, Passkey, Person, hex};
use domain::register::Read;
use kernel::{HOUSE, Kind, Result};
use passkeys::Site;
use serde_json::{Value, json};
pub use testkit::Device;
use testkit::{SITE, World};

pub const CHALLENGE: [u8; 32] = [5; 32];

/// A session that a link begins.
pub fn by_link(world: &World, who: &str) -> Result<String> {
    let link = IssueLink::person(&world.kernel, &name(who), LinkLife::default()).unwrap();
    let link = world.run(&world.admin, link)?.output.token;
    by_token(world, &link)
}

pub fn by_token(world: &World, token: &str) -> Result<String> {
    let caller = world.kernel.identify(token)?;
    let begin = BeginSession::new(&world.kernel, &caller).unwrap();
    Ok(world.run(token, begin)?.output.token)
}

/// A session that a passkey begins, with what it signed for this challenge.
pub fn by_passkey(world: &World, device: &Device, signed: &[u8], asked: &[u8]) -> Result<String> {
    let caller = world.kernel.passkey(&Passkey::hash(device.id()))?;
    let signed = Signed { proof: device.sign(signed), challenge: asked.to_vec(), attested: false };
    let begin = BeginSession::by_passkey(&world.kernel, &caller, signed).unwrap();
    Ok(world.kernel.run(testkit::asked_by(caller), begin)?.output.token)
}

pub fn make(world: &World, session: &str, device: &Device) -> Result<Made> {
    let caller = world.kernel.identify(session)?;
    let site = Site::new(SITE).unwrap();
    let made = device.make(&CHALLENGE);
    let asked = Asked { challenge: CHALLENGE.to_vec(), site, makers: None };
    let add = AddPasskey::new(&world.kernel, &caller, "desk", made, asked)?;
    Ok(world.run(session, add)?.output)
}

#[test]
fn a_passkey_begins_sessions_and_nothing_else() {
    both(541, |world| {
        world.person("eve", &["engineer"]);
        let device = Device::new("key-of-eve");
        let session = by_link(world, "eve").unwrap();
        let made = make(world, &session, &device).unwrap();
        assert_eq!(made.codes.len(), 8, "recovery codes come with the first");
        let session = by_passkey(world, &device, &CHALLENGE, &CHALLENGE).unwrap();
        world.kernel.identify(&session).unwrap();
        let (kind_of, fields) = newest(world, HOUSE);
        assert_eq!((kind_of.as_str(), fields["passkey"].as_str()), ("session.begin", &*made.id));
        // Its name is no secret, and no token.
        for text in ["key-of-eve", &hex(b"key-of-eve"), &hex(&Passkey::hash(b"key-of-eve"))] {
            assert_eq!(kind(world.kernel.identify(text)), Kind::Unauthenticated);
        }
        let caller = world.kernel.passkey(&Passkey::hash(b"key-of-eve")).unwrap();
        let read = Read::<Person>::new(&world.kernel, "eve").unwrap();
        let other = world.kernel.run(testkit::asked_by(caller.clone()), read);
        assert_eq!(kind(other), Kind::Unauthenticated, "it begins sessions and nothing else");
        let bare = BeginSession::new(&world.kernel, &caller).unwrap();
        let bare = world.kernel.run(testkit::asked_by(caller), bare);
        assert_eq!(kind(bare), Kind::Forbidden, "and only with what it signed");
    });
}

#[test]
fn what_was_signed_for_another_challenge_or_before_does_not_count() {
    both(542, |world| {
        world.person("eve", &["engineer"]);
        let device = Device::new("key-1");
        make(world, &by_link(world, "eve").unwrap(), &device).unwrap();
        assert_eq!(kind(by_passkey(world, &device, &[6; 32], &CHALLENGE)), Kind::Forbidden);
        by_passkey(world, &device, &CHALLENGE, &CHALLENGE).unwrap();
        device.count(0);
        let copied = by_passkey(world, &device, &CHALLENGE, &CHALLENGE).unwrap_err();
        assert!(says(&copied, "may have been copied"), "{copied:?}");
        let stranger = Device::new("x").named("key-1");
        stranger.count(90);
        let stranger = by_passkey(world, &stranger, &CHALLENGE, &CHALLENGE);
        assert_eq!(kind(stranger), Kind::Forbidden, "another key under its name");
        let unknown = by_passkey(world, &Device::new("key-2"), &CHALLENGE, &CHALLENGE);
        assert_eq!(kind(unknown), Kind::Unauthenticated);
        let end = EndPerson::new(&world.kernel, &name("eve")).unwrap();
        world.run(&world.admin, end).unwrap();
        device.count(50);
        let gone = by_passkey(world, &device, &CHALLENGE, &CHALLENGE);
        assert_eq!(kind(gone), Kind::Unauthenticated, "who left does not sign in");
    });
}

#[test]
fn a_passkey_is_made_by_whoever_signed_in_just_now_with_the_one_they_have() {
    both(543, |world| {
        let token = world.person("eve", &["engineer"]);
        let (one, two) = (Device::new("one"), Device::new("two"));
        assert_eq!(kind(make(world, &token, &one)), Kind::Forbidden, "by a token of the API");
        let session = by_link(world, "eve").unwrap();
        world.clock.advance(FRESH);
        let old = make(world, &session, &one).unwrap_err();
        assert!(says(&old, "more than 15 minutes"), "{old:?}");
        let session = by_link(world, "eve").unwrap();
        let made = make(world, &session, &one).unwrap();
        assert_eq!(
            kind(make(world, &session, &two)),
            Kind::Forbidden,
            "the link is not enough now"
        );
        assert_eq!(kind(by_link(world, "eve")), Kind::Conflict, "and no link is made any more");
        let session = by_passkey(world, &one, &CHALLENGE, &CHALLENGE).unwrap();
        assert_eq!(kind(make(world, &session, &one)), Kind::Conflict, "the same once more");
        assert!(make(world, &session, &two).unwrap().codes.is_empty());
        // Both are lost: a code on paper begins one session, once.
        let session = by_token(world, &made.codes[3]).unwrap();
        assert_eq!(kind(by_token(world, &made.codes[3])), Kind::Unauthenticated);
        let caller = world.kernel.identify(&session).unwrap();
        let end = |id: &str| EndPasskey::new(&world.kernel, &caller, id).unwrap();
        world.run(&session, end(&made.id)).unwrap();
        assert_eq!(kind(world.run(&session, end("none"))), Kind::NotFound);
        let ended = by_passkey(world, &one, &CHALLENGE, &CHALLENGE);
        assert_eq!(kind(ended), Kind::Unauthenticated);
        by_passkey(world, &two, &CHALLENGE, &CHALLENGE).unwrap();
    });
}

#[test]
fn an_administrators_passkey_stays_on_its_device() {
    both(544, |world| {
        world.person("ada", &["administrator"]);
        world.person("eve", &["engineer"]);
        let session = by_link(world, "ada").unwrap();
        let copied = make(world, &session, &Device::copied("cloud")).unwrap_err();
        assert!(says(&copied, "stays on its device"), "{copied:?}");
        make(world, &session, &Device::new("key")).unwrap();
        let phone = Device::copied("phone");
        make(world, &by_link(world, "eve").unwrap(), &phone).unwrap();
        by_passkey(world, &phone, &CHALLENGE, &CHALLENGE).unwrap();
        let roles = ["administrator".to_owned()];
        let rise = MovePerson::new(&world.kernel, &name("eve"), &roles, "she takes over").unwrap();
        world.run(&world.admin, rise).unwrap();
        let copied = by_passkey(world, &phone, &CHALLENGE, &CHALLENGE).unwrap_err();
        assert!(says(&copied, "stays on its device"), "whoever becomes one, too: {copied:?}");
    });
}

#[test]
fn an_approval_is_signed_by_the_passkey_over_what_was_asked() {
    both(545, |world| {
        let (_, account) = account_with_data(world);
        let eve = world.person("eve", &["engineer"]);
        let abe = world.person("abe", &["approver"]);
        let device = Device::new("key-of-abe");
        make(world, &by_link(world, "abe").unwrap(), &device).unwrap();
        let wish = json!({"account": account.as_str(), "collections": ["c"], "verbs": ["delete"],
            "purpose": "p", "reference": "T-1", "for_seconds": 60});
        let ask = || add(world, &eve, "access-requests", &wish).unwrap();
        let (row, other) = (ask(), ask());
        let id = row["id"].as_str().unwrap();
        let bytes = |row: &Value| {
            let text = row["challenge"].as_str().unwrap().to_owned();
            let pair = |at: usize| u8::from_str_radix(&text[at..at + 2], 16).unwrap();
            (0..text.len()).step_by(2).map(pair).collect::<Vec<u8>>()
        };
        let approve = |proof: Value| {
            let stated = json!({"terms_sha256": row["terms_sha256"], "proof": proof});
            take(world, &abe, ("access-requests", id, "approve"), &stated)
        };
        assert_eq!(field(approve(Value::Null)).1, "proof", "a session alone is not enough");
        let foreign = serde_json::to_value(device.sign(&bytes(&other))).unwrap();
        assert_eq!(kind(approve(foreign)), Kind::Forbidden, "signed for another request");
        let strange = serde_json::to_value(Device::new("key-of-abe").sign(&bytes(&row))).unwrap();
        assert_eq!(kind(approve(strange)), Kind::Forbidden, "signed by another key");
        let unknown = serde_json::to_value(Device::new("x").sign(&bytes(&row))).unwrap();
        assert_eq!(field(approve(unknown)).1, "proof");
        let mut broken = serde_json::to_value(device.sign(&bytes(&row))).unwrap();
        broken["signature"] = json!("zz");
        assert_eq!(field(approve(broken)).1, "proof");
        let proof = serde_json::to_value(device.sign(&bytes(&row))).unwrap();
        let done = approve(proof.clone()).unwrap();
        let signed = &done["approvals"][0]["signed"];
        assert_eq!((&signed["challenge"], &signed["proof"]), (&row["challenge"], &proof));
        let shown = show(world, &eve, "access-requests", id).unwrap();
        assert_ne!(shown["challenge"], row["challenge"], "the next signature is another");
    });
}
