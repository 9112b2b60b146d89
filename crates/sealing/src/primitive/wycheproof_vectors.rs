//! The Wycheproof vectors, run through the functions that everything in this crate uses. Each test
//! counts what it ran, so that a filter which drops everything fails.

use wycheproof::{TestResult, aead, hkdf, mac};

use super::{Hmac, gcm_open, gcm_seal, hkdf_expand};

#[test]
fn aes_256_gcm() {
    let (mut valid, mut invalid) = (0, 0);
    let set = aead::TestSet::load(aead::TestName::AesGcm).unwrap();
    let groups = set.test_groups.iter();
    for group in groups.filter(|g| (g.key_size, g.nonce_size, g.tag_size) == (256, 96, 128)) {
        for case in &group.tests {
            let key: &[u8; 32] = case.key.as_slice().try_into().unwrap();
            let nonce: [u8; 12] = case.nonce.as_slice().try_into().unwrap();
            let mut opened = vec![0; case.ct.len()];
            let result = gcm_open(key, nonce, &case.aad, &case.ct, &case.tag, &mut opened);
            if case.result == TestResult::Invalid {
                assert!(result.is_err(), "case {} was opened", case.tc_id);
                invalid += 1;
                continue;
            }
            assert!(result.is_ok(), "case {} was refused", case.tc_id);
            assert_eq!(opened, case.pt.as_slice(), "case {}", case.tc_id);
            let (mut ciphertext, mut tag) = (vec![0; case.pt.len()], vec![0; 16]);
            gcm_seal(key, nonce, &case.aad, &case.pt, &mut ciphertext, &mut tag).unwrap();
            assert_eq!(ciphertext, case.ct.as_slice(), "case {}", case.tc_id);
            assert_eq!(tag, case.tag.as_slice(), "case {}", case.tc_id);
            valid += 1;
        }
    }
    assert!(valid >= 30 && invalid >= 20, "only {valid} valid and {invalid} invalid cases ran");
}

#[test]
fn hmac_sha_256() {
    let (mut valid, mut invalid) = (0, 0);
    let set = mac::TestSet::load(mac::TestName::HmacSha256).unwrap();
    for group in &set.test_groups {
        for case in &group.tests {
            let mut state = Hmac::new(&case.key);
            // Two pieces, because callers feed it so.
            let (head, tail) = case.msg.split_at(case.msg.len() / 3);
            state.update(head);
            state.update(tail);
            let agrees = state.finish()[..group.tag_size / 8] == *case.tag.as_slice();
            assert_eq!(agrees, case.result != TestResult::Invalid, "case {}", case.tc_id);
            if agrees { valid += 1 } else { invalid += 1 }
        }
    }
    assert!(valid >= 60 && invalid >= 60, "only {valid} valid and {invalid} invalid cases ran");
}

/// The vectors begin with the extract step; it is one HMAC, which the crate itself never needs.
#[test]
fn hkdf_sha_256() {
    let (mut valid, mut invalid) = (0, 0);
    let set = hkdf::TestSet::load(hkdf::TestName::HkdfSha256).unwrap();
    for group in &set.test_groups {
        for case in &group.tests {
            let mut extract = Hmac::new(&case.salt);
            extract.update(&case.ikm);
            let mut okm = vec![0; case.size];
            let result = hkdf_expand(&extract.finish(), &[&case.info], &mut okm);
            if case.result == TestResult::Invalid {
                assert!(result.is_err(), "case {} was answered", case.tc_id);
                invalid += 1;
            } else {
                assert!(result.is_ok(), "case {} was refused", case.tc_id);
                assert_eq!(okm, case.okm.as_slice(), "case {}", case.tc_id);
                valid += 1;
            }
        }
    }
    assert!(valid >= 60 && invalid >= 1, "only {valid} valid and {invalid} invalid cases ran");
}
