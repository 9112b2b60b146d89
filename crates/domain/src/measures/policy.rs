//! The policies of this release as people read them: each with what it says, and who may do what by
//! them, as the golden matrix has it.
//!
//! Text alone, taken apart. What decides is the kernel; a test compares the names.

/// The policies of this release, by file.
pub(crate) const TEXTS: [(&str, &str); 7] = [
    ("invariants", include_str!("../../../../authority/invariants.cedar")),
    ("accounts", include_str!("../../../../authority/accounts.cedar")),
    ("data", include_str!("../../../../authority/data.cedar")),
    ("systems", include_str!("../../../../authority/systems.cedar")),
    ("registers", include_str!("../../../../authority/registers.cedar")),
    ("portal", include_str!("../../../../authority/portal.cedar")),
    ("directories", include_str!("../../../../authority/directories.cedar")),
];

/// Who may do what, derived from the policies; a golden file.
const MATRIX: &str = include_str!("../../../../authority/matrix.txt");

/// One policy.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Policy {
    /// Its name.
    pub id: &'static str,
    /// The file that it stands in, without ending.
    pub file: &'static str,
    /// Whether it allows; otherwise it refuses, whatever others allow.
    pub allows: bool,
    /// What stands above it, if somebody explained it.
    pub why: String,
    /// The Cedar text.
    pub text: String,
}

/// Every policy, in the order of the files.
pub fn policies() -> Vec<Policy> {
    TEXTS.iter().flat_map(|(file, text)| of_file(file, text)).collect()
}

fn of_file(file: &'static str, text: &'static str) -> Vec<Policy> {
    let mut found: Vec<Policy> = Vec::new();
    let (mut why, mut inside) = (String::new(), false);
    for line in text.lines() {
        if let Some(id) = line.strip_prefix("@id(\"").and_then(|rest| rest.strip_suffix("\")")) {
            let why = std::mem::take(&mut why);
            found.push(Policy { id, file, allows: false, why, text: String::new() });
            inside = true;
        } else if let (true, Some(last)) = (inside, found.last_mut()) {
            if last.text.is_empty() {
                last.allows = line.starts_with("permit");
            }
            last.text.push_str(line);
            last.text.push('\n');
            inside = !line.trim_end().ends_with(';');
        } else if let Some(said) = line.strip_prefix("//") {
            why.push_str(said);
        } else {
            // What stands above an empty line is about the file.
            why.clear();
        }
    }
    for one in &mut found {
        one.why = one.why.trim().to_owned();
    }
    found
}

/// Actions that everybody is answered alike for, and the answers.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Answers {
    /// The actions, each as `rule.decide  (no verb)`.
    pub actions: Vec<&'static str>,
    /// Who is answered how, on the own account, another and the house.
    pub text: String,
}

/// Who may do what, action by action.
pub fn matrix() -> Vec<Answers> {
    let mut all: Vec<Answers> = Vec::new();
    for line in MATRIX.lines() {
        match (line.strip_prefix("== "), all.last_mut()) {
            (Some(action), Some(last)) if last.text.is_empty() => last.actions.push(action),
            (Some(action), _) => {
                all.push(Answers { actions: vec![action], text: String::new() });
            }
            (None, Some(last)) if !(line.is_empty() && last.text.is_empty()) => {
                last.text.push_str(line);
                last.text.push('\n');
            }
            // What stands above the first action explains the file.
            (None, _) => {}
        }
    }
    for one in &mut all {
        one.text.truncate(one.text.trim_end().len());
    }
    all
}

#[cfg(test)]
mod tests {
    use super::{matrix, policies};
    use std::collections::BTreeSet;

    #[test]
    fn every_policy_that_decides_is_shown_and_no_other() {
        let shown: BTreeSet<String> = policies().iter().map(|one| one.id.to_owned()).collect();
        let known: BTreeSet<String> = crate::policies().unwrap().names().into_iter().collect();
        assert_eq!(shown, known);
        for one in policies() {
            let word = if one.allows { "permit" } else { "forbid" };
            assert!(one.text.starts_with(word) && one.text.trim_end().ends_with(';'), "{one:?}");
        }
    }

    #[test]
    fn every_action_of_the_matrix_has_an_answer() {
        let all = matrix();
        assert!(all.len() > 20 && all.iter().all(|one| one.text.contains("house")), "{all:?}");
        let actions: usize = all.iter().map(|one| one.actions.len()).sum();
        assert!(actions > 200, "{actions}");
    }
}
