//! A browser without scripts: keeps cookies, follows redirections, sends forms as they stand.

use crate::decent::decent;
use console::{Console, Request};
use domain::members::{IssueLink, LinkLife};
use http::{HeaderMap, Method, Response};
use kernel::id::Name;
use scraper::{ElementRef, Html, Selector};
use std::collections::BTreeMap;
use std::net::{IpAddr, Ipv4Addr};
use std::sync::Arc;
use testkit::World;
use tokio::runtime::Runtime;

pub const PEER: IpAddr = IpAddr::V4(Ipv4Addr::new(192, 0, 2, 7));

/// A world with its console.
pub struct Site {
    pub world: World,
    pub console: Console,
    runtime: Runtime,
}

/// What came back.
pub struct Answer {
    pub status: u16,
    pub headers: HeaderMap,
    pub body: String,
}

impl Site {
    pub fn new(seed: u64) -> Self {
        let world = World::memory(seed);
        let console = Console::new(world.kernel.clone(), Arc::new(|| None));
        let runtime = tokio::runtime::Builder::new_current_thread().build().unwrap();
        Self { world, console, runtime }
    }

    /// Another node over the same store, for as long as this one: its console remembers nothing of
    /// this one's.
    pub fn node(&self, change: impl FnOnce(Console) -> Console) -> Self {
        let World { kernel, clock, admin } = &self.world;
        let (kernel, clock, admin) = (kernel.clone(), Arc::clone(clock), admin.clone());
        let console = change(Console::new(kernel.clone(), Arc::new(|| None)));
        let runtime = tokio::runtime::Builder::new_current_thread().build().unwrap();
        Self { world: World { kernel, clock, admin }, console, runtime }
    }

    /// With a console that is built in another way.
    pub fn with(mut self, change: impl FnOnce(Console) -> Console) -> Self {
        self.console = change(Console::new(self.world.kernel.clone(), Arc::new(|| None)));
        self
    }

    pub fn send(
        &self,
        method: &str,
        target: &str,
        headers: &[(&str, &str)],
        body: &[u8],
    ) -> Answer {
        let mut all = HeaderMap::new();
        for (name, value) in headers {
            let name: http::HeaderName = name.parse().unwrap();
            all.append(name, value.parse().unwrap());
        }
        let request = Request {
            peer: PEER,
            method: Method::from_bytes(method.as_bytes()).unwrap(),
            uri: target.parse().unwrap(),
            headers: all,
            body: body.to_vec(),
            number: "r-test".to_owned(),
        };
        let response: Response<Vec<u8>> = self.runtime.block_on(self.console.answer(request));
        let (parts, body) = response.into_parts();
        let (status, headers) = (parts.status.as_u16(), parts.headers);
        Answer { status, headers, body: String::from_utf8(body).unwrap() }
    }

    /// A link for somebody, made as the first administrator.
    pub fn link(&self, name: &str) -> String {
        let name = Name::parse(name).unwrap();
        let operation = IssueLink::person(&self.world.kernel, &name, LinkLife::default()).unwrap();
        self.world.run(&self.world.admin, operation).unwrap().output.token
    }

    /// Somebody who is signed in; `admin` is the first administrator.
    pub fn browser(&self, name: &str) -> Browser<'_> {
        let link = self.link(name);
        let mut browser = Browser::new(self);
        let page = browser.get(&format!("/sign-in?link={link}"));
        assert_eq!(page.status, 200);
        browser.submit(&page, "form[action='/sign-in']", &[]).ok();
        browser
    }

    /// Takes somebody in with these roles, and signs them in.
    pub fn person(&self, name: &str, roles: &[&str]) -> Browser<'_> {
        self.world.person(name, roles);
        self.browser(name)
    }
}

impl Answer {
    pub fn field(&self, name: &str) -> Option<&str> {
        self.headers.get(name).map(|value| value.to_str().unwrap())
    }

    pub fn cookies(&self) -> Vec<&str> {
        self.headers.get_all("set-cookie").iter().map(|one| one.to_str().unwrap()).collect()
    }

    pub fn html(&self) -> Html {
        Html::parse_document(&self.body)
    }

    /// The answer, which has this status and says this.
    #[track_caller]
    pub fn says(self, status: u16, text: &str) -> Self {
        assert_eq!(self.status, status, "{}", self.body);
        assert!(self.body.contains(text), "`{text}` is not in {}", self.body);
        self
    }

    #[track_caller]
    pub fn ok(self) -> Self {
        self.says(200, "")
    }
}

pub struct Browser<'s> {
    pub site: &'s Site,
    pub cookies: BTreeMap<String, String>,
}

