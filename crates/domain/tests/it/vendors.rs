//! Vendors and engagements: agreed, answered, reviewed by two, engaged; and closed by the clock.

use crate::registers::{add, show, take};
use crate::support::{both, days, field, kind, name, says, wish};
use domain::grants::Wish;
use domain::measures::{Answer, ReadMeasures, State};
use domain::people::{CreatePerson, EndPerson, IssueToken};
use domain::register::Day;
use domain::services::CreateService;
use domain::vendors::{MEASURES, QUESTIONS};
use kernel::engine::Memory;
use kernel::id::AccountId;
use kernel::{Kind, Result};
use serde_json::{Value, json};
use std::cell::RefCell;
use std::collections::BTreeMap;
use std::sync::Arc;
use testkit::World;

/// The people around vendors, with tokens that are issued anew when the clock goes on.
pub struct Team<'w> {
    world: &'w World,
    admin: RefCell<String>,
    tokens: RefCell<BTreeMap<String, String>>,
}

impl<'w> Team<'w> {
    /// `mia` keeps the vendors, `abe` signs, `lea` leads, `eve` is an engineer.
    pub fn new(world: &'w World) -> Self {
        for (name, role) in [
            ("mia", "vendor-manager"),
            ("abe", "approver"),
            ("lea", "security-lead"),
            ("eve", "engineer"),
        ] {
            world.person(name, &[role]);
        }
        Self { world, admin: RefCell::new(world.admin.clone()), tokens: RefCell::default() }
    }

    /// A live token of a person.
    pub fn token(&self, who: &str) -> String {
        let known = self.tokens.borrow().get(who).cloned();
        known.unwrap_or_else(|| {
            let token = self.issue(who);
            self.tokens.borrow_mut().insert(who.to_owned(), token.clone());
            token
        })
    }

    fn issue(&self, who: &str) -> String {
        let issue = IssueToken::new(&self.world.kernel, &name(who)).unwrap();
        self.world.run(&self.admin.borrow(), issue).unwrap().output.token
    }

    /// The administrator's token.
    pub fn admin(&self) -> String {
        self.admin.borrow().clone()
    }

    /// Lets so many days pass; the administrator renews its token on the way.
    pub fn pass(&self, mut left: u64) {
        while left > 0 {
            let part = left.min(29);
            self.world.clock.advance(days(part));
            let renewed = self.issue("admin");
            self.admin.replace(renewed);
            self.tokens.borrow_mut().clear();
            left -= part;
        }
    }

    /// The day so many days from now.
    pub fn day(&self, from_now: u32) -> String {
        Day::of(self.world.kernel.now()).plus(from_now).to_string()
    }

    /// Registers a vendor that processes in this way.
    pub fn vendor(&self, name: &str, class: &str) -> Result<Value> {
        add(self.world, &self.token("mia"), "vendors", &vendor(name, class))
    }

    /// Takes a step with a vendor.
    pub fn step(&self, who: &str, vendor: &str, verb: &str, stated: &Value) -> Result<Value> {
        take(self.world, &self.token(who), ("vendors", vendor, verb), stated)
    }

    /// Enters an agreement over everything for so many days.
    pub fn agree(&self, vendor: &str, for_days: u32) {
        let stated = agreement(&self.day(0), &self.day(for_days), &MEASURES);
        self.step("mia", vendor, "agree", &stated).unwrap();
    }

    /// Reviews a vendor and has it signed.
    pub fn review(&self, vendor: &str, verdict: &str) {
        let stated = json!({"verdict": verdict, "summary": "answers and reports read"});
        self.step("mia", vendor, "review", &stated).unwrap();
        self.step("abe", vendor, "sign", &json!({"verdict": verdict})).unwrap();
    }

    /// Registered, bound for 300 days and reviewed.
    pub fn ready(&self, name: &str, class: &str) {
        self.vendor(name, class).unwrap();
        self.agree(name, 300);
        self.review(name, "approve");
    }

