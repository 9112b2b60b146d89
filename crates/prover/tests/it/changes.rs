//! What a change widens and narrows.

use crate::support::{Copy, checked_in, solver};
use prover::{Authority, Change, Compared, compare};

fn compared(old: &Copy, new: &Copy) -> Compared {
    compare(&old.authority(), &new.authority(), &solver(), &|_, _| ()).unwrap()
}

/// Direction, action that stands first, and who allows.
fn lines(compared: &Compared) -> Vec<String> {
    let line = |change: &Change| match change {
        Change::Widens(one) => format!("+ {} by {}", one.kind.line(), one.allowed_by.join(",")),
        Change::Narrows(one) => format!("- {} by {}", one.kind.line(), one.allowed_by.join(",")),
        Change::Open(kind, why) => format!("? {} {why}", kind.line()),
    };
    compared.changes.iter().map(line).collect()
}

#[test]
fn the_same_is_equal_and_so_is_what_only_reads_otherwise() {
    let old = Copy::new();
    let new = Copy::new().put(
        "data.cedar",
        "context has grant && context.grant.verbs.contains(\"read\") &&",
        "context has grant && context.grant.verbs.containsAll([\"read\"]) &&",
    );
    let compared = compared(&old, &new);
    assert!(compared.changes.is_empty() && compared.decided(), "{:?}", lines(&compared));
    assert_eq!(compared.environments.0, old.authority().schema.request_envs().count());
}

#[test]
fn a_wider_and_a_narrower_rule_are_told_with_an_example() {
    let old = Copy::new();
    let new = Copy::new()
        .put("registers.cedar", "[\"responder\", \"security-lead\"]", "[\"responder\"]")
        .put("data.cedar", "context.grant.verbs.contains(\"delete\")", "true");
    let compared = compared(&old, &new);
    let lines = lines(&compared);
    let widened: Vec<_> = lines.iter().filter(|line| line.starts_with('+')).collect();
    assert_eq!(
        widened,
        [
            "+ Person on Collection: record.delete, record.restore by data-delete",
            "+ Service on Collection: record.delete, record.restore by data-delete",
        ]
    );
    let narrowed: Vec<_> = lines.iter().filter(|line| line.starts_with('-')).collect();
    // What auditors may besides by a policy of their own stands by itself.
    assert_eq!(narrowed.len(), 2, "{lines:?}");
    assert_eq!(narrowed[0], "- Person on Account: access.explore by incidents-by-role");
    assert!(narrowed[1].ends_with("by incidents-by-role"), "{lines:?}");
    for change in &compared.changes {
        match change {
            Change::Widens(one) => {
                let verbs = one.example.context["grant"]["verbs"].as_array().unwrap();
                assert!(!verbs.contains(&"delete".into()), "{}", one.example);
                assert!(one.refused_by.is_empty(), "{:?}", one.refused_by);
            }
            Change::Narrows(one) => {
                let roles = one.example.principal["attributes"]["roles"].as_array().unwrap();
                assert!(roles.contains(&"security-lead".into()), "{}", one.example);
            }
            Change::Open(_, why) => panic!("{why}"),
        }
    }
}

/// The scope of each set is settled under its own schema: moving an action is not lost.
#[test]
fn an_action_that_moves_or_is_new_is_told() {
    let old = Copy::new();
    let new = Copy::new()
        .put(
            "schema.cedarschema",
            "action \"oncall.read\" in [oversee]",
            "action \"oncall.read\" in [own]",
        )
        .add(
            "schema.cedarschema",
            "action \"record.peek\" in [read] appliesTo {\n\
             principal: [Person], resource: [Collection], context: Asked };",
        );
    let there = lines(&compared(&old, &new));
    assert!(there.contains(&"+ Person on Account: oncall.read by own-by-everyone".to_owned()));
    assert!(there.contains(&"+ Person on Collection: record.peek by data-read".to_owned()));
    assert_eq!(there.len(), 2, "{there:?}");
    let back = lines(&compared(&new, &old));
    assert!(back.contains(&"- Person on Account: oncall.read by own-by-everyone".to_owned()));
    assert!(back.contains(&"- Person on Collection: record.peek by data-read".to_owned()));
}

#[test]
fn a_revision_of_the_repository_is_read_and_others_are_refused() {
    let root = checked_in().join("..");
    // A copy of the sources without their history has no revision to read.
    if root.join(".git").exists() {
        let head = Authority::of_revision(&root, "HEAD").unwrap();
        assert!(head.permits.len() > 10);
    }
    for wrong in ["no-such-revision", "--output=x", ""] {
        assert!(Authority::of_revision(&root, wrong).is_err(), "{wrong}");
    }
}
