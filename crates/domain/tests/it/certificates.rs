//! Certificates: issued under a grant to connect, for one system, and listed as refused as soon as
//! the right behind them is gone.

use crate::registers::{add, show, take};
use crate::support::{both, entry, field, kind, name, newest, says};
use domain::certificates::{
    CertifyService, Issue, Lists, NewCertificate, Publish, RenewCertificate,
};
use domain::grants::EndGrant;
use domain::people::{EndPerson, IssueToken, certificate_hash};
use domain::services::{EndService, RevokeToken};
use kernel::authority::Caller;
use kernel::{HOUSE, Kind, Moment, Result};
use pki::{ssh, x509};
use serde_json::{Value, json};
use std::time::Duration;
use testkit::World;

pub const SSH: &str =
    "ssh-ed25519 AAAAC3NzaC1lZDI1NTE5AAAAIKD6/WhLQRHPWoovNY2kCK+vN4dCK1ZZ4bBHtU3QI3G/ t";
const DSA: &str = "ssh-dss AAAAB3NzaC1kc3MAAACBAP";
pub const X509: &str = "-----BEGIN CERTIFICATE REQUEST-----
MIHMMHQCAQAwEjEQMA4GA1UEAwwHd2hvZXZlcjBZMBMGByqGSM49AgEGCCqGSM49
AwEHA0IABKk7KM5vNLalDf2sfgCVlQXaPJeFEVuU3ajNDDHHQsAcXaWnVKqhLXWg
Ohk9D2Wyb4xgeqH6iXJ6uOtnnP53/iagADAKBggqhkjOPQQDAgNIADBFAiEA10fg
V1OkoYFLhruHt3cvc/WJOvNq3cigzrOK4dtRezACIFQ5J+ExrNG02eZGv3iCkCQL
pdo/s0Gd3u58h52KkA1D
-----END CERTIFICATE REQUEST-----
";
/// Asks to be an authority.
const GREEDY: &str = "-----BEGIN CERTIFICATE REQUEST-----
MIHpMIGQAgEAMAwxCjAIBgNVBAMMAXgwWTATBgcqhkjOPQIBBggqhkjOPQMBBwNC
AASpOyjObzS2pQ39rH4AlZUF2jyXhRFblN2ozQwxx0LAHF2lp1SqoS11oDoZPQ9l
sm+MYHqh+olyerjrZ5z+d/4moCIwIAYJKoZIhvcNAQkOMRMwETAPBgNVHRMBAf8E
BTADAQH/MAoGCCqGSM49BAMCA0gAMEUCIA2gLdmGxPjqt+CEdTmrLpzZ4JMiK5/g
3plBGyQnYTUsAiEA/wipJC1XKyM1q5lB7cXW5PG3WkMm086gK2tpCtSGWFY=
-----END CERTIFICATE REQUEST-----
";

/// Two systems, an engineer who asks, and two who approve.
struct Scene<'w> {
    world: &'w World,
    lea: String,
    eve: String,
    abe: String,
}

impl<'w> Scene<'w> {
    fn new(world: &'w World) -> Self {
        let lea = world.person("lea", &["security-lead"]);
        let eve = world.person("eve", &["engineer"]);
        let abe = world.person("abe", &["approver"]);
        let scene = Self { world, lea, eve, abe };
        for (name, kind) in [("web-1", "host"), ("db-1", "data-store")] {
            let new =
                json!({"name": name, "kind": kind, "purpose": "orders", "owner": "person:lea"});
            add(world, &scene.lea, "systems", &new).unwrap();
        }
        scene
    }

    fn wish(systems: &[&str], logins: &[&str]) -> Value {
        json!({"account": "house", "collections": systems, "verbs": ["connect"],
            "logins": logins, "purpose": "a disk is full", "reference": "T-9",
            "for_seconds": 3600})
    }

    fn asked(&self, token: &str, wish: &Value) -> Result<Value> {
        add(self.world, token, "access-requests", wish)
    }

