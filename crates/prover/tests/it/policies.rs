//! What is proved of the policies, and what is caught.

use crate::support::{Copy, checked_in, small, solver};
use prover::{Authority, Cache, Claims, Kind, NEVER_ERRS, Proof, kinds, prove, told};
use std::path::Path;

/// Keeps what it proved in the target folder: a second run proves only what changed.
#[test]
fn the_present_policies_are_proved_and_the_checked_in_proof_is_theirs() {
    let authority = Authority::read(&checked_in()).unwrap();
    let claims = Claims::read(&checked_in().join("bounds"), &authority.schema).unwrap();
    let cache = Cache::read(&Path::new(env!("CARGO_TARGET_TMPDIR")).join("proved"));
    let outcome = prove(&authority, &claims, &solver(), &cache, &|_, _| ()).unwrap();
    let proof = Proof::of(&authority, &claims, &solver(), &outcome);
    assert!(outcome.holds(), "{}", told(&proof, &outcome));
    cache.save().unwrap();
    let golden = std::fs::read_to_string(checked_in().join("proof.json")).unwrap();
    let golden = Proof::parse(&golden).unwrap();
    assert!(golden.says_the_same(&proof), "renew it with `cargo xtask prove --write`");
}

#[test]
fn a_careless_permit_is_caught_with_a_request_that_shows_it() {
    let careless = "@id(\"careless\")\n\
         permit(principal is Person, action in [Action::\"read\"], resource)\n\
         when { principal.roles.contains(\"engineer\") };";
    let outcome = Copy::new().add("careless.cedar", careless).proved(&["careless"]);
    assert!(outcome.undecided.is_empty(), "{:?}", outcome.undecided);
    let claims: Vec<_> = outcome.violations.iter().map(|one| one.claim.as_str()).collect();
    // A vendor's person, too: an engagement for another verb than `read` would do.
    assert_eq!(claims, ["accounts-apart", "live-grants", "vendors-within-engagements"]);
    let one = &outcome.violations[0];
    assert_eq!(one.policy, "careless");
    assert_eq!(one.bounds[0].0, "collections-by-grant-for-the-account");
    let example = &one.example;
    assert_eq!(example.principal["type"], "Person");
    let roles = example.principal["attributes"]["roles"].as_array().unwrap();
    assert!(roles.contains(&"engineer".into()), "{example}");
    assert_eq!(example.principal["attributes"]["active"], true);
    assert_eq!(example.action, "record.get");
    assert_eq!(example.resource["type"], "Collection");
    assert!(example.context["now"].is_i64(), "{example}");
    assert!(example.context["grant"].is_null(), "{example}");
}

#[test]
fn an_engagement_that_is_not_looked_at_is_caught() {
    let lines = [
        "  context.now >= context.engagement.notBefore && context.now < \
         context.engagement.notAfter &&\n",
        "  context.engagement.vendor == principal.vendor &&\n",
        "  context.engagement.verbs.containsAll(context.grant.verbs) &&\n",
    ];
    for line in lines {
        let copy = Copy::new().put("invariants.cedar", line, "");
        let outcome = copy.proved(&["data-read"]);
        let found: Vec<_> = outcome.violations.iter().map(|one| one.claim.as_str()).collect();
        assert_eq!(found, ["vendors-within-engagements"], "without {line}");
        let example = &outcome.violations[0].example;
        assert_ne!(example.principal["attributes"]["vendor"], "", "{example}");
        assert!(example.context["engagement"].is_object(), "{example}");
    }
}

/// Each forbid that a claim rests on, taken away.
#[test]
fn no_forbid_about_grants_can_be_taken_away() {
    let each = [
        ("grant-of-the-account", "accounts-apart"),
        ("house-holds-no-service-data", "accounts-apart"),
        ("active-only", "live-grants"),
        ("grant-of-the-holder", "live-grants"),
        ("grant-in-its-window", "live-grants"),
        ("grant-not-ended", "live-grants"),
        ("grant-approved-by-another", "live-grants"),
        ("grant-approved-by-another-than-the-owner", "live-grants"),
        ("administrators-touch-no-data", "live-grants"),
        ("eligible-to-read", "live-grants"),
        ("training-in-date", "live-grants"),
        ("vendors-within-an-engagement", "vendors-within-engagements"),
        ("vendor-services-within-an-engagement", "vendors-within-engagements"),
    ];
    let copy = Copy::new();
    let file = copy.path().join("proved");
    for (forbid, claim) in each {
        let mut authority = copy.authority();
        let mut claims = Claims::read(&copy.path().join("bounds"), &authority.schema).unwrap();
        claims.all.retain(|one| one.name == claim);
        authority.permits.retain(|one| one.id().to_string() == "data-read");
        let all = authority.forbids.len();
        authority.forbids.retain(|one| one.id().to_string() != forbid);
        assert_eq!(authority.forbids.len(), all - 1, "{forbid}");
        let cache = Cache::read(&file);
        let outcome = prove(&authority, &claims, &solver(), &cache, &|_, _| ()).unwrap();
        cache.save().unwrap();
        let found: Vec<_> = outcome.violations.iter().map(|one| one.claim.as_str()).collect();
        assert!(found.contains(&claim), "without {forbid}: {outcome:?}");
        assert!(outcome.undecided.is_empty(), "{outcome:?}");
    }
}

