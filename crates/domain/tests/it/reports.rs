//! Reports: the library, the terms, the list of competitors, and the path of a copy.

use crate::members::{ana, aud, sign_in};
use crate::registers::{add, show, take};
use crate::support::{account_with_data, both, days, field, kind, kinds, name, slot};
use domain::measures::{Answer, ReadMeasures};
use domain::people::IssueToken;
use domain::reports::{
    AcceptTerms, Copy, Download, MarkCopy, NewOwnRequest, OwnRequest, PART_BYTES, ReadFile,
    ReadTerms, RequestReport, SealFile, UploadPart,
};
use kernel::id::AccountId;
use kernel::{Kind, Result};
use serde_json::{Value, json};
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;
use testkit::World;

/// The provider's team, whose tokens are renewed as time goes by.
pub struct Team {
    pub admin: String,
    /// The security lead.
    pub lea: String,
    /// Counsel, who signs second.
    pub cora: String,
}

impl Team {
    pub fn new(world: &World) -> Self {
        let lea = world.person("lea", &["security-lead"]);
        let cora = world.person("cora", &["counsel"]);
        Self { admin: world.admin.clone(), lea, cora }
    }

    /// Time goes by, with tokens renewed on the way.
    pub fn wait(&mut self, world: &World, many: u64) {
        let mut left = many;
        while left > 0 {
            let step = left.min(29);
            let renew = |who: &str| {
                let issue = IssueToken::new(&world.kernel, &name(who)).unwrap();
                world.run(&self.admin, issue).unwrap().output.token
            };
            let (admin, lea, cora) = (renew("admin"), renew("lea"), renew("cora"));
            *self = Self { admin, lea, cora };
            world.clock.advance(days(step));
            left -= step;
        }
    }

    /// What the control of an obligation says.
    pub fn answer(&self, world: &World, id: &str) -> Answer {
        let read = ReadMeasures::new(&world.kernel, None).unwrap();
        let all = world.run(&self.lea, read).unwrap().output;
        all.into_iter().find(|one| one.obligation.id == id).unwrap().answer
    }
}

/// A report to be added.
pub fn report(id: &str, kind: &str, valid_to: &str) -> Value {
    let audience = if kind == "soc2" { "under-terms" } else { "subscribers" };
    json!({"name": id, "kind": kind, "title": "A report", "issuer": "Prüfer AG",
        "scope": "the service", "from": "2026-01-01", "to": "2026-12-31",
        "valid_to": valid_to, "audience": audience, "owner": "person:lea"})
}

fn pdf() -> Vec<Vec<u8>> {
    let first = [b"%PDF-1.7\n".as_slice(), &vec![7; PART_BYTES - 9]].concat();
    vec![first, b"the rest".to_vec()]
}

fn upload(world: &World, token: &str, id: &str, number: u32, bytes: Vec<u8>) -> Result<u64> {
    let upload = UploadPart::new(&world.kernel, id, number, bytes)?;
    Ok(world.run(token, upload)?.output.bytes)
}

fn seal(world: &World, token: &str, id: &str) -> Result<String> {
    let seal = SealFile::new(&world.kernel, id, "report.pdf", 12)?;
    Ok(world.run(token, seal)?.output.sha256)
}

/// Adds a report with a file and has it published.
pub fn publish(world: &World, team: &Team, new: &Value) {
    let id = new["name"].as_str().unwrap();
    add(world, &team.lea, "reports", new).unwrap();
    upload(world, &team.lea, id, 1, b"%PDF-1.7 short".to_vec()).unwrap();
    let sha256 = seal(world, &team.lea, id).unwrap();
    take(world, &team.cora, ("reports", id, "publish"), &json!({"sha256": sha256})).unwrap();
}

