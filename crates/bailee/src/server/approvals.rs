//! Where the team is told what waits for an approval.

use std::path::PathBuf;

use connectors::Secret;
use serde::Deserialize;

use super::outward::files;
use crate::exit::Failure;

/// Where the team is told what waits for an approval.
#[derive(Clone, Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Approvals {
    /// Private file with the address of an incoming webhook of Slack, or of what understands its
    /// Block Kit.
    pub slack_file: PathBuf,
}

impl Approvals {
    /// What is wrong with it by itself.
    ///
    /// # Errors
    /// Without an address that the button could lead to.
    pub fn check(&self, public_url: Option<&str>) -> Result<(), Failure> {
        match public_url {
            Some(_) => Ok(()),
            None => Err(Failure::usage("`approvals` needs `public_url`: the button leads to it")),
        }
    }

    /// The address.
    ///
    /// # Errors
    /// When the file cannot be read, or everybody on the machine can read it.
    pub fn webhook(&self) -> Result<Secret, Failure> {
        files::secret(&self.slack_file)
            .map_err(|why| Failure::usage(format!("`approvals.slack_file`: {why}")))
    }
}
