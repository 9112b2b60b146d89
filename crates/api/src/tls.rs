//! What TLS needs: a development certificate authority, the server's certificate, the settings.
//!
//! Promises: the authority and the server's certificate are made at the first start and kept; a
//! certificate that the authority does not vouch for in thirty days' time, under every name that is
//! asked for, is replaced at start. TLS 1.3 (RFC 8446) only, unless 1.2 is allowed explicitly;
//! application data in the first flight (0-RTT) is never taken, because it can be replayed.
//!
//! Private keys live in the keys folder (`tls/ca.key`, `tls/server.key`, mode 0600), certificates
//! in the data folder (`tls/ca.pem`, `tls/server.pem`). To replace the authority, which is valid
//! for ten years, remove `tls/ca.key` and `tls/ca.pem` and hand the new `ca.pem` to the clients.
//!
//! Does not: renew while the server runs, or revoke.

use crate::routes::shared::fresh;
use kernel::Moment;
use rcgen::{
    BasicConstraints, CertificateParams, DistinguishedName, DnType, ExtendedKeyUsagePurpose, IsCa,
    Issuer, KeyPair, KeyUsagePurpose, PKCS_ECDSA_P256_SHA256, SerialNumber,
};
use rustls::client::danger::HandshakeSignatureValid;
use rustls::client::danger::ServerCertVerifier;
use rustls::client::{ClientConfig, WebPkiServerVerifier};
use rustls::crypto::CryptoProvider;
use rustls::crypto::aws_lc_rs::{Ticketer, default_provider};
use rustls::crypto::{verify_tls12_signature, verify_tls13_signature};
use rustls::server::danger::{ClientCertVerified, ClientCertVerifier};
use rustls::server::{ServerConfig, WebPkiClientVerifier};
use rustls::version::{TLS12, TLS13};
use rustls::{DigitallySignedStruct, RootCertStore, SignatureScheme, SupportedProtocolVersion};
use rustls_pki_types::pem::PemObject;
use rustls_pki_types::{CertificateDer, PrivatePkcs8KeyDer, ServerName, UnixTime};
use std::fs::{self, DirBuilder, OpenOptions, Permissions};
use std::io::{self, Write};
use std::net::IpAddr;
use std::os::unix::fs::{DirBuilderExt, OpenOptionsExt, PermissionsExt};
use std::path::Path;
use std::sync::Arc;
use std::time::Duration;

const DAY: Duration = Duration::from_secs(24 * 3600);

/// How long the authority's certificate is valid.
const AUTHORITY_LIFE: Duration = Duration::from_secs(3650 * 24 * 3600);

/// How long a server certificate is valid: browsers refuse more than 398 days.
const SERVER_LIFE: Duration = Duration::from_secs(397 * 24 * 3600);

/// A certificate that ends sooner than this is replaced at start.
const RENEW_BEFORE: Duration = Duration::from_secs(30 * 24 * 3600);

/// What the server's side of TLS is built from.
pub(crate) struct TlsFiles<'a> {
    /// The data folder; certificates are kept in its `tls`.
    pub(crate) data: &'a Path,
    /// The keys folder; private keys are kept in its `tls`.
    pub(crate) keys: &'a Path,
    /// Names and addresses the certificate must hold besides `localhost`, `127.0.0.1` and `::1`.
    pub(crate) names: &'a [String],
}

/// Both sides of TLS: the server's, and that of a client who trusts the authority alone.
pub(crate) struct Tls {
    pub(crate) server: Arc<ServerConfig>,
    pub(crate) client: Arc<ClientConfig>,
    certificates: Certificates,
    versions: Versions,
}

/// The versions that are spoken.
type Versions = &'static [&'static SupportedProtocolVersion];
static NEWEST: Versions = &[&TLS13];
static BOTH: Versions = &[&TLS13, &TLS12];

