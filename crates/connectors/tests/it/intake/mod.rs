//! Files of other tools: what is read from good ones, and where bad ones are refused.

mod archive;
mod hostile;
mod inventory;
mod kev;
mod matching;
mod osv;
mod samples;
mod scans;
mod table;
mod vex;

use std::fmt::Debug;

use connectors::intake::Refused;

/// Checks that a reader refuses, at this place, for a reason that has these words.
#[track_caller]
fn refuses<T: Debug>(result: Result<T, Refused>, place: &str, problem: &str) {
    let refused = result.expect_err("it is refused");
    assert_eq!(refused.place, place, "{refused}");
    assert!(refused.problem.contains(problem), "{refused}");
    tells_well(&refused);
}

/// Checks the form of a refusal: short, on one line, without full stop, with a remedy.
#[track_caller]
fn tells_well(refused: &Refused) {
    let told = refused.to_string();
    for part in [&refused.place, &refused.problem, &refused.remedy] {
        assert!(!part.is_empty(), "{told}");
        assert!(!part.ends_with('.'), "{told}");
    }
    assert!(!told.contains(char::is_control), "{told:?}");
    assert!(told.len() < 4_000, "{} bytes", told.len());
}
