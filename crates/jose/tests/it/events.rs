//! Security events, and each thing for which one does not count.

use crate::NOW;
use crate::signer::Signer;
use jose::{Error, Event, KeySet, SecurityEvent, SigningKey, Subject, Unheard};
use serde_json::{Value, json};

const ISSUER: &str = "https://id.example";
const US: &str = "https://bailee.example";
const CAEP: &str = "https://schemas.openid.net/secevent/caep/event-type/";
const TYPED: &str = r#"{"alg":"EdDSA","kid":"k","typ":"secevent+jwt"}"#;

fn good() -> Value {
    let revoked = format!("{CAEP}session-revoked");
    json!({"iss": ISSUER, "aud": US, "iat": NOW, "jti": "1",
        "sub_id": {"format": "iss_sub", "iss": ISSUER, "sub": "eve"},
        "events": {revoked: {"event_timestamp": NOW - 5}}})
}

fn check(token: &str) -> Result<SecurityEvent, Unheard> {
    SecurityEvent::check(token, &Signer::new(1).keys(), (ISSUER, US), NOW)
}

fn with(changes: Value) -> Value {
    let mut all = good();
    for (name, value) in changes.as_object().unwrap() {
        match value.is_null() {
            true => drop(all.as_object_mut().unwrap().remove(name)),
            false => all[name] = value.clone(),
        }
    }
    all
}

fn told(changes: Value) -> Result<SecurityEvent, Unheard> {
    check(&Signer::new(1).sign(TYPED, &with(changes).to_string()))
}

#[test]
fn an_event_says_what_happened_to_whom_and_when() {
    let event = told(json!({})).unwrap();
    assert_eq!((event.issuer(), event.id(), event.at()), (ISSUER, "1", NOW - 5));
    assert_eq!(event.event(), Event::SessionRevoked);
    let eve = Subject::Person(ISSUER.into(), "eve".into(), None);
    assert_eq!(*event.subject(), eve);
    let several = told(json!({"aud": ["https://other.example", US]})).unwrap();
    assert_eq!(several, event);
    // What is said to have happened later than it was told, did not.
    let later = json!({"events": {format!("{CAEP}session-revoked"): {"event_timestamp": NOW + 9}}});
    assert_eq!(told(later).unwrap().at(), NOW);
    let change = |said: Value| {
        told(json!({"events": {format!("{CAEP}credential-change"): said}}))
            .map(|event| event.event())
    };
    for (change_type, expected) in [
        ("revoke", Event::CredentialLost),
        ("delete", Event::CredentialLost),
        ("create", Event::Other),
        ("update", Event::Other),
    ] {
        let said = json!({"credential_type": "password", "change_type": change_type});
        assert_eq!(change(said).unwrap(), expected);
    }
    assert!(change(json!({"change_type": "revoke"})).is_err());
    assert!(change(json!({"credential_type": "password", "change_type": "x"})).is_err());
    let state = json!({"https://schemas.openid.net/secevent/ssf/event-type/verification":
        {"state": "x"}});
    assert_eq!(told(json!({"events": state, "sub_id": null})).unwrap().event(), Event::Other);
}

#[test]
fn somebody_is_found_by_issuer_and_subject_alone() {
    let user = json!({"format": "iss_sub", "iss": ISSUER, "sub": "eve"});
    let session = |id: Value| json!({"format": "complex", "user": user, "session": id});
    let one = told(json!({"sub_id": session(json!({"format": "opaque", "id": "s"}))})).unwrap();
    let eve = Subject::Person(ISSUER.into(), "eve".into(), Some("s".into()));
    assert_eq!(*one.subject(), eve);
    for other in [
        json!({"format": "email", "email": "eve@northwind.example"}),
        json!({"format": "opaque", "id": "eve"}),
        json!({"format": "complex", "tenant": {"format": "opaque", "id": "t"}}),
        json!({"format": "complex", "user": {"format": "opaque", "id": "eve"}}),
        json!({"format": "complex", "user": user, "device": {"format": "opaque", "id": "d"}}),
        session(json!({"format": "email", "email": "a@b"})),
        json!({"format": "made-up"}),
    ] {
        assert_eq!(*told(json!({"sub_id": other})).unwrap().subject(), Subject::Other, "{other}");
    }
}