impl Tls {
    /// Reads or makes the certificates.
    ///
    /// # Errors
    /// When a folder or file cannot be read or written, a private key can be read by others, or a
    /// name is no DNS name and no IP address; the message names it.
    pub(crate) fn prepare(
        files: &TlsFiles<'_>,
        allow_tls12: bool,
        now: Moment,
    ) -> io::Result<Self> {
        let provider = Arc::new(default_provider());
        let (chain, key) = certificates(files, &provider, now)?;
        let mut roots = RootCertStore::empty();
        for certificate in chain.iter().skip(1) {
            roots.add(certificate.clone()).map_err(other)?;
        }
        let client = ClientConfig::builder_with_provider(Arc::clone(&provider))
            .with_protocol_versions(&[&TLS13, &TLS12])
            .map_err(other)?
            .with_root_certificates(roots)
            .with_no_client_auth();
        let versions = if allow_tls12 { BOTH } else { NEWEST };
        let certificates = (chain, key);
        let mut server = settings(provider, versions, &certificates, &Clients::Holders)?;
        server.alpn_protocols = vec![b"h2".to_vec(), b"http/1.1".to_vec()];
        server.ticketer = Ticketer::new().map_err(other)?;
        Ok(Self { server: Arc::new(server), client: Arc::new(client), certificates, versions })
    }

    /// The settings of a listener beside the API; with authorities in PEM, for their clients alone.
    ///
    /// # Errors
    /// When there is no authority in the text.
    pub(crate) fn listener(&self, client_ca: Option<&str>) -> io::Result<ServerConfig> {
        let provider = Arc::new(default_provider());
        let clients = client_ca.map_or(Clients::Anybody, Clients::Of);
        settings(provider, self.versions, &self.certificates, &clients)
    }
}

/// What is asked of clients in the handshake.
enum Clients<'c> {
    /// Nothing.
    Anybody,
    /// A certificate that one of these authorities vouches for (PEM).
    Of(&'c str),
    /// A certificate, if they have one; whose it is, the live rights say with each request.
    Holders,
}

/// Takes whatever certificate a client shows, once it proved that it holds its key.
///
/// That proves nothing of who it is: what counts is that exactly this certificate is a credential
/// in the live rights (RFC 8705 §2.2 has the like). So what an authority says, when it ends and
/// whether it was revoked need not be believed here, and are not.
#[derive(Debug)]
struct Holders {
    provider: Arc<CryptoProvider>,
    /// Browsers offer certificates of this authority alone, so that nobody is asked about others.
    of: [rustls::DistinguishedName; 1],
}

impl ClientCertVerifier for Holders {
    fn client_auth_mandatory(&self) -> bool {
        false
    }

    fn root_hint_subjects(&self) -> &[rustls::DistinguishedName] {
        &self.of
    }

