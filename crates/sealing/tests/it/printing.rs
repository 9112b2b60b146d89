//! Nothing secret prints.

use sealing::{
    AccountKeys, Argon2Cost, Key, PassphraseFile, RootFile, RootFileError, RootKey, Secret, wrap,
};
use zeroize::ZeroizeOnDrop;

use crate::support::{context, key, seeded};

/// 0xa7 is 167 and `p6` or `en` in base64, so that each way to print a byte would be seen.
const BYTE: u8 = 0xa7;

#[test]
fn a_secret_prints_its_name_only() {
    let secret = Secret::new([BYTE; 8]);
    assert_eq!(format!("{secret}"), "Secret(..)");
    assert_eq!(format!("{secret:?} {secret:#?} {secret:x<40}"), "Secret(..) Secret(..) Secret(..)");
}

#[test]
fn what_holds_secrets_prints_none() {
    let key = || Key::new([BYTE; 32]);
    let root = || RootKey::from_bytes([BYTE; 32]);
    let keys = AccountKeys {
        account: 1,
        version: 1,
        names: key(),
        records: key(),
        tags: key(),
        log: key(),
    };
    let cost = Argon2Cost::new(8_192, 1, 1).unwrap();
    let locked = PassphraseFile::lock(&root(), b"twelve bytes", cost, &mut seeded(1)).unwrap();
    let (salt, wrapped) = base64_of(&locked);
    let stored = keys.seal_under(&root(), &mut seeded(1)).unwrap();
    for text in [
        format!("{keys:?} {keys:#?}"),
        format!("{:?} {:#?}", root(), root()),
        format!("{:?} {:#?}", RootFile::Plain(root()), RootFile::Passphrase(locked.clone())),
        format!("{locked:?} {stored:?} {stored:#?}"),
    ] {
        let lower = text.to_lowercase();
        for trace in ["167", "a7", "p6en", &salt.to_lowercase(), &wrapped.to_lowercase()] {
            assert!(!lower.contains(trace), "`{trace}` in {text}");
        }
    }
}

/// A line of a broken key file may be the key, so no message may quote it.
#[test]
fn errors_do_not_quote_the_file() {
    let good = RootKey::from_bytes([BYTE; 32]).to_file();
    for broken in [good.replace("key ", "kee "), good.replace('=', ""), good.replace('\n', "\r\n")]
    {
        let error = RootFile::parse(broken.as_bytes()).map(|_| ()).unwrap_err();
        assert!(matches!(error, RootFileError::Malformed(_)), "{error:?}");
        let text = format!("{error} {error:?}");
        assert!(!text.contains("p6en"), "{text}");
    }
}

#[test]
fn secrets_clear_themselves() {
    fn clears<T: ZeroizeOnDrop>(_: &T) {}
    clears(&key(1));
    clears(&Secret::new([0; 76]));
    let wrapped = wrap(&key(1), &context(), &mut seeded(1), &key(2)).unwrap();
    clears(&sealing::unwrap(&key(1), &context(), &wrapped).unwrap());
    clears(&sealing::open(&key(1), &context(), &wrapped).unwrap());
}

fn base64_of(file: &PassphraseFile) -> (String, String) {
    let text = file.encode();
    let salt = text.split("salt=").nth(1).and_then(|rest| rest.lines().next());
    let wrapped = text.lines().nth(2).and_then(|line| line.strip_prefix("wrapped "));
    (salt.unwrap().to_owned(), wrapped.unwrap().to_owned())
}
