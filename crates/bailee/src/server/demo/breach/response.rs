//! After the token is ended: whose data it was, who has to be told by when, who is, and the file.

use std::collections::BTreeSet;
use std::fs;

use ledger::verify::verify_evidence;
use serde_json::{Value, json};

use super::{Story, nothing, word};
use crate::exit::Failure;
use crate::server::demo::relay::bounce;
use crate::server::demo::tour::{expect, minute, refused, shown, text};
use crate::server::verify;

/// The account whose notice an order holds, and the one whose letter comes back.
const HELD: &str = "tailspin-toys";
const LOST: &str = "fabrikam-clinic";

impl Story<'_> {
    /// The log names the accounts and records; they are what the thief took, and nothing else.
    pub(super) async fn says_whose_data_it_was(&mut self) -> Result<(), Failure> {
        self.title("The log answers which accounts and records that token touched")?;
        let by = format!("token:{}", self.stolen);
        let ask = json!({"by": by, "from": self.began, "to": self.now()?});
        let scope = format!("{}:scope", self.incident);
        self.post("rita", &["incidents", &scope], &ask).await?;
        let kept = self
            .until("rita", &["affected"], "the search of the log", |row| {
                let own = shown(row, "incident") == self.incident;
                row.pointer("/found/accounts").filter(|_| own).cloned()
            })
            .await?;
        let told = self.post("rita", &["affected:ask"], &ask).await?;
        let accounts = told.pointer("/answer/accounts").and_then(Value::as_array);
        let accounts = accounts.ok_or_else(|| Failure::failed("the answer has no accounts"))?;
        let names: BTreeSet<String> = accounts.iter().map(|one| shown(one, "account")).collect();
        let taken: BTreeSet<String> = self.took.keys().cloned().collect();
        expect(names == taken, "the accounts are not those that the thief reached")?;
        let rows = kept.as_array().map_or(0, Vec::len);
        expect(rows == taken.len(), "the incident lists other accounts than the answer")?;
        for one in accounts {
            self.is_exact(one)?;
        }
        self.output.line(&format!(
            "   answer  {} as of commit {}, the same whenever it is asked",
            shown(&told, "hash").get(..16).unwrap_or_default(),
            told.pointer("/answer/as_of/commit").unwrap_or(&Value::Null)
        ))
    }

    fn is_exact(&self, one: &Value) -> Result<(), Failure> {
        let account = shown(one, "account");
        let items = one.get("items").and_then(Value::as_array).into_iter().flatten();
        let records: BTreeSet<String> = items.map(|item| shown(item, "id")).collect();
        let taken = self.took.get(&account);
        expect(taken == Some(&records), "the records are not those that the thief took")?;
        expect(shown(one, "certainty") == "exact", "the answer about an account is not exact")?;
        let kinds = one.get("kinds").and_then(Value::as_array).into_iter().flatten();
        let listed = kinds.into_iter().any(|kind| kind == "record.list");
        let how = if listed { "as lists, by the export" } else { "one by one" };
        self.output
            .line(&format!("   exact   {account:<16} {} records disclosed {how}", records.len()))
    }

    /// A person verifies each account; its clock starts then.
    pub(super) async fn is_verified(&mut self) -> Result<(), Failure> {
        self.title("Rita verifies each account: from now on its clock runs")?;
        let verify = format!("{}:verify", self.incident);
        for account in self.took.keys() {
            let basis = "the answer of the log about the stolen token";
            let how = json!({"account": account, "harm": "disclosure", "basis": basis});
            self.post("rita", &["incidents", &verify], &how).await?;
            let due = minute(&self.breach(account).await?, "deadline");
            self.output.line(&format!("   due     {account:<16} to be told by {due}"))?;
        }
        Ok(())
    }

    /// An order of law enforcement stops one clock, once a second person confirmed it.
    pub(super) async fn is_held(&mut self) -> Result<(), Failure> {
        self.title("The police ask that one notice waits; a second person has to confirm that")?;
        let from = self.now()?;
        let to = self.cast.stage.now()?.date().saturating_add(time::Duration::days(20)).to_string();
        let order = json!({"incident": self.incident, "accounts": [HELD], "written": true,
            "authority": "law-enforcement", "agency": "State police", "official": "J. Doe",
            "contact": "the switchboard", "jurisdiction": "NL", "reference": "SP-17",
            "statement": "wait until the arrest", "reason": "an arrest is prepared",
            "from": from.get(..10), "to": to});
        let hold = self.add("cora", &["holds"], &order).await?;
        expect(word(&self.breach(HELD).await?) == "running", "asking stopped a clock")?;
        self.output.line("   cora    enters the order, which stops nothing yet")?;
        let seen = json!({"reference": "SP-17"});
        self.post("rita", &["holds", &format!("{hold}:confirm")], &seen).await?;
        for account in self.took.keys() {
            let row = self.breach(account).await?;
            let expected = if account == HELD { "held" } else { "running" };
            expect(word(&row) == expected, "the order holds another clock than it names")?;
            self.output.line(&format!("   {expected:<7} {account}"))?;
        }
        Ok(())
    }

    /// Three notices, approved by two, go out through the relay.
    pub(super) async fn is_told(&mut self) -> Result<(), Failure> {
        self.title("Three notices, each approved by two people, go out through the relay")?;
        let told: Vec<String> = self.took.keys().filter(|one| *one != HELD).cloned().collect();
        for account in &told {
            let notice = self.notice(account).await?;
            let send = format!("{notice}:send");
            self.post("rita", &["notices", &send], &nothing()).await?;
        }
        for account in &told {
            let name = format!("{}.{account}", self.incident);
            let is = |row: &Value| word(row) == "notified";
            self.once(&["breaches", &name], "a notice to be taken by the relay", is).await?;
            let letters = self.relay.letters(&mailbox(account));
            let letter = letters.first().filter(|_| letters.len() == 1);
            let letter = letter.ok_or_else(|| Failure::failed("not one letter for an account"))?;
            let whole = letter.lines.join("\n");
            let other = self.took.keys().any(|one| one != account && whole.contains(one.as_str()));
            expect(!other, "a notice names another account")?;
            self.output.line(&format!("   told    {account:<16} {}", letter.subject()))?;
        }
        let row = self.breach(HELD).await?;
        expect(word(&row) == "held", "the clock that is held went on")?;
        self.output.line(&format!("   held    {HELD:<16} no letter, as the order says"))
    }

    /// A verified contact, and an approved notice to it.
    async fn notice(&self, account: &str) -> Result<String, Failure> {
        let contact = json!({"account": account, "name": "Security desk", "kind": "security",
            "email": mailbox(account), "source": "order form"});
        let contact = self.add("rita", &["contacts"], &contact).await?;
        let how = json!({"how": "called them back"});
        self.post("rita", &["contacts", &format!("{contact}:verify")], &how).await?;
        let new = json!({"incident": self.incident, "account": account, "contacts": [contact],
            "subject": "Security notice {number}",
            "text": "On {verified} we verified unauthorised access to your data.\n\
                     A token of a service of ours was stolen; it has been ended."});
        let row = self.post("rita", &["notices"], &new).await?;
        let notice = text(&row, "id")?;
        let read = json!({"sha256": row.get("sha256")});
        for who in ["abe", "cora"] {
            self.post(who, &["notices", &format!("{notice}:approve")], &read).await?;
        }
        Ok(notice)
    }

    /// One letter comes back: its account counts as told no longer.
    pub(super) async fn comes_back(&mut self) -> Result<(), Failure> {
        self.title("One letter comes back (a delivery report, by LMTP): the duty is open again")?;
        let letters = self.relay.letters(&mailbox(LOST));
        let missing = || Failure::failed("there is no letter that could come back");
        let (letter, port) = letters.first().zip(self.cast.stage.bounces).ok_or_else(missing)?;
        let answer = bounce(port, letter).await;
        let answer = answer.map_err(|why| Failure::failed(format!("the report: {why}")))?;
        expect(answer.starts_with("250"), "the report was not taken")?;
        let name = format!("{}.{LOST}", self.incident);
        let is = |row: &Value| word(row) == "undelivered";
        let row = self.once(&["breaches", &name], "the duty to be open again", is).await?;
        let again = row.get("reopened").and_then(Value::as_array).map_or(0, Vec::len);
        expect(again == 1, "the duty was not opened again once")?;
        let due = minute(&row, "deadline");
        self.output.line(&format!("   back    {LOST:<16} 550 5.1.1; still to be told by {due}"))
    }

    /// The file of the incident, which verifies without the server, and not with a byte changed.
    pub(super) async fn is_filed(&mut self) -> Result<(), Failure> {
        self.title("The file of the incident is taken out and verified without the server")?;
        let answer = self.who("lea")?.get(&["incidents", &self.incident, "file"]).send().await?;
        let mut file = answer.body.clone();
        let path = self.cast.stage.scratch("incident.json");
        fs::write(&path, &file).map_err(|why| Failure::file("write", &path, &why))?;
        let key = verify::public_key(&self.cast.stage.folders.keys)?;
        let report = verify_evidence(&file, Some(&key));
        expect(report.ok(), "the file does not verify")?;
        self.output
            .line(&format!("   holds   bailee verify incident.json ({} bytes)", file.len()))?;
        let middle = file.len() / 2;
        if let Some(byte) = file.get_mut(middle) {
            *byte ^= 1;
        }
        expect(!verify_evidence(&file, Some(&key)).ok(), "an altered file verifies")?;
        self.output.line(&format!("   refused with byte {middle} changed"))?;
        // Whoever is not in the room does not get it.
        let path = ["incidents", &self.incident, "file"];
        let status = refused(self.who("report")?, &path).await?;
        self.output.line(&format!("   {status}     service:report may not have it"))
    }

    /// What is due when, at the end.
    pub(super) async fn stands(&mut self) -> Result<(), Failure> {
        self.title("What is due now")?;
        self.output.line("   account          state         to be told by")?;
        for account in self.took.keys() {
            let row = self.breach(account).await?;
            let (state, due) = (word(&row), minute(&row, "deadline"));
            self.output.line(&format!("   {account:<16} {state:<13} {due}"))?;
        }
        let records: usize = self.took.values().map(BTreeSet::len).sum();
        self.output.line(&format!(
            "\n   {} accounts and {records} records, exactly those that were taken; next: write to \
             another contact of\n   {LOST} (bailee notice readdress), and lift or renew the order \
             before it ends",
            self.took.len()
        ))?;
        self.output.line(&format!(
            "   look at /incidents/{} in the pages, while the server is up (without --once)",
            self.incident
        ))
    }
}

fn mailbox(account: &str) -> String {
    format!("security@{account}.example")
}
