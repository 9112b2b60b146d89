//! The sections that are made of rows: alerts, notices, orders, tasks, judgements.

use super::{by, exact, field, said, section, when};
use crate::document::{Part, Section, Table};
use crate::utc;
use domain::incidents::whole::Whole;

pub(super) fn alerts(whole: &Whole) -> Table {
    let head = ["Alert", "Rule", "What", "About", "From", "To", "Events", "Disposition"];
    let mut table = Table::new("Alerts", &head);
    for one in &whole.alerts {
        let row = &one.kept.row;
        let disposition = row.disposition.as_ref().and_then(|one| serde_json::to_value(one).ok());
        let verdict = disposition.as_ref().and_then(|one| one.get("verdict")?.as_str());
        table.rows.push(vec![
            one.kept.id.clone(),
            row.rule.clone(),
            row.title.clone(),
            row.about.clone(),
            utc(row.from.0),
            utc(row.to.0),
            row.count.to_string(),
            verdict.unwrap_or("–").to_owned(),
        ]);
    }
    table
}

pub(super) fn notices(whole: &Whole) -> Section {
    let mut parts = vec![];
    for one in &whole.notices {
        let row = &one.kept.row;
        let mut fields = vec![
            field("Notice", &one.kept.id),
            field("Account", &row.account),
            field("State", one.state.word),
            field("Subject", &row.subject),
            field("SHA-256 of the text", &row.sha256),
            field("Written", by(&row.written)),
        ];
        fields.extend(row.approvals.iter().map(|mark| field("Approved", by(mark))));
        fields.extend(row.released.iter().map(|one| field("Released alone", said(one))));
        fields.extend(row.sent.iter().map(|mark| field("Sent", by(mark))));
        fields.extend(row.withdrawn.iter().map(|one| field("Withdrawn", said(one))));
        fields.push(field("Told", when(row.notified)));
        parts.push(Part::Fields(fields));
        parts.push(Part::Quoted(row.text.clone()));
        let mut table = Table::new(
            format!("Delivery of {}", one.kept.id),
            &["To", "Address", "When", "What", "Said"],
        );
        for receiver in &row.receivers {
            let mut line = |at: String, what: &str, said: &str| {
                let (name, email) = (receiver.name.clone(), receiver.email.clone());
                table.rows.push(vec![name, email, at, what.to_owned(), said.to_owned()]);
            };
            for one in &receiver.attempts {
                line(
                    exact(one.at.0),
                    &format!("attempt: {:?}", one.outcome).to_lowercase(),
                    &one.reply,
                );
            }
            for one in &receiver.reports {
                let what = format!("report: {:?}", one.fate).to_lowercase();
                let status = one.status.as_deref().unwrap_or_default();
                line(exact(one.at.0), &what, &format!("{status} {}", one.said));
            }
            if let Some(at) = receiver.acknowledged {
                line(exact(at.0), "acknowledged", "");
            }
        }
        parts.push(Part::Table(table));
    }
    section("Notices", parts)
}

pub(super) fn orders(whole: &Whole) -> Section {
    let mut parts = vec![];
    for one in &whole.holds {
        let row = &one.kept.row;
        let mut fields = vec![
            field("Order", &one.kept.id),
            field("State", one.state.word),
            field("Authority", format!("{}, {}", row.agency, row.jurisdiction)),
            field("Official", format!("{}, {}", row.official, row.contact)),
            field("Reference", &row.reference),
            field("Accounts", row.accounts.join(", ")),
            field("From, to", format!("{} to {}", row.from, row.to)),
            field("Entered", by(&row.entered)),
        ];
        fields.extend(row.confirmed.iter().map(|mark| field("Confirmed", by(mark))));
        fields.extend(row.lifted.iter().map(|mark| field("Lifted", by(mark))));
        fields.push(field("SHA-256 of the statement", &row.statement_sha256));
        parts.push(Part::Fields(fields));
        parts.push(Part::Quoted(row.statement.clone()));
    }
    section("Orders", parts)
}

pub(super) fn answers(whole: &Whole) -> Section {
    let head = ["Answer", "Kind", "Target", "Given", "Until", "State", "Why"];
    let mut table = Table::new("Answers", &head);
    for one in &whole.answers {
        let (kept, row) = (&one.kept, &one.kept.row);
        table.rows.push(vec![
            kept.id.clone(),
            row.kind.word().to_owned(),
            row.target.clone(),
            by(&kept.added),
            utc(row.until.0),
            one.state.word.to_owned(),
            row.reason.clone(),
        ]);
    }
    let mut parts = if table.rows.is_empty() { vec![] } else { vec![Part::Table(table)] };
    if whole.answers_cut {
        let why = "There are more answers than were looked through: some may be missing here.";
        parts.push(Part::Text(why.to_owned()));
    }
    section("Answers", parts)
}

pub(super) fn tasks(whole: &Whole) -> Section {
    let head = ["No.", "Task", "Who", "Due", "Required", "What came of it"];
    let mut table = Table::new("Tasks", &head);
    for task in &whole.incident.kept.row.tasks {
        let who = task.owner.as_deref().or(task.role.as_deref()).unwrap_or("–");
        let came = match (&task.done, &task.excepted) {
            (Some(one), _) => format!("done: {}", said(one)),
            (None, Some(one)) => format!("not done: {}", said(one)),
            (None, None) if task.overdue(whole.at.0) => "overdue".to_owned(),
            (None, None) => "open".to_owned(),
        };
        table.rows.push(vec![
            task.number.to_string(),
            task.title.clone(),
            who.to_owned(),
            when(task.due),
            if task.required { "yes" } else { "no" }.to_owned(),
            came,
        ]);
    }
    let parts = if table.rows.is_empty() { vec![] } else { vec![Part::Table(table)] };
    section("Tasks", parts)
}

pub(super) fn judged(whole: &Whole) -> Section {
    let mut table = Table::new("Judgements", &["Account", "Judged", "Basis", "Who"]);
    for one in &whole.breaches {
        let row = &one.kept.row;
        let judged = format!("affected: {}", row.harm.word());
        table.rows.push(vec![row.account.clone(), judged, row.basis.clone(), by(&row.verified)]);
    }
    for one in &whole.incident.kept.row.refuted {
        let judged = "not affected".to_owned();
        table.rows.push(vec![one.account.clone(), judged, one.why.clone(), by(&one.mark)]);
    }
    let parts = if table.rows.is_empty() { vec![] } else { vec![Part::Table(table)] };
    section("Judgements", parts)
}
