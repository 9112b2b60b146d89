//! Statements about exploitability (VEX): OpenVEX and the `vulnerabilities` of CycloneDX.
//!
//! Promises: a bad statement is set aside with its place and the others are read, since even
//! projects that publish VEX get single statements wrong; a file in which nothing can be read is
//! refused. A statement that says "not affected" without saying why is a bad one.
//! Deliberately not: which statement wins when two disagree, and whether its author is to be
//! believed.

use std::collections::BTreeMap;

use super::inventory::cyclonedx_version;
use super::json::{self, Node};
use super::text::{self, quote};
use super::{MAX_JSON, Refused};

/// Most statements from one file. Each product of a statement is one, and repeats its reason, so
/// this bounds memory too.
pub const MAX_STATEMENTS: usize = 50_000;

/// Longest reason in characters.
pub const MAX_REASON: usize = 1_000;

/// What was read from a file of statements.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Read {
    /// The good ones, one per product, in the order of the file; at most [`MAX_STATEMENTS`].
    pub statements: Vec<Statement>,
    /// The bad ones, each with its place.
    pub refused: Vec<Refused>,
}

/// What somebody says of one vulnerability in one product.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Statement {
    /// Id of the vulnerability: a CVE, or what another database calls it.
    pub advisory: String,
    /// The product, as a purl where the file has one.
    pub product: String,
    /// Components of the product that it is about; empty for the product as a whole.
    pub components: Vec<String>,
    /// What is said.
    pub status: Status,
    /// Why: the machine-readable justification, or else the prose, cut to [`MAX_REASON`]
    /// characters; may be empty unless the status is [`Status::NotAffected`].
    pub justification: String,
}

/// The four states of VEX (CISA, "Minimum Requirements for VEX", 2023).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Status {
    /// No remediation is needed.
    NotAffected,
    /// Something is to be done.
    Affected,
    /// These versions have the fix.
    Fixed,
    /// Not known yet.
    UnderInvestigation,
}

/// Reads an OpenVEX document (versions 0.0.x and 0.2.x).
///
/// # Errors
/// When it is not such a document, or no statement of it can be read.
pub fn openvex(bytes: &[u8]) -> Result<Read, Refused> {
    let value = json::file(bytes, MAX_JSON)?;
    let root = Node::root(&value);
    let context = root.member("@context")?;
    if !context.text()?.starts_with("https://openvex.dev/ns") {
        let problem = format!("{} is not the context of OpenVEX", quote(context.text()?));
        return Err(context.refuse(problem, "send an OpenVEX document"));
    }
    let mut reading = Reading::default();
    for statement in root.member("statements")?.items()? {
        reading.take(open_statement(&statement))?;
    }
    reading.finish()
}

/// Reads the `vulnerabilities` of a CycloneDX document (1.4 to 1.6) that have an `analysis`. What
/// they affect is named by the purl of the component that the reference means, or by the reference.
///
/// # Errors
/// When it is not such a document, or no statement of it can be read.
pub fn cyclonedx_vex(bytes: &[u8]) -> Result<Read, Refused> {
    let value = json::file(bytes, MAX_JSON)?;
    let root = Node::root(&value);
    cyclonedx_version(&root)?;
    let mut purls = BTreeMap::new();
    if let Some(metadata) = root.maybe("metadata")?
        && let Some(product) = metadata.maybe("component")?
    {
        reference(&product, &mut purls)?;
    }
    if let Some(list) = root.maybe("components")? {
        references(&list, &mut purls)?;
    }
    let mut reading = Reading::default();
    for item in root.member("vulnerabilities")?.items()? {
        // Without an analysis it is a finding, and says nothing about exploitability.
        match item.maybe("analysis") {
            Ok(None) => {}
            Ok(Some(_)) => reading.take(cyclonedx_statement(&item, &purls))?,
            Err(refused) => reading.take(Err(refused))?,
        }
    }
    reading.finish()
}

/// Statements on their way in.
#[derive(Default)]
struct Reading {
    read: Vec<Statement>,
    refused: Vec<Refused>,
}

impl Reading {
    fn take(&mut self, read: Result<Vec<Statement>, Refused>) -> Result<(), Refused> {
        match read {
            Ok(statements) => self.read.extend(statements),
            Err(refused) => self.refused.push(refused),
        }
        if self.read.len() > MAX_STATEMENTS || self.refused.len() > MAX_STATEMENTS {
            let problem = format!("there are more than {MAX_STATEMENTS} statements");
            return Err(Refused::new(text::FILE, problem, "split the file"));
        }
        Ok(())
    }

    fn finish(self) -> Result<Read, Refused> {
        match self.refused.first() {
            _ if !self.read.is_empty() => Ok(Read { statements: self.read, refused: self.refused }),
            Some(first) => Err(first.clone()),
            None => {
                let problem = "there is no statement in it";
                Err(Refused::new(text::FILE, problem, "send a document that has statements"))
            }
        }
    }
}