    /// Answers every question that the vendor is asked, for so many days.
    pub fn answer_all(&self, vendor: &str, measure: &str, reply: &str, for_days: u32) {
        for question in QUESTIONS.iter().filter(|one| one.measure() == measure) {
            let stated = answer(question.id, reply, &self.day(for_days));
            match self.step("mia", vendor, "answer", &stated) {
                Ok(_) => {}
                Err(error) => assert!(says(&error, "is not asked that"), "{error:?}"),
            }
        }
    }

    /// Engages a vendor for reading and exporting collection `c` of an account.
    pub fn engage(&self, id: &str, vendor: &str, account: &str, for_days: u32) -> Result<Value> {
        let stated = self.engagement(id, vendor, account, for_days);
        add(self.world, &self.token("mia"), "engagements", &stated)
    }

    fn engagement(&self, id: &str, vendor: &str, account: &str, for_days: u32) -> Value {
        json!({"name": id, "vendor": vendor, "purpose": "support case", "accounts": [account],
            "collections": ["c"], "verbs": ["read", "export"], "sponsor": "person:mia",
            "class": "support-access", "from": self.day(0), "to": self.day(for_days)})
    }

    /// A service of a vendor; its token.
    pub fn service(&self, service: &str, vendor: &str) -> Result<String> {
        let create = CreateService::new(&self.world.kernel, service, Some("person:mia"))?;
        Ok(self.world.run(&self.admin(), create.with_vendor(vendor))?.output.token)
    }

    /// Access to collection `c` of an account, for eight hours: a person of a vendor asks, and
    /// `abe` approves.
    pub fn obtain(&self, token: &str, account: &str, verbs: &[&str]) -> Result<String> {
        let wish = json!({"account": account, "collections": ["c"], "verbs": verbs,
            "purpose": "support case", "reference": "T-1", "for_seconds": 8 * 3600});
        let id = add(self.world, token, "access-requests", &wish)?;
        let (terms, id) = (id["terms_sha256"].clone(), id["id"].as_str().unwrap().to_owned());
        let approve = json!({ "terms_sha256": terms });
        take(self.world, &self.token("abe"), ("access-requests", &id, "approve"), &approve)?;
        let row = take(self.world, token, ("access-requests", &id, "begin"), &json!({}))?;
        Ok(row["begun"]["grant"].as_str().unwrap().to_owned())
    }

    /// A grant for collection `c` of an account, for eight hours.
    pub fn grant(
        &self,
        to: &str,
        account: &str,
        collection: &str,
        verbs: &[&str],
    ) -> Result<String> {
        let wish = Wish {
            account: account.to_owned(),
            collections: vec![collection.to_owned()],
            ..wish(to, verbs)
        };
        Ok(crate::support::give(self.world, &self.admin(), wish)?.id)
    }

    /// What the control of an obligation answers.
    pub fn control(&self, id: &str) -> Answer {
        let read = ReadMeasures::new(&self.world.kernel, None).unwrap();
        let all = self.world.run(&self.admin(), read).unwrap().output;
        all.into_iter().find(|one| one.obligation.id == id).unwrap().answer
    }

    /// Checks the state of an obligation, and that what does not hold says what to do.
    pub fn expect(&self, id: &str, state: State) -> Answer {
        let answer = self.control(id);
        assert_eq!(answer.state, state, "{id}: {answer:?}");
        assert_eq!(answer.todo.is_empty(), state == State::Holding, "{id}: {answer:?}");
        answer
    }
}

