//! Session signals: what ends here is told, what ends elsewhere is heard.

use crate::identities::log_out;
use crate::passkeys::{Device, by_link, by_token, make};
use crate::registers::add;
use crate::signer::Signer;
use crate::support::{both, kind, kinds, name, newest};
use domain::members::{BeginSession, Hear};
use domain::people::{BindPerson, CreatePerson, EndPerson};
use domain::register::{Add, Do, Kept, Read};
use domain::services::RevokeToken;
use domain::streams::{
    Compose, Composed, End, NewStream, NoteSent, Outcome, PublishKeys, RotateKey, SEND, Sending,
    Sent, Stream, Verify,
};
use jose::{Event, IdToken, KeySet, SecurityEvent, Subject, Wanted};
use kernel::id::PrincipalId;
use kernel::{HOUSE, Job, Kernel, Kind, Ran, Result};
use serde_json::{Value, json};
use std::cell::RefCell;
use std::time::Duration;
use testkit::World;

const US: &str = "https://bailee.example";
const ISSUER: &str = "https://id.example";
const CAEP: &str = "https://schemas.openid.net/secevent/caep/event-type/";

fn stream(world: &World, id: &str, subject: &str) {
    let new = json!({"name": id, "address": format!("https://{id}.example/events"),
        "audience": format!("https://{id}.example"), "subject": subject});
    let new: NewStream = serde_json::from_value(new).unwrap();
    let mut random = [0; 16];
    random[0] = id.as_bytes()[0];
    world.run(&world.admin, Add::<Stream>::new(&world.kernel, new, random).unwrap()).unwrap();
}

fn row(world: &World, id: &str) -> Stream {
    let read = Read::<Kept<Stream>>::new(&world.kernel, id).unwrap();
    world.run(&world.admin, read).unwrap().output.row
}

fn eve(world: &World) {
    let email = Some("eve@northwind.example".to_owned());
    let roles = vec!["engineer".to_owned()];
    let eve = CreatePerson::new(&world.kernel, "eve", None, email, roles).unwrap();
    world.run(&world.admin, eve).unwrap();
    let bind = BindPerson::new(&world.kernel, &name("eve"), ISSUER, "sub-7").unwrap();
    world.run(&world.admin, bind).unwrap();
}

fn delivered() -> Sent {
    Sent { delivered: true, over: false, status: Some(202), error: None, reply: String::new() }
}

fn failed(error: &str) -> Sent {
    let (error, reply) = (Some(error.to_owned()), "try\u{7} again".to_owned());
    Sent {
        delivered: false,
        over: error.as_deref() == Some("invalid_request"),
        status: Some(400),
        error,
        reply,
    }
}

/// What a tick sent: to which stream, and the token, or why there was none.
type Posted = (String, std::result::Result<String, String>);

/// Ticks until nothing more is due, and answers everything that is sent so.
fn tick(world: &World, answer: &dyn Fn(&str) -> Sent) -> Vec<Posted> {
    let posted = RefCell::new(vec![]);
    let run = |kernel: &Kernel, job: &Job, right: Ran| -> Result<()> {
        if job.kind != SEND {
            return domain::run_job(kernel, job, right);
        }
        let sending = Sending::of(&job.object)?;
        let composed = right.ask(kernel, Compose::new(kernel, sending.clone(), US)?)?;
        let (sent, what) = match composed {
            Composed::Send { token, .. } => (answer(&sending.stream), Ok(token)),
            Composed::Nothing(why) => {
                let over = Sent { over: true, reply: why.clone(), ..failed("none") };
                (over, Err(why))
            }
        };
        posted.borrow_mut().push((sending.stream.clone(), what));
        right.run(kernel, NoteSent::new(kernel, sending, sent)?)
    };
    for _ in 0..3 {
        world.kernel.tick(&run).unwrap();
    }
    posted.into_inner()
}

