//! What Bailee comes with, read from `catalogue/catalogue.json`: every obligation of the fourteen
//! measures in the words of the promise, where other frameworks ask for the same, and the numbers.
//!
//! The file is part of the program and read once. Tests hold it against what the code takes, and
//! every identifier against `catalogue/identifiers.json`.

use kernel::{Error, Result};
use serde::{Deserialize, Deserializer};
use std::collections::BTreeMap;
use std::sync::LazyLock;

/// An obligation.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Obligation {
    /// Its id, used in code, tests and pages.
    pub id: &'static str,
    /// What is promised, in one line.
    pub title: &'static str,
    /// Where other frameworks ask for the same, in part or in whole.
    pub mapping: Mapping,
    /// Why a framework has no identifier for it, where one has none.
    #[serde(default)]
    pub unmapped: Option<&'static str>,
}

/// Identifiers of other frameworks. They say where to look; they claim no equivalence.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Mapping {
    /// Controls of ISO/IEC 27001:2022 Annex A: `A.8.24`.
    #[serde(borrow, deserialize_with = "kept")]
    pub iso27001: &'static [&'static str],
    /// Trust services criteria of SOC 2: `CC6.1`.
    #[serde(borrow, deserialize_with = "kept")]
    pub soc2: &'static [&'static str],
    /// Controls of NIST SP 800-53 Rev. 5: `SC-28(1)`.
    #[serde(borrow, deserialize_with = "kept")]
    pub nist80053: &'static [&'static str],
}

impl Mapping {
    /// Each framework by its name, with its identifiers.
    pub fn frameworks(&self) -> [(&'static str, &'static [&'static str]); 3] {
        [
            ("ISO/IEC 27001:2022", self.iso27001),
            ("SOC 2", self.soc2),
            ("NIST SP 800-53", self.nist80053),
        ]
    }

    /// Whether an identifier is in it. A control of NIST stands for its enhancements too.
    fn has(&self, asked: &str) -> bool {
        let base = |id: &str| id.split_once('(').map(|(base, _)| base.to_owned());
        let all = self.frameworks().into_iter().flat_map(|(_, ids)| ids);
        all.into_iter().any(|id| *id == asked || base(id).is_some_and(|base| base == asked))
    }
}

/// A measure: a heading of the promise with its obligations.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Measure {
    /// Its id.
    pub id: &'static str,
    /// Its heading.
    pub title: &'static str,
    /// Its obligations.
    #[serde(borrow, deserialize_with = "kept")]
    pub obligations: &'static [Obligation],
}

/// A number of the promise.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Parameter {
    /// Its name, as [`super::Parameters`] has it.
    pub name: &'static str,
    /// What it counts.
    pub title: &'static str,
    /// The number that Bailee comes with, in units.
    pub default: u32,
    /// The unit: `days`, `hours`, `minutes` or `people`.
    pub unit: &'static str,
    /// The obligations it serves.
    #[serde(borrow, deserialize_with = "kept")]
    pub serves: &'static [&'static str],
    /// The direction in which it promises less.
    pub weaker: Weaker,
}

/// The direction in which a number promises less.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Weaker {
    /// A lower number promises less.
    Lower,
    /// A higher number promises less.
    Higher,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Book {
    version: &'static str,
    #[serde(borrow, deserialize_with = "kept")]
    measures: &'static [Measure],
    #[serde(borrow, deserialize_with = "kept")]
    parameters: &'static [Parameter],
}

/// The identifiers that a framework has.
#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Identifiers {
    /// The edition they are of.
    #[serde(rename = "edition")]
    _edition: &'static str,
    /// How many there are of each group, counted from 1.
    numbered: BTreeMap<&'static str, u32>,
    /// Those of them that are no longer in force.
    #[serde(default)]
    withdrawn: Vec<&'static str>,
    /// Parts of them with identifiers of their own.
    #[serde(default)]
    enhancements: Vec<&'static str>,
}

static BOOK: LazyLock<Book> =
    LazyLock::new(|| shipped(include_str!("../../../../catalogue/catalogue.json")));

