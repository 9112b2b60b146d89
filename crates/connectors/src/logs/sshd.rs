//! What OpenSSH's server logs, of versions 5 to 10.
//!
//! Promises: the address is the one that sshd wrote behind the user's name, whatever the name
//! holds: names are chosen by whoever knocks, so a line is read from its end. Where a line still
//! can be read in two ways, `log.ambiguous` says so.

use super::Record;

/// Reads a message of sshd; what is not known stays as it is.
pub(super) fn message(record: &mut Record, message: &str) {
    // One space only: an empty name ends with another.
    let (text, early) = match message.strip_suffix(" [preauth]") {
        Some(text) => (text, true),
        None => (message, false),
    };
    let severities = ["error: ", "fatal: "];
    let text = severities.iter().find_map(|word| text.strip_prefix(word)).unwrap_or(text);
    let known = login(record, text)
        || certificate(record, text)
        || refused(record, text)
        || gone(record, text, early)
        || strange(record, text);
    if known && early {
        record.set("ssh.preauth", true);
    }
}

/// `Accepted publickey for lea from 192.0.2.1 port 50022 ssh2: ED25519 SHA256:…`, and so on.
fn login(record: &mut Record, text: &str) -> bool {
    let (word, rest) = text.split_once(' ').unwrap_or_default();
    let outcome = match word {
        "Accepted" => Some(true),
        "Failed" => Some(false),
        "Postponed" | "Partial" => None,
        _ => return false,
    };
    let Some((method, rest)) = rest.split_once(" for ") else { return false };
    if method.contains(' ') {
        return false;
    }
    let Some(place) = place(rest) else { return false };
    record.event("authentication", "ssh_login", outcome);
    record.set("ssh.event", word);
    record.set("ssh.method", method);
    user(record, place.user);
    peer(record, &place);
    if place.twice {
        record.set("log.ambiguous", true);
    }
    if let Some(key) = place.rest.strip_prefix(": ") {
        presented(record, key);
    }
    true
}

/// The key behind a login: `ED25519 SHA256:…`, or of a certificate
/// `ED25519-CERT SHA256:… ID lea (serial 7) CA ED25519 SHA256:…`.
fn presented(record: &mut Record, text: &str) {
    let mut words = text.splitn(3, ' ');
    record.maybe("ssh.key.type", words.next());
    record.maybe("ssh.key.fingerprint", words.next());
    let Some(id) = words.next().and_then(|rest| rest.strip_prefix("ID ")) else { return };
    // An id may hold anything: the serial number is looked for from the end.
    let Some((id, rest)) = id.rsplit_once(" (serial ") else { return };
    record.maybe("ssh.certificate.id", Some(id));
    let Some((serial, authority)) = rest.split_once(") CA ") else { return };
    record.maybe("ssh.certificate.serial", Some(serial));
    record.maybe("ssh.ca.fingerprint", authority.split(' ').nth(1));
}

/// `Accepted certificate ID "lea" (serial 7) signed by ED25519 CA SHA256:… via /etc/ssh/ca.pub`.
fn certificate(record: &mut Record, text: &str) -> bool {
    let Some(rest) = text.strip_prefix("Accepted certificate ID \"") else { return false };
    let Some((id, rest)) = rest.rsplit_once("\" (serial ") else { return false };
    let (serial, rest) = rest.split_once(") signed by ").unwrap_or((rest, ""));
    record.event("authentication", "ssh_certificate_accepted", None);
    record.maybe("ssh.certificate.id", Some(id));
    record.maybe("ssh.certificate.serial", Some(serial));
    record.maybe("ssh.ca.fingerprint", rest.split(' ').nth(2));
    true
}

/// Names that do not exist, and too many attempts.
fn refused(record: &mut Record, text: &str) -> bool {
    if let Some(rest) = text.strip_prefix("Invalid user ") {
        let Some((name, address)) = rest.rsplit_once("from ") else { return false };
        let (address, port) = address.split_once(" port ").unwrap_or((address, ""));
        record.event("authentication", "ssh_invalid_user", Some(false));
        record.maybe("user.name", Some(name.strip_suffix(' ').unwrap_or(name)));
        record.from_address(address.trim());
        set_port(record, port);
        return true;
    }
    if let Some(name) = text.strip_prefix("input_userauth_request: invalid user ") {
        record.event("authentication", "ssh_invalid_user", Some(false));
        record.maybe("user.name", Some(name));
        return true;
    }
    if let Some(rest) = text.strip_prefix("maximum authentication attempts exceeded for ") {
        record.event("authentication", "ssh_max_attempts", Some(false));
        if let Some(place) = place(rest) {
            user(record, place.user);
            peer(record, &place);
        }
        return true;
    }
    if let Some(rest) = text.strip_prefix("User ")
        && let Some((name, why)) = rest.split_once(" from ")
        && let Some((address, why)) = why.split_once(" not allowed because ")
    {
        record.event("authentication", "ssh_not_allowed", Some(false));
        record.maybe("user.name", Some(name));
        record.from_address(address);
        record.maybe("event.reason", Some(why));
        return true;
    }
    false
}

