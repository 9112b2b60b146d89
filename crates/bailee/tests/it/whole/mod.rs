//! The whole: the program as it is delivered, with real files, sockets, signals and kills, and
//! outsiders who check what it wrote.

mod access;
mod answers;
mod approving;
#[path = "../../../../pki/tests/it/hosts/mod.rs"]
#[expect(dead_code, reason = "the harness is made for several tests")]
mod hosts;
mod attackers;
mod backup;
mod breach;
mod browser;
mod canaries;
mod catalogue;
mod cluster;
mod contract;
mod crash;
mod detect;
mod devices;
mod directories;
mod exposure;
mod frozen;
mod hostile;
mod house;
mod import_real;
mod incident;
mod inside;
mod machine;
mod mutual;
mod packaging;
mod nodes;
mod paging;
mod passwords;
mod provider;
mod reports;
mod requests;
mod revoke;
mod setup;
mod streams;
pub mod support;
mod watcher;
mod watching;