static KNOWN: LazyLock<BTreeMap<&'static str, Identifiers>> =
    LazyLock::new(|| shipped(include_str!("../../../../catalogue/identifiers.json")));

/// The fourteen measures, and the frame they stand in.
pub static MEASURES: LazyLock<&'static [Measure]> = LazyLock::new(|| BOOK.measures);

/// Every number, in the order of [`super::Parameters`].
pub static PARAMETERS: LazyLock<&'static [Parameter]> = LazyLock::new(|| BOOK.parameters);

/// The version of the catalogue that Bailee comes with.
pub static VERSION: LazyLock<&'static str> = LazyLock::new(|| BOOK.version);

/// Every obligation, in the order of the measures.
pub fn obligations() -> impl Iterator<Item = &'static Obligation> {
    MEASURES.iter().flat_map(|measure| measure.obligations)
}

/// The obligation of this id.
pub fn obligation(id: &str) -> Option<&'static Obligation> {
    obligations().find(|one| one.id == id)
}

/// The obligations that an identifier of another framework is mapped to: `A.8.24`, `CC6.1`,
/// `SC-28`. None may be.
///
/// # Errors
/// `Invalid` for the field `for`, if no framework has such an identifier.
pub fn mapped(identifier: &str) -> Result<Vec<&'static Obligation>> {
    let asked = identifier.trim().to_uppercase();
    if !is_identifier(&asked) {
        let asked = kernel::id::shown(identifier);
        let why = format!(
            "`{asked}` is no identifier in force of ISO/IEC 27001:2022 Annex A, SOC 2 or NIST \
             SP 800-53: write one such as `A.8.24`, `CC6.1` or `SC-28`"
        );
        return Err(Error::invalid("for", why));
    }
    Ok(obligations().filter(|one| one.mapping.has(&asked)).collect())
}

/// Whether a framework has this identifier.
fn is_identifier(id: &str) -> bool {
    KNOWN.values().any(|of| of.has(id))
}

impl Identifiers {
    fn has(&self, id: &str) -> bool {
        if self.enhancements.contains(&id) {
            return true;
        }
        let counted = self.numbered.iter().any(|(group, count)| {
            let rest = id.strip_prefix(group).and_then(|rest| rest.strip_prefix(['.', '-']));
            let number = rest.filter(|rest| !rest.starts_with('0'));
            number.and_then(|number| number.parse().ok()).is_some_and(|n: u32| n <= *count)
        });
        counted && !self.withdrawn.contains(&id)
    }
}

#[expect(clippy::expect_used, reason = "the file is part of the program, and a test reads it")]
fn shipped<T: Deserialize<'static>>(text: &'static str) -> T {
    serde_json::from_str(text).expect("the catalogue is as its types say")
}

/// A list that stays as long as the program runs; it is read once.
fn kept<'de, D, T>(from: D) -> std::result::Result<&'static [T], D::Error>
where
    D: Deserializer<'de>,
    T: Deserialize<'de> + 'static,
{
    Ok(Vec::<T>::deserialize(from)?.leak())
}

#[cfg(test)]
mod tests {
    use super::{KNOWN, MEASURES, PARAMETERS, Weaker, is_identifier, mapped, obligations};
    use crate::catalogue::Parameters;
    use std::collections::BTreeSet;

    #[test]
    fn every_identifier_exists_and_every_gap_says_why() {
        for one in obligations() {
            for (framework, ids) in one.mapping.frameworks() {
                assert!(!ids.is_empty() || one.unmapped.is_some(), "{}: {framework}", one.id);
                let each: BTreeSet<_> = ids.iter().collect();
                assert_eq!(each.len(), ids.len(), "{}: one stands twice", one.id);
            }
            let mapping = one.mapping;
            for (name, ids) in [
                ("iso27001", mapping.iso27001),
                ("soc2", mapping.soc2),
                ("nist80053", mapping.nist80053),
            ] {
                for id in ids {
                    assert!(KNOWN[name].has(id), "{}: `{id}` is none of {name}", one.id);
                }
            }
        }
    }

