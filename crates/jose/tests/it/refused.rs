//! Each thing for which a token does not count, one at a time.

use crate::NOW;
use crate::signer::{Signer, encoded};
use jose::{Compact, Error, IdToken, KeySet, LogoutToken, MAX_BYTES, Metadata, Wanted, Workload};
use proptest::prelude::{any, proptest};
use serde_json::{Value, json};

const ISSUER: &str = "https://id.example";
const WANTED: Wanted<'static> =
    Wanted { issuer: ISSUER, client: "us", nonce: "n", asked: NOW, max_age: 3600 };

fn claims() -> Value {
    json!({"iss": ISSUER, "aud": "us", "sub": "eve", "exp": NOW + 60, "iat": NOW, "nonce": "n",
        "auth_time": NOW - 5})
}

fn with(changes: Value) -> Value {
    let mut all = claims();
    for (name, value) in changes.as_object().unwrap() {
        all[name] = value.clone();
    }
    all
}

fn id_token(token: &str, now: u64) -> Result<IdToken, Error> {
    IdToken::check(token, &Signer::new(1).keys(), &WANTED, now)
}

fn why(error: Result<IdToken, Error>) -> String {
    error.unwrap_err().to_string()
}

#[test]
fn a_good_token_says_who() {
    let more = json!({"sid": "s", "acr": "mfa", "amr": ["pwd", "otp"], "aud": ["us"], "azp": "us"});
    let token = id_token(&Signer::new(1).token(&with(more)), NOW).unwrap();
    assert_eq!((token.issuer(), token.subject(), token.session()), (ISSUER, "eve", Some("s")));
    assert_eq!((token.authenticated(), token.class()), (NOW - 5, Some("mfa")));
    assert_eq!(token.methods(), ["pwd", "otp"]);
}

