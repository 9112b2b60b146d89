//! What platforms say of programs that run on them, as registers keep it.

use super::identity::{check_issuer, fits, hash};
use kernel::{Error, Result};
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use std::collections::BTreeMap;

/// Claims that are pinned of one token.
const CLAIMS: usize = 8;

/// What a platform says of a program: each of it exactly.
#[derive(Clone, Debug, Serialize, Deserialize, PartialEq, Eq, JsonSchema)]
#[schemars(rename = "ServiceWorkload")]
#[serde(deny_unknown_fields)]
pub struct Workload {
    /// The platform, `https://…`, exactly as its tokens say it (`iss`).
    pub issuer: String,
    /// For whom its tokens are (`aud`): something that is said of this server alone.
    pub audience: String,
    /// Claims of its tokens that are text, with their values: `sub`, and whatever else the
    /// configuration of the server names for this issuer.
    pub claims: BTreeMap<String, String>,
}

impl Workload {
    /// Checks the form.
    ///
    /// # Errors
    /// `Invalid` with the field.
    pub fn check(&self) -> Result<()> {
        check_issuer(&self.issuer)?;
        if !fits(&self.audience) {
            return Err(Error::invalid("audience", "1 to 255 bytes without control characters"));
        }
        let each = self.claims.iter().all(|(name, value)| fits(name) && fits(value));
        if !each || self.claims.len() > CLAIMS || !self.claims.contains_key("sub") {
            let why = "state 1 to 8 claims with their texts, and `sub` among them";
            return Err(Error::invalid("claims", why));
        }
        Ok(())
    }

    /// Under which hash the rights know it.
    pub fn hash(&self) -> [u8; 32] {
        let mut parts = format!("{}\0{}", self.audience.len(), self.audience);
        for (name, value) in &self.claims {
            // What stands before each part says where it ends.
            parts.push_str(&format!("\0{}\0{name}\0{}\0{value}", name.len(), value.len()));
        }
        hash("workload", &self.issuer, &parts)
    }
}
