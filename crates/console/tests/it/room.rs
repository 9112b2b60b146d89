//! The incident room, and a member's own page.

use crate::browser::{Answer, Browser, Site};
use kernel::id::{AccountId, Name};
use scraper::Selector;
use std::time::Duration;

const HOUR: Duration = Duration::from_secs(3600);

/// An account with a record that the service `report` read.
fn misuse(site: &Site, name: &str) -> AccountId {
    let world = &site.world;
    let opener = world.service(&format!("opener-{}", name.to_lowercase()));
    let opens = format!("service:opener-{}", name.to_lowercase());
    world.grant(&opens, "*", "*", &["open", "write"]);
    let account = world.account(&opener, name).unwrap();
    world.collection(&opener, &account, "cases").unwrap();
    world.put(&opener, (&account, "cases", "1"), "{}").unwrap();
    account
}

fn text(answer: &Answer) -> String {
    let html = answer.html();
    let main = html.select(&Selector::parse("main").unwrap()).next().unwrap();
    main.text().collect::<Vec<_>>().join("")
}

fn tick(site: &Site) {
    for _ in 0..3 {
        site.world.kernel.tick(&domain::run_job).unwrap();
    }
}

/// Declares an incident; answers its page and where that is.
fn declared(rita: &mut Browser<'_>) -> (Answer, String) {
    let page = rita.get("/incidents/new").ok();
    let new = [
        ("title", "Stolen <service> token"),
        ("class", "breach"),
        ("severity", "1"),
        ("source", "support"),
    ];
    let room = rita.submit(&page, "#add", &new).says(200, "Nobody has judged an account");
    let place = room
        .html()
        .select(&Selector::parse("a[href$='/file']").unwrap())
        .next()
        .map(|link| link.attr("href").unwrap().strip_suffix("/file").unwrap().to_owned());
    (room, place.unwrap())
}

#[test]
fn the_room_says_what_is_due_whose_data_it_is_and_what_comes_next() {
    let site = Site::new(60);
    let acme = misuse(&site, "Acme");
    let thief = site.world.service("report");
    site.world.grant("service:report", "acme", "cases", &["read"]);
    site.world.get(&thief, (&acme, "cases", "1")).unwrap();
    let token = site.world.kernel.identify(&thief).unwrap().credential;
    let mut rita = site.person("rita", &["responder"]);
    let (room, place) = declared(&mut rita);
    let span = [("from", "2026-11-22T00:00:00Z"), ("to", "2026-11-23T00:00:00Z")];
    let who = [("principal", "service:report"), ("credential", token.as_str())];
    rita.submit(&room, "#scope", &[who, span].concat()).says(200, "the log is searched");
    tick(&site);
    let room = rita.get(&place).says(200, "accounts: 1 exact · 0 upper bound · 0 unknown");
    assert!(text(&room).contains("the token still counts: end it"), "{}", text(&room));
    let name = Name::parse("report").unwrap();
    let end = domain::services::EndService::new(&site.world.kernel, &name).unwrap();
    site.world.run(&site.world.admin, end).unwrap();
    let again = format!("form[action='{place}/scope'].inline");
    rita.submit(&room, &again, &[]).says(200, "the log is searched");
    tick(&site);

    let room = rita.get(&place).says(200, "the token counts no more");
    let judged = [("account", "acme"), ("harm", "access"), ("basis", "its log")];
    let room = rita.submit(&room, "#verify", &judged).says(200, "none written");
    assert!(text(&room).contains("48 h 00 min left"), "{}", text(&room));
    site.world.clock.advance(HOUR * 13);
    tick(&site);
    let mut rita = site.browser("rita");
    let room = rita.get(&place).says(200, "; warned at 25 %");
    let html = room.html();
    let bar = html.select(&Selector::parse("svg.clock").unwrap()).next().unwrap();
    assert_eq!(bar.attr("aria-label"), Some("27 % of 48 h used"), "the same in words");
    let marks = bar.select(&Selector::parse("rect.mark").unwrap()).count();
    assert_eq!(marks, 4, "25, 50, 75 and 90 %");
    assert!(text(&room).contains("35 h 00 min left, by"), "{}", text(&room));

    let owner = ("owner", "person:rita");
    let plan = [("title", "rotate the secret"), ("required", "true"), owner];
    let room = rita.submit(&room, "#task", &plan).says(200, "(required)");
    let done = format!("form[action='{place}/done'].inline");
    let room = rita.submit(&room, &done, &[("outcome", "rotated at noon")]);
    assert!(text(&room).contains("rotate the secret (required)"), "{}", text(&room));
    assert!(text(&room).contains("rotated at noon (person:rita"), "{}", text(&room));
    assert_eq!(room.html().select(&Selector::parse(&done).unwrap()).count(), 0, "it is done");
    let room = rita.submit(&room, "#note", &[("text", "called <their> desk")]).ok();
    assert!(text(&room).contains("person:rita · called <their> desk"), "{}", text(&room));
    let held = [("done", "the token ended")];
    let room = rita.submit(&room, "#contain", &held).says(200, "the token ended");
    assert!(!room.body.contains("<service>"), "what was typed is text");

    let file = rita.get(&format!("{place}/file")).ok();
    assert!(file.field("content-disposition").unwrap().contains("incident-"));
    let report = ledger::verify::verify_evidence(&file.body, None);
    assert!(report.ok(), "{report}");
    let mut auditor = site.person("aud", &["auditor"]);
    let seen = auditor.get(&place).says(200, "Due next");
    let forms = Selector::parse("form.inline[action^='/incidents']").unwrap();
    assert_eq!(seen.html().select(&forms).count(), 0, "who may only read is shown no form");
    assert_eq!(auditor.get("/incidents/incident-none").status, 404);
    assert_eq!(auditor.get("/incidents/incident-none/file").status, 404);
    let mut support = site.person("sue", &["support"]);
    for path in [place.clone(), format!("{place}/file")] {
        assert_eq!(support.get(&path).status, 403, "{path}");
    }
    assert_eq!(Browser::new(&site).get(&format!("{place}/file")).status, 401);
}

