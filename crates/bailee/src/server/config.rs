//! Configuration of the server: one TOML file, unknown keys refused, secrets by path.

use std::net::SocketAddr;
use std::path::{Path, PathBuf};

use serde::Deserialize;

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
        Ok(config)
    }
}

#[cfg(test)]
mod tests {
    use super::Config;

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
        for (text, word) in [
            ("lisen = \"127.0.0.1:1\"", "lisen"),
            ("listen = \"nowhere\"", "listen"),
            ("anchor_seconds = 0", "anchor_seconds"),
            ("max_connections = -1", "max_connections"),
            ("listen = ", "listen"),
        ] {
            let failure = read(text).unwrap_err();
            assert!(failure.message.contains(word), "{text}: {failure}");
        }
    }
}
