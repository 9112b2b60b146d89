//! The makers whose devices administrators have to use for their passkeys.

use std::path::PathBuf;
use std::sync::Arc;

use passkeys::Makers;
use serde::Deserialize;

use crate::exit::Failure;

/// What passkeys have to be.
#[derive(Clone, Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Passkeys {
    /// File with the authorities (PEM) of the makers whose devices administrators have to use.
    pub makers: PathBuf,
    /// Models (AAGUID, such as `"fa2b99dc-9e39-4257-8f92-4a30d23c4118"`) that are taken. Default:
    /// all of theirs.
    #[serde(default)]
    pub models: Vec<String>,
}

impl Passkeys {
    /// The makers, as they are named.
    ///
    /// # Errors
    /// When the file cannot be read or holds no certificates, or a model is none.
    pub fn makers(&self) -> Result<Arc<Makers>, Failure> {
        let path = self.makers.display();
        let pem = std::fs::read_to_string(&self.makers)
            .map_err(|why| Failure::file("read", &self.makers, &why))?;
        let models = self.models.iter().map(|text| {
            let none = || Failure::usage(format!("`passkeys.models`: `{text}` is no AAGUID"));
            model(text).ok_or_else(none)
        });
        let made = Makers::new(&pem, models.collect::<Result<_, _>>()?);
        made.map(Arc::new).map_err(|why| {
            Failure::usage(format!("`passkeys.makers`: `{path}` names no makers: {why}"))
        })
    }
}

/// A model as it is written: 32 hexadecimal digits, with or without hyphens.
fn model(text: &str) -> Option<[u8; 16]> {
    let digits: String = text.chars().filter(|one| *one != '-').collect();
    let number = u128::from_str_radix(&digits, 16).ok().filter(|_| digits.len() == 32)?;
    (!digits.starts_with('+')).then(|| number.to_be_bytes())
}

#[cfg(test)]
mod tests {
    use super::{Passkeys, model};

    #[test]
    fn models_are_sixteen_bytes() {
        let known = model("fa2b99dc-9e39-4257-8f92-4a30d23c4118").unwrap();
        assert_eq!((known[0], known[15]), (0xfa, 0x18));
        for bad in ["", "fa2b99dc", "+a2b99dc9e3942578f924a30d23c4118", &"g".repeat(32)] {
            assert!(model(bad).is_none(), "{bad}");
        }
    }

    #[test]
    fn what_names_no_makers_is_refused_by_name() {
        let scratch = tempfile::tempdir().unwrap();
        let makers = scratch.path().join("makers.pem");
        let said = |models: Vec<String>| {
            let passkeys = Passkeys { makers: makers.clone(), models };
            format!("{:?}", passkeys.makers().unwrap_err())
        };
        assert!(said(vec![]).contains("makers.pem"), "it is not there");
        std::fs::write(&makers, "nonsense").unwrap();
        assert!(said(vec![]).contains("passkeys.makers"));
        assert!(said(vec!["x".to_owned()]).contains("passkeys.models"));
    }
}
