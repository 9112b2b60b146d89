//! Ed25519 (RFC 8032) as the ledger uses it: aws-lc-rs against the Wycheproof vectors. It stands
//! here so that every primitive of the house is tried in one place.

use aws_lc_rs::signature::{ED25519, UnparsedPublicKey};
use wycheproof::{TestResult, eddsa};

#[test]
fn ed25519_verification() {
    let (mut valid, mut invalid) = (0, 0);
    let set = eddsa::TestSet::load(eddsa::TestName::Ed25519).unwrap();
    for group in &set.test_groups {
        let public = UnparsedPublicKey::new(&ED25519, group.key.pk.as_slice());
        for case in &group.tests {
            let accepted = public.verify(&case.msg, &case.sig).is_ok();
            assert_eq!(accepted, case.result != TestResult::Invalid, "case {}", case.tc_id);
            if accepted { valid += 1 } else { invalid += 1 }
        }
    }
    assert!(valid >= 60 && invalid >= 50, "only {valid} valid and {invalid} invalid cases ran");
}