/// Two accounts with a record `x` each in collection `c`.
pub fn accounts(world: &World) -> (AccountId, AccountId) {
    let import = world.service("import");
    world.grant("service:import", "*", "*", &["read", "write", "open"]);
    let make = |name: &str| {
        let account = world.account(&import, name).unwrap();
        world.collection(&import, &account, "c").unwrap();
        world.put(&import, (&account, "c", "x"), r#"{"n":1}"#).unwrap();
        account
    };
    (make("One"), make("Two"))
}

fn vendor(name: &str, class: &str) -> Value {
    json!({"name": name, "legal_name": "Acme GmbH", "services": "second-level support",
        "tier": "critical", "classes": [class], "hosts": class == "hosting", "country": "DE",
        "contact": "security@acme.example", "sponsor": "person:mia"})
}

fn agreement(from: &str, to: &str, binds: &[&str]) -> Value {
    json!({"document": "dpa.pdf", "sha256": "ab".repeat(32), "terms": "2026-1",
        "valid_from": from, "valid_to": to, "binds": binds})
}

fn answer(question: &str, reply: &str, to: &str) -> Value {
    json!({"question": question, "reply": reply, "evidence": "their report, page 7",
        "source": "attested", "valid_to": to})
}

fn with(mut stated: Value, field: &str, value: Value) -> Value {
    stated[field] = value;
    stated
}

fn word(row: &Value) -> &str {
    row["state"]["word"].as_str().unwrap()
}

#[test]
fn a_vendor_is_stated_in_full() {
    both(51, |world| {
        let team = Team::new(world);
        let mia = team.token("mia");
        let good = vendor("acme", "processing");
        for (bad, value) in [
            ("sponsor", json!("person:nobody")),
            ("legal_name", json!(" ")),
            ("services", json!("a\nb")),
            ("classes", json!([])),
            ("country", json!("Germany")),
            ("country", json!("de")),
            ("contact", json!("nobody")),
            ("contact", json!("a@b@c")),
            ("until", json!("2030-01-01")),
        ] {
            let refused = add(world, &mia, "vendors", &with(good.clone(), bad, value));
            assert_eq!(field(refused), (Kind::Invalid, bad.to_owned()));
        }
        let hosts = with(good.clone(), "hosts", json!(true));
        assert_eq!(field(add(world, &mia, "vendors", &hosts)), (Kind::Invalid, "classes".into()));
        for stranger in ["abe", "eve", "admin"] {
            assert_eq!(kind(add(world, &team.token(stranger), "vendors", &good)), Kind::Forbidden);
        }
        assert_eq!(word(&add(world, &mia, "vendors", &good).unwrap()), "unbound");
        assert_eq!(kind(add(world, &mia, "vendors", &good)), Kind::Conflict);
        let person = CreatePerson::new(&world.kernel, "vic", None, None, vec![]).unwrap();
        world.run(&team.admin(), person.with_vendor("acme")).unwrap();
        let own = with(vendor("other", "processing"), "sponsor", json!("person:vic"));
        assert_eq!(field(add(world, &mia, "vendors", &own)), (Kind::Invalid, "sponsor".into()));
        let person = CreatePerson::new(&world.kernel, "val", None, None, vec![]).unwrap();
        let refused = world.run(&team.admin(), person.with_vendor("nobody")).map(|_| ());
        assert_eq!(field(refused), (Kind::Invalid, "vendor".into()));
        assert_eq!(field(team.service("bot", "nobody")), (Kind::Invalid, "vendor".into()));
    });
}

#[test]
fn an_agreement_counts_once_it_binds_to_everything() {
    both(52, |world| {
        let team = Team::new(world);
        team.vendor("acme", "processing").unwrap();
        let good = agreement(&team.day(0), &team.day(300), &MEASURES);
        let try_it = |stated: Value| team.step("mia", "acme", "agree", &stated);
        for (bad, value) in [
            ("document", json!("")),
            ("sha256", json!("abc")),
            ("terms", json!("")),
            ("valid_from", json!(team.day(1))),
            ("valid_to", json!("2026-11-21")),
            ("valid_to", json!("2040-01-01")),
            ("binds", json!(["P1", "P8"])),
        ] {
            let refused = try_it(with(good.clone(), bad, value));
            assert_eq!(field(refused), (Kind::Invalid, bad.to_owned()));
        }
        let row = try_it(with(good.clone(), "binds", json!(["P1", "P2"]))).unwrap();
        assert_eq!((word(&row), &row["state"]["tone"]), ("unbound", &json!("bad")));
        assert!(row["state"]["what"].as_str().unwrap().contains("P3, P4, P5, P6, P7"));
        assert_eq!(word(&try_it(good).unwrap()), "unreviewed");
        team.review("acme", "approve");
        let until = |vendor: &str| world.kernel.authority().vendor_until(vendor);
        let end = until("acme").unwrap();
        assert!(end > world.kernel.now());
        let less = agreement(&team.day(0), &team.day(300), &["P1"]);
        try_it(less).unwrap();
        assert_eq!(until("acme").unwrap().0, 0, "a newer agreement takes the place of the old");
        for n in 0..30 {
            team.agree("acme", 100 + n);
        }
        let row = show(world, &team.token("mia"), "vendors", "acme").unwrap();
        assert_eq!(row["agreements"].as_array().unwrap().len(), 20);
        assert_eq!(row["agreements"][19]["valid_to"], json!(team.day(129)));
    });
}

#[test]
fn a_review_takes_two_people_and_counts_for_as_long_as_the_tier_allows() {
    both(53, |world| {
        let team = Team::new(world);
        team.vendor("acme", "support-access").unwrap();
        team.agree("acme", 300);
        let sign =
            |who: &str, verdict: &str| team.step(who, "acme", "sign", &json!({"verdict": verdict}));
        assert_eq!(kind(sign("abe", "approve")), Kind::Conflict, "nothing to sign");
        let review = json!({"verdict": "approve", "summary": "all read"});
        for bad in [json!("2026-11-21"), json!(team.day(184))] {
            let refused =
                team.step("mia", "acme", "review", &with(review.clone(), "next_due", bad));
            assert_eq!(field(refused), (Kind::Invalid, "next_due".to_owned()));
        }
        let empty = with(review.clone(), "summary", json!("\n"));
        let refused = team.step("mia", "acme", "review", &empty);
        assert_eq!(field(refused), (Kind::Invalid, "summary".to_owned()));
        assert_eq!(kind(team.step("abe", "acme", "review", &review)), Kind::Forbidden);
        let row = team.step("mia", "acme", "review", &review).unwrap();
        assert_eq!((word(&row), &row["state"]["who"]), ("in-review", &json!("approver")));
        assert_eq!(row["reviews"][0]["next_due"], json!(team.day(183)));
        assert_eq!(row["reviews"][0]["unanswered"], json!(5), "the reviewer knew");
        assert_eq!(field(sign("abe", "refuse")), (Kind::Invalid, "verdict".to_owned()));
        let own = sign("mia", "approve").unwrap_err();
        assert_eq!(own.kind(), Kind::Forbidden);
        assert!(says(&own, "takes two people"), "{own:?}");
        assert_eq!(kind(sign("eve", "approve")), Kind::Forbidden);
        sign("abe", "approve").unwrap();
        assert_eq!(kind(sign("lea", "approve")), Kind::Conflict, "it is signed");
        let in_force = |expected: bool| {
            let until = world.kernel.authority().vendor_until("acme").unwrap();
            assert_eq!(until > world.kernel.now(), expected, "{until:?}");
        };
        in_force(true);
        let refuse = json!({"verdict": "refuse", "summary": "a breach was kept quiet"});
        team.step("mia", "acme", "review", &refuse).unwrap();
        in_force(true);
        let row = sign("abe", "refuse").unwrap();
        assert_eq!(word(&row), "refused");
        in_force(false);
        team.review("acme", "approve");
        team.pass(183);
        in_force(true);
        team.pass(1);
        in_force(false);
        assert_eq!(word(&show(world, &team.token("mia"), "vendors", "acme").unwrap()), "lapsed");
        let late = json!({"verdict": "approve", "summary": "all read", "next_due": team.day(0)});
        team.step("mia", "acme", "review", &late).unwrap();
        team.pass(1);
        assert_eq!(kind(sign("abe", "approve")), Kind::Conflict, "it lapsed before it was signed");
    });
}

#[test]
fn a_team_too_small_for_two_signatures_is_told_so() {
    both(54, |world| {
        let lea = world.person("lea", &["security-lead"]);
        let stated = with(vendor("acme", "processing"), "sponsor", json!("person:lea"));
        add(world, &lea, "vendors", &stated).unwrap();
        let step =
            |verb: &str, stated: Value| take(world, &lea, ("vendors", "acme", verb), &stated);
        step("review", json!({"verdict": "approve", "summary": "all read"})).unwrap();
        let alone = step("sign", json!({"verdict": "approve"})).unwrap_err();
        assert!(says(&alone, "nobody else holds a role for it"), "{alone:?}");
    });
}

#[test]
fn answers_and_findings_have_a_shelf_life_and_an_owner() {
    both(55, |world| {
        let team = Team::new(world);
        team.ready("acme", "processing");
        let say = |stated: Value| team.step("mia", "acme", "answer", &stated);
        let good = answer("p6-backup", "yes", &team.day(365));
        for (bad, value) in [
            ("question", json!("p9-odd")),
            ("question", json!("p1-workplace")),
            ("source", json!("measured")),
            ("evidence", json!("")),
            ("valid_to", json!("2026-11-21")),
            ("valid_to", json!(team.day(366))),
        ] {
            let refused = say(with(good.clone(), bad, value));
            assert_eq!(field(refused), (Kind::Invalid, bad.to_owned()));
        }
        say(with(good.clone(), "reply", json!("no"))).unwrap();
        let row = say(good).unwrap();
        assert_eq!(row["answers"].as_array().unwrap().len(), 1, "the newest counts");
        assert_eq!(word(&row), "incomplete");
        for measure in MEASURES {
            team.answer_all("acme", measure, "yes", 300);
        }
        let find = json!({"text": "backups are not tried", "severity": "high",
            "owner": "person:mia", "due": team.day(10)});
        for (bad, value) in [
            ("owner", json!("person:nobody")),
            ("text", json!("")),
            ("due", json!("2026-11-21")),
            ("due", json!("2029-11-21")),
        ] {
            let refused = team.step("mia", "acme", "find", &with(find.clone(), bad, value));
            assert_eq!(field(refused), (Kind::Invalid, bad.to_owned()));
        }
        assert_eq!(word(&team.step("mia", "acme", "find", &find).unwrap()), "in-force");
        team.pass(11);
        let row = show(world, &team.token("mia"), "vendors", "acme").unwrap();
        assert_eq!((word(&row), &row["state"]["who"]), ("overdue", &json!("person:mia")));
        let resolve = |id: u32, how: &str| {
            team.step("mia", "acme", "resolve", &json!({"finding": id, "how": how}))
        };
        assert_eq!(field(resolve(2, "tried")), (Kind::Invalid, "finding".into()));
        assert_eq!(field(resolve(1, "")), (Kind::Invalid, "how".into()));
        assert_eq!(word(&resolve(1, "a restore was tried").unwrap()), "in-force");
        assert_eq!(kind(resolve(1, "again")), Kind::Conflict);
        let due = with(find.clone(), "due", json!(team.day(20)));
        for _ in 0..100 {
            team.step("mia", "acme", "find", &due).unwrap();
        }
        assert_eq!(kind(team.step("mia", "acme", "find", &due)), Kind::Limit);
        let row = resolve(50, "done").unwrap();
        assert_eq!(row["findings"][0]["id"], json!(2), "the resolved one made room");
        assert_eq!(
            team.step("mia", "acme", "find", &due).unwrap()["findings"][99]["id"],
            json!(102)
        );
    });
}

#[test]
fn a_vendor_changes_and_is_let_go() {
    both(56, |world| {
        let team = Team::new(world);
        team.ready("acme", "support-access");
        let change = |stated: Value| team.step("mia", "acme", "change", &stated);
        for (bad, value) in [
            ("sponsor", json!("person:nobody")),
            ("services", json!("")),
            ("country", json!("x")),
            ("contact", json!("x")),
            ("classes", json!([])),
        ] {
            assert_eq!(field(change(json!({bad: value}))), (Kind::Invalid, bad.to_owned()));
        }
        let row = change(json!({"sponsor": "person:lea", "tier": "standard", "hosts": true,
            "classes": ["hosting", "hosting"]}));
        let row = row.unwrap();
        assert_eq!((&row["sponsor"], &row["classes"]), (&json!("person:lea"), &json!(["hosting"])));
        assert_eq!(word(&row), "unreviewed", "nobody has looked at its hosting");
        let open = || world.kernel.authority().vendor_until("acme").unwrap() > world.kernel.now();
        assert!(!open());
        team.review("acme", "approve");
        assert!(open());
        for bad in ["reason", "certificate"] {
            let stated =
                with(json!({"reason": "moved", "certificate": "letter 7"}), bad, json!(""));
            let refused = team.step("mia", "acme", "offboard", &stated);
            assert_eq!(field(refused), (Kind::Invalid, bad.to_owned()));
        }
        let stated = json!({"reason": "moved", "certificate": "letter 7: all deleted"});
        assert_eq!(word(&team.step("mia", "acme", "offboard", &stated).unwrap()), "offboarded");
        assert_eq!(world.kernel.authority().vendor_until("acme").unwrap().0, 0);
        assert_eq!(kind(change(json!({}))), Kind::Conflict);
        assert_eq!(kind(team.step("mia", "acme", "offboard", &stated)), Kind::Conflict);
        let again = json!({"verdict": "approve", "summary": "x"});
        assert_eq!(kind(team.step("mia", "acme", "review", &again)), Kind::Conflict);
    });
}

#[test]
fn an_engagement_names_what_the_work_needs() {
    both(57, |world| {
        let team = Team::new(world);
        let (one, _) = accounts(world);
        team.vendor("acme", "support-access").unwrap();
        assert_eq!(kind(team.engage("e", "acme", one.as_str(), 9)), Kind::Conflict, "not bound");
        team.agree("acme", 300);
        assert_eq!(kind(team.engage("e", "acme", one.as_str(), 9)), Kind::Conflict, "not reviewed");
        team.review("acme", "approve");
        let good = team.engagement("e", "acme", one.as_str(), 100);
        let mia = team.token("mia");
        for (bad, value) in [
            ("vendor", json!("nobody")),
            ("purpose", json!("")),
            ("accounts", json!([])),
            ("accounts", json!(["*", "one"])),
            ("accounts", json!(["three"])),
            ("accounts", json!(["One"])),
            ("collections", json!(["*", "c"])),
            ("collections", json!(["/"])),
            ("verbs", json!([])),
            ("verbs", json!(["peek"])),
            ("verbs", json!(["open"])),
            ("sponsor", json!("person:nobody")),
            ("class", json!("hosting")),
            ("to", json!("2026-11-21")),
            ("to", json!(team.day(367))),
        ] {
            let refused = add(world, &mia, "engagements", &with(good.clone(), bad, value));
            assert_eq!(field(refused), (Kind::Invalid, bad.to_owned()));
        }
        let many = json!(vec!["c"; 51]);
        let refused = add(world, &mia, "engagements", &with(good.clone(), "collections", many));
        assert_eq!(field(refused), (Kind::Invalid, "collections".into()));
        let row = add(world, &mia, "engagements", &good).unwrap();
        let slot = world.kernel.slot(&one).unwrap();
        assert_eq!((&row["slots"], word(&row)), (&json!([slot]), "in-force"));
        let wide = with(with(good.clone(), "accounts", json!(["*"])), "name", json!("wide"));
        let wide = with(with(wide, "collections", json!(["*"])), "verbs", json!(["open", "read"]));
        assert_eq!(add(world, &mia, "engagements", &wide).unwrap()["slots"], json!(null));
        let ahead = with(with(good, "name", json!("ahead")), "from", json!(team.day(5)));
        assert_eq!(word(&add(world, &mia, "engagements", &ahead).unwrap()), "planned");
        team.pass(87);
        let mia = team.token("mia");
        assert_eq!(word(&show(world, &mia, "engagements", "e").unwrap()), "ending");
        let extend = |stated: Value| take(world, &mia, ("engagements", "e", "extend"), &stated);
        assert_eq!(field(extend(json!({"to": "2026-12-01"}))), (Kind::Invalid, "to".into()));
        let nobody = json!({"to": team.day(90), "sponsor": "person:nobody"});
        assert_eq!(field(extend(nobody)), (Kind::Invalid, "sponsor".into()));
        let row = extend(json!({"to": team.day(90), "sponsor": "person:lea"})).unwrap();
        assert_eq!((word(&row), &row["sponsor"]), ("in-force", &json!("person:lea")));
        let end = |stated: Value| take(world, &mia, ("engagements", "e", "end"), &stated);
        assert_eq!(field(end(json!({"reason": ""}))), (Kind::Invalid, "reason".into()));
        assert_eq!(word(&end(json!({"reason": "done"})).unwrap()), "ended");
        assert_eq!(kind(end(json!({"reason": "done"}))), Kind::Conflict);
        assert_eq!(kind(extend(json!({"to": team.day(90)}))), Kind::Conflict);
        team.pass(97);
        let mia = team.token("mia");
        let late = json!({"to": team.day(90)});
        let refused = take(world, &mia, ("engagements", "wide", "extend"), &late);
        assert_eq!(kind(refused), Kind::Conflict, "the review lapsed");
        assert_eq!(word(&show(world, &mia, "engagements", "wide").unwrap()), "over");
    });
}

/// Declared, agreed, reviewed, engaged; reading one account within it and nothing beside it; and
/// closed with the next request by each of the things it rests on.
#[test]
fn the_path_of_a_vendor() {
    both(58, |world| {
        let team = Team::new(world);
        let (one, two) = accounts(world);
        team.ready("acme", "support-access");
        team.engage("case-7", "acme", one.as_str(), 300).unwrap();
        let acme = team.service("acme-bot", "acme").unwrap();
        let get = |token: &str, account: &AccountId| {
            world.get(token, (account, "c", "x")).map(|_| ()).map_err(|error| error.kind())
        };
        let holder = "service:acme-bot";
        for (account, collection, verbs) in [
            (two.as_str(), "c", &["read"][..]),
            ("*", "c", &["read"]),
            (one.as_str(), "*", &["read"]),
            (one.as_str(), "c", &["read", "write"]),
        ] {
            let refused = team.grant(holder, account, collection, verbs).unwrap_err();
            assert_eq!(refused.kind(), Kind::Forbidden);
            assert!(says(&refused, "no engagement of vendor `acme`"), "{refused:?}");
        }
        assert_eq!(get(&acme, &one), Err(Kind::NotFound), "an engagement gives no access");
        team.grant(holder, one.as_str(), "c", &["read"]).unwrap();
        assert_eq!(get(&acme, &one), Ok(()));
        assert_eq!(get(&acme, &two), Err(Kind::NotFound), "outside the engagement");
        assert!(world.put(&acme, (&one, "c", "x"), "{}").is_err(), "not granted");
        // What is promised of vendors follows: unproven until it has answered, then holding.
        let third = ["P0.1", "P0.2", "P0.3"].into_iter().chain(MEASURES);
        let stand = || third.clone().map(|id| (id, team.control(id).state)).collect::<Vec<_>>();
        let unproven: Vec<_> =
            stand().into_iter().filter(|(_, state)| *state != State::Holding).collect();
        assert_eq!(unproven, ["P1", "P4", "P5", "P6"].map(|id| (id, State::Unproven)));
        for measure in MEASURES {
            team.answer_all("acme", measure, "yes", 300);
        }
        assert_eq!(stand(), third.clone().map(|id| (id, State::Holding)).collect::<Vec<_>>());
        // The review lapses.
        team.pass(183);
        let renew = || {
            let admin = team.admin();
            let issue = domain::services::IssueToken::new(&world.kernel, &name("acme-bot"));
            world.run(&admin, issue.unwrap()).unwrap().output.token
        };
        team.grant(holder, one.as_str(), "c", &["read"]).unwrap();
        let acme = renew();
        assert_eq!(get(&acme, &one), Ok(()), "its last day");
        world.clock.advance(std::time::Duration::from_secs(10 * 3600));
        assert!(get(&acme, &one).is_err(), "the review lapsed at midnight");
        let refused = team.grant(holder, one.as_str(), "c", &["read"]).unwrap_err();
        assert!(says(&refused, "no agreement and review in force"), "{refused:?}");
        for id in ["P0.1", "P0.2"] {
            assert_ne!(team.control(id).state, State::Holding, "{id}");
        }
        team.review("acme", "approve");
        team.grant(holder, one.as_str(), "c", &["read"]).unwrap();
        assert_eq!(get(&acme, &one), Ok(()), "reviewed again, open again");
        // Its sponsor leaves.
        let mia = EndPerson::new(&world.kernel, &name("mia")).unwrap();
        world.run(&team.admin(), mia).unwrap();
        assert!(get(&acme, &one).is_err(), "nobody answers for it any more");
        assert!(team.grant(holder, one.as_str(), "c", &["read"]).is_err());
        let lea = team.token("lea");
        let extend = json!({"to": team.day(200), "sponsor": "person:lea"});
        take(world, &lea, ("engagements", "case-7", "extend"), &extend).unwrap();
        assert_eq!(get(&acme, &one), Ok(()), "somebody else does");
        // The engagement ends.
        take(world, &lea, ("engagements", "case-7", "end"), &json!({"reason": "done"})).unwrap();
        assert!(get(&acme, &one).is_err());
        assert!(team.grant(holder, one.as_str(), "c", &["read"]).is_err());
    });
}

#[test]
fn a_refusal_of_a_vendor_closes_what_is_open_and_its_people_keep_no_registers() {
    both(59, |world| {
        let team = Team::new(world);
        let (one, _) = accounts(world);
        team.ready("acme", "support-access");
        team.engage("case-7", "acme", one.as_str(), 100).unwrap();
        let roles = vec!["support".to_owned(), "vendor-manager".to_owned()];
        let vic = CreatePerson::new(&world.kernel, "vic", None, None, roles).unwrap();
        let vic = world.run(&team.admin(), vic.with_vendor("acme")).unwrap().output.token;
        team.obtain(&vic, one.as_str(), &["read"]).unwrap();
        world.get(&vic, (&one, "c", "x")).unwrap();
        assert_eq!(kind(show(world, &vic, "vendors", "acme")), Kind::Forbidden);
        assert_eq!(kind(add(world, &vic, "vendors", &vendor("x", "hosting"))), Kind::Forbidden);
        team.review("acme", "refuse");
        assert!(world.get(&vic, (&one, "c", "x")).is_err());
        team.review("acme", "approve");
        world.get(&vic, (&one, "c", "x")).unwrap();
        let stated = json!({"reason": "moved", "certificate": "letter 7"});
        team.step("mia", "acme", "offboard", &stated).unwrap();
        assert!(world.get(&vic, (&one, "c", "x")).is_err());
    });
}

#[test]
fn what_was_agreed_and_reviewed_counts_after_a_restart() {
    let (store, mark) = (Memory::default(), Arc::default());
    let world = World::on(&store, &mark, 60);
    let team = Team::new(&world);
    team.ready("acme", "support-access");
    team.engage("case-7", "acme", "*", 100).unwrap();
    let until = world.kernel.authority().vendor_until("acme").unwrap();
    world.kernel.close();
    let again = World::reopen(&store, &mark, 61, Arc::clone(&world.clock)).unwrap();
    assert_eq!(again.authority().vendor_until("acme"), Some(until));
    let engagements = again.authority().engagements_of("acme");
    assert_eq!((engagements.len(), engagements[0].accounts.is_none()), (1, true));
    again.close();
}
