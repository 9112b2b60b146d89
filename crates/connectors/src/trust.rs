//! Whom a TLS client believes: one set-up for mail, webhooks and probes.
//!
//! Promises: TLS 1.2 or 1.3 only, one cryptographic provider, named explicitly so that a second one
//! in the program cannot take its place; with a root given, that root alone is believed, else those
//! of the operating system.

use std::sync::Arc;

use reqwest::{Client, ClientBuilder, redirect};
use rustls::ClientConfig;
use rustls::RootCertStore;
use rustls::client::WebPkiServerVerifier;
use rustls::client::danger::ServerCertVerifier;
use rustls::crypto::CryptoProvider;
use rustls::crypto::aws_lc_rs::default_provider;
use rustls::version::{TLS12, TLS13};
use rustls_pki_types::CertificateDer;
use rustls_pki_types::pem::PemObject;

/// Most bytes of PEM text that is believed.
const PEM_BYTES: usize = 1024 * 1024;

/// Checks servers' certificates against these roots, or those of the operating system.
///
/// # Errors
/// A sentence when the PEM text holds no usable certificate, or the system has no roots.
pub(crate) fn verifier(root_pem: Option<&str>) -> Result<Arc<dyn ServerCertVerifier>, String> {
    let provider = Arc::new(default_provider());
    let Some(pem) = root_pem else {
        let system = rustls_platform_verifier::Verifier::new(provider);
        return system.map(|verifier| Arc::new(verifier) as Arc<dyn ServerCertVerifier>).map_err(
            |why| format!("the operating system's certificate authorities cannot be read: {why}"),
        );
    };
    let verifier = WebPkiServerVerifier::builder_with_provider(roots(pem)?.into(), provider);
    let verifier = verifier.build().map_err(|why| format!("the root is not usable: {why}"))?;
    Ok(verifier)
}

/// A client for connections that have to be trusted.
///
/// # Errors
/// As [`verifier`].
pub(crate) fn client(root_pem: Option<&str>) -> Result<ClientConfig, String> {
    client_with(verifier(root_pem)?)
}

/// A client that asks this verifier.
///
/// # Errors
/// When the cryptographic provider lacks what TLS needs, which is a defect of the build.
pub(crate) fn client_with(verifier: Arc<dyn ServerCertVerifier>) -> Result<ClientConfig, String> {
    let provider: Arc<CryptoProvider> = Arc::new(default_provider());
    let mut config = ClientConfig::builder_with_provider(provider)
        .with_protocol_versions(&[&TLS13, &TLS12])
        .map_err(|why| format!("TLS is not usable: {why}"))?
        .dangerous()
        .with_custom_certificate_verifier(verifier)
        .with_no_client_auth();
    // A resumed session proves less: the certificate is not seen again.
    config.resumption = rustls::client::Resumption::disabled();
    Ok(config)
}

/// An outgoing HTTPS client in the making: what is sent goes to the address that was named and to
/// nobody else, so it follows no redirect, uses no proxy and repeats nothing by itself.
///
/// # Errors
/// As [`verifier`].
pub(crate) fn https(root_pem: Option<&str>) -> Result<ClientBuilder, String> {
    let mut tls = client(root_pem)?;
    tls.alpn_protocols = vec![b"http/1.1".to_vec()];
    Ok(Client::builder()
        .user_agent(concat!("bailee/", env!("CARGO_PKG_VERSION")))
        .tls_backend_preconfigured(tls)
        .http1_only()
        .redirect(redirect::Policy::none())
        .no_proxy()
        .retry(reqwest::retry::never()))
}

/// How a protocol version is written (RFC 8446 §4.2.1).
pub(crate) fn version_name(version: Option<rustls::ProtocolVersion>) -> Option<String> {
    Some(match version? {
        rustls::ProtocolVersion::TLSv1_3 => "TLSv1.3".to_owned(),
        rustls::ProtocolVersion::TLSv1_2 => "TLSv1.2".to_owned(),
        other => format!("{other:?}"),
    })
}

fn roots(pem: &str) -> Result<RootCertStore, String> {
    if pem.len() > PEM_BYTES {
        return Err("the root is longer than 1 MiB: give the one authority that is meant".into());
    }
    let mut roots = RootCertStore::empty();
    for certificate in CertificateDer::pem_slice_iter(pem.as_bytes()) {
        let certificate = certificate.map_err(|why| format!("the root is not PEM text: {why}"))?;
        roots.add(certificate).map_err(|why| format!("the root is no certificate: {why}"))?;
    }
    if roots.is_empty() {
        return Err("the root has no PEM certificate: give the authority's `.pem` file".into());
    }
    Ok(roots)
}