    /// A grant that was asked for, approved and begun; gives its id.
    fn granted(&self, wish: &Value) -> String {
        let row = self.asked(&self.eve, wish).unwrap();
        let id = row["id"].as_str().unwrap();
        let terms = json!({ "terms_sha256": row["terms_sha256"] });
        let place = |verb| ("access-requests", id, verb);
        take(self.world, &self.abe, place("approve"), &terms).unwrap();
        if row["needed"] == 2 {
            take(self.world, &self.lea, place("approve"), &terms).unwrap();
        }
        let row = take(self.world, &self.eve, place("begin"), &json!({})).unwrap();
        row["begun"]["grant"].as_str().unwrap().to_owned()
    }

    fn issue(&self, token: &str, stated: Value) -> Result<Value> {
        let new: NewCertificate = serde_json::from_value(stated).unwrap();
        let issued = self.world.run(token, Issue::new(&self.world.kernel, new)?)?;
        Ok(serde_json::to_value(issued.output).unwrap())
    }

    fn ssh(&self, token: &str, system: &str, logins: &[&str]) -> Result<Value> {
        self.issue(token, json!({"system": system, "kind": "ssh", "key": SSH, "logins": logins}))
    }

    fn lists(&self) -> Lists {
        lists(self.world)
    }

    fn read(&self, row: &Value) -> ssh::Certificate {
        let authority = ssh::PublicKey::parse(&self.lists().ssh_authority).unwrap();
        ssh::Certificate::parse(row["certificate"].as_str().unwrap(), &[authority]).unwrap()
    }

    fn refuses(&self, row: &Value) -> bool {
        refuses(self.world, row)
    }
}

/// What hosts are told now.
pub fn lists(world: &World) -> Lists {
    let publish = Publish::new(&world.kernel).unwrap();
    let asked = testkit::asked_by(Caller::bearer());
    world.kernel.run(asked, publish).unwrap().output
}

/// Whether hosts are told to refuse a certificate.
pub fn refuses(world: &World, row: &Value) -> bool {
    let lists = lists(world);
    match row["kind"].as_str().unwrap() {
        "ssh" => {
            let authority = ssh::PublicKey::parse(&lists.ssh_authority).unwrap();
            let serial = row["serial"].as_str().unwrap().parse().unwrap();
            let list = ssh::Krl::from_bytes(&lists.krl).unwrap();
            list.revokes(&authority, serial, row["key_id"].as_str().unwrap())
        }
        _ => {
            let ca = lists.x509_authority.as_bytes();
            let ca = x509::AuthorityCertificate::parse(ca).unwrap();
            let list = x509::Crl::parse(lists.crl.as_bytes(), &ca).unwrap();
            let serial = u128::from_str_radix(row["serial"].as_str().unwrap(), 16).unwrap();
            list.revokes(x509::Serial::new(serial.to_be_bytes()).unwrap())
        }
    }
}

#[test]
fn a_grant_reaches_a_system_and_a_certificate_says_what_it_says() {
    both(610, |world| {
        let scene = Scene::new(world);
        assert_eq!(kind(scene.ssh(&scene.eve, "web-1", &[])), Kind::Forbidden, "no grant yet");
        let mut wish = Scene::wish(&["web-1"], &["deploy", "www-data"]);
        wish["command"] = json!("df -h");
        let grant = scene.granted(&wish);
        let row = scene.ssh(&scene.eve, "web-1", &[]).unwrap();
        let read = scene.read(&row);
        assert_eq!(read.key_id, format!("person:eve/{grant}/{}", read.serial));
        assert_eq!(read.principals, ["deploy@web-1", "www-data@web-1"]);
        assert_eq!(read.options.force_command.as_deref(), Some("df -h"));
        assert!(!read.options.permit_pty);
        let now = world.kernel.now().0 / 1_000_000;
        assert_eq!((read.window.from(), read.window.until()), (now - 60, now + 3600));
        let one = scene.ssh(&scene.eve, "web-1", &["deploy"]).unwrap();
        assert_eq!(scene.read(&one).principals, ["deploy@web-1"]);
        let (made, fields) = newest(world, HOUSE);
        assert_eq!((made.as_str(), fields["number"].is_empty()), ("certificate.publish", false));
        let place = format!("certificates/{}", one["id"].as_str().unwrap());
        let newest = crate::support::size(world, HOUSE);
        let said = (0..newest).rev().map(|index| entry(world, HOUSE, index));
        let (_, fields) = said.into_iter().find(|(kind, _)| kind == "certificate.add").unwrap();
        assert_eq!((&fields["object"], &fields["under"]), (&place, &grant));
        assert!(fields["grant"].starts_with(&grant), "the entry rests on it");
        assert!(!scene.refuses(&row) && !scene.refuses(&one));
    });
}

