//! CISA's catalogue of known exploited vulnerabilities (KEV), JSON.
//!
//! Promises: the catalogue is read whole or refused, since a missing line would say "not known to
//! be exploited"; the number of lines is compared with the one the catalogue claims.
//! Deliberately not: products and required actions, which are prose.

use super::json::{self, Node};
use super::text::quote;
use super::{MAX_ITEMS, MAX_JSON, Refused};

/// The catalogue.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Catalogue {
    /// Its own version, such as `2026.01.31`.
    pub version: String,
    /// When it was released, RFC 3339.
    pub released: String,
    /// Its lines, by CVE; each once, at most [`MAX_ITEMS`].
    pub known: Vec<Known>,
}

/// A vulnerability that is known to be exploited.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct Known {
    /// Its CVE.
    pub cve: String,
    /// The day it was added, `2026-01-31`.
    pub added: String,
    /// The day by which US agencies must have remedied it, `2026-01-31`.
    pub due: String,
    /// Whether ransomware campaigns are known to use it.
    pub ransomware: bool,
}

/// Reads the catalogue.
///
/// # Errors
/// When it is not the catalogue, or any line of it cannot be read.
pub fn kev(bytes: &[u8]) -> Result<Catalogue, Refused> {
    let value = json::file(bytes, MAX_JSON)?;
    let root = Node::root(&value);
    let version = root.member("catalogVersion")?.name()?;
    let released = root.member("dateReleased")?.moment()?;
    let list = root.member("vulnerabilities")?;
    let mut known = Vec::new();
    for item in list.items()? {
        if known.len() == MAX_ITEMS {
            let problem = format!("there are more than {MAX_ITEMS} lines");
            return Err(item.refuse(problem, "fetch the catalogue again"));
        }
        known.push(line(&item)?);
    }
    if let Some(count) = root.maybe("count")?
        && usize::try_from(count.whole()?) != Ok(known.len())
    {
        let problem = format!("{} lines are claimed and {} are here", count.whole()?, known.len());
        return Err(count.refuse(problem, "fetch the catalogue again"));
    }
    known.sort_unstable();
    if let Some(cve) = known.windows(2).find_map(|pair| match pair {
        [one, other] if one.cve == other.cve => Some(&one.cve),
        _ => None,
    }) {
        let problem = format!("{} is there twice", quote(cve));
        return Err(list.refuse(problem, "fetch the catalogue again"));
    }
    Ok(Catalogue { version, released, known })
}

fn line(item: &Node<'_>) -> Result<Known, Refused> {
    let cve = item.member("cveID")?;
    if !is_cve(cve.text()?) {
        let problem = format!("{} is not a CVE", quote(cve.text()?));
        return Err(cve.refuse(problem, "write it as `CVE-2026-12345`"));
    }
    let used = item.maybe("knownRansomwareCampaignUse")?.map(|node| node.text()).transpose()?;
    Ok(Known {
        cve: cve.name()?,
        added: item.member("dateAdded")?.date()?,
        due: item.member("dueDate")?.date()?,
        ransomware: used == Some("Known"),
    })
}

/// `CVE-`, a year of four digits, a number of four to nineteen.
fn is_cve(text: &str) -> bool {
    let digits = |part: &str| part.bytes().all(|byte| byte.is_ascii_digit());
    text.strip_prefix("CVE-").and_then(|rest| rest.split_once('-')).is_some_and(|(year, number)| {
        year.len() == 4 && digits(year) && (4..=19).contains(&number.len()) && digits(number)
    })
}
