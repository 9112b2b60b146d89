//! The construction, written a second time from its description with nothing but HMAC and AES-GCM.

use aws_lc_rs::{aead, hkdf, hmac};
use sealing::{Context, derive, mac, open, seal, sha256, tag};

use crate::support::{context, key, seeded};

fn lp(part: &[u8]) -> Vec<u8> {
    [&u32::try_from(part.len()).unwrap().to_be_bytes()[..], part].concat()
}

fn encoded(context: &Context) -> Vec<u8> {
    [
        lp(b"bailee-seal/v1"),
        lp(context.label.bytes()),
        lp(&context.account.to_be_bytes()),
        lp(&context.tag),
        lp(&context.version.to_be_bytes()),
        lp(&context.key_version.to_be_bytes()),
    ]
    .concat()
}

/// RFC 5869 §2.3, as it is printed there.
fn expand(prk: &[u8], info: &[u8], len: usize) -> Vec<u8> {
    let key = hmac::Key::new(hmac::HMAC_SHA256, prk);
    let (mut okm, mut block) = (Vec::new(), Vec::new());
    for counter in 1u8.. {
        if okm.len() >= len {
            break;
        }
        block = hmac::sign(&key, &[&block, info, &[counter]].concat()).as_ref().to_vec();
        okm.extend_from_slice(&block);
    }
    okm.truncate(len);
    okm
}

#[test]
fn a_sealed_value_is_what_its_description_says() {
    let mut entropy = seeded(9);
    for plaintext in [&b""[..], b"x", b"sixteen bytes...", &[7; 1_000]] {
        let sealed = seal(&key(1), &context(), &mut entropy, plaintext).unwrap();
        let (suite, salt) = (&sealed[..1], &sealed[1..25]);
        let aad = encoded(&context());
        assert_eq!(aad, context().encode());
        let name = b"bailee-seal/v1 HKDF-SHA256 AES-256-GCM";
        let material = expand(&[1; 32], &[lp(name), salt.to_vec(), lp(&aad)].concat(), 76);
        let (message_key, nonce, commitment) =
            (&material[..32], &material[32..44], &material[44..]);

        let cipher = aead::UnboundKey::new(&aead::AES_256_GCM, message_key).unwrap();
        let nonce = aead::Nonce::try_assume_unique_for_key(nonce).unwrap();
        let mut body = plaintext.to_vec();
        aead::LessSafeKey::new(cipher)
            .seal_in_place_append_tag(nonce, aead::Aad::from(&aad), &mut body)
            .unwrap();

        assert_eq!(suite, [0x01]);
        assert_eq!(sealed, [suite, salt, commitment, &body].concat());
        assert_eq!(open(&key(1), &context(), &sealed).unwrap().as_slice(), plaintext);
    }
}

#[test]
fn the_keyed_functions_are_what_their_descriptions_say() {
    let parts: [&[u8]; 3] = [b"records", b"", b"id-17"];
    let framed: Vec<u8> = parts.iter().flat_map(|part| lp(part)).collect();
    let hmac_key = hmac::Key::new(hmac::HMAC_SHA256, &[1; 32]);
    let sign = |name: &[u8]| hmac::sign(&hmac_key, &[lp(name), framed.clone()].concat());
    assert_eq!(mac(&key(1), &parts), sign(b"bailee-mac/v1").as_ref());
    assert_eq!(tag(&key(1), &parts), sign(b"bailee-tag/v1").as_ref()[..16]);

    let digest = aws_lc_rs::digest::digest(&aws_lc_rs::digest::SHA256, &framed);
    assert_eq!(sha256(&parts), digest.as_ref());

    let info = [lp(b"bailee-derive/v1"), lp(b"label"), framed].concat();
    let derived = derive(&key(1), b"label", &parts);
    assert_eq!(derived.expose(), expand(&[1; 32], &info, 32).as_slice());
    let mut again = [0; 32];
    let prk = hkdf::Prk::new_less_safe(hkdf::HKDF_SHA256, &[1; 32]);
    prk.expand(&[&info], hkdf::HKDF_SHA256).unwrap().fill(&mut again).unwrap();
    assert_eq!(derived.expose(), &again);
}