fn set(world: &World) -> Value {
    let publish = PublishKeys::new(&world.kernel).unwrap();
    let bearer = testkit::asked_by(kernel::authority::Caller::bearer());
    world.kernel.run(bearer, publish).unwrap().output.set
}

fn read(world: &World, token: &str, audience: &str) -> SecurityEvent {
    let keys = KeySet::parse(set(world).to_string().as_bytes()).unwrap();
    let now = world.kernel.now().0 / 1_000_000;
    SecurityEvent::check(token, &keys, (US, audience), now).unwrap()
}

fn claims(token: &str) -> Value {
    use base64::Engine as _;
    let part = token.split('.').nth(1).unwrap();
    let bytes = base64::engine::general_purpose::URL_SAFE_NO_PAD.decode(part).unwrap();
    serde_json::from_slice(&bytes).unwrap()
}

#[test]
fn whoever_leaves_is_told_to_each_receiver_in_its_own_words() {
    both(901, |world| {
        eve(world);
        stream(world, "crm", "iss-sub");
        stream(world, "mail", "email");
        stream(world, "wiki", "opaque");
        let end = EndPerson::new(&world.kernel, &name("eve")).unwrap();
        world.run(&world.admin, end).unwrap();
        let mut posted = tick(world, &|_| delivered());
        posted.sort();
        let streams: Vec<_> = posted.iter().map(|(stream, _)| stream.as_str()).collect();
        assert_eq!(streams, ["crm", "mail", "wiki"]);
        let mut ids = vec![];
        for (stream, token) in &posted {
            let token = token.as_ref().unwrap();
            let event = read(world, token, &format!("https://{stream}.example"));
            assert_eq!(event.event(), Event::SessionRevoked);
            ids.push(event.id().to_owned());
        }
        ids.dedup();
        assert_eq!(ids.len(), 3, "no two receivers can compare what they heard");
        let said: Vec<_> =
            posted.iter().map(|(_, token)| claims(token.as_ref().unwrap())).collect();
        assert_eq!(said[0]["sub_id"], json!({"format": "iss_sub", "iss": ISSUER, "sub": "sub-7"}));
        assert_eq!(said[1]["sub_id"]["email"], "eve@northwind.example");
        assert_eq!(said[2]["sub_id"], json!({"format": "opaque", "id": "eve"}));
        let event = &said[0]["events"][format!("{CAEP}session-revoked")];
        assert_eq!(event["initiating_entity"], "admin");
        assert!(event["event_timestamp"].is_u64() && said[0].get("exp").is_none());
        let row = row(world, "crm");
        assert_eq!((row.delivered, row.lost), (1, 0));
        assert_eq!(row.last.unwrap().outcome, Outcome::Delivered);
        assert!(tick(world, &|_| delivered()).is_empty(), "it is told once");
    });
}

#[test]
fn what_is_not_taken_is_tried_again_under_the_same_id_and_then_lost() {
    both(902, |world| {
        eve(world);
        stream(world, "crm", "opaque");
        let end = EndPerson::new(&world.kernel, &name("eve")).unwrap();
        world.run(&world.admin, end).unwrap();
        let first = tick(world, &|_| failed("invalid_key"));
        let last = row(world, "crm").last.unwrap();
        assert_eq!(last.outcome, Outcome::Failed);
        assert_eq!((last.error.as_deref(), &*last.reply), (Some("invalid_key"), "try again"));
        assert!(tick(world, &|_| delivered()).is_empty(), "it waits");
        world.clock.advance(Duration::from_secs(61));
        let second = tick(world, &|_| failed("authentication_failed"));
        let (first, second) = (first[0].1.clone().unwrap(), second[0].1.clone().unwrap());
        assert_eq!(claims(&first), claims(&second), "whoever heard it knows the repetition");
        let mut tries = 2;
        for _ in 0..400 {
            world.clock.advance(Duration::from_secs(3600));
            tries += tick(world, &|_| failed("invalid_key")).len();
        }
        assert_eq!(tries, 10);
        let row = row(world, "crm");
        assert_eq!((row.delivered, row.lost), (0, 1));
        assert_eq!(row.last.unwrap().outcome, Outcome::Lost);
    });
}

