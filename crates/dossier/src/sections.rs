//! What the file of an incident says, section by section.

mod rows;

use crate::document::{Document, Part, Section, Table};
use crate::facts::Facts;
use crate::{plots, utc};
use domain::incidents::Said;
use domain::incidents::affected::Affected;
use domain::incidents::whole::Whole;
use domain::register::{Mark, Shown, When};
use kernel::Moment;

impl Document {
    /// Everything about an incident; `sha256` is that of the machine-readable content.
    #[must_use]
    pub fn of(whole: &Whole, sha256: &str) -> Self {
        let incident = &whole.incident.kept;
        let facts = Facts::of(whole);
        let sections = vec![
            summary(whole),
            happened(whole, &facts),
            affected(whole, &facts),
            due(whole, &facts),
            rows::notices(whole),
            rows::orders(whole),
            rows::answers(whole),
            rows::tasks(whole),
            rows::judged(whole),
            check(whole, sha256),
        ];
        Self {
            title: format!("{}: {}", incident.id, incident.row.title),
            line: format!("{} as it stood at {} UTC", incident.id, utc(whole.at.0)),
            sections: sections.into_iter().filter(|one| !one.parts.is_empty()).collect(),
        }
    }
}

/// Who and when.
fn by(mark: &Mark) -> String {
    format!("{}, {}", mark.by, utc(mark.at.0))
}

fn said(said: &Said) -> String {
    format!("{} ({})", said.text, by(&said.mark))
}

fn when(at: Option<When>) -> String {
    at.map_or_else(|| "–".to_owned(), |at| utc(at.0))
}

/// A moment to the microsecond, for what is compared with logs.
fn exact(at: Moment) -> String {
    at.rfc3339()
}

fn section(title: &str, parts: Vec<Part>) -> Section {
    Section { title: title.to_owned(), parts }
}

fn field(name: &str, value: impl Into<String>) -> (String, String) {
    (name.to_owned(), value.into())
}

fn summary(whole: &Whole) -> Section {
    let row = &whole.incident.kept.row;
    let mut fields = vec![
        field("State", whole.incident.state.word),
        field("Class", row.class.word()),
        field("Severity", row.severity.to_string()),
        field("Noticed by", &row.source),
        field("Suspected", exact(row.suspected_at.0)),
        field("Investigate by", exact(row.investigate_by.0)),
        field("Lead", row.lead.as_deref().unwrap_or("nobody")),
        field("Declared", by(&whole.incident.kept.added)),
    ];
    if let Some(what) = &whole.incident.state.what {
        fields.push(field("To be done", what));
    }
    fields.extend(row.triaged.iter().map(|mark| field("Triaged", by(mark))));
    fields.extend(row.roles.iter().map(|one| field(&format!("Role {}", one.role), &one.person)));
    fields.extend(row.contained.iter().map(|one| field("Contained", said(one))));
    fields.extend(row.closed.iter().map(|one| field("Closed", said(one))));
    if let Some(since) = &row.need_to_know.since {
        fields.push(field("Restricted", format!("{} ({})", since.why, by(&since.mark))));
        let named = |list: &[domain::register::Named]| {
            list.iter().map(|one| one.person.as_str()).collect::<Vec<_>>().join(", ")
        };
        fields.push(field("Take part", named(&row.need_to_know.participants)));
        if !row.need_to_know.excluded.is_empty() {
            fields.push(field("Excluded", named(&row.need_to_know.excluded)));
        }
    }
    section("Summary", vec![Part::Fields(fields)])
}

fn happened(whole: &Whole, facts: &Facts) -> Section {
    let mut parts = vec![];
    if let Some(plot) = plots::alerts(&facts.alerts, &utc) {
        parts.push(Part::Plot(plot));
        parts.push(Part::Table(rows::alerts(whole)));
    }
    parts.extend(plots::timeline(&facts.events, &utc).map(Part::Plot));
    section("What happened", parts)
}

fn affected(whole: &Whole, facts: &Facts) -> Section {
    let mut parts: Vec<Part> = whole.affected.iter().flat_map(question).collect();
    parts.extend(plots::accesses(&facts.accesses).map(Part::Plot));
    if parts.is_empty() {
        parts.push(Part::Text("The log was not asked which accounts were touched.".to_owned()));
    }
    section("Who is affected", parts)
}

fn question(one: &Shown<Affected>) -> Vec<Part> {
    let row = &one.kept.row;
    let token = row.credential.as_deref().map(|token| format!(", token {token}"));
    let who = format!("{}{}", row.principal, token.unwrap_or_default());
    let mut fields = vec![
        field("Question", format!("which accounts {who} touched")),
        field("From", exact(row.from.0)),
        field("Until", exact(row.to.0)),
        field("Asked", by(&row.asked)),
    ];
    let Some(found) = &row.found else {
        fields.push(field("Answer", "the log is searched"));
        return vec![Part::Fields(fields)];
    };
    fields.push(field("Searched", exact(found.at.0)));
    if let Some(as_of) = &found.as_of {
        fields.push(field("As of", format!("commit {}, chain {}", as_of.commit, as_of.chain)));
    }
    fields.extend(found.hash.iter().map(|hash| field("SHA-256 of the answer", hash)));
    fields.extend(found.wide.iter().map(|why| field("Every account may be affected", why)));
    let head =
        ["Account", "Certainty", "Records", "Disclosed", "Changed", "Exported", "First", "Last"];
    let mut table = Table::new(format!("Accounts that {who} touched"), &head);
    for one in found.accounts.iter().filter(|one| one.touched) {
        let reasons = match one.reasons.is_empty() {
            true => String::new(),
            false => format!(": {}", one.reasons.join("; ")),
        };
        table.rows.push(vec![
            one.account.clone(),
            format!("{}{reasons}", one.certainty.word()),
            (one.records + one.listed).to_string(),
            (one.done.disclosed + one.done.described).to_string(),
            (one.done.changed + one.done.deleted).to_string(),
            one.done.exported.to_string(),
            when(one.first),
            when(one.last),
        ]);
    }
    vec![Part::Fields(fields), Part::Table(table)]
}

fn due(whole: &Whole, facts: &Facts) -> Section {
    let mut parts = vec![];
    parts.extend(plots::clocks(&facts.clocks, whole.at.0, &utc).map(Part::Plot));
    if parts.is_empty() {
        parts.push(Part::Text("No account is verified to be affected: no clock runs.".to_owned()));
    }
    section("What is due when", parts)
}

fn check(whole: &Whole, sha256: &str) -> Section {
    let id = &whole.incident.kept.id;
    let text = format!(
        "This document says in words what {id}.json in the same package holds for machines, with \
         receipts of every entry of the log behind it. `bailee verify {id}.zip` checks both, \
         without the provider: each byte of the package is under a hash that an entry of the log \
         shows."
    );
    let entries: Vec<_> = whole.entries.iter().map(u64::to_string).collect();
    let fields = vec![
        field("SHA-256 of the content", sha256),
        field("Newest entries of the house", entries.join(", ")),
    ];
    section("How to check this", vec![Part::Text(text), Part::Fields(fields)])
}