/// A member of an account, signed in.
fn member<'s>(site: &'s Site, name: &str) -> Browser<'s> {
    let mut admin = site.browser("admin");
    let page = admin.get("/members/new").ok();
    let (account, email) = (name.split('.').next().unwrap(), format!("{name}@acme.test"));
    let fields = [
        ("name", name),
        ("account", account),
        ("full_name", "Mia"),
        ("email", email.as_str()),
        ("part", "administrator"),
    ];
    admin.submit(&page, "#add", &fields).ok();
    let (kernel, of) = (&site.world.kernel, Name::parse(name).unwrap());
    let life = domain::members::LinkLife::default();
    let issue = domain::members::IssueLink::member(kernel, &of, life).unwrap();
    let link = site.world.run(&site.world.admin, issue).unwrap().output.token;
    let mut browser = Browser::new(site);
    let page = browser.get(&format!("/sign-in?link={link}"));
    browser.submit(&page, "form[action='/sign-in']", &[]);
    browser
}

#[test]
fn a_member_sees_accesses_with_receipts_and_nothing_of_another_account() {
    let site = Site::new(61);
    misuse(&site, "Acme");
    misuse(&site, "Beta");
    let mut mia = member(&site, "acme.mia");
    let page = mia.get("/account").says(200, "member:acme.mia");
    let said = text(&page);
    for part in ["service:opener-acme", "support case", "Grants in force", "None was given"] {
        assert!(said.contains(part), "{part} is not in {said}");
    }
    assert!(!said.contains("cases/1") || said.contains("record.put"), "{said}");
    let html = page.html();
    let links = Selector::parse("a[href^='/account/receipts/']").unwrap();
    let link = html.select(&links).next_back().unwrap().attr("href").unwrap().to_owned();
    let receipt = mia.get(&link).ok();
    let report = ledger::verify::verify_receipt(&receipt.body, None);
    assert!(report.ok() && report.checked.iter().any(|line| line.contains("actor")), "{report}");
    let all = mia.get("/account/accesses.ndjson").ok();
    let lines: Vec<serde_json::Value> =
        all.body.lines().map(|line| serde_json::from_str(line).unwrap()).collect();
    assert!(lines.iter().any(|one| one["kind"] == "record.put"), "{lines:?}");
    assert!(lines.windows(2).all(|pair| pair[0]["index"].as_u64() > pair[1]["index"].as_u64()));
    mia.get("/account/accesses?before=2").says(200, "Accesses: 2");
    for bad in ["-1", "02", "x", "1e3", "99999999999999999999"] {
        assert_eq!(mia.get(&format!("/account/accesses?before={bad}")).status, 422, "{bad}");
        assert_eq!(mia.get(&format!("/account/receipts/{bad}.json")).status, 422, "{bad}");
    }
    assert_eq!(mia.get("/account/receipts/999.json").status, 404);
    let mut bea = member(&site, "beta.bea");
    let other = text(&bea.get("/account").ok());
    assert!(other.contains("opener-acme (every account)"), "it may, and this account learns it");
    assert!(!other.contains("Acme") && !other.contains("acme.mia"), "{other}");
    let mut lea = site.person("lea", &["security-lead"]);
    for path in ["/account", "/account/accesses", "/account/accesses.ndjson"] {
        assert_eq!(lea.get(path).status, 403, "{path}");
        assert_eq!(Browser::new(&site).get(path).status, 401, "{path}");
    }
}