    #[test]
    fn ids_stand_once_and_under_their_measure() {
        let ids: BTreeSet<_> = obligations().map(|one| one.id).collect();
        assert_eq!(ids.len(), obligations().count());
        assert_eq!((MEASURES.len(), ids.len()), (15, 49));
        for measure in MEASURES.iter().filter(|one| one.id != "F") {
            for one in measure.obligations {
                let rest = one.id.strip_prefix(measure.id).unwrap();
                let number = rest.strip_prefix('.').map(|n| n.parse::<u8>().is_ok());
                assert!(rest.is_empty() || number == Some(true), "{}", one.id);
            }
        }
    }

    #[test]
    fn identifiers_are_those_of_the_frameworks() {
        for good in ["A.5.1", "A.8.34", "CC9.2", "PI1.5", "P8.1", "SC-28", "SC-28(1)", "PM-32"] {
            assert!(is_identifier(good), "{good}");
        }
        for bad in [
            "",
            "A",
            "A.",
            "A.5",
            "A.5.0",
            "A.5.01",
            "A.5.38",
            "A.9.1",
            "A.8.24.1",
            "CC6",
            "CC6.9",
            "CC10.1",
            "AC-0",
            "AC-26",
            "AC-13",
            "SC-28(9)",
            "AC 2",
            "a.8.24",
            "A.5.4294967297",
        ] {
            assert!(!is_identifier(bad), "{bad}");
        }
    }

    #[test]
    fn an_identifier_finds_its_obligations() {
        let found = |id: &str| mapped(id).unwrap().iter().map(|one| one.id).collect::<Vec<_>>();
        assert_eq!(found("A.8.24"), ["E2.1", "E2.2", "P4"]);
        assert_eq!(found(" a.8.24 "), found("A.8.24"));
        assert!(found("SC-28").contains(&"E2.1") && found("SC-28(1)") == ["E2.1"]);
        assert!(found("A.8.4").is_empty(), "there is one, and nothing is mapped to it");
        let refused = mapped("A.9.1").unwrap_err();
        assert!(refused.message().contains("`A.9.1` is no identifier"), "{}", refused.message());
    }

    #[test]
    fn parameters_are_those_that_the_code_takes() {
        let taken = serde_json::to_value(Parameters::default()).unwrap();
        let names: BTreeSet<_> = taken.as_object().unwrap().keys().map(String::as_str).collect();
        let listed: BTreeSet<_> = PARAMETERS.iter().map(|one| one.name).collect();
        assert_eq!((&names, names.len()), (&listed, PARAMETERS.len()));
        let schema = schemars::schema_for!(Parameters).to_value();
        const PEOPLE: [&str; 4] =
            ["team_minimum", "notice_approvals", "update_approvals", "changes_by_request"];
        for one in PARAMETERS.iter() {
            assert_eq!(taken[one.name], one.default, "{}", one.name);
            // A house chooses that changes go by request.
            assert!(one.default > 0 || one.name == "changes_by_request", "{}", one.name);
            let suffix = one.name.rsplit('_').next().unwrap();
            assert!(one.unit == suffix || one.unit == "people" && PEOPLE.contains(&one.name));
            assert!(!one.serves.is_empty(), "{}", one.name);
            for id in one.serves {
                assert!(super::obligation(id).is_some(), "{}: {id}", one.name);
            }
            let said = schema["properties"][one.name]["description"].as_str().unwrap();
            assert!(said.starts_with(one.title), "{}: {said}", one.name);
            assert!(said.contains(one.serves[0]), "{}: {said}", one.name);
        }
    }

    #[test]
    fn a_number_that_promises_less_is_told_in_its_direction() {
        for one in PARAMETERS.iter() {
            let of = |number: u32| {
                let mut all = serde_json::to_value(Parameters::default()).unwrap();
                all[one.name] = number.into();
                serde_json::from_value::<Parameters>(all).unwrap()
            };
            let at = one.default.max(1);
            let with = |number: u32| !of(number).weaker_than(&of(at)).is_empty();
            let up = one.weaker == Weaker::Higher;
            assert_eq!((with(at + 1), with(at - 1)), (up, !up), "{}", one.name);
        }
    }
}