/// Enters terms and has them published.
pub fn terms(world: &World, team: &Team, id: &str, review: &str) {
    let new = json!({"name": id, "text": "# Keep it to yourself", "review": review});
    let row = add(world, &team.lea, "terms", &new).unwrap();
    let read = json!({"sha256": row["sha256"]});
    take(world, &team.cora, ("terms", id, "publish"), &read).unwrap();
}

/// Lists a competitor and has it confirmed.
pub fn competitor(world: &World, team: &Team, id: &str, legal_name: &str, domain: &str) {
    let new = json!({"name": id, "legal_name": legal_name, "domains": [domain],
        "reason": "sells the same", "review": "2027-06-30"});
    add(world, &team.lea, "competitors", &new).unwrap();
    take(world, &team.cora, ("competitors", id, "confirm"), &json!({})).unwrap();
}

/// A member asks for a report.
pub fn request(world: &World, token: &str, account: &AccountId, id: &str) -> Result<OwnRequest> {
    static NEXT: AtomicU64 = AtomicU64::new(1);
    let number = u128::from(NEXT.fetch_add(1, Ordering::Relaxed)) << 80;
    let new = NewOwnRequest {
        report: id.to_owned(),
        purpose: "vendor review".to_owned(),
        parents: vec![],
        not_competitor: true,
    };
    let asked = world.asked(token)?;
    let by = asked.caller.principal.clone();
    let ask = RequestReport::new(&world.kernel, account, &by, new, number.to_be_bytes())?;
    Ok(world.kernel.run(asked, ask)?.output)
}

/// The security lead decides about a request.
pub fn decide(world: &World, team: &Team, id: &str, answer: &str) -> Result<Value> {
    let stated = json!({"answer": answer, "reason": "looked at it", "told": "we looked at it"});
    take(world, &team.lea, ("requests", id, "decide"), &stated)
}

/// The security lead releases a report.
pub fn release(world: &World, team: &Team, id: &str, report: &str) -> Result<Value> {
    take(world, &team.lea, ("requests", id, "release"), &json!({"report": report}))
}

/// A member accepts terms.
pub fn accept(world: &World, token: &str, account: &AccountId, ids: (&str, &str)) -> Result<()> {
    let asked = world.asked(token)?;
    let by = asked.caller.principal.clone();
    let accept = AcceptTerms::new(&world.kernel, account, &by, ids.0, ids.1)?;
    world.kernel.run(asked, accept).map(|_| ())
}

/// A member downloads a copy.
pub fn download(
    world: &World,
    token: &str,
    account: &AccountId,
    ids: (&str, &str),
) -> Result<Copy> {
    let asked = world.asked(token)?;
    let by = asked.caller.principal.clone();
    let download = Download::new(&world.kernel, account, &by, ids.0, ids.1)?;
    Ok(world.kernel.run(asked, download)?.output)
}

/// The face says what it delivers.
pub fn mark(
    world: &World,
    token: &str,
    account: &AccountId,
    id: &str,
    copy: (u32, &str),
) -> Result<()> {
    let asked = world.asked(token)?;
    let by = asked.caller.principal.clone();
    let mark = MarkCopy::new(&world.kernel, account, &by, id, copy)?;
    world.kernel.run(asked, mark).map(|_| ())
}

/// Any SHA-256.
pub const SUM: &str = "9f86d081884c7d659a2feaa0c55ad015a3bf4f1b2b0b822cd15d6c15b0f00a08";