#[test]
fn what_never_helps_is_not_tried_again() {
    both(903, |world| {
        eve(world);
        world.person("max", &["engineer"]);
        stream(world, "crm", "email");
        stream(world, "old", "opaque");
        let over = End { reason: "replaced".to_owned() };
        let over = Do::<Stream, End>::new(&world.kernel, "old", over).unwrap();
        world.run(&world.admin, over).unwrap();
        for who in ["eve", "max"] {
            let end = EndPerson::new(&world.kernel, &name(who)).unwrap();
            world.run(&world.admin, end).unwrap();
        }
        let posted = tick(world, &|_| failed("invalid_request"));
        assert_eq!(posted.len(), 2, "and nothing to the one that ended");
        let none = posted.iter().find_map(|(_, token)| token.as_ref().err()).unwrap();
        assert!(none.contains("no name of the form") && none.contains("max"), "{none}");
        let crm = row(world, "crm");
        assert_eq!((crm.delivered, crm.lost), (0, 2));
        world.clock.advance(Duration::from_secs(86_400 * 9));
        assert!(tick(world, &|_| delivered()).is_empty());
        let verify = Do::<Stream, Verify>::new(&world.kernel, "old", Verify {}).unwrap();
        assert_eq!(kind(world.run(&world.admin, verify)), Kind::Conflict);
    });
}

#[test]
fn passkeys_and_recovery_codes_are_changes_of_credentials() {
    both(904, |world| {
        eve(world);
        stream(world, "crm", "opaque");
        // A device code, a link and one session of several that ends are nobody's business.
        let session = by_link(world, "eve").unwrap();
        assert!(tick(world, &|_| delivered()).is_empty());
        let made = make(world, &session, &Device::new("key-of-eve")).unwrap();
        by_token(world, &made.codes[0]).unwrap();
        let of = PrincipalId::person(&name("eve"));
        let end = RevokeToken::new(&world.kernel, &of, &made.id).unwrap();
        world.run(&world.admin, end).unwrap();
        let told = tick(world, &|_| delivered());
        let mut said: Vec<_> = told
            .iter()
            .map(|(_, token)| {
                let claims = claims(token.as_ref().unwrap());
                let event = &claims["events"][format!("{CAEP}credential-change")];
                let text = |name: &str| event[name].as_str().unwrap().to_owned();
                (text("change_type"), text("credential_type"), text("initiating_entity"))
            })
            .collect();
        said.sort();
        let row = |change: &str, kind: &str, by: &str| (change.into(), kind.into(), by.into());
        let expected = [
            row("create", "fido2-roaming", "user"),
            row("revoke", "fido2-roaming", "admin"),
            row("revoke", "recovery-code", "user"),
        ];
        assert_eq!(said, expected);
    });
}

#[test]
fn a_stream_is_tried_without_saying_anything_of_anybody() {
    both(905, |world| {
        stream(world, "crm", "email");
        assert!(row(world, "crm").last.is_none());
        let verify = Do::<Stream, Verify>::new(&world.kernel, "crm", Verify {}).unwrap();
        world.run(&world.admin, verify).unwrap();
        let told = tick(world, &|_| delivered());
        let event = read(world, told[0].1.as_ref().unwrap(), "https://crm.example");
        assert_eq!((event.event(), event.subject()), (Event::Other, &Subject::Other));
        assert_eq!(row(world, "crm").delivered, 1);
    });
}