#[test]
fn the_form_is_one() {
    let signer = Signer::new(1);
    let good = signer.token(&claims());
    id_token(&good, NOW).unwrap();
    let text = claims().to_string();
    let header = |header: &str| signer.sign(header, &text);
    let payload = |text: &str| signer.sign(r#"{"alg":"EdDSA","kid":"k"}"#, text);
    let twice = text.replacen('{', r#"{"sub":"root","#, 1);
    let deep = format!(r#"{{"a":{}1{}}}"#, "[".repeat(200), "]".repeat(200));
    for (token, what) in [
        (format!("{good}="), "token"),
        (format!("{good}.x"), "token"),
        (format!("{good} "), "token"),
        (good.replace('.', ""), "token"),
        ("..".to_owned(), "header"),
        (payload(&twice), "claims cannot"),
        (payload(&text.replacen('{', r#"{"a":{"b":1,"b":2},"#, 1)), "claims cannot"),
        (payload(&format!("{text}{text}")), "claims cannot"),
        (payload("[]"), "claims cannot"),
        (payload(&deep), "claims cannot"),
        (payload(&format!(r#"{{"a":[{}0]}}"#, "0,".repeat(5000))), "claims cannot"),
        (payload(&format!("{{\"a\":\"{}\"}}", "x".repeat(MAX_BYTES))), "16 KiB"),
        (header(r#"{"alg":"EdDSA","alg":"none","kid":"k"}"#), "header cannot"),
        (header(r#"{"kid":"k"}"#), "header cannot"),
        (header(r#"{"alg":["EdDSA"],"kid":"k"}"#), "header cannot"),
        (header(r#"{"alg":"EdDSA","kid":7}"#), "header cannot"),
        (header(r#"{"alg":"none","kid":"k"}"#), "no algorithm"),
        (header(r#"{"alg":"NONE","kid":"k"}"#), "no algorithm"),
        (header(r#"{"alg":"HS256","kid":"k"}"#), "no algorithm"),
        (header(r#"{"alg":"ES256","kid":"k"}"#), "no key"),
        (header(r#"{"alg":"EdDSA","kid":"other"}"#), "no key"),
        (header(r#"{"alg":"EdDSA","kid":"k","crit":["exp"],"exp":1}"#), "critical"),
        (header(r#"{"alg":"EdDSA","kid":"k","crit":[]}"#), "critical"),
        (header(r#"{"alg":"EdDSA","kid":"k","b64":false}"#), "critical"),
        (header(r#"{"alg":"EdDSA","kid":"k","typ":"logout+jwt"}"#), "another kind"),
        (header(r#"{"alg":"EdDSA","kid":"k","typ":"application/secevent+jwt"}"#), "another kind"),
        (Signer::new(2).token(&claims()), "not of the key"),
    ] {
        let said = why(id_token(&token, NOW));
        assert!(said.contains(what), "{token}: {said}");
    }
    // What a header brings along is never believed.
    let jwk = Signer::new(2).jwk("k");
    let own = format!(r#"{{"alg":"EdDSA","kid":"k","jwk":{jwk}}}"#);
    assert!(why(id_token(&Signer::new(2).sign(&own, &text), NOW)).contains("not of the key"));
    id_token(&header(r#"{"alg":"EdDSA","kid":"k","typ":"JWT"}"#), NOW).unwrap();
    id_token(&header(r#"{"alg":"EdDSA"}"#), NOW).unwrap();
}

#[test]
fn clocks_differ_by_a_minute_and_no_more() {
    let token = Signer::new(1).token(&with(json!({"nbf": NOW})));
    for (now, good) in [(NOW - 61, false), (NOW - 60, true), (NOW + 119, true), (NOW + 120, false)]
    {
        assert_eq!(id_token(&token, now).is_ok(), good, "{now}");
    }
    for bad in [json!("1"), json!(-1), json!(1e300), json!(null), json!(u64::MAX)] {
        let token = Signer::new(1).token(&with(json!({"exp": bad})));
        assert!(id_token(&token, NOW).is_err(), "{bad}");
    }
    let parts = with(json!({"exp": NOW as f64 + 60.9, "iat": NOW as f64 - 0.5}));
    id_token(&Signer::new(1).token(&parts), NOW).unwrap();
    // A workload's token is over when it says so.
    let keys = Signer::new(1).keys();
    let claims = json!({"iss": ISSUER, "aud": ["x", "y"], "iat": NOW, "exp": NOW + 60, "sub": "w"});
    let token = Signer::new(1).token(&claims);
    let work = Workload::check(&token, &keys, ISSUER, NOW + 59).unwrap();
    assert_eq!((work.audiences(), work.text("sub")), (vec!["x", "y"], Some("w")));
    assert!(Workload::check(&token, &keys, ISSUER, NOW + 60).is_err());
    assert_eq!(work.until(), NOW + 60);
    for (name, value) in
        [("exp", json!(NOW + 86_401)), ("nonce", json!("n")), ("events", json!({}))]
    {
        let mut other = claims.clone();
        other[name] = value;
        let token = Signer::new(1).token(&other);
        assert!(Workload::check(&token, &keys, ISSUER, NOW).is_err(), "{name}");
    }
}

#[test]
fn no_kind_of_token_is_another() {
    let (signer, keys) = (Signer::new(1), Signer::new(1).keys());
    let event = json!({"http://schemas.openid.net/event/backchannel-logout": {}});
    let logout = json!({"iss": ISSUER, "aud": "us", "sub": "eve", "exp": NOW + 60, "iat": NOW,
        "jti": "1", "events": event});
    let token = signer.token(&logout);
    let taken = LogoutToken::check(&token, &keys, (ISSUER, "us"), NOW).unwrap();
    assert_eq!((taken.subject(), taken.session(), taken.id()), (Some("eve"), None, "1"));
    assert_eq!(taken.until(), NOW + 120);
    assert!(id_token(&token, NOW).is_err() && Workload::check(&token, &keys, ISSUER, NOW).is_err());
    let id = signer.token(&claims());
    assert!(LogoutToken::check(&id, &keys, (ISSUER, "us"), NOW).is_err());
    assert!(Workload::check(&id, &keys, ISSUER, NOW).is_err());
}

#[test]
fn keys_are_public_and_each_for_its_own_algorithm() {
    let jwk = Signer::new(1).jwk("k");
    let set = |keys: Value| KeySet::parse(json!({"keys": keys}).to_string().as_bytes());
    let change = |name: &str, value: Value| {
        let mut key = jwk.clone();
        key[name] = value;
        key
    };
    let token = Signer::new(1).token(&claims());
    let check = |keys: &KeySet| IdToken::check(&token, keys, &WANTED, NOW);
    for key in [
        change("use", json!("enc")),
        change("alg", json!("ES256")),
        change("alg", json!("Ed448")),
        change("key_ops", json!(["encrypt"])),
        change("crv", json!("X25519")),
        change("kty", json!("oct")),
    ] {
        assert_eq!(check(&set(json!([key])).unwrap()), Err(Error::UnknownKey), "{key}");
    }
    for key in [change("d", json!("AA")), change("x", json!("AA")), change("x", json!("!"))] {
        assert!(set(json!([key])).is_err(), "{key}");
    }
    assert!(check(&set(json!([change("alg", json!("Ed25519"))])).unwrap()).is_ok());
    assert!(set(json!([7])).is_err() && set(json!({})).is_err());
    assert!(set(json!(vec![jwk.clone(); 65])).is_err());
    // Without an id, nobody chooses among several.
    let two = set(json!([jwk, Signer::new(2).jwk("l")])).unwrap();
    let unnamed = Signer::new(1).sign(r#"{"alg":"EdDSA"}"#, &claims().to_string());
    assert_eq!(IdToken::check(&unnamed, &two, &WANTED, NOW), Err(Error::UnknownKey));
    assert!(check(&two).is_ok());
}

#[test]
fn metadata_is_of_the_issuer_and_has_tls() {
    let good = json!({"issuer": ISSUER, "jwks_uri": "https://id.example/keys",
        "authorization_endpoint": "https://id.example/auth",
        "token_endpoint": "https://id.example/t",
        "code_challenge_methods_supported": ["plain", "S256"],
        "token_endpoint_auth_methods_supported": ["client_secret_post"],
        "authorization_response_iss_parameter_supported": true});
    let parse = |value: &Value| Metadata::parse(value.to_string().as_bytes(), ISSUER);
    let taken = parse(&good).unwrap();
    assert!(taken.names_itself && taken.secret_in_body);
    for (name, value) in [
        ("issuer", json!("https://id.example/")),
        ("issuer", json!(null)),
        ("jwks_uri", json!("http://id.example/keys")),
        ("jwks_uri", json!(7)),
        ("token_endpoint", json!("file:///etc/passwd")),
        ("authorization_endpoint", json!("javascript:alert(1)")),
        ("code_challenge_methods_supported", json!(["plain"])),
    ] {
        let mut other = good.clone();
        other[name] = value;
        assert!(parse(&other).is_err(), "{other}");
    }
    assert!(Metadata::parse(b"<html>", ISSUER).is_err());
}

proptest! {
    #[test]
    fn garbage_is_refused_and_nothing_worse(
        text in any::<String>(),
        parts in any::<[Vec<u8>; 3]>(),
    ) {
        assert!(Compact::parse(&text).is_err());
        let [header, payload, signature] = parts.map(encoded);
        assert!(id_token(&format!("{header}.{payload}.{signature}"), NOW).is_err());
        assert!(KeySet::parse(text.as_bytes()).is_err());
    }

    #[test]
    fn no_changed_byte_is_taken(at in 0_usize..400, bit in 0_u8..7) {
        let good = Signer::new(1).token(&claims());
        let mut bytes = good.clone().into_bytes();
        let at = at % bytes.len();
        bytes[at] ^= 1 << bit;
        if let Ok(other) = String::from_utf8(bytes) {
            assert!(id_token(&other, NOW).is_err(), "{at} {bit}");
        }
    }
}