#[test]
fn a_report_is_described_taken_in_read_and_published() {
    both(81, |world| {
        let team = Team::new(world);
        for (key, value) in [
            ("audience", json!("subscribers")),
            ("to", json!("2025-12-31")),
            ("valid_to", json!("2028-02-01")),
            ("owner", json!("person:zoe")),
            ("title", json!("")),
        ] {
            let mut new = report("soc2", "soc2", "2027-12-31");
            new[key] = value;
            let refused = field(add(world, &team.lea, "reports", &new));
            assert_eq!(refused, (Kind::Invalid, key.to_owned()));
        }
        let certificate = report("iso", "iso27001", "2027-01-01");
        let refused = field(add(world, &team.lea, "reports", &certificate));
        assert_eq!(refused, (Kind::Invalid, "valid_to".to_owned()), "not after its last day");
        let row = add(world, &team.lea, "reports", &report("soc2", "soc2", "2027-12-31")).unwrap();
        assert_eq!(row["state"]["word"], "described");
        assert_eq!(kind(seal(world, &team.lea, "soc2")), Kind::Conflict, "no part yet");
        let odd = upload(world, &team.lea, "soc2", 1, b"GIF89a".to_vec());
        assert_eq!(field(odd), (Kind::Invalid, "body".to_owned()));
        let [first, rest] = pdf().try_into().unwrap();
        let early = upload(world, &team.lea, "soc2", 2, rest.clone());
        assert_eq!(field(early), (Kind::Invalid, "number".to_owned()));
        upload(world, &team.lea, "soc2", 1, first.clone()).unwrap();
        let size = upload(world, &team.lea, "soc2", 2, rest.clone()).unwrap();
        assert_eq!(size, PART_BYTES as u64 + 8);
        let sha256 = seal(world, &team.lea, "soc2").unwrap();
        let read = ReadFile::new(&world.kernel, "soc2").unwrap();
        let whole = world.run(&team.cora, read).unwrap().output;
        assert_eq!(whole, [first, rest].concat());
        assert_eq!(sha256, hex(&kernel::digest(&whole)));
        let publish = |token: &str, sum: &str| {
            take(world, token, ("reports", "soc2", "publish"), &json!({"sha256": sum}))
        };
        assert_eq!(kind(publish(&team.lea, &sha256)), Kind::Forbidden, "the same person");
        assert_eq!(field(publish(&team.cora, SUM)), (Kind::Invalid, "sha256".to_owned()));
        assert_eq!(field(publish(&team.cora, "00")), (Kind::Invalid, "sha256".to_owned()));
        assert_eq!(publish(&team.cora, &sha256).unwrap()["state"]["word"], "published");
        assert_eq!(kind(publish(&team.cora, &sha256)), Kind::Conflict);
        let late = upload(world, &team.lea, "soc2", 1, b"%PDF-".to_vec());
        assert_eq!(kind(late), Kind::Conflict);
        assert_eq!(kind(seal(world, &team.lea, "soc2")), Kind::Conflict);
        let because = json!({"reason": "the issuer took it back"});
        let row = take(world, &team.lea, ("reports", "soc2", "withdraw"), &because).unwrap();
        assert_eq!(row["state"]["word"], "withdrawn");
        let again = take(world, &team.lea, ("reports", "soc2", "withdraw"), &because);
        assert_eq!(kind(again), Kind::Conflict);
        let engineer = world.person("eve", &["engineer"]);
        assert_eq!(kind(seal(world, &engineer, "soc2")), Kind::Forbidden);
    });
}

fn hex(bytes: &[u8]) -> String {
    bytes.iter().map(|byte| format!("{byte:02x}")).collect()
}

#[test]
fn numbers_sizes_and_names_of_a_file_are_bounded() {
    let world = World::memory(82);
    let part = |number, bytes: Vec<u8>| {
        field(UploadPart::new(&world.kernel, "soc2", number, bytes).map(|_| ())).1
    };
    for (number, bytes, wrong) in [
        (0, b"%PDF-".to_vec(), "number"),
        (65, b"x".to_vec(), "number"),
        (2, vec![], "body"),
        (2, vec![0; PART_BYTES + 1], "body"),
    ] {
        assert_eq!(part(number, bytes), wrong);
    }
    for (file, pages, wrong) in
        [("", 1, "name"), ("../x", 1, "name"), (".x", 1, "name"), ("x.pdf", 0, "pages")]
    {
        let refused = SealFile::new(&world.kernel, "soc2", file, pages).map(|_| ());
        assert_eq!(field(refused).1, wrong);
    }
}

