//! Configuration of the server: one TOML file, unknown keys refused, secrets by path.

use std::net::SocketAddr;
use std::path::{Path, PathBuf};

use kernel::authority::{Network, Place};
use kernel::id::PrincipalId;
use serde::Deserialize;

use super::approvals::Approvals;
use super::forwarding::settings::{self, Forward};
use super::identities::{Oidc, Transmitter, Workload};
use super::makers::Passkeys;
use crate::exit::Failure;

/// The configuration file of `bailee serve`. Every key is optional; what the command line states
/// counts more.
#[derive(Clone, Debug, Default, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Config {
    /// Address and port of the API, such as `"127.0.0.1:8443"`.
    pub listen: Option<SocketAddr>,
    /// Address and port of `/metrics`, in plain HTTP, on a loopback address only. Off if absent.
    pub metrics_listen: Option<SocketAddr>,
    /// Host names by which clients reach this server, for its development certificate.
    #[serde(default)]
    pub names: Vec<String>,
    /// Whether TLS 1.2 is accepted too. Default: false.
    #[serde(default)]
    pub allow_tls12: bool,
    /// Connections at once. Default: 1024.
    pub max_connections: Option<usize>,
    /// File with the passphrase of the root key, if it is under one.
    pub passphrase_file: Option<PathBuf>,
    /// Seconds between anchors, 1 to 3600. Default: 5.
    pub anchor_seconds: Option<u64>,
    /// Address by which people outside reach the pages, such as `"https://trust.example.com"`;
    /// links in letters begin with it. Without it letters hold no links.
    pub public_url: Option<String>,
    /// File with the authorities (PEM) that probes of endpoints believe, instead of those of the
    /// operating system.
    pub probe_ca: Option<PathBuf>,
    /// File with the authorities (PEM) that receivers of transfers are believed by, instead of
    /// those of the operating system.
    pub webhook_ca: Option<PathBuf>,
    /// Folder with the secrets that sign transfers: one private file each, named as the
    /// destination's `secret`. Without it nothing is sent to a webhook.
    pub secrets_dir: Option<PathBuf>,
    /// Whether whoever is on call gets a test page each week, to be acknowledged. Default: true.
    pub weekly_test_page: Option<bool>,
    /// The mail relay. Without it no letter is sent.
    pub mail: Option<Mail>,
    /// The company's provider of identities. Without it people sign in with passkeys and links.
    pub oidc: Option<Oidc>,
    /// What administrators' passkeys have to be. Without it any that stay on their device.
    pub passkeys: Option<Passkeys>,
    /// Where the team is told what waits for an approval. Without it nowhere but by mail.
    pub approvals: Option<Approvals>,
    /// Platforms whose tokens are taken as those of services that are bound to them.
    #[serde(default)]
    pub workload: Vec<Workload>,
    /// Those who tell us that sessions of people ended, or their credentials were lost, elsewhere.
    #[serde(default)]
    pub transmitter: Vec<Transmitter>,
    /// What detection does.
    pub detection: Option<Detection>,
    /// What is answered by itself, and what never is.
    #[serde(default)]
    pub answers: Answers,
    /// CSV file with `cidr,place`: where networks are, for the field `source.place` of signals.
    pub places: Option<PathBuf>,
    /// Where syslog is received. Without it nowhere.
    #[serde(default)]
    pub syslog: Syslog,
    /// Where events are sent on, at most eight. Without it nowhere.
    #[serde(default)]
    pub forward: Vec<Forward>,
}

/// What detection does.
#[derive(Clone, Debug, Default, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Detection {
    /// Folder with rules (Sigma, `.yml`) besides those that come with the server.
    pub rules_dir: Option<PathBuf>,
    /// Minutes between synthetic attacks that have to come out as alerts, 0 to 1440; 0 makes none.
    /// Default: 10.
    pub canary_minutes: Option<u64>,
    /// Days that signals are kept, 1 to 3650. Default: 30.
    pub signal_days: Option<u32>,
}

/// What is answered by itself, and what never is.
#[derive(Clone, Debug, Default, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Answers {
    /// What the server may do by itself where a rule asks for it: `"limit"`, `"lock"`, `"suspend"`,
    /// `"ban"`. Default: nothing.
    #[serde(default)]
    pub automatic: Vec<Automatic>,
    /// Minutes that such an answer lasts, 1 to 1440. Default: 60.
    pub minutes: Option<u64>,
    /// Addresses, networks and principals (`"person:ada"`) that no answer is ever on.
    #[serde(default)]
    pub never: Vec<String>,
    /// Whether forwarded logs may cause answers too; whoever can send logs can then have others
    /// refused. Default: false.
    #[serde(default)]
    pub from_signals: bool,
    /// Sets of nftables that the bans are copied into. Without it none.
    pub nftables: Option<Nftables>,
}