/// Connections that end.
fn gone(record: &mut Record, text: &str, early: bool) -> bool {
    let openings = [
        ("Connection closed by ", "ssh_connection_closed"),
        ("Connection reset by ", "ssh_connection_reset"),
        ("Received disconnect from ", "ssh_disconnect"),
        ("Disconnected from ", "ssh_disconnect"),
        ("Disconnecting ", "ssh_disconnect"),
        ("Disconnecting: ", "ssh_disconnect"),
        ("Timeout before authentication for ", "ssh_timeout"),
    ];
    let found = openings.iter().find_map(|(opening, action)| {
        text.strip_prefix(opening).map(|rest| (*opening, *action, rest))
    });
    let Some((opening, action, rest)) = found else { return false };
    record.event("network", action, early.then_some(false));
    if opening == "Disconnecting: " {
        record.maybe("event.reason", Some(rest));
        return true;
    }
    let rest = rest.strip_prefix("connection from ").unwrap_or(rest);
    let named = ["authenticating user ", "invalid user ", "user "];
    let name = named.iter().find_map(|prefix| rest.strip_prefix(prefix));
    let Some((before, behind)) = rest.rsplit_once(" port ") else {
        if let Some(address) = rest.split([':', ' ']).next().filter(|word| word.contains('.')) {
            record.from_address(address);
        }
        return true;
    };
    let address = before.rsplit(' ').next().unwrap_or_default();
    record.from_address(address);
    let (port, reason) = behind.split_once([':', ' ']).unwrap_or((behind, ""));
    set_port(record, port);
    record.maybe("event.reason", Some(reason.trim()));
    if name.is_some() {
        let name = name.and_then(|name| name.rsplit_once(" port "));
        let name = name.and_then(|(name, _)| name.strip_suffix(address)).map(str::trim_end);
        record.maybe("user.name", name);
    }
    true
}

/// Those who do not speak as clients do, and what is no event of anybody.
fn strange(record: &mut Record, text: &str) -> bool {
    if let Some(rest) = text.strip_prefix("Connection from ") {
        record.event("network", "ssh_connection", None);
        let mut words = rest.split(' ');
        record.from_address(words.next().unwrap_or_default());
        set_port(record, words.nth(1).unwrap_or_default());
        return true;
    }
    let probes = [
        "Did not receive identification string from ",
        "Bad protocol version identification ",
        "Unable to negotiate with ",
        "banner exchange: Connection from ",
        "kex_exchange_identification: ",
        "ssh_dispatch_run_fatal: Connection from ",
        "Protocol major versions differ",
    ];
    if let Some(rest) = probes.iter().find_map(|probe| text.strip_prefix(probe)) {
        record.event("network", "ssh_probe", Some(false));
        // What the peer sent stands in quotation marks, and may look like an address.
        let rest = rest.rsplit_once("' from ").map_or(rest, |(_, rest)| rest);
        let mut words = rest.split([' ', ':']);
        let v6 = rest.split(' ').next().unwrap_or_default();
        let first = words.next().unwrap_or_default();
        let address = [first, v6].into_iter().find(|w| w.parse::<std::net::IpAddr>().is_ok());
        if let Some(address) = address {
            record.from_address(address);
        }
        let port = rest.split_once(" port ").map_or("", |(_, rest)| rest);
        set_port(record, port.split([':', ' ']).next().unwrap_or_default());
        return true;
    }
    let quiet = [
        ("Server listening on ", "ssh_listening"),
        ("Received signal ", "ssh_signal"),
        ("Starting session: ", "ssh_session"),
        ("Close session: ", "ssh_session"),
        ("User child is on pid ", "ssh_session"),
        ("Exiting on signal ", "ssh_signal"),
    ];
    let action = quiet.iter().find(|(opening, _)| text.starts_with(opening));
    if let Some((_, action)) = action {
        record.event("process", action, None);
    }
    action.is_some()
}