#[test]
fn a_restricted_incident_is_on_no_page_of_those_who_do_not_take_part() {
    let site = Site::new(66);
    misuse(&site, "Acme");
    let mut rita = site.person("rita", &["responder"]);
    let mut bea = site.person("bea", &["responder"]);
    let (room, place) = declared(&mut rita);
    let judged = [("account", "acme"), ("harm", "access"), ("basis", "its log")];
    let room = rita.submit(&room, "#verify", &judged).ok();
    let pages = [place.as_str(), "/incidents", "/breaches", &format!("{place}/file")];
    for page in pages {
        assert!(bea.get(page).status < 300, "{page}");
    }
    rita.submit(&room, "#restrict", &[("reason", "one of us")]).ok();
    let breach = format!("/breaches/{}.acme", place.trim_start_matches("/incidents/"));
    for page in [place.as_str(), &breach, &format!("{place}/file")] {
        assert_eq!(bea.get(page).status, 404, "{page}");
        assert!(rita.get(page).status < 300, "{page}");
    }
    for page in ["/", "/incidents", "/breaches", "/notices", "/measures/E4.1", "/measures/E4.4"] {
        let answer = bea.get(page);
        assert!(!answer.body.contains("Stolen"), "{page}: {}", answer.body);
        assert!(!answer.body.contains(".acme"), "{page}: {}", answer.body);
    }
    let room = rita.get(&place).ok();
    rita.submit(&room, "#admit", &[("person", "person:bea"), ("reason", "knows the host")]).ok();
    bea.get(&place).says(200, "Stolen");
}

#[test]
fn the_room_stops_it_with_what_that_stops_and_only_for_who_may() {
    let site = Site::new(68);
    let acme = misuse(&site, "Acme");
    let thief = site.world.service("import");
    site.world.grant("service:import", "acme", "cases", &["read"]);
    site.world.get(&thief, (&acme, "cases", "1")).unwrap();
    let mut rita = site.person("rita", &["responder"]);
    let mut both = site.person("bo", &["responder", "administrator"]);
    let (room, place) = declared(&mut rita);
    let span = [("from", "2026-11-22T00:00:00Z"), ("to", "2026-11-23T00:00:00Z")];
    let who = [("by", "service:import")];
    rita.submit(&room, "#scope", &[who.as_slice(), &span].concat()).ok();
    tick(&site);
    let room = rita.get(&place).says(200, "1 session or token, 0 links, 1 grant");
    assert!(text(&room).contains("Ending it for good is for an administrator."));
    assert!(!room.body.contains("/services/import/end\""), "no button that would be refused");
    let html = room.html();
    let suspend = Selector::parse("a[href^='/answers/new?kind=suspend']").unwrap();
    let suspend = html.select(&suspend).next().unwrap().attr("href").unwrap().to_owned();
    let form = rita.get(&suspend).ok();
    rita.submit(&form, "#add", &[]).ok();
    assert!(site.world.get(&thief, (&acme, "cases", "1")).is_err(), "it is in force at once");
    rita.get(&place).says(200, "suspend of service:import");
    let room = both.get(&place).says(200, "Undo:");
    let end = "form[action='/services/import/end']";
    both.submit(&room, end, &[]).ok();
    let room = rita.get(&place).says(200, "has no access");
    assert!(!text(&room).contains("1 session or token"));

    let judged = [("account", "acme"), ("harm", "access"), ("basis", "its log")];
    let room = rita.submit(&room, "#verify", &judged).ok();
    let link = room.html();
    let link = link.select(&Selector::parse("a[href^='/notices/new?']").unwrap()).next().unwrap();
    let form = rita.get(link.attr("href").unwrap()).ok();
    for (name, value) in [("incident", place.rsplit('/').next().unwrap()), ("account", "acme")] {
        let field = format!("[name='{name}'][value='{value}']");
        let html = form.html();
        assert!(html.select(&Selector::parse(&field).unwrap()).next().is_some(), "{field}");
    }
}