#[test]
fn two_people_list_and_strike_a_competitor() {
    both(83, |world| {
        let team = Team::new(world);
        let new = json!({"name": "rival", "legal_name": "Rival Inc.", "domains": ["rival.example"],
            "reason": "sells the same", "review": "2027-06-30"});
        for (key, value) in [
            ("domains", json!(["https://rival.example/"])),
            ("domains", json!(["rival"])),
            ("review", json!("2028-06-30")),
            ("reason", json!(" ")),
        ] {
            let mut bad = new.clone();
            bad[key] = value;
            assert_eq!(field(add(world, &team.lea, "competitors", &bad)).1, key);
        }
        let row = add(world, &team.lea, "competitors", &new).unwrap();
        assert_eq!(row["state"]["word"], "proposed");
        let step = |token: &str, verb: &str, stated: &Value| {
            take(world, token, ("competitors", "rival", verb), stated)
        };
        let nothing = json!({});
        let review = json!({"reason": "still does", "review": "2027-07-31"});
        assert_eq!(kind(step(&team.lea, "review", &review)), Kind::Conflict, "not listed yet");
        assert_eq!(kind(step(&team.lea, "confirm", &nothing)), Kind::Forbidden);
        let row = step(&team.cora, "confirm", &nothing).unwrap();
        assert_eq!(row["state"]["word"], "listed");
        assert_eq!(kind(step(&team.cora, "confirm", &nothing)), Kind::Conflict);
        step(&team.lea, "review", &review).unwrap();
        let row = step(&team.cora, "remove", &json!({"reason": "it is gone"})).unwrap();
        assert_eq!(row["state"]["word"], "leaving");
        assert_eq!(kind(step(&team.cora, "confirm", &nothing)), Kind::Forbidden);
        step(&team.lea, "review", &review).unwrap();
        let row = step(&team.lea, "confirm", &nothing).unwrap();
        assert_eq!(row["state"]["word"], "removed");
        let gone = step(&team.lea, "remove", &json!({"reason": "again"}));
        assert_eq!(kind(gone), Kind::Conflict);
        assert_eq!(kind(step(&team.lea, "review", &review)), Kind::Conflict);
    });
}

#[test]
fn terms_are_published_once_and_by_a_second_person() {
    both(84, |world| {
        let mut team = Team::new(world);
        let new = json!({"name": "nda-1", "text": "keep it", "review": "2027-01-31"});
        let row = add(world, &team.lea, "terms", &new).unwrap();
        assert_eq!(row["sha256"], hex(&kernel::digest(b"keep it")));
        let read = json!({"sha256": row["sha256"]});
        let step = |token: &str, verb: &str, stated: &Value| {
            take(world, token, ("terms", "nda-1", verb), stated)
        };
        let review = json!({"review": "2027-06-30"});
        assert_eq!(kind(step(&team.lea, "review", &review)), Kind::Conflict, "a draft");
        assert_eq!(kind(step(&team.lea, "publish", &read)), Kind::Forbidden);
        let other = step(&team.cora, "publish", &json!({"sha256": SUM}));
        assert_eq!(field(other), (Kind::Invalid, "sha256".to_owned()));
        step(&team.cora, "publish", &read).unwrap();
        assert_eq!(kind(step(&team.cora, "publish", &read)), Kind::Conflict);
        let far = step(&team.cora, "review", &json!({"review": "2028-06-30"}));
        assert_eq!(field(far), (Kind::Invalid, "review".to_owned()));
        team.wait(world, 71);
        let row = show(world, &team.lea, "terms", "nda-1").unwrap();
        assert_eq!(row["state"]["word"], "overdue");
        let row = take(world, &team.cora, ("terms", "nda-1", "review"), &review).unwrap();
        assert_eq!(row["state"]["word"], "published");
        let long = json!({"name": "nda-2", "text": "x".repeat(100_001), "review": "2027-02-01"});
        let refused = field(add(world, &team.lea, "terms", &long));
        assert_eq!(refused, (Kind::Invalid, "text".to_owned()));
    });
}