#[test]
fn what_is_not_in_the_grant_is_refused() {
    both(611, |world| {
        let scene = Scene::new(world);
        scene.granted(&Scene::wish(&["web-1"], &["deploy"]));
        let other = scene.ssh(&scene.eve, "web-1", &["root"]).unwrap_err();
        assert!(other.kind() == Kind::Forbidden && says(&other, "`root` is not in"), "{other:?}");
        assert_eq!(kind(scene.ssh(&scene.eve, "db-1", &[])), Kind::Forbidden, "another system");
        assert_eq!(kind(scene.ssh(&scene.eve, "nothing", &[])), Kind::Forbidden);
        for who in [&scene.abe, &scene.lea, &world.admin] {
            assert_eq!(kind(scene.ssh(who, "web-1", &[])), Kind::Forbidden);
        }
        let agent = world.service("agent");
        assert_eq!(kind(scene.ssh(&agent, "web-1", &[])), Kind::Forbidden, "no grant of its own");
        let stated = |kind: &str, key: &str| json!({"system": "web-1", "kind": kind, "key": key});
        for (kind, key) in [
            ("ssh", "".to_owned()),
            ("ssh", DSA.to_owned()),
            ("ssh", X509.to_owned()),
            ("ssh", format!("{SSH}\n{SSH}")),
            ("ssh", format!("command=\"sh\" {SSH}")),
            ("x509", SSH.to_owned()),
            ("x509", GREEDY.to_owned()),
            ("x509", X509.replace("MIHM", "MIHN")),
            ("x509", X509.repeat(2)),
        ] {
            let refused = field(scene.issue(&scene.eve, stated(kind, &key)));
            assert_eq!(refused, (Kind::Invalid, "key".into()), "{kind} {key}");
        }
        for seconds in [0, 59, 28_801, u64::MAX] {
            let mut stated = stated("ssh", SSH);
            stated["for_seconds"] = json!(seconds);
            assert_eq!(field(scene.issue(&scene.eve, stated)).1, "for_seconds");
        }
        let gone = json!({"reason": "the disk is wiped"});
        take(world, &scene.lea, ("systems", "web-1", "retire"), &gone).unwrap();
        assert_eq!(field(scene.ssh(&scene.eve, "web-1", &[])).1, "system", "retired");
    });
}

#[test]
fn a_request_for_systems_holds_together_or_is_refused() {
    both(612, |world| {
        let scene = Scene::new(world);
        let good = Scene::wish(&["web-1"], &["deploy"]);
        let with = |changes: Value| {
            let mut wish = good.clone();
            for (name, value) in changes.as_object().unwrap() {
                wish[name] = value.clone();
            }
            field(scene.asked(&scene.eve, &wish)).1
        };
        assert_eq!(with(json!({"verbs": ["connect", "read"]})), "verbs");
        assert_eq!(with(json!({"verbs": ["read"]})), "account");
        assert_eq!(with(json!({"account": "*"})), "verbs");
        assert_eq!(with(json!({"collections": ["nowhere"]})), "collections");
        assert_eq!(with(json!({"collections": ["*", "web-1"]})), "collections");
        let nine: Vec<_> = (0..9).map(|n| format!("u{n}")).collect();
        let logins = [
            json!([]),
            json!(["a b"]),
            json!(["a@b"]),
            json!(["a,b"]),
            json!(["-oProxyCommand=sh"]),
            json!(["x", "x"]),
            json!(["root\n"]),
            json!(["x".repeat(64)]),
            json!(nine),
        ];
        for logins in logins {
            assert_eq!(with(json!({ "logins": logins })), "logins", "{logins}");
        }
        for command in ["", "df\nsh", "df\u{0}", &"x".repeat(1025)] {
            assert_eq!(with(json!({ "command": command })), "command", "{command:?}");
        }
        let support = world.person("sam", &["support"]);
        assert_eq!(field(scene.asked(&support, &good)).1, "verbs", "not eligible");
        world.service("robot");
        let direct = world.try_grant(&world.admin, "service:robot", "*", "*", &["connect"]);
        assert_eq!(field(direct).1, "verbs");
        let data = json!({"account": "acme", "collections": ["c"], "verbs": ["read"],
            "purpose": "p", "reference": "r", "for_seconds": 60, "logins": ["root"]});
        assert_eq!(field(scene.asked(&scene.eve, &data)).1, "logins");
        let every = scene.asked(&scene.eve, &Scene::wish(&["*"], &["deploy"])).unwrap();
        assert_eq!(every["needed"], 2, "every system at once");
    });
}

