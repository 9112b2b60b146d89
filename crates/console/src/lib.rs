//! Pages for the provider's team, made on the server, and the public page.
//!
//! What is seen and done here is what the API and the command line see and do: every page that
//! shows a register is an operation with an entry, every form is an operation with a receipt. A
//! page works without scripts, answers what is wrong, since when, who acts and by when, and says of
//! each action what it will do.
//!
//! It promises: no page is given without a session except the public one and the way in; no change
//! without proof that the form came from a page of ours; nothing of a register is shown that was
//! not disclosed by an operation; what somebody typed is shown as text, never as markup.
//!
//! It deliberately has no rules of its own: what may be done is the kernel's decision, what is
//! valid is the noun's. It keeps nothing but the last state of the board, what was answered
//! here and how often a name was tried, in memory.

mod account;
mod acknowledge;
mod affected;
mod answer;
mod approve;
mod assets;
mod board;
mod calendar;
mod ceremonies;
mod clock;
mod console;
mod device;
mod difference;
mod explorer;
mod form;
mod guard;
mod import;
mod measure;
mod nouns;
mod pager;
mod passkeys;
mod passwords;
mod playbooks;
mod policy;
mod preferences;
mod provider;
mod reach;
mod receipts;
mod registers;
mod reply;
mod request;
mod reviewing;
mod roles;
mod room;
mod schema;
mod setup;
mod shell;
mod show;
mod sign_in;
mod sessions;
mod trust;
mod visit;
mod work;

pub use board::History;
pub use calendar::Calendars;
pub use console::Console;
pub use provider::SignIn;
pub use request::Request;
pub use trust::{Processor, Processors};
