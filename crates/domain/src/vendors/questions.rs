//! What a vendor is asked, by the way it processes Service Data.
//!
//! The questions are the provider's own, one or more for each part of P1 to P7; `yes` is always the
//! answer that keeps the promise. A vendor that only comes in through Bailee is not asked what
//! Bailee enforces and sees itself (P2, P3 and P7).

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

/// How a vendor processes Service Data.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "kebab-case")]
#[schemars(rename = "ProcessingClass")]
pub enum Class {
    /// Systems that hold it stand with the vendor.
    Hosting,
    /// The vendor's own systems work on it.
    Processing,
    /// The vendor's people or services look at it in the provider's systems.
    SupportAccess,
    /// The vendor carries it.
    Transmission,
}

impl Class {
    /// The word for it.
    pub fn word(self) -> &'static str {
        match self {
            Self::Hosting => "hosting",
            Self::Processing => "processing",
            Self::SupportAccess => "support-access",
            Self::Transmission => "transmission",
        }
    }
}

/// The measures that vendors are bound to.
pub const MEASURES: [&str; 7] = ["P1", "P2", "P3", "P4", "P5", "P6", "P7"];

/// A question.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Question {
    /// Its id.
    pub id: &'static str,
    /// The part of the promise it is about, such as `P2.1`.
    pub part: &'static str,
    /// What is asked.
    pub text: &'static str,
    /// Who has to answer it.
    pub classes: &'static [Class],
}

impl Question {
    /// The measure it belongs to, `P1` to `P7`.
    pub fn measure(&self) -> &'static str {
        self.part.split_once('.').map_or(self.part, |(measure, _)| measure)
    }
}

/// The question of this id.
pub fn question(id: &str) -> Option<&'static Question> {
    QUESTIONS.iter().find(|question| question.id == id)
}

const H: Class = Class::Hosting;
const P: Class = Class::Processing;
const S: Class = Class::SupportAccess;
const T: Class = Class::Transmission;

const fn q(
    id: &'static str,
    part: &'static str,
    classes: &'static [Class],
    text: &'static str,
) -> Question {
    Question { id, part, text, classes }
}

/// Every question.
pub const QUESTIONS: &[Question] = &[
    q(
        "p1-guard",
        "P1",
        &[H, P],
        "Are the buildings with systems that process our data guarded or locked at all hours?",
    ),
    q(
        "p1-entry",
        "P1",
        &[H, P],
        "Is entry to those rooms given by name, logged, and taken back when somebody leaves?",
    ),
    q(
        "p1-media",
        "P1",
        &[H, P],
        "Are disks and paper locked away, and destroyed so that nothing on them can be read?",
    ),
    q(
        "p1-equipment",
        "P1",
        &[T],
        "Do the devices that carry our data stand in rooms that only named people enter?",
    ),
    q(
        "p1-workplace",
        "P1",
        &[S],
        "Are the workplaces from which our data is reached closed to everybody else?",
    ),
    q(
        "p2-1-factors",
        "P2.1",
        &[H, P, T],
        "Does every login to those systems take a key or a second factor besides a password?",
    ),
    q(
        "p2-2-approval",
        "P2.2",
        &[H, P, T],
        "Is every account on those systems approved in writing, and ended with the work?",
    ),
    q(
        "p2-3-change",
        "P2.3",
        &[H, P, T],
        "Is every change of those systems reviewed and recorded before it is made?",
    ),
    q(
        "p2-4-logging",
        "P2.4",
        &[H, P, T],
        "Are logins and commands logged in system, database and application, out of reach of \
         those who are logged?",
    ),
    q(
        "p3-1-staff",
        "P3.1",
        &[H, P, T],
        "Can only staff who were named for it reach or manage our data?",
    ),
    q(
        "p3-2-queries",
        "P3.2",
        &[H, P],
        "Are direct queries of the databases closed, except to named people for a while?",
    ),
    q(
        "p3-3-rights",
        "P3.3",
        &[P],
        "Do the applications keep everybody to the rights they were given?",
    ),
    q(
        "p3-4-export",
        "P3.4",
        &[H, P, T],
        "Is it prevented, or at least noticed, that somebody copies or removes our data without \
         authority?",
    ),
    q(
        "p4-1-receivers",
        "P4.1",
        &[H, P, S, T],
        "Is it written down before who may receive our data, and can it be checked after?",
    ),
    q(
        "p4-2-encryption",
        "P4.2",
        &[H, P, S, T],
        "Is our data encrypted on every network and every medium it travels on?",
    ),
    q(
        "p5-1-authors",
        "P5.1",
        &[P],
        "Can it be established for each of our records who entered, changed or removed it?",
    ),
    q(
        "p5-1-hands",
        "P5.1",
        &[H, T],
        "Can it be established who touched the storage or the lines our data is on?",
    ),
    q(
        "p5-2-onward",
        "P5.2",
        &[H, P, S, T],
        "Does our data reach the vendor's own vendors over encrypted connections only, if at all?",
    ),
    q(
        "p6-backup",
        "P6",
        &[H, P],
        "Is our data copied regularly to a place that does not fail together with the first?",
    ),
    q("p6-restore", "P6", &[H, P], "Was a restore of such a copy tried within the last year?"),
    q(
        "p6-delivery",
        "P6",
        &[T],
        "Is what could not be delivered kept until it is, or reported as lost?",
    ),
    q(
        "p6-copies",
        "P6",
        &[S],
        "Does the vendor keep no copy of our data outside the provider's systems?",
    ),
    q(
        "p7-separation",
        "P7",
        &[H, P],
        "Is our data kept apart from that of others, so that it can be processed separately?",
    ),
    q(
        "p7-channels",
        "P7",
        &[T],
        "Can nobody else's traffic be mixed with ours, or read with ours?",
    ),
];

#[cfg(test)]
mod tests {
    use super::{Class, MEASURES, QUESTIONS, question};

    #[test]
    fn every_class_is_asked_about_every_measure_that_bailee_does_not_see() {
        for class in [Class::Hosting, Class::Processing, Class::SupportAccess, Class::Transmission]
        {
            for measure in MEASURES {
                let asked = QUESTIONS
                    .iter()
                    .any(|one| one.measure() == measure && one.classes.contains(&class));
                let seen = class == Class::SupportAccess && ["P2", "P3", "P7"].contains(&measure);
                assert_eq!(asked, !seen, "{class:?} and {measure}");
            }
        }
    }

    #[test]
    fn ids_are_unique_and_say_their_part() {
        for one in QUESTIONS {
            assert_eq!(question(one.id), Some(one), "`{}` stands twice", one.id);
            let part = one.part.to_lowercase().replace('.', "-");
            assert!(one.id.strip_prefix(&part).is_some_and(|rest| rest.starts_with('-')));
            assert!(one.text.ends_with('?') && !one.classes.is_empty());
        }
        assert_eq!(question("p9"), None);
    }
}