#[test]
fn each_thing_for_which_an_event_does_not_count() {
    let text = good().to_string();
    let signer = Signer::new(1);
    let is_request =
        |outcome: Result<SecurityEvent, Unheard>| matches!(outcome, Err(Unheard::Request(_)));
    for typ in ["JWT", "logout+jwt", "at+jwt", "dpop+jwt"] {
        let header = format!(r#"{{"alg":"EdDSA","kid":"k","typ":"{typ}"}}"#);
        assert!(is_request(check(&signer.sign(&header, &text))), "{typ}");
    }
    assert!(is_request(check(&signer.sign(r#"{"alg":"EdDSA","kid":"k"}"#, &text))));
    for alg in ["none", "HS256", "RS512"] {
        let header = format!(r#"{{"alg":"{alg}","kid":"k","typ":"secevent+jwt"}}"#);
        assert!(is_request(check(&signer.sign(&header, &text))), "{alg}");
    }
    let two = json!({format!("{CAEP}session-revoked"): {}, format!("{CAEP}credential-change"): {}});
    for bad in [
        json!({"exp": NOW + 60}),
        json!({"sub": "eve"}),
        json!({"nonce": "n"}),
        json!({"iat": null}),
        json!({"iat": "now"}),
        json!({"iat": NOW + 61}),
        json!({"jti": null}),
        json!({"jti": ""}),
        json!({"events": null}),
        json!({"events": {}}),
        json!({"events": []}),
        json!({"events": two}),
        json!({"events": {format!("{CAEP}session-revoked"): true}}),
        json!({"events": {format!("{CAEP}session-revoked"): {"event_timestamp": "x"}}}),
        json!({"sub_id": null}),
        json!({"sub_id": "eve"}),
        json!({"sub_id": {"iss": ISSUER, "sub": "eve"}}),
        json!({"sub_id": {"format": "iss_sub", "iss": ISSUER}}),
        json!({"sub_id": {"format": "iss_sub", "iss": ISSUER, "sub": ["eve"]}}),
        json!({"sub_id": {"format": "iss_sub", "iss": ISSUER, "sub": "a\nb"}}),
    ] {
        assert!(is_request(told(bad.clone())), "{bad}");
    }
    assert_eq!(told(json!({"iss": "https://evil.example"})), Err(Unheard::Issuer));
    for aud in [json!(null), json!("https://other.example"), json!([US, 7]), json!([])] {
        assert_eq!(told(json!({"aud": aud})), Err(Unheard::Audience), "{aud}");
    }
    let other = check(&Signer::new(2).sign(TYPED, &text));
    assert!(matches!(other, Err(Unheard::Key(Error::Refused(_)))));
    let unknown = TYPED.replace(r#""k""#, r#""x""#);
    assert_eq!(check(&signer.sign(&unknown, &text)), Err(Unheard::Key(Error::UnknownKey)));
    let token = signer.sign(TYPED, &text);
    assert!(is_request(check(&token.replace('.', ""))));
}

#[test]
fn what_we_sign_verifies_by_what_we_publish_and_by_nothing_else() {
    let key = SigningKey::new(&[7; 32]).unwrap();
    let public = key.public();
    assert_eq!(public["kid"], key.id());
    assert!(public.get("d").is_none());
    assert_eq!(format!("{key:?}"), "SigningKey(…)");
    let claims = good().as_object().unwrap().clone();
    let token = key.sign("secevent+jwt", &claims).unwrap();
    let set =
        |public: &Value| KeySet::parse(json!({"keys": [public]}).to_string().as_bytes()).unwrap();
    let checked = SecurityEvent::check(&token, &set(&public), (ISSUER, US), NOW).unwrap();
    assert_eq!(checked.id(), "1");
    let other = SigningKey::new(&[8; 32]).unwrap().public();
    let refused = SecurityEvent::check(&token, &set(&other), (ISSUER, US), NOW);
    assert_eq!(refused, Err(Unheard::Key(Error::UnknownKey)));
    // Zero, and what is beyond the order of the curve, are no keys.
    assert!(SigningKey::new(&[0; 32]).is_err() && SigningKey::new(&[0xff; 32]).is_err());
}