impl<'s> Browser<'s> {
    pub fn new(site: &'s Site) -> Self {
        Self { site, cookies: BTreeMap::new() }
    }

    fn cookie(&self) -> String {
        let each = self.cookies.iter().map(|(name, value)| format!("{name}={value}"));
        each.collect::<Vec<_>>().join("; ")
    }

    /// One request, whose page is decent whatever it says; what it sets is kept.
    pub fn send(
        &mut self,
        method: &str,
        target: &str,
        headers: &[(&str, &str)],
        body: &[u8],
    ) -> Answer {
        let cookie = self.cookie();
        let mut all = vec![("host", "bailee.test"), ("cookie", cookie.as_str())];
        all.extend(headers);
        let answer = self.site.send(method, target, &all, body);
        for cookie in answer.cookies() {
            let (name, rest) = cookie.split_once('=').unwrap();
            let (value, rules) = rest.split_once(';').unwrap();
            if rules.contains("Max-Age=0") {
                self.cookies.remove(name);
            } else {
                self.cookies.insert(name.to_owned(), value.to_owned());
            }
        }
        if answer.field("content-type").is_some_and(|kind| kind.starts_with("text/html")) {
            decent(target, &answer);
        }
        answer
    }

    pub fn get(&mut self, target: &str) -> Answer {
        self.send("GET", target, &[], b"")
    }

    /// A form of ours, sent from a page of ours.
    pub fn post(&mut self, target: &str, fields: &[(&str, &str)]) -> Answer {
        let body = encoded(fields.iter().map(|(name, value)| (*name, *value)));
        let kind = ("content-type", "application/x-www-form-urlencoded");
        let answer =
            self.send("POST", target, &[kind, ("sec-fetch-site", "same-origin")], body.as_bytes());
        self.follow(answer)
    }

    fn follow(&mut self, answer: Answer) -> Answer {
        match (answer.status, answer.field("location")) {
            (303, Some(place)) => {
                let place = place.to_owned();
                self.get(&place)
            }
            _ => answer,
        }
    }

    /// Sends a form of a page as it stands, except for these fields.
    #[track_caller]
    pub fn submit(&mut self, page: &Answer, form: &str, fields: &[(&str, &str)]) -> Answer {
        let html = page.html();
        let selector = Selector::parse(form).unwrap();
        let found = html.select(&selector).next();
        let found = found.unwrap_or_else(|| panic!("no `{form}` in {}", page.body));
        let mut all = standing(found);
        for (name, value) in fields {
            assert!(found.select(&named(name)).next().is_some(), "`{form}` has no field `{name}`");
            all.retain(|(known, _)| known != name);
            all.push(((*name).to_owned(), (*value).to_owned()));
        }
        let action = found.attr("action").unwrap().to_owned();
        assert_eq!(found.attr("method"), Some("post"));
        let all: Vec<_> = all.iter().map(|(name, value)| (name.as_str(), value.as_str())).collect();
        self.post(&action, &all)
    }
}

fn named(name: &str) -> Selector {
    Selector::parse(&format!("[name='{name}']")).unwrap()
}

/// What a browser would send of a form that nobody touched.
pub fn standing(form: ElementRef<'_>) -> Vec<(String, String)> {
    let mut all = Vec::new();
    let selector = Selector::parse("input, select, textarea").unwrap();
    for field in form.select(&selector) {
        let Some(name) = field.attr("name") else { continue };
        let kind = field.attr("type").unwrap_or_default();
        let value = match field.value().name() {
            "textarea" => {
                let text: String = field.text().collect();
                text.strip_prefix('\n').unwrap_or(&text).to_owned()
            }
            "select" => {
                let option = Selector::parse("option").unwrap();
                let chosen = field.select(&option).find(|one| one.attr("selected").is_some());
                let chosen = chosen.or_else(|| field.select(&option).next());
                chosen.and_then(|one| one.attr("value")).unwrap_or_default().to_owned()
            }
            _ if kind == "checkbox" && field.attr("checked").is_none() => continue,
            _ => field.attr("value").unwrap_or_default().to_owned(),
        };
        all.push((name.to_owned(), value));
    }
    all
}

pub fn encoded<'a>(fields: impl Iterator<Item = (&'a str, &'a str)>) -> String {
    let escape = |text: &str| -> String {
        text.bytes()
            .map(|byte| match byte {
                b'a'..=b'z' | b'A'..=b'Z' | b'0'..=b'9' => char::from(byte).to_string(),
                b' ' => "+".to_owned(),
                other => format!("%{other:02X}"),
            })
            .collect()
    };
    let each = fields.map(|(name, value)| format!("{}={}", escape(name), escape(value)));
    each.collect::<Vec<_>>().join("&")
}