/// The hash over the parts, each with its length before it, computed once more.
fn hashed(parts: &[&str]) -> String {
    let mut bytes = vec![];
    for part in parts {
        bytes.extend((part.len() as u64).to_be_bytes());
        bytes.extend(part.as_bytes());
    }
    kernel::digest(&bytes).iter().map(|byte| format!("{byte:02x}")).collect()
}

#[test]
fn requests_without_systems_have_the_hash_they_had() {
    both(613, |world| {
        let scene = Scene::new(world);
        let row = scene.asked(&scene.eve, &Scene::wish(&["web-1"], &["deploy", "x"])).unwrap();
        let head = ["bailee access request v1", row["id"].as_str().unwrap(), "person:eve"];
        let tail = ["connect", "a disk is full", "T-9", "3600", ""];
        let before = [&head[..], &["house", "0", "web-1"], &tail].concat();
        let with = [&before[..], &["connect", "deploy,x", ""]].concat();
        assert_eq!(row["terms_sha256"], hashed(&with));
        let (token, account) = crate::support::account_with_data(world);
        drop(token);
        let wish = json!({"account": account.as_str(), "collections": ["c"], "verbs": ["read"],
            "purpose": "p", "reference": "r", "for_seconds": 60});
        let row = scene.asked(&scene.eve, &wish).unwrap();
        let slot = crate::support::slot(world, &account).to_string();
        let id = row["id"].as_str().unwrap();
        let parts = [
            "bailee access request v1",
            id,
            "person:eve",
            account.as_str(),
            &slot,
            "c",
            "read",
            "p",
            "r",
            "60",
            "",
        ];
        assert_eq!(row["terms_sha256"], hashed(&parts), "as before");
        assert!(row.get("logins").is_none() && row.get("command").is_none(), "{row}");
    });
}

#[test]
fn whatever_takes_the_right_away_takes_the_certificate_away() {
    both(614, |world| {
        let scene = Scene::new(world);
        let wish = Scene::wish(&["*"], &["deploy"]);
        let x509 = |scene: &Scene<'_>| {
            let stated = json!({"system": "db-1", "kind": "x509", "key": X509});
            scene.issue(&scene.eve, stated).unwrap()
        };
        let pair = |scene: &Scene<'_>| [scene.ssh(&scene.eve, "web-1", &[]).unwrap(), x509(scene)];
        let falls = |scene: &Scene<'_>, rows: &[Value; 2], why: &str, end: &dyn Fn()| {
            assert!(rows.iter().all(|row| !scene.refuses(row)), "before: {why}");
            let mut before = scene.lists();
            assert!(before.stand(&world.kernel).unwrap());
            end();
            assert!(!before.stand(&world.kernel).unwrap(), "{why}: the list is known to be old");
            assert!(rows.iter().all(|row| scene.refuses(row)), "{why}");
        };
        let grant = scene.granted(&wish);
        let rows = pair(&scene);
        let one = &rows[0]["id"];
        let why = json!({"reason": "the laptop is lost"});
        let place = ("certificates", one.as_str().unwrap(), "revoke");
        let stranger = world.person("tom", &["engineer"]);
        assert_eq!(kind(take(world, &stranger, place, &why)), Kind::NotFound, "not theirs to see");
        assert_eq!(kind(show(world, &stranger, "certificates", place.1)), Kind::NotFound);
        take(world, &scene.eve, place, &why).unwrap();
        assert!(scene.refuses(&rows[0]) && !scene.refuses(&rows[1]), "one alone");
        assert_eq!(kind(take(world, &scene.abe, place, &why)), Kind::Conflict, "once");

        let rows = pair(&scene);
        falls(&scene, &rows, "the grant ended", &|| {
            let end = EndGrant::new(&world.kernel, &grant).unwrap();
            world.run(&world.admin, end).unwrap();
        });
        // Another grant of the same reach does not bring them back.
        let grant = scene.granted(&wish);
        assert!(rows.iter().all(|row| scene.refuses(row)));
        let rows = pair(&scene);
        assert_eq!(rows[0]["grant"], grant.as_str());
        falls(&scene, &rows, "the role was lost", &|| {
            let roles = ["support".to_owned()];
            let to = &name("eve");
            let moved = domain::grants::MovePerson::new(&world.kernel, to, &roles, "desk").unwrap();
            world.run(&world.admin, moved).unwrap();
        });
    });
    both(615, |world| {
        let scene = Scene::new(world);
        scene.granted(&Scene::wish(&["web-1"], &["deploy"]));
        let row = scene.ssh(&scene.eve, "web-1", &[]).unwrap();
        assert!(!scene.refuses(&row));
        world.run(&world.admin, EndPerson::new(&world.kernel, &name("eve")).unwrap()).unwrap();
        assert!(scene.refuses(&row), "the holder left");
        let (_, fields) = newest(world, HOUSE);
        assert_eq!(fields["revoked"], "1");
        world.clock.advance(Duration::from_secs(3600));
        assert!(!scene.refuses(&row), "what has expired is not listed");
    });
}

