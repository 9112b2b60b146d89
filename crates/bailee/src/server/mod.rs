//! The commands that work on a store of this machine: each one its options and its function.

pub mod accept;
pub mod approvals;
pub mod background;
pub mod backup;
pub mod config;
pub mod demo;
pub mod epoch;
pub mod firewall;
pub mod folders;
pub mod privileges;
pub mod forwarding;
pub mod identities;
pub mod init;
pub mod makers;
pub mod node;
pub mod openapi;
pub mod outward;
pub mod pages;
pub mod restore;
pub mod returns;
pub mod serve;
pub mod signals;
pub mod watching;
pub mod verify;
pub mod watcher;

use std::path::PathBuf;

use clap::Args;

/// Where a store and its keys are.
#[derive(Args, Clone, Debug)]
pub struct Place {
    /// Folder of the store
    #[arg(long, value_name = "DIR")]
    pub data: PathBuf,
    /// Folder of root key, TLS private keys and high-water file; without it DIR.keys
    #[arg(long, value_name = "DIR")]
    pub keys: Option<PathBuf>,
    /// Keep the store in this PostgreSQL, such as
    /// postgres://USER@HOST:5432/DB?sslrootcert=FILE; DIR then holds certificates
    #[arg(long, value_name = "URL", env = "BAILEE_STORE", hide_env_values = true)]
    pub store: Option<String>,
}