#[test]
fn keys_are_published_before_they_sign_and_as_long_as_somebody_may_look_them_up() {
    both(906, |world| {
        stream(world, "crm", "email");
        let kid = |world: &World| {
            let verify = Do::<Stream, Verify>::new(&world.kernel, "crm", Verify {}).unwrap();
            world.run(&world.admin, verify).unwrap();
            let token = tick(world, &|_| delivered()).remove(0).1.unwrap();
            read(world, &token, "https://crm.example");
            let head: Value = {
                use base64::Engine as _;
                let part = token.split('.').next().unwrap();
                let coded = base64::engine::general_purpose::URL_SAFE_NO_PAD;
                serde_json::from_slice(&coded.decode(part).unwrap()).unwrap()
            };
            head["kid"].as_str().unwrap().to_owned()
        };
        let known = |world: &World| {
            let set = set(world);
            let keys = set["keys"].as_array().unwrap().clone();
            keys.iter().map(|key| key["kid"].as_str().unwrap().to_owned()).collect::<Vec<_>>()
        };
        let rotate = |at_once| {
            let rotate = RotateKey::new(&world.kernel, at_once).unwrap();
            world.run(&world.admin, rotate).unwrap().output.key
        };
        let first = kid(world);
        assert_eq!(known(world), std::slice::from_ref(&first));
        assert!(!set(world).to_string().contains("\"d\""));
        let second = rotate(false);
        assert_eq!(
            (kid(world), known(world)),
            (first.clone(), vec![first.clone(), second.clone()])
        );
        world.clock.advance(Duration::from_secs(601));
        assert_eq!((kid(world), known(world).len()), (second.clone(), 2));
        world.clock.advance(Duration::from_secs(7 * 86_400));
        assert_eq!(known(world), [second]);
        // One that somebody else may have counts nowhere any more.
        let third = rotate(true);
        assert_eq!((kid(world), known(world)), (third.clone(), vec![third]));
        let rotate = || RotateKey::new(&world.kernel, false).unwrap();
        let stranger = world.person("max", &["engineer"]);
        assert_eq!(kind(world.run(&stranger, rotate())), Kind::Forbidden);
        for _ in 0..7 {
            world.run(&world.admin, rotate()).unwrap();
        }
        assert_eq!(kind(world.run(&world.admin, rotate())), Kind::Limit);
    });
}

/// A session by the provider.
fn sign_in(world: &World, session: &str) -> String {
    let (signer, now) = (Signer::new(1), world.kernel.now().0 / 1_000_000);
    let claims = json!({"iss": ISSUER, "aud": "us", "sub": "sub-7", "iat": now, "exp": now + 60,
        "nonce": "n", "auth_time": now, "sid": session});
    let wanted = Wanted { issuer: ISSUER, client: "us", nonce: "n", asked: now, max_age: 28_800 };
    let token = IdToken::check(&signer.token(&claims), &signer.keys(), &wanted, now).unwrap();
    let (caller, begin) = BeginSession::by_provider(&world.kernel, token).unwrap();
    world.kernel.run(testkit::asked_by(caller), begin).unwrap().output.token
}

/// Tells an event; how many sessions ended, or `None` if it names nobody here or changes nothing.
fn hear(world: &World, kind: &str, said: Value, sub_id: Value, id: &str) -> Option<usize> {
    let (signer, now) = (Signer::new(1), world.kernel.now().0 / 1_000_000);
    let claims = json!({"iss": ISSUER, "aud": US, "iat": now, "jti": id, "sub_id": sub_id,
        "events": {kind: said}});
    let header = r#"{"alg":"EdDSA","kid":"k","typ":"secevent+jwt"}"#;
    let token = signer.sign(header, &claims.to_string());
    let event = SecurityEvent::check(&token, &signer.keys(), (ISSUER, US), now).unwrap();
    let (caller, hear) = Hear::new(&world.kernel, event).unwrap()?;
    Some(world.kernel.run(testkit::asked_by(caller), hear).unwrap().output)
}