/// Sets of nftables that the bans are copied into. The operator makes them.
#[derive(Clone, Debug, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct Nftables {
    /// The program, by its whole path.
    pub program: PathBuf,
    /// Family of the table.
    pub family: String,
    /// The table.
    pub table: String,
    /// The set of IPv4 networks (`type ipv4_addr; flags interval, timeout`).
    pub v4: String,
    /// The set of IPv6 networks (`type ipv6_addr; flags interval, timeout`).
    pub v6: String,
}

impl Default for Nftables {
    fn default() -> Self {
        Self {
            program: PathBuf::from("/usr/sbin/nft"),
            family: "inet".to_owned(),
            table: "bailee".to_owned(),
            v4: "banned4".to_owned(),
            v6: "banned6".to_owned(),
        }
    }
}

impl Nftables {
    fn check(&self) -> Result<(), Failure> {
        if !self.program.is_absolute() {
            return Err(Failure::usage("`answers.nftables.program` is a whole path"));
        }
        let plain = |byte: u8| byte.is_ascii_alphanumeric() || b"_-".contains(&byte);
        let named = |text: &str| {
            text.starts_with(|c: char| c.is_ascii_alphabetic())
                && text.len() <= 32
                && text.bytes().all(plain)
        };
        let names = [&self.family, &self.table, &self.v4, &self.v6];
        if !names.into_iter().all(|name| named(name)) {
            let why = "`answers.nftables`: a name is a letter and then at most 31 of `a-z 0-9 _ -`";
            return Err(Failure::usage(why));
        }
        Ok(())
    }
}

/// What the server may do by itself.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Automatic {
    /// Slow an address or somebody down.
    Limit,
    /// Refuse everything of a person or a member.
    Lock,
    /// Refuse everything of a service.
    Suspend,
    /// Refuse an address.
    Ban,
}

/// Where syslog is received, and from whom.
#[derive(Clone, Debug, Default, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Syslog {
    /// Address and port for TCP (RFC 6587): anybody on the way reads and alters messages.
    pub tcp: Option<SocketAddr>,
    /// Address and port for TLS (RFC 5425), with the API's certificate; usually port 6514.
    pub tls: Option<SocketAddr>,
    /// Address and port for UDP (RFC 5426): anybody can send in anybody's name.
    pub udp: Option<SocketAddr>,
    /// File with the authorities (PEM) that clients over TLS have to be vouched for by. Without it
    /// any client may send.
    pub client_ca: Option<PathBuf>,
    /// Minutes east of UTC of senders whose messages state no zone, -840 to 840. Default: 0.
    #[serde(default)]
    pub zone_minutes: i16,
    /// Product of messages whose program is not known, as Sigma's log sources name it, such as
    /// `"linux"`. Default: none.
    pub product: Option<String>,
}

/// The mail relay that takes letters.
#[derive(Clone, Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Mail {
    /// Its host name, which its certificate has to hold, or an IP address.
    pub host: String,
    /// TCP port. Default: 465, 587 or 25, as `tls` is.
    pub port: Option<u16>,
    /// How the connection is protected. Default: `"required"`.
    #[serde(default)]
    pub tls: Protection,
    /// Who we are to the relay, if it asks for somebody.
    pub user: Option<String>,
    /// Private file with the password of `user`.
    pub password_file: Option<PathBuf>,
    /// The sender's address, such as `"Security <security@example.com>"`.
    pub from: String,
    /// The address that what comes back about letters goes to, such as `"returns@example.com"`:
    /// each letter has one of its own, `returns+TOKEN@example.com`. Without it, it goes to `from`.
    pub returns: Option<String>,
    /// Where a mail server of this machine hands over what comes back, by LMTP (RFC 2033): an
    /// address and port on loopback, such as `"127.0.0.1:2424"`, or the path of a socket.
    pub bounces: Option<String>,
    /// A Maildir in which what comes back is put instead; whoever runs the server can move its
    /// files.
    pub bounces_maildir: Option<PathBuf>,
    /// File with the authorities (PEM) that the relay is believed by, instead of those of the
    /// operating system.
    pub ca: Option<PathBuf>,
}

/// How the connection to the mail relay is protected.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Protection {
    /// TLS from the first byte (RFC 8314).
    #[default]
    Required,
    /// STARTTLS (RFC 3207); a relay that does not offer it gets nothing.
    Starttls,
    /// None: anybody on the way reads and alters letters.
    DangerNone,
}

