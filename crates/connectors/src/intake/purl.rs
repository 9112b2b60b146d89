//! Package URLs (ECMA-427, the purl specification) and the ecosystems of OSV that they stand for.
//!
//! Promises: what is accepted follows the specification's order of parsing; type and
//! percent-encoding are decoded; the name that comes out is the one advisories use in that
//! ecosystem.
//! Deliberately not: rules of types that no advisory depends on.

use super::Refused;
use super::text::{self, quote};

/// A package URL in the words of OSV.
pub(super) struct Package {
    /// Ecosystem as OSV names it, or the purl's own type where OSV has none.
    pub(super) ecosystem: String,
    /// Name within the ecosystem, namespace included.
    pub(super) name: String,
    /// Version, decoded; empty when there is none.
    pub(super) version: String,
}

/// Parses `pkg:type/namespace/name@version?qualifiers#subpath`.
pub(super) fn parse(place: impl Fn() -> String, purl: &str) -> Result<Package, Refused> {
    let refuse = |problem: &str| {
        let remedy = "write it as `pkg:type/namespace/name@version`";
        Refused::new(place(), format!("{} {problem}", quote(purl)), remedy)
    };
    text::name(&place, purl)?;
    let rest = purl.split_once('#').map_or(purl, |(head, _)| head);
    let (rest, qualifiers) = rest.split_once('?').unwrap_or((rest, ""));
    let (scheme, rest) = rest.split_once(':').ok_or_else(|| refuse("is not a package URL"))?;
    if !scheme.eq_ignore_ascii_case("pkg") {
        return Err(refuse("is not a package URL"));
    }
    let rest = rest.trim_start_matches('/');
    let (kind, rest) = rest.split_once('/').ok_or_else(|| refuse("has no name"))?;
    let kind = kind.to_ascii_lowercase();
    let known = |letter: char| letter.is_ascii_alphanumeric() || ".-+".contains(letter);
    if kind.is_empty() || !kind.chars().all(known) {
        return Err(refuse("has a type that is none"));
    }
    // An `@` in a namespace is percent-encoded, but tools forget that for npm: the version follows
    // the last one after the last slash.
    let last = rest.rfind('/').map_or(0, |at| at + 1);
    let version_at = rest.rfind('@').filter(|at| *at > last);
    let (path, version) = match version_at.and_then(|at| rest.split_at_checked(at)) {
        Some((path, version)) => (path, version.trim_start_matches('@')),
        None => (rest, ""),
    };
    let decoded = |part: &str| {
        let part = decode(part).ok_or_else(|| refuse("has a percent-encoding that is none"))?;
        let clean = !part.contains(char::is_control);
        if clean { Ok(part) } else { Err(refuse("has control characters")) }
    };
    let mut parts = Vec::new();
    for part in path.split('/').filter(|part| !part.is_empty()) {
        parts.push(decoded(part)?);
    }
    let name = parts.pop().ok_or_else(|| refuse("has no name"))?;
    let (ecosystem, name) = in_osv(&kind, &parts.join("/"), &name, qualifiers);
    Ok(Package { ecosystem, name, version: decoded(version)? })
}

/// The purl of a package whose parts are known.
pub(super) fn write(kind: &str, name: &str, version: &str) -> String {
    let name = name.split('/').map(encode).collect::<Vec<_>>().join("/");
    format!("pkg:{kind}/{name}@{}", encode(version))
}

/// Ecosystem and name as OSV has them.
fn in_osv(kind: &str, namespace: &str, name: &str, qualifiers: &str) -> (String, String) {
    let joined = |between: &str| {
        if namespace.is_empty() { name.to_owned() } else { format!("{namespace}{between}{name}") }
    };
    let ecosystem = match kind {
        "cargo" => "crates.io",
        "npm" => "npm",
        "golang" => "Go",
        "gem" => "RubyGems",
        "nuget" => "NuGet",
        "composer" => "Packagist",
        "hex" => "Hex",
        "pub" => "Pub",
        "hackage" => "Hackage",
        "cran" => "CRAN",
        "conan" => "ConanCenter",
        "swift" => "SwiftURL",
        "githubactions" => "GitHub Actions",
        "pypi" => return ("PyPI".to_owned(), normal_pypi(name)),
        "maven" => return ("Maven".to_owned(), joined(":")),
        "deb" | "apk" | "rpm" => {
            return (distribution(kind, namespace, qualifiers), name.to_owned());
        }
        other => other,
    };
    (ecosystem.to_owned(), joined("/"))
}

/// The distribution a system package belongs to, with its release where the purl says so by number:
/// `Debian:12`.
fn distribution(kind: &str, namespace: &str, qualifiers: &str) -> String {
    let name = match namespace.to_ascii_lowercase().as_str() {
        "debian" => "Debian",
        "ubuntu" => "Ubuntu",
        "alpine" => "Alpine",
        "wolfi" => "Wolfi",
        "chainguard" => "Chainguard",
        "redhat" | "rhel" => "Red Hat",
        "rocky" | "rocky-linux" => "Rocky Linux",
        "almalinux" | "alma" => "AlmaLinux",
        "opensuse" => "openSUSE",
        "suse" | "sles" => "SUSE",
        "" => kind,
        other => return other.to_owned(),
    };
    let distro = qualifiers.split('&').find_map(|pair| pair.strip_prefix("distro="));
    let release = distro.and_then(|distro| distro.rsplit('-').next()).unwrap_or_default();
    let number = |letter: char| letter.is_ascii_digit() || letter == '.';
    if release.is_empty() || release.len() > 16 || !release.chars().all(number) {
        return name.to_owned();
    }
    if name == "Alpine" {
        // OSV names Alpine by branch: `Alpine:v3.18` for release 3.18.4.
        let branch = release.split('.').take(2).collect::<Vec<_>>().join(".");
        return format!("Alpine:v{branch}");
    }
    format!("{name}:{release}")
}

/// A name of PyPI as PEP 503 normalizes it: lower case, runs of `-`, `_` and `.` become one `-`.
pub(super) fn normal_pypi(name: &str) -> String {
    let mut out = String::with_capacity(name.len());
    let mut gap = false;
    for letter in name.chars() {
        if matches!(letter, '-' | '_' | '.') {
            gap = true;
            continue;
        }
        if gap {
            out.push('-');
            gap = false;
        }
        out.extend(letter.to_lowercase());
    }
    if gap {
        out.push('-');
    }
    out
}

/// Percent-decoding (RFC 3986) to UTF-8.
fn decode(part: &str) -> Option<String> {
    let mut bytes = Vec::with_capacity(part.len());
    let mut rest = part.bytes();
    while let Some(byte) = rest.next() {
        if byte != b'%' {
            bytes.push(byte);
            continue;
        }
        let (high, low) = (rest.next()?, rest.next()?);
        let digit = |byte: u8| char::from(byte).to_digit(16);
        bytes.push(u8::try_from(digit(high)? * 16 + digit(low)?).ok()?);
    }
    String::from_utf8(bytes).ok()
}

/// Percent-encoding of all but what the specification leaves as it is.
pub(super) fn encode(part: &str) -> String {
    let mut out = String::with_capacity(part.len());
    for byte in part.bytes() {
        match byte {
            b'0'..=b'9' | b'A'..=b'Z' | b'a'..=b'z' | b'.' | b'-' | b'_' | b'~' | b':' => {
                out.push(char::from(byte));
            }
            _ => out.push_str(&format!("%{byte:02X}")),
        }
    }
    out
}
