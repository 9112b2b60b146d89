//! Many rows at once, out of a table in CSV (RFC 4180).
//!
//! Every row is an operation of its own, with its own entry: what is refused is named with its line
//! and its column, and does not keep the others from being added. Columns are the fields of the
//! form, so a table can state nothing that a form cannot.

use crate::form::{Problems, read};
use crate::nouns;
use crate::reply::{Page, Reply};
use crate::request::Pairs;
use crate::schema::{Field, Shape, asked, flat, label};
use crate::show::{listing, row_path, sentence};
use crate::visit::{Visit, fresh};
use crate::work::shape;
use domain::register::{On, Register};
use http::StatusCode;
use kernel::id::shown;
use kernel::{Error, Result};
use maud::html;
use serde_json::Value;

/// Rows of one table; more are sent as a second one.
const ROWS: usize = 500;

/// What became of one row.
struct Line {
    number: u64,
    outcome: std::result::Result<String, Vec<(String, String)>>,
}

/// `GET /systems.csv`
pub(crate) fn template(name: &str) -> Result<Reply> {
    let missing = || Error::not_found("there is no such page");
    let plural = name.strip_suffix(".csv").ok_or_else(missing)?;
    let fields = asked(&nouns::find(plural).ok_or_else(missing)?.add);
    let columns = flat(&fields);
    let mut out = csv::Writer::from_writer(Vec::new());
    let failed = |error: csv::Error| Error::internal(format!("a template: {error}"));
    out.write_record(columns.iter().map(|(name, _)| name)).map_err(failed)?;
    // A line that begins with `#` explains, and is passed over when it comes back.
    let mut what: Vec<String> = columns.iter().map(|(_, field)| explained(field)).collect();
    if let Some(first) = what.first_mut() {
        first.insert_str(0, "# ");
    }
    out.write_record(&what).map_err(failed)?;
    let body = out.into_inner().map_err(|error| Error::internal(format!("a template: {error}")))?;
    Ok(Reply::File { kind: "text/csv; charset=utf-8", name: name.to_owned(), body })
}

/// What goes into a column. It never begins like a formula, for whoever opens it as a sheet.
fn explained(field: &Field) -> String {
    let shape = match &field.shape {
        Shape::Flag | Shape::Maybe => "yes or no".to_owned(),
        Shape::Whole { .. } | Shape::Number => "a number".to_owned(),
        Shape::Day => "a day: 2026-11-22".to_owned(),
        Shape::Moment => "a moment: 2026-11-22T14:02:11Z".to_owned(),
        Shape::Choice(all) => {
            let all: Vec<_> = all.iter().map(|one| one.value.as_str()).collect();
            format!("one of {}", all.join(" | "))
        }
        Shape::Choices(all) => {
            let all: Vec<_> = all.iter().map(|one| one.value.as_str()).collect();
            format!("some of {}, with ; between them", all.join(" | "))
        }
        Shape::Lines { .. } => "several, with ; between them".to_owned(),
        Shape::Json => "JSON".to_owned(),
        Shape::Line | Shape::Text | Shape::Group(_) => "text".to_owned(),
    };
    let must = if field.required { "required" } else { "optional" };
    let help = &field.help;
    format!("{must}; {shape}; {help}").trim_end_matches("; ").to_owned()
}

/// `POST /systems/import`
pub(crate) async fn run(visit: &Visit<'_>, plural: &str) -> Result<Page> {
    let register = nouns::find(plural).ok_or_else(|| Error::not_found("there is no such page"))?;
    let text = visit.form.filled("file").or_else(|| visit.form.filled("csv"));
    let text = text.ok_or_else(|| Error::invalid("csv", "paste rows, or choose a file"))?;
    let fields = asked(&register.add);
    let mut lines = Vec::new();
    for (at, (number, values)) in table(text, &fields)?.into_iter().enumerate() {
        let outcome = match read(&fields, &values) {
            Ok(stated) => add(visit, register, &fields, at, &stated).await?,
            Err(problems) => Err(problems.into_lines()),
        };
        lines.push(Line { number, outcome });
    }
    Ok(result(register, &lines))
}

async fn add(
    visit: &Visit<'_>,
    register: &Register,
    fields: &[Field],
    at: usize,
    stated: &Value,
) -> Result<std::result::Result<String, Vec<(String, String)>>> {
    let json = stated.to_string();
    let made = (register.add.make)(visit.kernel(), On::New(fresh()?), json.as_bytes());
    let done = match made {
        Ok(operation) => visit.submit_once(operation, at).await,
        Err(error) => Err(error),
    };
    Ok(match done {
        Ok(done) => {
            let id = done.output.get("id").and_then(Value::as_str).unwrap_or_default();
            Ok(id.to_owned())
        }
        Err(error) => Err(Problems::of(&error, fields).into_lines()),
    })
}

