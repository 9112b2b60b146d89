//! The plots of an incident in its room: drawn by the server, each with its table.

use crate::visit::Visit;
use dossier::{Facts, Plot};
use kernel::Moment;
use maud::{Markup, PreEscaped, html};

pub(super) fn of(visit: &Visit<'_>, facts: &Facts) -> Markup {
    let label = |at: Moment| visit.clock.short(at);
    let all = [
        dossier::clocks(&facts.clocks, visit.clock.now, &label),
        dossier::timeline(&facts.events, &label),
        dossier::alerts(&facts.alerts, &label),
        dossier::accesses(&facts.accesses),
    ];
    html! { div.plots { @for plot in all.iter().flatten() { (figure(plot)) } } }
}

fn figure(plot: &Plot) -> Markup {
    let table = &plot.table;
    html! {
        figure.plot {
            h3 { (plot.title) }
            div.scroll role="region" aria-label=(format!("{}, drawn", plot.title)) tabindex="0" {
                (PreEscaped(dossier::svg(plot)))
            }
            figcaption { (plot.what) }
            details {
                summary { "The same as a table" }
                div.scroll role="region" aria-label=(format!("{}, as a table", plot.title))
                    tabindex="0" {
                    table {
                        thead { tr { @for name in &table.head { th scope="col" { (name) } } } }
                        tbody { @for row in &table.rows { tr {
                            @for cell in row { td { (cell) } }
                        } } }
                    }
                }
            }
        }
    }
}