#[test]
fn a_certificate_ends_with_the_token_that_asked_and_no_later_than_the_grant() {
    both(616, |world| {
        let scene = Scene::new(world);
        scene.granted(&Scene::wish(&["web-1"], &["deploy"]));
        let issue = IssueToken::new(&world.kernel, &name("eve")).unwrap();
        let token = world.run(&world.admin, issue).unwrap().output;
        let stolen = scene.ssh(&token.token, "web-1", &[]).unwrap();
        let own = scene.ssh(&scene.eve, "web-1", &[]).unwrap();
        let id = stolen["credential"].as_str().unwrap();
        let who = kernel::id::PrincipalId::parse("person:eve").unwrap();
        let end = RevokeToken::new(&world.kernel, &who, id).unwrap();
        world.run(&world.admin, end).unwrap();
        assert!(scene.refuses(&stolen) && !scene.refuses(&own));
        world.clock.advance(Duration::from_secs(3000));
        let late = scene.ssh(&scene.eve, "web-1", &[]).unwrap();
        assert_eq!(scene.read(&late).window.until(), scene.read(&own).window.until());
    });
}

#[test]
fn the_keys_stay_and_no_operation_shows_them() {
    both(617, |world| {
        let scene = Scene::new(world);
        let mut first = scene.lists();
        world.clock.advance(Duration::from_secs(1));
        let second = scene.lists();
        assert_eq!(first.ssh_authority, second.ssh_authority);
        assert_eq!(first.x509_authority, second.x509_authority);
        // Whoever makes it, on whichever node: hosts take no list with a lower number.
        assert_eq!((first.version, &first.krl), (second.version, &second.krl));
        assert_eq!(first.until, second.until);
        assert!(first.stand(&world.kernel).unwrap());
        world.person("newcomer", &["support"]);
        assert!(first.stand(&world.kernel).unwrap(), "rights moved, and the same is refused");
        world.clock.advance(Duration::from_secs(900));
        assert!(!first.stand(&world.kernel).unwrap(), "made again although nothing moved");
        assert!(first.version < scene.lists().version);
        assert!(domain::registers::register("certificate-authorities").is_none());
        for token in [&world.admin, &scene.eve] {
            let publish = Publish::new(&world.kernel).unwrap();
            assert_eq!(kind(world.run(token, publish)), Kind::Forbidden);
        }
        let ca = x509::AuthorityCertificate::parse(first.x509_authority.as_bytes()).unwrap();
        let (from, until) = ca.validity();
        assert!(Moment(from * 1_000_000) < world.kernel.now());
        assert_eq!(until - from, x509::MAX_AUTHORITY_LIFE);
    });
}