/// Who and from where, behind `for `.
struct Place<'a> {
    user: &'a str,
    address: &'a str,
    port: &'a str,
    /// Behind the protocol.
    rest: &'a str,
    /// Whether it could be read in another way.
    twice: bool,
}

/// The last `USER from ADDRESS port N ssh2` behind which nothing stands but a key.
fn place(text: &str) -> Option<Place<'_>> {
    let mut found: Option<Place<'_>> = None;
    for (at, middle) in text.match_indices(" from ") {
        let behind = text.get(at + middle.len()..)?;
        let mut words = behind.splitn(4, ' ');
        let (Some(address), Some("port"), Some(port)) = (words.next(), words.next(), words.next())
        else {
            continue;
        };
        let rest = words.next().unwrap_or_default();
        let rest = rest.strip_prefix("ssh2").or_else(|| rest.strip_prefix("ssh1")).unwrap_or(rest);
        if port.parse::<u16>().is_err() || !(rest.is_empty() || is_key(rest)) {
            continue;
        }
        let twice = found.is_some();
        found = Some(Place { user: text.get(..at)?, address, port, rest, twice });
    }
    found
}

/// `: TYPE FINGERPRINT`, with a certificate's parts or without.
fn is_key(text: &str) -> bool {
    let Some(rest) = text.strip_prefix(": ") else { return false };
    let mut words = rest.splitn(3, ' ');
    let kind = words.next().is_some_and(|word| {
        !word.is_empty()
            && word.bytes().all(|b| b.is_ascii_uppercase() || b.is_ascii_digit() || b == b'-')
    });
    let print = words.next().is_some_and(|word| word.starts_with("SHA256:") || word.contains(':'));
    let rest = words.next();
    kind && print && rest.is_none_or(|rest| rest.starts_with("ID ") && rest.contains(") CA "))
}

fn user(record: &mut Record, text: &str) {
    match text.strip_prefix("invalid user ") {
        Some(name) => {
            record.maybe("user.name", Some(name));
            record.set("ssh.invalid_user", true);
        }
        None => record.maybe("user.name", Some(text)),
    }
}

fn peer(record: &mut Record, place: &Place<'_>) {
    record.from_address(place.address);
    set_port(record, place.port);
}

