//! What a maker states about a device: believed from makers that are named, and from nobody else.

use crate::device::{Device, Page, attested};
use passkeys::{Makers, Registration, Site};
use rcgen::{
    BasicConstraints, CertificateParams, CustomExtension, DnType, IsCa, Issuer, KeyPair,
    date_time_ymd,
};

/// The model that [`Device`] states.
const MODEL: [u8; 16] = [9; 16];

/// 2026-11-23.
const NOW: u64 = 1_795_392_000;

/// An authority of a maker, and what it signs certificates of devices with.
struct Maker {
    issuer: Issuer<'static, KeyPair>,
    pem: String,
}

impl Maker {
    fn new(name: &str) -> Self {
        let mut params = CertificateParams::new(vec![]).unwrap();
        params.distinguished_name.push(DnType::CommonName, name);
        params.is_ca = IsCa::Ca(BasicConstraints::Unconstrained);
        let key = KeyPair::generate().unwrap();
        let pem = params.self_signed(&key).unwrap().pem();
        Self { issuer: Issuer::new(params, key), pem }
    }

    /// The certificate of a batch of devices, and its key.
    fn batch(&self, change: impl FnOnce(&mut CertificateParams)) -> (Vec<u8>, KeyPair) {
        let mut params = CertificateParams::new(vec![]).unwrap();
        let names = [
            (DnType::CountryName, "SE"),
            (DnType::OrganizationName, "Maker"),
            (DnType::OrganizationalUnitName, "Authenticator Attestation"),
            (DnType::CommonName, "Batch 7"),
        ];
        for (kind, value) in names {
            params.distinguished_name.push(kind, value);
        }
        params.is_ca = IsCa::ExplicitNoCa;
        params.custom_extensions = vec![model(MODEL)];
        change(&mut params);
        let key = KeyPair::generate().unwrap();
        let der = params.signed_by(&key, &self.issuer).unwrap().der().to_vec();
        (der, key)
    }

    fn believed(&self) -> Makers {
        Makers::new(&self.pem, vec![]).unwrap()
    }
}

fn model(model: [u8; 16]) -> CustomExtension {
    let content = [&[4, 16], model.as_slice()].concat();
    CustomExtension::from_oid_content(&[1, 3, 6, 1, 4, 1, 45724, 1, 1, 4], content)
}

fn made(chain: &[&[u8]], key: &KeyPair) -> Registration {
    attested(&Device::es256(), &Page::right("webauthn.create"), chain, &key.serialize_der())
}

fn told(made: &Registration, makers: &Makers) -> Result<(), String> {
    let page = Page::right("webauthn.create");
    let site = Site::new("bailee.test").unwrap();
    let key = made.check(&page.challenge, &site).map_err(|error| error.to_string())?;
    made.attested(&key, makers, NOW).map_err(|error| error.to_string())
}

fn refused(made: &Registration, makers: &Makers, why: &str) {
    let said = told(made, makers).unwrap_err();
    assert!(said.contains(why), "{said} / {why}");
}

#[test]
fn a_device_of_a_named_maker_is_known_by_it() {
    let maker = Maker::new("Maker root");
    let (leaf, key) = maker.batch(|_| {});
    let registration = made(&[&leaf], &key);
    told(&registration, &maker.believed()).unwrap();
    // Beside others, and named by its model.
    let both = format!("{}{}", Maker::new("Another").pem, maker.pem);
    told(&registration, &Makers::new(&both, vec![[1; 16], MODEL]).unwrap()).unwrap();
    // A batch without the extension states its model in the signed data alone.
    let (leaf, key) = maker.batch(|params| params.custom_extensions.clear());
    told(&made(&[&leaf], &key), &maker.believed()).unwrap();
}

#[test]
fn a_device_of_nobody_known_is_refused() {
    let (maker, other) = (Maker::new("Maker root"), Maker::new("Maker root"));
    let (leaf, key) = maker.batch(|_| {});
    let good = made(&[&leaf], &key);
    refused(&good, &other.believed(), "no maker");
    refused(&good, &Makers::new(&maker.pem, vec![[8; 16]]).unwrap(), "model that is not taken");
    let stranger = KeyPair::generate().unwrap();
    refused(&made(&[&leaf], &stranger), &maker.believed(), "not signed by its certificate");
    refused(&made(&[], &key), &maker.believed(), "cannot be read");
    refused(&made(&[leaf.as_slice(); 6], &key), &maker.believed(), "cannot be read");
    refused(&made(&[&leaf[..40]], &key), &maker.believed(), "cannot be read");
    let none = Device::es256().make(&Page::right("webauthn.create"));
    refused(&none, &maker.believed(), "`packed`");
}

#[test]
fn a_certificate_that_is_none_for_devices_is_refused() {
    let maker = Maker::new("Maker root");
    let with = |change: &dyn Fn(&mut CertificateParams)| {
        let (leaf, key) = maker.batch(|params| change(params));
        told(&made(&[&leaf], &key), &maker.believed()).unwrap_err()
    };
    let another = with(&|params| params.custom_extensions = vec![model([3; 16])]);
    assert!(another.contains("another model"), "{another}");
    let critical = with(&|params| {
        let mut extension = model(MODEL);
        extension.set_criticality(true);
        params.custom_extensions = vec![extension];
    });
    assert!(critical.contains("another model"), "{critical}");
    let unit = with(&|params| {
        params.distinguished_name.push(DnType::OrganizationalUnitName, "Web server");
    });
    assert!(unit.contains("none for attestation"), "{unit}");
    let authority = with(&|params| params.is_ca = IsCa::Ca(BasicConstraints::Unconstrained));
    assert!(authority.contains("none for attestation"), "{authority}");
    let late = with(&|params| params.not_after = date_time_ymd(2026, 1, 1));
    assert!(late.contains("no maker"), "{late}");
    let early = with(&|params| params.not_before = date_time_ymd(2030, 1, 1));
    assert!(early.contains("no maker"), "{early}");
}

#[test]
fn a_statement_of_another_registration_is_refused() {
    let maker = Maker::new("Maker root");
    let (leaf, key) = maker.batch(|_| {});
    let good = made(&[&leaf], &key);
    for at in 0..good.attestation.len() {
        let mut bad = good.clone();
        bad.attestation[at] ^= 1;
        assert!(told(&bad, &maker.believed()).is_err(), "byte {at}");
    }
    // The browser's part is signed too.
    let mut page = Page::right("webauthn.create");
    page.more = r#","x":1"#;
    let other = attested(&Device::es256(), &page, &[&leaf], &key.serialize_der());
    let mixed = Registration { attestation: good.attestation.clone(), ..other };
    refused(&mixed, &maker.believed(), "not signed by its certificate");
}

#[test]
fn makers_are_named_by_certificates() {
    for (pem, models) in [("", vec![]), ("nonsense", vec![[0; 16]])] {
        let said = Makers::new(pem, models).unwrap_err().to_string();
        assert!(said.contains("certificates of makers"), "{said}");
    }
    let broken = "-----BEGIN CERTIFICATE-----\nAAAA\n-----END CERTIFICATE-----\n";
    assert!(Makers::new(broken, vec![]).is_err());
    let many = Maker::new("m").pem.repeat(201);
    assert!(Makers::new(&many, vec![]).is_err());
}