/// A world with an account, its administrator and auditor, a SOC 2 report, terms and a list.
fn stage(world: &World) -> (Team, AccountId) {
    let team = Team::new(world);
    let (_, account) = account_with_data(world);
    add(world, &world.admin, "members", &ana()).unwrap();
    add(world, &world.admin, "members", &aud("2027-10-31")).unwrap();
    publish(world, &team, &report("soc2", "soc2", "2027-06-30"));
    terms(world, &team, "nda-1", "2027-06-30");
    competitor(world, &team, "rival", "Rival Desk Inc.", "rival.example");
    (team, account)
}

#[test]
fn the_path_of_a_report() {
    both(85, |world| {
        let (mut team, account) = stage(world);
        let auditor = sign_in(world, &team.admin, "one.aud");
        assert_eq!(field(request(world, &auditor, &account, "soc9")).1, "report");
        let own = request(world, &auditor, &account, "soc2").unwrap();
        let id = own.id.as_str();
        assert_eq!((own.state.as_str(), own.copies), ("asked", 0));
        let row = show(world, &team.lea, "requests", id).unwrap();
        assert_eq!(row["screen"]["verdict"], "clear");
        assert_eq!(row["organisations"], json!(["One", "Prüfer AG"]));
        assert_eq!(row["due"], "2026-12-02T14:02:11.000000Z", "ten days");
        let both_ids = (id, "soc2");
        let early = download(world, &auditor, &account, both_ids);
        assert_eq!(kind(early), Kind::Forbidden, "nobody decided");
        assert_eq!(kind(release(world, &team, id, "soc2")), Kind::Conflict, "nobody decided");
        let row = decide(world, &team, id, "clear").unwrap();
        assert_eq!(row["state"]["word"], "cleared");
        assert_eq!(row["decision"]["mark"]["by"], "person:lea");
        assert_eq!(kind(accept(world, &auditor, &account, (id, "nda-1"))), Kind::Conflict);
        assert_eq!(field(release(world, &team, id, "soc3")).1, "report");
        publish(world, &team, &report("soc3", "soc3", "2027-06-30"));
        assert_eq!(field(release(world, &team, id, "soc3")).1, "report", "another was asked for");
        let row = release(world, &team, id, "soc2").unwrap();
        assert_eq!(row["state"]["word"], "released");
        assert_eq!(kind(release(world, &team, id, "soc2")), Kind::Conflict);
        let untold = download(world, &auditor, &account, both_ids);
        assert_eq!(kind(untold), Kind::Forbidden, "terms first");
        let read = ReadTerms::new(&world.kernel, &account, "nda-1").unwrap();
        assert_eq!(world.run(&auditor, read).unwrap().output.text, "# Keep it to yourself");
        assert_eq!(field(accept(world, &auditor, &account, (id, "nda-0"))).1, "terms");
        accept(world, &auditor, &account, (id, "nda-1")).unwrap();
        let copy = download(world, &auditor, &account, both_ids).unwrap();
        assert_eq!((copy.number, copy.bytes.as_slice()), (1, b"%PDF-1.7 short".as_slice()));
        assert_eq!(copy.receiver, "Udo Prüfer <udo@pruefer.example>, One, Prüfer AG");
        assert_eq!(copy.release, id.replace("request", "release"));
        mark(world, &auditor, &account, id, (1, SUM)).unwrap();
        assert_eq!(kind(mark(world, &auditor, &account, id, (1, SUM))), Kind::Conflict);
        assert_eq!(field(mark(world, &auditor, &account, id, (2, SUM))).1, "number");
        let row = show(world, &team.lea, "requests", id).unwrap();
        assert_eq!(row["deliveries"][0]["sha256"], SUM);
        assert_eq!(row["deliveries"][0]["terms"], "nda-1");
        // Other terms are accepted anew.
        terms(world, &team, "nda-2", "2027-06-30");
        assert_eq!(kind(download(world, &auditor, &account, both_ids)), Kind::Forbidden);
        accept(world, &auditor, &account, (id, "nda-2")).unwrap();
        download(world, &auditor, &account, both_ids).unwrap();
        let told = kinds(world, slot(world, &account));
        for action in ["report.request", "report.accept", "report.download", "report.mark"] {
            assert!(told.iter().any(|kind| kind == action), "{action} is in the account's log");
        }
        team.wait(world, 30);
        let auditor = sign_in(world, &team.admin, "one.aud");
        let late = download(world, &auditor, &account, both_ids);
        assert_eq!(kind(late), Kind::Forbidden, "thirty days are over");
        let row = show(world, &team.lea, "requests", id).unwrap();
        assert_eq!(row["state"]["word"], "expired");
        assert_eq!(kind(decide(world, &team, id, "clear")), Kind::Conflict, "it is over");
    });
}

