//! Every obligation has a control and a test of its own here, and none holds on an empty store.

use crate::support::both;
use domain::measures::{CONTROLS, MEASURES, ReadMeasures, State};
use std::collections::BTreeSet;
use std::path::Path;

/// Obligations without a control or without a test. This may only shrink.
const MISSING: [&str; 0] = [];

fn obligations() -> BTreeSet<&'static str> {
    MEASURES.iter().flat_map(|measure| measure.obligations).map(|one| one.id).collect()
}

/// Whether the folder has a module of this obligation, which is compiled, has a test, and speaks
/// of it.
fn tested(id: &str) -> bool {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/it/obligations");
    let module = id.to_lowercase().replace('.', "_");
    let list = std::fs::read_to_string(folder.join("mod.rs")).unwrap();
    let declared = list.lines().any(|line| line == format!("mod {module};"));
    let text = std::fs::read_to_string(folder.join(format!("{module}.rs"))).unwrap_or_default();
    declared && text.contains("#[test]") && text.contains(&format!("\"{id}\""))
}

#[test]
fn every_obligation_has_a_control_and_a_test() {
    let controlled: BTreeSet<_> = CONTROLS.iter().map(|(id, _)| *id).collect();
    assert_eq!(controlled.len(), CONTROLS.len(), "each once");
    let all = obligations();
    let unknown: Vec<_> = controlled.difference(&all).collect();
    assert!(unknown.is_empty(), "controls of no obligation: {unknown:?}");
    let without = all.iter().copied().filter(|id| !controlled.contains(id) || !tested(id));
    assert_eq!(without.collect::<Vec<_>>(), MISSING, "take what is there off the list");
}

#[test]
fn nothing_holds_on_an_empty_store() {
    both(199, |world| {
        let read = ReadMeasures::new(&world.kernel, None).unwrap();
        let all = world.run(&world.admin, read).unwrap().output;
        assert_eq!(all.len(), obligations().len());
        for one in all {
            let (id, answer) = (one.obligation.id, one.answer);
            assert_ne!(answer.state, State::Holding, "{id}: {answer:#?}");
            let said = !answer.missing.is_empty() || answer.facts.iter().any(|fact| !fact.good);
            assert!(said, "{id} says why: {answer:#?}");
            let remedy = !answer.todo.is_empty() || MISSING.contains(&id);
            assert!(remedy, "{id} says what to do: {answer:#?}");
        }
    });
}
