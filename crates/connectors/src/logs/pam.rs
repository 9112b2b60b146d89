//! What modules of PAM log under a program's name:
//! `pam_unix(sshd:auth): authentication failure; …`.

use super::Record;

/// Reads a message of a PAM module, or says that it is none.
pub(super) fn message(record: &mut Record, message: &str) -> bool {
    if let Some(rest) = message.strip_prefix("PAM ") {
        return more(record, rest);
    }
    let Some((module, rest)) = message.split_once('(') else { return false };
    let Some((place, said)) = rest.split_once("): ") else { return false };
    let Some((service, kind)) = place.split_once(':') else { return false };
    if !module.starts_with("pam_")
        || !module.bytes().all(|b| b.is_ascii_alphanumeric() || b == b'_')
    {
        return false;
    }
    record.set("pam.module", module);
    record.set("pam.service", service);
    record.set("pam.type", kind);
    if let Some(rest) = said.strip_prefix("authentication failure;") {
        record.event("authentication", "pam_authentication_failure", Some(false));
        attributes(record, rest);
    } else if let Some(user) = said.strip_prefix("session opened for user ") {
        record.event("session", "session_opened", Some(true));
        session(record, user);
    } else if let Some(user) = said.strip_prefix("session closed for user ") {
        record.event("session", "session_closed", None);
        session(record, user);
    } else if said == "check pass; user unknown" {
        record.event("authentication", "pam_user_unknown", Some(false));
    } else if let Some(user) = said.strip_prefix("password changed for ") {
        record.event("iam", "password_changed", Some(true));
        record.maybe("user.target.name", Some(user));
    } else if let Some(rest) = said.strip_prefix("user \"")
        && let Some((user, "does not exist in /etc/passwd")) = rest.rsplit_once("\" ")
    {
        record.event("iam", "password_changed", Some(false));
        record.maybe("user.target.name", Some(user));
    }
    true
}

/// `PAM 2 more authentication failures; …` and `PAM service(sshd) ignoring max retries; 6 > 3`.
fn more(record: &mut Record, rest: &str) -> bool {
    if rest.starts_with("service(") && rest.contains(") ignoring max retries;") {
        record.event("authentication", "pam_max_retries", Some(false));
        return true;
    }
    let Some((count, rest)) = rest.split_once(" more authentication failure") else { return false };
    let Ok(count) = count.parse::<u32>() else { return false };
    record.event("authentication", "pam_more_failures", Some(false));
    record.set("event.count", count);
    attributes(record, rest.split_once(';').map_or("", |(_, rest)| rest));
    true
}

/// `root(uid=0) by ubuntu(uid=1000)`, `root by ubuntu(uid=0)`, `root by (uid=0)`, `root`.
fn session(record: &mut Record, text: &str) {
    let (user, by) = text.split_once(" by ").unwrap_or((text, ""));
    record.maybe("user.name", user.split('(').next());
    record.maybe("user.changes.by", by.split('(').next());
}

/// `logname= uid=0 … rhost=192.0.2.1  user=root`. A user's name may hold spaces and is last, so
/// that what looks like a host in it is not taken for one.
fn attributes(record: &mut Record, text: &str) {
    let (text, user) = text.split_once(" user=").unwrap_or((text, ""));
    record.maybe("user.name", Some(user));
    let host = text.split(' ').find_map(|word| word.strip_prefix("rhost="));
    if let Some(host) = host.filter(|host| !host.is_empty()) {
        record.from_address(host);
    }
}