#[test]
fn a_policy_that_can_fail_to_be_evaluated_is_caught() {
    let adds = "@id(\"adds\")\n\
         permit(principal is Person, action == Action::\"measure.read\", resource is Account)\n\
         when { principal.eligibleUntil + context.now > 0 && resource.slot == \"0\" };";
    let outcome = Copy::new().add("adds.cedar", adds).proved(&["adds"]);
    let found: Vec<_> = outcome.violations.iter().map(|one| one.claim.as_str()).collect();
    assert_eq!(found, [NEVER_ERRS]);
}

#[test]
fn bounds_that_say_nothing_are_refused() {
    let nothing = "@id(\"nothing\") @serves(\"P7\") @says(\"nothing\")\n\
         forbid (principal is Member, action, resource is Account)\n\
         when { resource.slot == \"0\" && resource.slot == \"1\" };";
    let copy = small().add("bounds/nothing.cedar", nothing);
    let said = problem(&copy);
    assert!(said.contains("`nothing` forbids nothing"), "{said}");
    let wrong = [
        (
            "@id(\"x\") @serves(\"P7\") @says(\"x\") permit (principal, action, resource);",
            "permits",
        ),
        ("@id(\"x\") @says(\"x\") forbid (principal, action, resource);", "no `@serves`"),
        ("@id(\"x\") @serves(\"P7\") forbid (principal, action, resource);", "no `@says`"),
        ("forbid (principal, action, resource);", "no `@id`"),
        ("forbid (principal, action, resource)", "does not parse"),
        (
            "@id(\"x\") @serves(\"P7\") @says(\"x\")\n\
             forbid (principal, action, resource) when { resource.colour == \"0\" };",
            "do not validate",
        ),
    ];
    for (text, why) in wrong {
        let copy = small().add("bounds/wrong.cedar", text);
        let said = problem(&copy);
        assert!(said.contains(why), "{said}");
    }
}

fn problem(copy: &Copy) -> String {
    copy.proved_of(copy.authority(), &["data-read"], &solver()).unwrap_err().to_string()
}

/// What is asked about one environment of a kind is the question about every other one of it.
#[test]
fn environments_of_a_kind_cannot_be_told_apart() {
    let authority = Authority::read(&checked_in()).unwrap();
    let claims = Claims::read(&checked_in().join("bounds"), &authority.schema).unwrap();
    let bounds = claims.bounds().map(|bound| &bound.policy);
    let kinds = kinds(&authority, authority.policies().chain(bounds)).unwrap();
    let all: usize = kinds.iter().map(|kind| kind.actions.len()).sum();
    assert_eq!(all, authority.schema.request_envs().count());
    for permit in &authority.permits {
        let valid: Vec<_> = permit.get_valid_request_envs(&authority.schema).collect();
        for kind in kinds.iter().filter(|kind| kind.actions.len() > 1) {
            let of = valid.iter().filter(|env| kind.has(env)).count();
            assert!(of == 0 || of == kind.actions.len(), "{}", permit.id());
            if of == 0 {
                continue;
            }
            let (first, last) = (kind.actions.first().unwrap(), kind.actions.last().unwrap());
            let question = |action: &str| {
                prover::question(&authority, permit, &claims.all[0], &at(kind, action)).unwrap()
            };
            let (one, other) = (question(first), question(last));
            assert_eq!(one.replace(&**first, "…"), other.replace(&**last, "…"), "{}", kind.line());
        }
    }
}

fn at(kind: &Kind, action: &str) -> Kind {
    let uid = format!("Action::\"{action}\"").parse().unwrap();
    let (principal, resource) = (kind.env.principal().clone(), kind.env.resource().clone());
    let mut other = kind.clone();
    other.env = cedar_policy::RequestEnv::new(principal, uid, resource);
    other
}