#[test]
fn a_list_that_says_more_stops_a_release_until_somebody_decides_again() {
    both(86, |world| {
        let (team, account) = stage(world);
        let ana = sign_in(world, &team.admin, "one.ana");
        publish(world, &team, &report("soc3", "soc3", "2027-06-30"));
        let id = request(world, &ana, &account, "soc3").unwrap().id;
        decide(world, &team, &id, "clear").unwrap();
        release(world, &team, &id, "soc3").unwrap();
        let ids = (id.as_str(), "soc3");
        download(world, &ana, &account, ids).unwrap();
        competitor(world, &team, "one", "ONE Inc.", "one.example");
        let stopped = download(world, &ana, &account, ids).unwrap_err();
        assert_eq!(stopped.kind(), Kind::Forbidden);
        assert!(!stopped.message().contains("competitor"), "the list is nobody else's business");
        let row = decide(world, &team, &id, "clear").unwrap();
        assert_eq!(row["decision"]["screen"]["verdict"], "match");
        download(world, &ana, &account, ids).unwrap();
        let row = decide(world, &team, &id, "refuse").unwrap();
        assert_eq!(row["state"]["word"], "ended");
        assert_eq!(kind(download(world, &ana, &account, ids)), Kind::Forbidden);
        // Asked again, a match is seen at once, and not by the requester.
        let own = request(world, &ana, &account, "soc3").unwrap();
        let row = show(world, &team.lea, "requests", &own.id).unwrap();
        assert_eq!(row["screen"]["verdict"], "match");
        let silent = json!({"answer": "refuse", "reason": "it is them"});
        let silent = take(world, &team.lea, ("requests", &own.id, "decide"), &silent);
        assert_eq!(field(silent), (Kind::Invalid, "told".to_owned()));
        decide(world, &team, &own.id, "refuse").unwrap();
        assert_eq!(kind(decide(world, &team, &own.id, "clear")), Kind::Conflict);
        let seen = serde_json::to_string(&own).unwrap();
        assert!(!seen.contains("screen") && !seen.contains("competitor"), "{seen}");
    });
}

#[test]
fn a_report_that_is_over_or_taken_back_is_not_handed_out() {
    both(87, |world| {
        let (team, account) = stage(world);
        let ana = sign_in(world, &team.admin, "one.ana");
        for id in ["brief", "gone"] {
            publish(world, &team, &report(id, "soc3", "2026-11-22"));
        }
        let own = request(world, &ana, &account, "brief").unwrap().id;
        let gone = request(world, &ana, &account, "gone").unwrap().id;
        for id in [&own, &gone] {
            decide(world, &team, id, "clear").unwrap();
        }
        let because = json!({"reason": "the issuer took it back"});
        release(world, &team, &own, "brief").unwrap();
        take(world, &team.lea, ("reports", "gone", "withdraw"), &because).unwrap();
        assert_eq!(kind(release(world, &team, &gone, "gone")), Kind::Conflict);
        assert_eq!(field(request(world, &ana, &account, "gone")).1, "report");
        download(world, &ana, &account, (&own, "brief")).unwrap();
        world.clock.advance(Duration::from_secs(10 * 3600));
        let ana = sign_in(world, &team.admin, "one.ana");
        assert_eq!(kind(download(world, &ana, &account, (&own, "brief"))), Kind::Forbidden);
        assert_eq!(field(request(world, &ana, &account, "brief")).1, "report");
        let other = download(world, &ana, &account, (&own, "soc2"));
        assert_eq!(field(other), (Kind::Invalid, "report".to_owned()));
    });
}