/// A certificate's DER, out of its PEM.
fn der(pem: &str) -> Vec<u8> {
    use base64::Engine as _;
    let body: String = pem.lines().filter(|line| !line.starts_with("-----")).collect();
    base64::engine::general_purpose::STANDARD.decode(body).unwrap()
}

#[test]
fn services_are_known_by_their_own_certificates_for_a_day_and_by_no_others() {
    both(910, |world| {
        let scene = Scene::new(world);
        let token = world.service("import");
        let certify = |who: &str, by: &str| {
            let operation = CertifyService::new(&world.kernel, &name(who), X509)?;
            Ok::<_, kernel::Error>(world.run(by, operation)?.output)
        };
        let known = |pem: &str| world.kernel.workload(&certificate_hash(&der(pem)));
        let first = certify("import", &world.admin).unwrap();
        let caller = known(&first.certificate).unwrap();
        assert_eq!(caller.principal.as_str(), "service:import");
        let (kind_of, fields) = newest(world, HOUSE);
        assert_eq!((kind_of.as_str(), &fields["issued"]), ("service.certify", &first.id));
        assert_eq!(first.until, world.kernel.now().after(Duration::from_secs(86_400)));
        // It is signed by the authority that hosts trust, under a name that no system has.
        let ca = x509::AuthorityCertificate::parse(scene.lists().x509_authority.as_bytes());
        let read = x509::Certificate::parse(first.certificate.as_bytes(), &ca.unwrap()).unwrap();
        let subject = &read.subject;
        assert_eq!(
            (subject.common_name.as_str(), &*subject.groups[0]),
            ("import", "Bailee services")
        );
        assert!(name_refused(&subject.groups[0]));
        // Who may not, and what is no request.
        for by in [&scene.lea, &scene.eve, &token] {
            assert_eq!(kind(certify("import", by)), Kind::Forbidden);
        }
        assert_eq!(kind(certify("nobody", &world.admin)), Kind::NotFound);
        for bad in ["", "x", GREEDY, &X509.repeat(2)] {
            let refused = CertifyService::new(&world.kernel, &name("import"), bad);
            assert_eq!(field(refused.map(drop)), (Kind::Invalid, "request".to_owned()), "{bad}");
        }
        // A token does not renew; the present certificate does.
        let by_token = world.kernel.identify(&token).unwrap();
        let renew = |caller: &Caller| RenewCertificate::new(&world.kernel, caller, X509);
        let run = |caller: &Caller| {
            world.kernel.run(testkit::asked_by(caller.clone()), renew(caller).unwrap())
        };
        assert_eq!(kind(run(&by_token)), Kind::Forbidden);
        let eve = world.kernel.identify(&scene.eve).unwrap();
        assert_eq!(kind(renew(&eve).map(drop)), Kind::Forbidden);
        world.clock.advance(Duration::from_secs(50_000));
        let second = run(&caller).unwrap().output;
        world.clock.advance(Duration::from_secs(40_000));
        assert_eq!(kind(known(&first.certificate)), Kind::Unauthenticated, "the day is over");
        assert_eq!(kind(run(&caller)), Kind::Unauthenticated);
        let caller = known(&second.certificate).unwrap();
        for _ in 0..7 {
            run(&caller).unwrap();
        }
        assert_eq!(kind(run(&caller)), Kind::Limit);
        // One of a person, of the same authority, is no service's.
        scene.granted(&Scene::wish(&["db-1"], &["app"]));
        let stated = json!({"system": "db-1", "kind": "x509", "key": X509});
        let person = scene.issue(&scene.eve, stated).unwrap();
        let pem = person["certificate"].as_str().unwrap();
        assert_eq!(kind(known(pem)), Kind::Unauthenticated);
        // And it ends with its service.
        let end = EndService::new(&world.kernel, &name("import")).unwrap();
        world.run(&world.admin, end).unwrap();
        assert_eq!(kind(known(&second.certificate)), Kind::Unauthenticated);
        assert_eq!(kind(certify("import", &world.admin)), Kind::Conflict);
    });
}

/// Whether no system can be called so.
fn name_refused(text: &str) -> bool {
    kernel::id::Name::parse(text).is_err()
}