fn open_statement(node: &Node<'_>) -> Result<Vec<Statement>, Refused> {
    let vulnerability = node.member("vulnerability")?;
    let advisory = if vulnerability.is_text() {
        vulnerability.name()?
    } else {
        match vulnerability.maybe("name")? {
            Some(name) => name.name()?,
            None => vulnerability.member("@id")?.name()?,
        }
    };
    let word = node.member("status")?;
    let status = match word.text()? {
        "not_affected" => Status::NotAffected,
        "affected" => Status::Affected,
        "fixed" => Status::Fixed,
        "under_investigation" => Status::UnderInvestigation,
        other => return Err(unknown_status(&word, other)),
    };
    let reasons = ["justification", "impact_statement", "action_statement", "status_notes"];
    let justification = first_text(node, &reasons)?;
    if status == Status::NotAffected {
        needs_reason(node, &first_text(node, &["justification", "impact_statement"])?)?;
    }
    let mut statements = Vec::new();
    for product in node.member("products")?.items()? {
        let mut components = Vec::new();
        if !product.is_text()
            && let Some(list) = product.maybe("subcomponents")?
        {
            for component in list.items()? {
                components.push(open_product(&component)?);
            }
        }
        statements.push(Statement {
            advisory: advisory.clone(),
            product: open_product(&product)?,
            components,
            status,
            justification: justification.clone(),
        });
        few(&product, &statements)?;
    }
    named(node, statements)
}

/// A product or component of OpenVEX: its purl, or else its id.
fn open_product(node: &Node<'_>) -> Result<String, Refused> {
    if node.is_text() {
        return node.name();
    }
    if let Some(identifiers) = node.maybe("identifiers")?
        && let Some(purl) = identifiers.maybe("purl")?
    {
        return purl.name();
    }
    node.member("@id")?.name()
}

fn cyclonedx_statement(
    node: &Node<'_>,
    purls: &BTreeMap<String, String>,
) -> Result<Vec<Statement>, Refused> {
    let advisory = node.member("id")?.name()?;
    let analysis = node.member("analysis")?;
    let word = analysis.member("state")?;
    let status = match word.text()? {
        "not_affected" | "false_positive" => Status::NotAffected,
        "exploitable" => Status::Affected,
        "resolved" | "resolved_with_pedigree" => Status::Fixed,
        "in_triage" => Status::UnderInvestigation,
        other => return Err(unknown_status(&word, other)),
    };
    let justification = first_text(&analysis, &["justification", "detail"])?;
    // A false positive is its own reason.
    if status == Status::NotAffected && word.text()? != "false_positive" {
        needs_reason(&analysis, &justification)?;
    }
    let mut statements = Vec::new();
    for item in node.member("affects")?.items()? {
        let reference = item.member("ref")?.name()?;
        statements.push(Statement {
            advisory: advisory.clone(),
            product: purls.get(&reference).cloned().unwrap_or(reference),
            components: Vec::new(),
            status,
            justification: justification.clone(),
        });
        few(&item, &statements)?;
    }
    named(node, statements)
}

/// What each `bom-ref` means, nested components included.
fn references(list: &Node<'_>, purls: &mut BTreeMap<String, String>) -> Result<(), Refused> {
    for item in list.items()? {
        reference(&item, purls)?;
    }
    Ok(())
}

fn reference(item: &Node<'_>, purls: &mut BTreeMap<String, String>) -> Result<(), Refused> {
    if let (Some(reference), Some(purl)) = (item.maybe("bom-ref")?, item.maybe("purl")?) {
        let place = reference.place();
        if purls.insert(reference.name()?, purl.name()?).is_some() {
            let problem = "another component has the same `bom-ref`";
            return Err(Refused::new(place, problem, "export the document again"));
        }
    }
    match item.maybe("components")? {
        Some(nested) => references(&nested, purls),
        None => Ok(()),
    }
}

/// The first of these members that has text, cut short: it is repeated with every product.
fn first_text(node: &Node<'_>, keys: &[&'static str]) -> Result<String, Refused> {
    for key in keys {
        let Some(said) = node.maybe(key)? else { continue };
        let said = text::free(said.text()?);
        if !said.is_empty() {
            return Ok(said.chars().take(MAX_REASON).collect());
        }
    }
    Ok(String::new())
}

fn needs_reason(node: &Node<'_>, reason: &str) -> Result<(), Refused> {
    if !reason.is_empty() {
        return Ok(());
    }
    let problem = "it says \"not affected\" without a reason";
    Err(node.refuse(problem, "ask its author for a justification or an impact statement"))
}

fn unknown_status(node: &Node<'_>, word: &str) -> Refused {
    let problem = format!("{} is not a state that is read", quote(word));
    node.refuse(problem, "export the document again with a current version of the tool")
}

/// A statement about nothing is none.
fn named(node: &Node<'_>, statements: Vec<Statement>) -> Result<Vec<Statement>, Refused> {
    if statements.is_empty() {
        return Err(node.refuse("it names no product", "ask its author which product it is about"));
    }
    Ok(statements)
}

/// Refuses a statement about too many products before its reason is repeated for them.
fn few(node: &Node<'_>, statements: &[Statement]) -> Result<(), Refused> {
    if statements.len() <= MAX_STATEMENTS {
        return Ok(());
    }
    let problem = format!("it names more than {MAX_STATEMENTS} products");
    Err(node.refuse(problem, "split the statement"))
}