#[test]
fn a_request_is_its_requesters_alone_and_a_named_persons_to_decide() {
    both(88, |world| {
        let (team, account) = stage(world);
        let ana = sign_in(world, &team.admin, "one.ana");
        let auditor = sign_in(world, &team.admin, "one.aud");
        let id = request(world, &auditor, &account, "soc2").unwrap().id;
        decide(world, &team, &id, "clear").unwrap();
        release(world, &team, &id, "soc2").unwrap();
        assert_eq!(kind(accept(world, &ana, &account, (&id, "nda-1"))), Kind::NotFound);
        assert_eq!(kind(download(world, &ana, &account, (&id, "soc2"))), Kind::NotFound);
        assert_eq!(kind(mark(world, &ana, &account, &id, (1, SUM))), Kind::NotFound);
        let asked = world.asked(&ana).unwrap();
        let by = world.asked(&auditor).unwrap().caller.principal;
        let stolen = Download::new(&world.kernel, &account, &by, &id, "soc2").unwrap();
        assert_eq!(kind(world.kernel.run(asked, stolen)), Kind::Internal, "not as somebody else");
        let service = world.service("robot");
        let stated = json!({"answer": "clear", "reason": "r"});
        let by_service = take(world, &service, ("requests", &id, "decide"), &stated);
        assert_eq!(kind(by_service), Kind::Forbidden);
        // What came by letter is recorded by the team, for a member of that account.
        let letter = json!({"member": "one.ana", "account": "one", "report": "soc2",
            "purpose": "by letter", "not_competitor": true});
        let row = add(world, &team.lea, "requests", &letter).unwrap();
        assert_eq!(
            (row["member"].as_str(), row["added"]["by"].as_str()),
            (Some("member:one.ana"), Some("person:lea"))
        );
        for (key, value) in [
            ("member", json!("one.zoe")),
            ("account", json!("two")),
            ("report", json!("soc9")),
            ("purpose", json!("")),
            ("not_competitor", json!(false)),
        ] {
            let mut bad = letter.clone();
            bad[key] = value;
            assert_eq!(field(add(world, &team.lea, "requests", &bad)).1, key);
        }
    });
}

#[test]
fn requests_of_a_day_and_copies_of_a_release_are_bounded() {
    let world = &World::memory(89);
    let (team, account) = stage(world);
    publish(world, &team, &report("soc3", "soc3", "2027-06-30"));
    let ana = sign_in(world, &team.admin, "one.ana");
    let id = request(world, &ana, &account, "soc3").unwrap().id;
    for _ in 1..20 {
        request(world, &ana, &account, "soc3").unwrap();
    }
    assert_eq!(kind(request(world, &ana, &account, "soc3")), Kind::Limit);
    decide(world, &team, &id, "clear").unwrap();
    release(world, &team, &id, "soc3").unwrap();
    for _ in 0..20 {
        download(world, &ana, &account, (&id, "soc3")).unwrap();
    }
    assert_eq!(kind(download(world, &ana, &account, (&id, "soc3"))), Kind::Limit);
    world.clock.advance(days(1));
    let ana = sign_in(world, &team.admin, "one.ana");
    request(world, &ana, &account, "soc3").unwrap();
}
