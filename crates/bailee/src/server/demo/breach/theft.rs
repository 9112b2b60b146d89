//! Until the token is ended: the company, the theft, and how it is noticed.

use std::collections::BTreeSet;
use std::fs;

use kernel::id::AccountId;
use serde_json::{Value, json};

use super::{Story, nothing, word};
use crate::client::Intent;
use crate::exit::Failure;
use crate::export;
use crate::server::demo::tour::{expect, minute, refused, shown, text};

/// The accounts, how many tickets they have, and how many of them the thief reads; of the fourth
/// it takes the whole, and of the fifth nothing.
const ACCOUNTS: [(&str, usize, usize); 5] = [
    ("Contoso Bikes", 14, 14),
    ("Fabrikam Clinic", 14, 14),
    ("Tailspin Toys", 14, 12),
    ("Wingtip Legal", 11, 0),
    ("Adatum Foods", 9, 0),
];
/// The account that is exported, and the one that the thief does not touch.
const EXPORTED: &str = "wingtip-legal";
const UNTOUCHED: &str = "adatum-foods";

fn slug(name: &str) -> String {
    name.to_ascii_lowercase().replace(' ', "-")
}

fn ticket(account: &str, nth: usize) -> Value {
    json!({"id": format!("T-{}", 1001 + nth), "value": {"subject": "Card charged twice",
        "from": format!("reader-{nth}@{account}.example"), "status": "open"}})
}