impl Config {
    /// Reads the file.
    ///
    /// # Errors
    /// With the line, the key and what is known instead.
    pub fn read(path: &Path) -> Result<Self, Failure> {
        let text = std::fs::read_to_string(path);
        let text = text.map_err(|why| Failure::file("read", path, &why))?;
        let config: Self = toml::from_str(&text).map_err(|why| {
            Failure::usage(format!("`{}` is no configuration: {why}", path.display()))
        })?;
        if config.anchor_seconds.is_some_and(|seconds| !(1..=3600).contains(&seconds)) {
            return Err(Failure::usage("`anchor_seconds` is 1 to 3600"));
        }
        if config.public_url.as_deref().is_some_and(|url| !is_public(url)) {
            return Err(Failure::usage("`public_url` is `https://HOST[:PORT]`, without a path"));
        }
        config.mail.as_ref().map_or(Ok(()), Mail::check)?;
        let public = config.public_url.as_deref();
        config.oidc.as_ref().map_or(Ok(()), |oidc| oidc.check(public))?;
        config.approvals.as_ref().map_or(Ok(()), |approvals| approvals.check(public))?;
        config.syslog.check()?;
        config.answers.check()?;
        settings::check(&config.forward)?;
        if let Some(detection) = &config.detection {
            if detection.canary_minutes.is_some_and(|minutes| minutes > 1440) {
                return Err(Failure::usage("`detection.canary_minutes` is 0 to 1440"));
            }
            if detection.signal_days.is_some_and(|days| !(1..=3650).contains(&days)) {
                return Err(Failure::usage("`detection.signal_days` is 1 to 3650"));
            }
        }
        Ok(config)
    }
}

/// Whether an address can begin a link.
fn is_public(url: &str) -> bool {
    let plain = |byte: u8| byte.is_ascii_alphanumeric() || b".-:[]".contains(&byte);
    url.strip_prefix("https://").is_some_and(|host| !host.is_empty() && host.bytes().all(plain))
}

/// Whether an address can have a token after a `+`.
fn is_plain(address: &str) -> bool {
    let fits = |byte: u8| byte.is_ascii_alphanumeric() || b"._-".contains(&byte);
    address.split_once('@').is_some_and(|(local, domain)| {
        (1..=24).contains(&local.len())
            && local.bytes().all(fits)
            && !domain.is_empty()
            && domain.bytes().all(fits)
    })
}

impl Mail {
    fn check(&self) -> Result<(), Failure> {
        let listens = self.bounces.is_some() || self.bounces_maildir.is_some();
        if listens && self.returns.is_none() {
            return Err(Failure::usage(
                "`mail.bounces` needs `mail.returns`, the address it is for",
            ));
        }
        if self.returns.as_deref().is_some_and(|address| !is_plain(address)) {
            let why = "`mail.returns` is one address without `+`, such as `returns@example.com`";
            return Err(Failure::usage(why));
        }
        let outside = |text: &str| match text.parse::<SocketAddr>() {
            Ok(address) => !address.ip().is_loopback(),
            Err(_) => !text.starts_with('/'),
        };
        if self.bounces.as_deref().is_some_and(outside) {
            let why = "`mail.bounces` is an address and port on loopback, or the path of a socket";
            return Err(Failure::usage(why));
        }
        if self.user.is_some() != self.password_file.is_some() {
            return Err(Failure::usage("`mail.user` and `mail.password_file` go together"));
        }
        if self.user.is_some() && self.tls == Protection::DangerNone {
            let why = "`mail.user` needs `mail.tls`: a password is not sent without it";
            return Err(Failure::usage(why));
        }
        Ok(())
    }
}

impl Answers {
    fn check(&self) -> Result<(), Failure> {
        if self.minutes.is_some_and(|minutes| !(1..=1440).contains(&minutes)) {
            return Err(Failure::usage("`answers.minutes` is 1 to 1440"));
        }
        self.nftables.as_ref().map_or(Ok(()), Nftables::check)?;
        self.spared().map(drop)
    }

    /// What no answer is ever on.
    ///
    /// # Errors
    /// With the one that is neither an address, a network nor a principal.
    pub fn spared(&self) -> Result<Vec<Place>, Failure> {
        let place = |text: &String| {
            let network = text.parse::<Network>().ok().map(Place::Network);
            let principal = || PrincipalId::parse(text).ok().map(Place::Principal);
            network.or_else(principal).ok_or_else(|| {
                Failure::usage(format!(
                    "`answers.never`: `{text}` is no address, network or principal, such as \
                     `192.0.2.0/24` or `person:ada`"
                ))
            })
        };
        self.never.iter().map(place).collect()
    }
}