#[test]
fn what_others_tell_ends_every_session_that_began_before_and_is_told_on() {
    both(907, |world| {
        eve(world);
        stream(world, "crm", "opaque");
        let revoked = format!("{CAEP}session-revoked");
        let eve = json!({"format": "iss_sub", "iss": ISSUER, "sub": "sub-7"});
        let alive = |session: &String| world.kernel.identify(session).is_ok();
        let by = |id: &str, said: Value| hear(world, &revoked, said, eve.clone(), id);
        let (first, second) = (sign_in(world, "a"), sign_in(world, "b"));
        world.clock.advance(Duration::from_secs(100));
        let other = json!({"format": "iss_sub", "iss": ISSUER, "sub": "sub-8"});
        assert_eq!(hear(world, &revoked, json!({}), other, "1"), None);
        let unknown = "https://example.org/event";
        assert_eq!(hear(world, unknown, json!({}), eve.clone(), "2"), None);
        assert!(alive(&first) && alive(&second));
        // One session there, among several.
        let one = json!({"format": "complex", "user": eve,
            "session": {"format": "opaque", "id": "a"}});
        assert_eq!(hear(world, &revoked, json!({}), one, "3"), Some(1));
        assert!(!alive(&first) && alive(&second));
        assert!(tick(world, &|_| delivered()).is_empty(), "the other one goes on");
        assert_eq!(by("4", json!({})), Some(1));
        assert!(!alive(&second));
        let (kind_of, fields) = newest(world, HOUSE);
        assert_eq!((kind_of.as_str(), &*fields["transmitter"]), ("session.end", ISSUER));
        assert_eq!(tick(world, &|_| delivered()).len(), 1, "whoever hears us hears of it");
        // Repeated, or about what was before, it ends nothing that began since.
        world.clock.advance(Duration::from_secs(1));
        let third = sign_in(world, "c");
        assert_eq!(by("4", json!({})), Some(0));
        world.clock.advance(Duration::from_secs(700));
        let early = world.kernel.now().0 / 1_000_000 - 800;
        assert_eq!(by("5", json!({"event_timestamp": early})), Some(0));
        assert!(alive(&third) && tick(world, &|_| delivered()).is_empty());
        let change = format!("{CAEP}credential-change");
        let said = |change: &str| json!({"credential_type": "password", "change_type": change});
        assert_eq!(hear(world, &change, said("create"), eve.clone(), "6"), None);
        assert_eq!(hear(world, &change, said("revoke"), eve.clone(), "7"), Some(1));
        assert!(!alive(&third));
        let lost = "https://schemas.openid.net/secevent/risc/event-type/credential-compromise";
        let fourth = sign_in(world, "d");
        let said = json!({"credential_type": "password"});
        assert_eq!(hear(world, lost, said, eve, "8"), Some(1));
        assert!(!alive(&fourth) && !kinds(world, HOUSE).is_empty());
    });
}

#[test]
fn sessions_that_are_ended_for_somebody_are_told_where_there_were_any() {
    both(908, |world| {
        eve(world);
        stream(world, "crm", "opaque");
        let rob = world.person("rob", &["responder"]);
        let lost = json!({"kind": "end-sessions", "target": "person:eve", "reason": "a laptop"});
        add(world, &rob, "answers", &lost).unwrap();
        assert!(tick(world, &|_| delivered()).is_empty());
        sign_in(world, "a");
        add(world, &rob, "answers", &lost).unwrap();
        let told = tick(world, &|_| delivered());
        let said = claims(told[0].1.as_ref().unwrap());
        let event = &said["events"][format!("{CAEP}session-revoked")];
        assert_eq!((told.len(), &event["initiating_entity"]), (1, &json!("admin")));
        // One session of several that ended at the provider leaves the others be.
        sign_in(world, "b");
        sign_in(world, "c");
        assert_eq!(log_out(world, &json!({"sid": "b"}), "1").unwrap(), Some(1));
        assert!(tick(world, &|_| delivered()).is_empty());
        assert_eq!(log_out(world, &json!({"sub": "sub-7"}), "2").unwrap(), Some(1));
        assert_eq!(tick(world, &|_| delivered()).len(), 1);
    });
}