impl Story<'_> {
    /// The company, and who is called.
    pub(super) async fn moves_in(&mut self) -> Result<(), Failure> {
        self.title("Northwind Desk: five subscribers, a service that reads, somebody on call")?;
        let admin = self.cast.stage.admin.clone();
        self.cast.join("admin", &admin)?;
        for (name, roles) in [
            ("lea", &["administrator", "security-lead"][..]),
            ("rita", &["responder"]),
            ("abe", &["approver"]),
            ("cora", &["counsel"]),
        ] {
            let person = json!({"name": name, "roles": roles});
            let made = self.post("admin", &["people"], &person).await?;
            self.cast.join(name, &text(&made, "token")?)?;
            self.output.line(&format!("   person  {name:<10} {}", roles.join(", ")))?;
        }
        for (name, verbs) in [("helpdesk", &["read", "write", "open"][..]), ("report", &["read"])] {
            let new = json!({"name": name, "owner": "person:rita"});
            let made = self.post("admin", &["services"], &new).await?;
            self.cast.join(name, &text(&made, "token")?)?;
            let grant = json!({"to": format!("service:{name}"), "account": "*",
                "collections": ["*"], "verbs": verbs, "purpose": "its job", "for_seconds": 28800});
            self.post("lea", &["grants"], &grant).await?;
            self.output.line(&format!("   service {name:<10} {} everywhere", verbs.join(", ")))?;
        }
        for (name, tickets, _) in ACCOUNTS {
            self.opens(name, tickets).await?;
        }
        let channel = json!({"person": "person:rita", "way": "email", "order": 1,
            "address": "rita@northwind.example"});
        self.post("rita", &["channels"], &channel).await?;
        let ladder = json!({"name": "default", "last_resort": "person:lea",
            "steps": [{"target": "person:rita", "wait_minutes": 5}]});
        self.post("lea", &["ladders"], &ladder).await?;
        self.output.line("   on call rita, by letter; lea is the last resort")
    }

    async fn opens(&self, name: &str, tickets: usize) -> Result<(), Failure> {
        let account = slug(name);
        self.post("helpdesk", &["accounts"], &json!({"name": name})).await?;
        let collection = ["accounts", &account, "collections", "tickets"];
        self.who("helpdesk")?.put(&collection).send().await?;
        let records: Vec<Value> = (0..tickets).map(|nth| ticket(&account, nth)).collect();
        let path = ["accounts", &account, "collections", "tickets", "records:batch"];
        self.post("helpdesk", &path, &json!({"records": records})).await?;
        self.output.line(&format!("   account {account:<16} {tickets} tickets"))
    }

    /// Forty records are read one by one, and an account is exported by `bailee export`.
    pub(super) async fn theft(&mut self) -> Result<(), Failure> {
        self.title("A second token of service:report, forgotten in a script, is stolen and used")?;
        self.began = self.now()?;
        let path = ["services", "report", "tokens"];
        let made: Value = self.who("admin")?.post(&path).send().await?.json()?;
        let (token, id) = (text(&made, "token")?, text(&made, "token_id")?);
        self.cast.join("thief", &token)?;
        self.stolen = id;
        for (name, _, read) in ACCOUNTS.iter().filter(|(.., read)| *read > 0) {
            let account = slug(name);
            for nth in 0..*read {
                let record = format!("T-{}", 1001 + nth);
                let path = ["accounts", &account, "collections", "tickets", "records", &record];
                self.who("thief")?.get(&path).send().await?;
                self.took.entry(account.clone()).or_default().insert(record);
            }
            self.output.line(&format!("   thief   reads {read} tickets of {account}"))?;
        }
        let account = EXPORTED;
        let out = self.cast.stage.scratch("loot");
        let wrong = |why| Failure::failed(format!("`{account}`: {why}"));
        let options = export::Options {
            account: AccountId::parse(account).map_err(wrong)?,
            out: out.clone(),
            intent: Intent { purpose: None, on_behalf_of: None },
            connect: self.cast.stage.connect("thief", &token)?,
        };
        self.output.line(&format!("   thief   bailee export --account {account}"))?;
        export::run(&options, self.output).await?;
        self.took.insert(account.to_owned(), exported(&out.join("records/tickets.ndjson"))?);
        // Meanwhile the service itself does its job, by its own token, elsewhere.
        let own = ["accounts", UNTOUCHED, "collections", "tickets", "records", "T-1001"];
        self.who("report")?.get(&own).send().await?;
        self.output.line(&format!("   report  reads a ticket of {UNTOUCHED}, as it does each day"))
    }

    /// An alert, and the incident that begins with it.
    pub(super) async fn is_found(&mut self) -> Result<(), Failure> {
        self.title("Detection reads the logs, and an incident begins")?;
        let (alert, incident) = self
            .until("lea", &["alerts"], "an alert about service:report", |alert| {
                let own = shown(alert, "about") == "user.name=service:report";
                let incident = alert.get("incident")?.as_str()?.to_owned();
                own.then(|| (alert.clone(), incident))
            })
            .await?;
        self.output.line(&format!(
            "   alert   {}: {}, events: {}",
            shown(&alert, "level"),
            shown(&alert, "title"),
            shown(&alert, "count")
        ))?;
        let row = self.get("lea", &["incidents", &incident]).await?;
        self.output.line(&format!(
            "   begins  {incident}: {}; to be judged by {}",
            shown(&row, "title"),
            minute(&row, "investigate_by")
        ))?;
        self.incident = incident;
        Ok(())
    }

    /// The page is a letter that arrives; it names neither account nor suspect.
    pub(super) async fn is_paged(&mut self) -> Result<(), Failure> {
        self.title("Rita is paged, by a letter through the relay")?;
        let about = format!("incidents/{}", self.incident);
        let page = self
            .until("rita", &["pages"], "the page to be sent", |page| {
                let sent = page.pointer("/tries/0/sent")?.is_string();
                (sent && shown(page, "about") == about).then(|| shown(page, "id"))
            })
            .await?;
        let letters = self.relay.letters("rita@northwind.example");
        let letter = letters.iter().find(|letter| letter.subject().contains(&self.incident));
        let letter = letter.ok_or_else(|| Failure::failed("no letter came about the incident"))?;
        let whole = letter.lines.join("\n");
        expect(!whole.contains("service:report"), "the page names the suspect")?;
        let named = self.took.keys().any(|account| whole.contains(account.as_str()));
        expect(!named, "the page names an account")?;
        self.output.line(&format!("   letter  {}", letter.subject()))?;
        let row = self.post("rita", &["pages", &format!("{page}:acknowledge")], &nothing()).await?;
        self.output.line(&format!("   rita    acknowledges {page} → {}", word(&row)))
    }

    /// The token is ended; the next try is refused and recorded.
    pub(super) async fn is_contained(&mut self) -> Result<(), Failure> {
        self.title("The stolen token is ended; the service keeps its own")?;
        let token = self.stolen.clone();
        self.who("admin")?.delete(&["services", "report", "tokens", &token]).send().await?;
        let path = ["accounts", UNTOUCHED, "collections", "tickets", "records", "T-1001"];
        let status = refused(self.who("thief")?, &path).await?;
        self.output.line(&format!("   {status}     thief, with the next request"))?;
        self.who("report")?.get(&path).send().await?;
        self.output.line("   200     report, by its own token")
    }
}

/// The ids in an exported file.
fn exported(path: &std::path::Path) -> Result<BTreeSet<String>, Failure> {
    let file = fs::read_to_string(path).map_err(|why| Failure::file("read", path, &why))?;
    let id = |line: &str| {
        let row: Value = serde_json::from_str(line)
            .map_err(|why| Failure::failed(format!("a line of the export: {why}")))?;
        text(&row, "id")
    };
    file.lines().map(id).collect()
}