impl Syslog {
    fn check(&self) -> Result<(), Failure> {
        if !(-840..=840).contains(&self.zone_minutes) {
            return Err(Failure::usage("`syslog.zone_minutes` is -840 to 840"));
        }
        if self.client_ca.is_some() && self.tls.is_none() {
            return Err(Failure::usage("`syslog.client_ca` needs `syslog.tls`"));
        }
        let plain = |byte: u8| byte.is_ascii_lowercase() || byte.is_ascii_digit() || byte == b'_';
        if self
            .product
            .as_deref()
            .is_some_and(|name| name.is_empty() || name.len() > 100 || !name.bytes().all(plain))
        {
            return Err(Failure::usage("`syslog.product` is 1 to 100 of `a-z`, `0-9` and `_`"));
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::{Config, Protection};

    #[test]
    fn unknown_keys_and_wrong_values_are_refused_by_name() {
        let scratch = tempfile::tempdir().unwrap();
        let read = |text: &str| {
            let path = scratch.path().join("bailee.toml");
            std::fs::write(&path, text).unwrap();
            Config::read(&path)
        };
        let good = read("listen = \"127.0.0.1:1\"\nanchor_seconds = 9\n").unwrap();
        assert_eq!(good.anchor_seconds, Some(9));
        let text = "public_url = \"https://t.example:8443\"\nprobe_ca = \"p\"\n\
                    [mail]\nhost = \"a\"\nfrom = \"a@b\"\ntls = \"starttls\"";
        assert_eq!(read(text).unwrap().mail.unwrap().tls, Protection::Starttls);
        for (text, word) in [
            ("lisen = \"127.0.0.1:1\"", "lisen"),
            ("listen = \"nowhere\"", "listen"),
            ("anchor_seconds = 0", "anchor_seconds"),
            ("max_connections = -1", "max_connections"),
            ("listen = ", "listen"),
            ("probe_cas = \"x\"", "probe_cas"),
            ("public_url = \"http://a.example\"", "public_url"),
            ("public_url = \"https://a.example/x\"", "public_url"),
            ("public_url = \"https://\"", "public_url"),
            (
                "[oidc]\nissuer = \"https://a\"\nclient_id = \"b\"\nclient_secret_file = \"c\"",
                "public_url",
            ),
            (
                "public_url = \"https://a\"\n[oidc]\nissuer = \"http://a\"\nclient_id = \"b\"\n\
                 client_secret_file = \"c\"",
                "oidc.issuer",
            ),
            ("[oidc]\nissuer = \"https://a\"\nclient_secret = \"b\"", "client_secret"),
            ("[approvals]\nslack_file = \"x\"", "public_url"),
            ("[syslog]\ntcp = \"x\"", "tcp"),
            ("[syslog]\nport = 1", "port"),
            ("[syslog]\nzone_minutes = 841", "zone_minutes"),
            ("[syslog]\nclient_ca = \"p\"", "syslog.tls"),
            ("[syslog]\nproduct = \"a b\"", "syslog.product"),
            ("[answers]\nautomatic = [\"shout\"]", "automatic"),
            ("[answers]\nminutes = 1441", "answers.minutes"),
            ("[answers.nftables]\nprogram = \"nft\"", "answers.nftables.program"),
            ("[answers.nftables]\ntable = \"a; flush ruleset\"", "answers.nftables"),
            ("[answers.nftables]\nv4 = \"\"", "answers.nftables"),
            ("[answers]\nnever = [\"192.0.2.1/24\"]", "answers.never"),
            ("[answers]\nnever = [\"everybody\"]", "answers.never"),
            ("[mail]\nhost = \"a\"", "from"),
            ("[mail]\nhost = \"a\"\nfrom = \"a@b\"\nusers = \"x\"", "users"),
            ("[mail]\nhost = \"a\"\nfrom = \"a@b\"\ntls = \"none\"", "tls"),
            ("[mail]\nhost = \"a\"\nfrom = \"a@b\"\nuser = \"x\"", "password_file"),
            ("[mail]\nhost = \"a\"\nfrom = \"a@b\"\nbounces = \"/x\"", "mail.returns"),
            ("[mail]\nhost = \"a\"\nfrom = \"a@b\"\nreturns = \"a+b@c\"", "mail.returns"),
            (
                "[mail]\nhost = \"a\"\nfrom = \"a@b\"\nreturns = \"a@c\"\nbounces = \"0.0.0.0:1\"",
                "mail.bounces",
            ),
            (
                "[mail]\nhost = \"a\"\nfrom = \"a@b\"\nreturns = \"a@c\"\nbounces = \"x\"",
                "mail.bounces",
            ),
            (
                "[mail]\nhost = \"a\"\nfrom = \"a@b\"\nuser = \"x\"\npassword_file = \"p\"\n\
                 tls = \"danger-none\"",
                "mail.tls",
            ),
        ] {
            let failure = read(text).unwrap_err();
            assert!(failure.message.contains(word), "{text}: {failure}");
        }
    }
}