/// The rows of a table, each with the number of its line.
fn table(text: &str, fields: &[Field]) -> Result<Vec<(u64, Pairs)>> {
    let columns = flat(fields);
    let text = text.trim_start_matches('\u{feff}');
    let mut reader =
        csv::ReaderBuilder::new().flexible(false).trim(csv::Trim::All).from_reader(text.as_bytes());
    let broken = |error: csv::Error| {
        let place = error.position().map(|at| format!("line {}: ", at.line())).unwrap_or_default();
        Error::invalid("csv", format!("{place}this is no CSV: {error}"))
    };
    let headers = reader.headers().map_err(broken)?.clone();
    let mut named = Vec::new();
    for name in &headers {
        let known = columns.iter().find(|(column, _)| column == name).ok_or_else(|| {
            let names: Vec<_> = columns.iter().map(|(column, _)| column.as_str()).collect();
            let why = format!("`{}` is no column: use `{}`", shown(name), names.join("`, `"));
            Error::invalid("csv", why)
        })?;
        named.push(known);
    }
    let mut rows = Vec::new();
    for record in reader.records() {
        let record = record.map_err(broken)?;
        if record.get(0).is_some_and(|first| first.starts_with('#')) {
            continue;
        }
        if rows.len() >= ROWS {
            let why = format!("more than {ROWS} rows at once: send the rest as a second table");
            return Err(Error::invalid("csv", why));
        }
        let mut values = Pairs::default();
        for ((column, field), cell) in named.iter().zip(&record) {
            let several = matches!(field.shape, Shape::Lines { .. });
            values.push(column, if several { cell.replace(';', "\n") } else { cell.to_owned() });
        }
        rows.push((record.position().map_or(0, csv::Position::line), values));
    }
    if rows.is_empty() {
        return Err(Error::invalid("csv", "there is no row below the line that names the columns"));
    }
    Ok(rows)
}

fn result(register: &Register, lines: &[Line]) -> Page {
    let added = lines.iter().filter(|line| line.outcome.is_ok()).count();
    let refused = lines.len() - added;
    let page = Page::new(format!("{added} of {} added", lines.len()), html! {
        @if refused > 0 {
            p.warning role="alert" {
                "▲ " (refused) " refused. Mend them and send only those: what was added is there."
            }
        }
        (listing(
            "Rows", html! { "Rows: " (lines.len()) },
            &["Line", "Outcome", "What"],
            html! { @for line in lines { tr {
                td.number { (line.number) }
                @match &line.outcome {
                    Ok(id) => {
                        td { (shape("good", "■", "added")) }
                        td { a href=(row_path(register.plural, id)) { (id) } }
                    },
                    Err(problems) => {
                        td { (shape("bad", "✕", "refused")) }
                        td { @for (field, said) in problems {
                            @if !field.is_empty() { strong { (label(field)) } ": " }
                            (sentence(said)) br;
                        } }
                    },
                }
            } } },
        ))
        p { a href=(format!("/{}", register.plural)) { "To the register" } " · "
            a href="/setup" { "Setup" } }
    })
    .under("Registers", "/registers")
    .under(label(register.plural), format!("/{}", register.plural));
    page.status(if refused > 0 { StatusCode::UNPROCESSABLE_ENTITY } else { StatusCode::OK })
}

#[cfg(test)]
mod tests {
    use super::{table, template};
    use crate::reply::Reply;
    use crate::schema::asked;
    use domain::registers::register;

    fn body(name: &str) -> String {
        match template(name).unwrap() {
            Reply::File { body, .. } => String::from_utf8(body).unwrap(),
            _ => panic!("a template is a file"),
        }
    }

    #[test]
    fn a_template_comes_back_as_no_rows_and_with_a_row_as_one() {
        let fields = asked(&register("systems").unwrap().add);
        let template = body("systems.csv");
        assert!(table(&template, &fields).is_err(), "nothing but the explanation");
        let columns = template.lines().next().unwrap().split(',').count();
        let row = vec!["x"; columns].join(",");
        let rows = table(&format!("{template}{row}\r\n"), &fields).unwrap();
        assert_eq!((rows.len(), rows[0].1.get("name")), (1, Some("x")));
        assert!(super::template("nothing.csv").is_err());
    }

    #[test]
    fn what_is_no_table_is_refused_with_its_line() {
        let fields = asked(&register("systems").unwrap().add);
        let said = |text: &str| table(text, &fields).unwrap_err().message().to_owned();
        assert!(said("name,colour\na,b\n").contains("`colour` is no column"));
        assert!(said("name,kind\na\n").contains("line 2"), "{}", said("name,kind\na\n"));
        assert!(said("name\n").contains("no row"));
        let many = format!("name\n{}", "a\n".repeat(501));
        assert!(said(&many).contains("more than 500"));
        let good = table("\u{feff}name,kind\n\"a, b\",host\n", &fields).unwrap();
        assert_eq!((good[0].0, good[0].1.get("name")), (2, Some("a, b")));
    }
}