    fn verify_client_cert(
        &self,
        _end_entity: &CertificateDer<'_>,
        _intermediates: &[CertificateDer<'_>],
        _now: UnixTime,
    ) -> Result<ClientCertVerified, rustls::Error> {
        Ok(ClientCertVerified::assertion())
    }

    fn verify_tls12_signature(
        &self,
        message: &[u8],
        certificate: &CertificateDer<'_>,
        signed: &DigitallySignedStruct,
    ) -> Result<HandshakeSignatureValid, rustls::Error> {
        let known = &self.provider.signature_verification_algorithms;
        verify_tls12_signature(message, certificate, signed, known)
    }

    fn verify_tls13_signature(
        &self,
        message: &[u8],
        certificate: &CertificateDer<'_>,
        signed: &DigitallySignedStruct,
    ) -> Result<HandshakeSignatureValid, rustls::Error> {
        let known = &self.provider.signature_verification_algorithms;
        verify_tls13_signature(message, certificate, signed, known)
    }

    fn supported_verify_schemes(&self) -> Vec<SignatureScheme> {
        self.provider.signature_verification_algorithms.supported_schemes()
    }
}

fn settings(
    provider: Arc<CryptoProvider>,
    versions: Versions,
    (chain, key): &Certificates,
    clients: &Clients<'_>,
) -> io::Result<ServerConfig> {
    let builder = ServerConfig::builder_with_provider(Arc::clone(&provider))
        .with_protocol_versions(versions)
        .map_err(other)?;
    let builder = match clients {
        Clients::Anybody => builder.with_no_client_auth(),
        Clients::Holders => {
            let name = domain::certificates::authority_name();
            let of = [rustls::DistinguishedName::from(name)];
            builder.with_client_cert_verifier(Arc::new(Holders { provider, of }))
        }
        Clients::Of(pem) => {
            let mut roots = RootCertStore::empty();
            for certificate in CertificateDer::pem_slice_iter(pem.as_bytes()) {
                roots.add(certificate.map_err(other)?).map_err(other)?;
            }
            let verifier = WebPkiClientVerifier::builder_with_provider(roots.into(), provider);
            builder.with_client_cert_verifier(verifier.build().map_err(other)?)
        }
    };
    builder.with_single_cert(chain.clone(), key.clone_key().into()).map_err(other)
}

/// The server's certificate, the authority's, and the server's key.
type Certificates = (Vec<CertificateDer<'static>>, PrivatePkcs8KeyDer<'static>);

fn certificates(
    files: &TlsFiles<'_>,
    provider: &Arc<CryptoProvider>,
    now: Moment,
) -> io::Result<Certificates> {
    let names = all_names(files.names)?;
    let authority = authority(files, now)?;
    let key = private_key(&files.keys.join("tls/server.key"))?;
    let path = files.data.join("tls/server.pem");
    let kept = CertificateDer::from_pem_file(&path).ok();
    let certificate = match kept.filter(|kept| holds(provider, &authority, kept, &key, &names, now))
    {
        Some(kept) => kept,
        None => {
            let made = issue(&authority, &key, &names, now)?;
            write(&path, made.pem().as_bytes(), 0o644)?;
            made.der().clone()
        }
    };
    let key = PrivatePkcs8KeyDer::from(key.serialize_der());
    Ok((vec![certificate, authority.certificate], key))
}

/// The certificate authority: what it signs with, and what clients trust.
struct Authority {
    issuer: Issuer<'static, KeyPair>,
    certificate: CertificateDer<'static>,
}

fn authority(files: &TlsFiles<'_>, now: Moment) -> io::Result<Authority> {
    let key = private_key(&files.keys.join("tls/ca.key"))?;
    let path = files.data.join("tls/ca.pem");
    let pem = match fs::read_to_string(&path) {
        Ok(pem) => pem,
        Err(error) if error.kind() == io::ErrorKind::NotFound => {
            let pem = authority_params(now)?.self_signed(&key).map_err(other)?.pem();
            write(&path, pem.as_bytes(), 0o644)?;
            pem
        }
        Err(error) => return Err(named(&path, &error)),
    };
    let certificate = CertificateDer::from_pem_slice(pem.as_bytes()).map_err(|error| {
        io::Error::other(format!("`{}` is no certificate: {error}", path.display()))
    })?;
    // The certificate holds the public key verbatim; one of another key would vouch for nothing.
    let point = key.public_key_raw();
    if !certificate.windows(point.len()).any(|window| window == point) {
        return Err(io::Error::other(format!(
            "`{}` does not belong to `tls/ca.key` of the keys folder: bring the right one back, or \
             remove both to make a new authority",
            path.display()
        )));
    }
    let issuer = Issuer::from_ca_cert_der(&certificate, key).map_err(other)?;
    Ok(Authority { issuer, certificate })
}

fn authority_params(now: Moment) -> io::Result<CertificateParams> {
    let mut params = params(now, AUTHORITY_LIFE, "Bailee development CA")?;
    // It signs servers, not further authorities.
    params.is_ca = IsCa::Ca(BasicConstraints::Constrained(0));
    params.key_usages = vec![KeyUsagePurpose::KeyCertSign, KeyUsagePurpose::CrlSign];
    Ok(params)
}

fn issue(
    authority: &Authority,
    key: &KeyPair,
    names: &[String],
    now: Moment,
) -> io::Result<rcgen::Certificate> {
    let mut params = params(now, SERVER_LIFE, "Bailee")?;
    params.subject_alt_names = CertificateParams::new(names).map_err(other)?.subject_alt_names;
    params.key_usages = vec![KeyUsagePurpose::DigitalSignature];
    params.extended_key_usages = vec![ExtendedKeyUsagePurpose::ServerAuth];
    params.use_authority_key_identifier_extension = true;
    params.signed_by(key, &authority.issuer).map_err(other)
}

/// Valid from a day ago, because clients' clocks differ.
fn params(now: Moment, life: Duration, name: &str) -> io::Result<CertificateParams> {
    let at = |moment: Moment| {
        let seconds = i64::try_from(moment.0 / 1_000_000).map_err(other)?;
        time::OffsetDateTime::from_unix_timestamp(seconds).map_err(other)
    };
    let mut params = CertificateParams::default();
    params.distinguished_name = DistinguishedName::new();
    params.distinguished_name.push(DnType::CommonName, name);
    params.not_before = at(Moment(now.0.saturating_sub(Moment(0).after(DAY).0)))?;
    params.not_after = at(now.after(life))?;
    // RFC 5280 §4.1.2.2: one number is used once by an authority, in at most 20 bytes; no two
    // starts share a µs. The rest is what the CA/Browser Forum asks for: 64 bits of randomness.
    let mut serial = fresh().map_err(|_| io::Error::other("the system gives no randomness"))?;
    for (byte, of_time) in serial.iter_mut().zip(now.0.to_be_bytes()) {
        *byte = of_time;
    }
    params.serial_number = Some(SerialNumber::from_slice(&serial));
    Ok(params)
}

/// Whether clients that trust the authority accept this certificate for every name, now and until
/// it is time to renew it.
fn holds(
    provider: &Arc<CryptoProvider>,
    authority: &Authority,
    certificate: &CertificateDer<'_>,
    key: &KeyPair,
    names: &[String],
    now: Moment,
) -> bool {
    let point = key.public_key_raw();
    let mut roots = RootCertStore::empty();
    if roots.add(authority.certificate.clone()).is_err()
        || !certificate.windows(point.len()).any(|window| window == point)
    {
        return false;
    }
    let verifier = WebPkiServerVerifier::builder_with_provider(roots.into(), Arc::clone(provider));
    let Ok(verifier) = verifier.build() else { return false };
    let unix = |moment: Moment| UnixTime::since_unix_epoch(Duration::from_micros(moment.0));
    names.iter().all(|name| {
        ServerName::try_from(name.as_str()).is_ok_and(|name| {
            [now, now.after(RENEW_BEFORE)].into_iter().all(|at| {
                verifier.verify_server_cert(certificate, &[], &name, &[], unix(at)).is_ok()
            })
        })
    })
}

/// The names in the order of the certificate, each once; an address that stands for all addresses
/// names nothing.
fn all_names(asked: &[String]) -> io::Result<Vec<String>> {
    let mut names: Vec<String> = ["localhost", "127.0.0.1", "::1"].map(str::to_owned).into();
    for name in asked {
        if ServerName::try_from(name.as_str()).is_err() {
            return Err(io::Error::new(
                io::ErrorKind::InvalidInput,
                format!("`{name}` is no host name and no IP address: write it without port"),
            ));
        }
        let unspecified = name.parse::<IpAddr>().is_ok_and(|address| address.is_unspecified());
        if !unspecified && !names.contains(name) {
            names.push(name.clone());
        }
    }
    Ok(names)
}

/// Reads a private key, or makes one.
fn private_key(path: &Path) -> io::Result<KeyPair> {
    match fs::metadata(path) {
        Ok(metadata) if metadata.permissions().mode() & 0o077 != 0 => {
            return Err(io::Error::new(
                io::ErrorKind::PermissionDenied,
                format!("`{}` can be read by others: `chmod 600` it", path.display()),
            ));
        }
        Ok(_) => {}
        Err(error) if error.kind() == io::ErrorKind::NotFound => {
            let key = KeyPair::generate_for(&PKCS_ECDSA_P256_SHA256).map_err(other)?;
            write(path, key.serialize_pem().as_bytes(), 0o600)?;
            return Ok(key);
        }
        Err(error) => return Err(named(path, &error)),
    }
    let pem = fs::read_to_string(path).map_err(|error| named(path, &error))?;
    KeyPair::from_pem(&pem).map_err(|error| {
        io::Error::other(format!("`{}` is no private key: {error}", path.display()))
    })
}

/// Writes a file whole or not at all, and its folder if that is missing.
fn write(path: &Path, bytes: &[u8], mode: u32) -> io::Result<()> {
    let folder = path.parent().unwrap_or(Path::new("."));
    let folder_mode = if mode == 0o600 { 0o700 } else { 0o755 };
    let attempt = || {
        DirBuilder::new().recursive(true).mode(folder_mode).create(folder)?;
        let new = path.with_extension("new");
        let mut file =
            OpenOptions::new().write(true).create(true).truncate(true).mode(mode).open(&new)?;
        // A file left over from a crash keeps its mode otherwise.
        file.set_permissions(Permissions::from_mode(mode))?;
        file.write_all(bytes)?;
        file.sync_all()?;
        fs::rename(&new, path)?;
        fs::File::open(folder)?.sync_all()
    };
    attempt().map_err(|error| named(path, &error))
}

fn named(path: &Path, error: &io::Error) -> io::Error {
    io::Error::new(error.kind(), format!("`{}`: {error}", path.display()))
}

fn other(error: impl std::error::Error + Send + Sync + 'static) -> io::Error {
    io::Error::other(error)
}