fn set_port(record: &mut Record, port: &str) {
    if let Ok(port) = port.parse::<u16>() {
        record.set("source.port", port);
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn read(text: &str) -> Record {
        let mut record = Record::default();
        message(&mut record, text);
        record
    }

    /// action, outcome, user, address, port
    fn told(text: &str) -> [String; 5] {
        let record = read(text);
        let field = |key: &str| record.text(key).unwrap_or_default().to_owned();
        let port = record.fields.get("source.port").map(ToString::to_string).unwrap_or_default();
        [
            field("event.action"),
            field("event.outcome"),
            field("user.name"),
            field("source.ip"),
            port,
        ]
    }

    #[test]
    fn lines_of_real_servers() {
        let cases = [
            (
                "Failed password for root from 85.245.107.41 port 54866 ssh2",
                ["ssh_login", "failure", "root", "85.245.107.41", "54866"],
            ),
            (
                "Failed password for invalid user  from 24.151.103.17 port 55600 ssh2",
                ["ssh_login", "failure", "", "24.151.103.17", "55600"],
            ),
            (
                "Accepted publickey for ubuntu from 2001:db8::1 port 55600 ssh2: RSA SHA256:Kl0kPG",
                ["ssh_login", "success", "ubuntu", "2001:db8::1", "55600"],
            ),
            (
                "Invalid user a b from 192.0.2.1 port 7",
                ["ssh_invalid_user", "failure", "a b", "192.0.2.1", "7"],
            ),
            ("Invalid user  from 192.0.2.1", ["ssh_invalid_user", "failure", "", "192.0.2.1", ""]),
            (
                "error: maximum authentication attempts exceeded for invalid user admin from \
                 192.0.2.1 port 7 ssh2 [preauth]",
                ["ssh_max_attempts", "failure", "admin", "192.0.2.1", "7"],
            ),
            (
                "input_userauth_request: invalid user  [preauth]",
                ["ssh_invalid_user", "failure", "", "", ""],
            ),
            (
                "fatal: Unable to negotiate with 192.0.2.1 port 7: no matching cipher found. \
                 Their offer: aes256-cbc,none [preauth]",
                ["ssh_probe", "failure", "", "192.0.2.1", "7"],
            ),
            (
                "Connection closed by authenticating user root 192.0.2.1 port 7 [preauth]",
                ["ssh_connection_closed", "failure", "root", "192.0.2.1", "7"],
            ),
            (
                "Connection closed by 192.0.2.1 port 7 [preauth]",
                ["ssh_connection_closed", "failure", "", "192.0.2.1", "7"],
            ),
            (
                "Received disconnect from 192.0.2.1 port 7:11: disconnected by user",
                ["ssh_disconnect", "", "", "192.0.2.1", "7"],
            ),
            (
                "Disconnected from user lea 192.0.2.1 port 7",
                ["ssh_disconnect", "", "lea", "192.0.2.1", "7"],
            ),
            (
                "Did not receive identification string from 192.0.2.1",
                ["ssh_probe", "failure", "", "192.0.2.1", ""],
            ),
            (
                "Bad protocol version identification 'GET / from 9.9.9.9 port 1' from 192.0.2.1 \
                 port 7",
                ["ssh_probe", "failure", "", "192.0.2.1", "7"],
            ),
            (
                "banner exchange: Connection from 2001:db8::1 port 7: invalid format",
                ["ssh_probe", "failure", "", "2001:db8::1", "7"],
            ),
            (
                "User bob from 192.0.2.1 not allowed because not listed in AllowUsers",
                ["ssh_not_allowed", "failure", "bob", "192.0.2.1", ""],
            ),
            ("something else", ["", "", "", "", ""]),
        ];
        for (text, expected) in cases {
            assert_eq!(told(text), expected, "{text}");
        }
    }

    #[test]
    fn a_name_cannot_pass_for_an_address() {
        let name = "x from 9.9.9.9 port 1 ssh2";
        let line = format!("Failed password for invalid user {name} from 192.0.2.1 port 7 ssh2");
        assert_eq!(told(&line)[2..4], [name, "192.0.2.1"]);
        let key = format!(
            "Failed publickey for invalid user {name}: RSA SHA256:AA from 192.0.2.1 \
                           port 7 ssh2: RSA SHA256:BB"
        );
        assert_eq!(told(&key)[3], "192.0.2.1");
        // A certificate's id that looks like the end of the line: said to be in doubt.
        let both = format!(
            "Failed publickey for lea from 192.0.2.1 port 7 ssh2: RSA-CERT SHA256:AA \
                            ID {name}: RSA SHA256:BB ID z (serial 1) CA RSA SHA256:CC"
        );
        assert_eq!(read(&both).fields.get("log.ambiguous"), Some(&true.into()));
    }

    #[test]
    fn a_certificate_is_named() {
        let record = read(
            "Accepted publickey for lea from 127.0.0.1 port 7 ssh2: ED25519-CERT \
            SHA256:AA ID lea@laptop (serial 7) CA ED25519 SHA256:BB",
        );
        assert_eq!(record.text("ssh.certificate.id"), Some("lea@laptop"));
        assert_eq!(record.text("ssh.certificate.serial"), Some("7"));
        assert_eq!(record.text("ssh.ca.fingerprint"), Some("SHA256:BB"));
        assert_eq!(record.text("ssh.key.fingerprint"), Some("SHA256:AA"));
        let record = read(
            "Accepted certificate ID \"lea\" (serial 7) signed by ED25519 CA \
            SHA256:BB via /etc/ssh/ca.pub",
        );
        assert_eq!(record.text("ssh.certificate.id"), Some("lea"));
        assert_eq!(record.text("ssh.ca.fingerprint"), Some("SHA256:BB"));
    }

    proptest! {
        #[test]
        fn the_address_is_the_servers_whatever_the_name(
            name in ".{0,40}( from 9.9.9.9 port 1 ssh2)?"
        ) {
            let line =
                format!("Failed password for invalid user {name} from 192.0.2.1 port 7 ssh2");
            let told = told(&line);
            prop_assert_eq!(&told[3], "192.0.2.1");
        }

        #[test]
        fn no_line_panics(text in "(Accepted|Failed|Invalid user|Connection closed by|\
            Disconnecting|Bad protocol version identification|Unable to negotiate with)\
            ( for | from |:)?.{0,60}") {
            read(&text);
        }
    }
}
