//! The document as one page of HTML: no script, nothing from elsewhere, light and dark, printable.

use crate::document::{Document, Part, Table};
use crate::plot::{Plot, svg};
use maud::{DOCTYPE, Markup, PreEscaped, html};

const STYLE: &str = include_str!("page.css");

/// The page.
#[must_use]
pub fn page(document: &Document) -> String {
    let page = html! {
        (DOCTYPE)
        html lang="en" {
            head {
                meta charset="utf-8";
                meta name="viewport" content="width=device-width, initial-scale=1";
                meta http-equiv="Content-Security-Policy"
                    content="default-src 'none'; style-src 'unsafe-inline'";
                title { (document.title) }
                style { (PreEscaped(STYLE)) }
            }
            body {
                header { h1 { (document.title) } p { (document.line) } }
                main {
                    @for section in &document.sections {
                        section {
                            h2 { (section.title) }
                            @for one in &section.parts { (part(one)) }
                        }
                    }
                }
            }
        }
    };
    page.into_string()
}

fn part(part: &Part) -> Markup {
    match part {
        Part::Text(text) => html! { p { (text) } },
        Part::Quoted(text) => html! { pre { (text) } },
        Part::Fields(fields) => html! {
            dl { @for (name, value) in fields { div { dt { (name) } dd { (value) } } } }
        },
        Part::Table(one) => table(one),
        Part::Plot(plot) => figure(plot),
    }
}

fn figure(plot: &Plot) -> Markup {
    html! {
        figure {
            div.scroll role="region" aria-label=(format!("{}, drawn", plot.title)) tabindex="0" {
                (PreEscaped(svg(plot)))
            }
            figcaption { (plot.what) }
        }
        (table(&plot.table))
    }
}

fn table(table: &Table) -> Markup {
    html! {
        div.scroll role="region" aria-label=(table.caption) tabindex="0" {
            table {
                caption { (table.caption) }
                thead { tr { @for name in &table.head { th scope="col" { (name) } } } }
                tbody { @for row in &table.rows { tr { @for cell in row { td { (cell) } } } } }
            }
        }
    }
}