#[test]
fn each_plot_has_its_words_and_its_table() {
    let site = Site::new(69);
    misuse(&site, "Acme");
    let mut rita = site.person("rita", &["responder"]);
    let (room, _) = declared(&mut rita);
    let judged = [("account", "acme"), ("harm", "access"), ("basis", "its log")];
    let room = rita.submit(&room, "#verify", &judged).ok();
    let html = room.html();
    let plots: Vec<_> = html.select(&Selector::parse("svg.plot").unwrap()).collect();
    assert_eq!(plots.len(), 2, "clocks and timeline; no alert, and nobody asked the log");
    for plot in plots {
        assert_eq!(plot.attr("role"), Some("img"));
        for part in ["title", "desc"] {
            let found = plot.select(&Selector::parse(part).unwrap()).next().unwrap();
            assert!(found.text().collect::<String>().len() > 5);
        }
    }
    let tables = Selector::parse("figure.plot details table tbody tr").unwrap();
    assert!(html.select(&tables).count() >= 3, "{}", room.body);
}

#[test]
fn a_playbook_is_saved_as_cacao_by_whoever_may_read_it() {
    let site = Site::new(72);
    let mut sam = site.person("sam", &["security-lead"]);
    let page = sam.get("/playbooks/new").ok();
    let new = [("name", "theft"), ("class", "breach"), ("purpose", "what to do")];
    let page = sam.submit(&page, "#add", &new).ok();
    let link = "/playbooks/theft/cacao";
    assert!(!page.body.contains(link), "without a step there is no playbook of CACAO");
    assert_eq!(sam.get(link).status, 409);
    let step = [("title", "ban <it>"), ("phase", "contain"), ("role", "lead"), ("answer", "ban")];
    let page = sam.submit(&page, "#require", &step).ok();
    let saved = Selector::parse("main a[download]").unwrap();
    let links = |page: &Answer| -> Vec<String> {
        let html = page.html();
        html.select(&saved).filter_map(|one| one.attr("href").map(str::to_owned)).collect()
    };
    assert!(links(&page).contains(&link.to_owned()), "{:?}", links(&page));
    let file = sam.get(link).ok();
    assert_eq!(file.field("content-type"), Some("application/json"));
    let name = "attachment; filename=\"theft.cacao.json\"";
    assert_eq!(file.field("content-disposition"), Some(name));
    let json: serde_json::Value = serde_json::from_str(&file.body).unwrap();
    assert_eq!((&json["spec_version"], &json["name"]), (&"cacao-2.0".into(), &"theft".into()));
    // An auditor reads playbooks; somebody without a role and a stranger do not.
    let mut ada = site.person("ada", &["auditor"]);
    assert!(links(&ada.get("/playbooks/theft").ok()).contains(&link.to_owned()));
    assert_eq!(ada.get(link).ok().body, file.body);
    assert_eq!(site.person("nell", &[]).get(link).status, 403);
    assert_eq!(Browser::new(&site).get(link).status, 401);
    for nothing in ["/playbooks/other/cacao", "/playbooks/%2e%2e/cacao", "/vendors/theft/cacao"] {
        assert_eq!(sam.get(nothing).status, 404, "{nothing}");
    }
}
