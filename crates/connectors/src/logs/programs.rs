//! Which program wrote a message, and what it says with it.

use super::{Record, pam, postgres, sshd, sudo};

/// Programs that decide who comes in, for Sigma's service `auth`.
const AUTH: [&str; 13] = [
    "su",
    "login",
    "systemd-logind",
    "useradd",
    "userdel",
    "usermod",
    "groupadd",
    "groupdel",
    "chpasswd",
    "passwd",
    "gpasswd",
    "polkitd",
    "doas",
];

/// States log source and normal fields of a message by its `process.name`. What the program is not
/// known for stays as it is, and a source that is stated already stays too.
pub fn classify(record: &mut Record) {
    let Some(message) = record.text("message").map(str::to_owned) else { return };
    let name = record.text("process.name").unwrap_or_default().to_owned();
    // A path, and the names of sshd's parts since OpenSSH 9.8.
    let name = name.rsplit('/').next().unwrap_or_default();
    let service = match name {
        "sshd" | "sshd-session" | "sshd-auth" => "sshd",
        "sudo" => "sudo",
        "CRON" | "cron" | "crond" | "anacron" => "cron",
        "postgres" | "postgresql" => {
            postgres::message(record, &message);
            return;
        }
        name if AUTH.contains(&name) => "auth",
        "" => return,
        _ if message.starts_with("pam_") => "auth",
        "systemd" | "kernel" | "rsyslogd" | "systemd-journald" => "syslog",
        _ => return,
    };
    if record.service.is_none() {
        record.source("linux", service);
    }
    // A module of PAM speaks under its program's name.
    if pam::message(record, &message) {
        return;
    }
    match service {
        "sshd" => sshd::message(record, &message),
        "sudo" => sudo::message(record, &message),
        "auth" => accounts(record, name, &message),
        _ => {}
    }
}

/// What changes who is there: `useradd`, `su`, sessions of logind.
fn accounts(record: &mut Record, name: &str, message: &str) {
    let quoted = |message: &str, key: &str| {
        let (_, rest) = message.split_once(key)?;
        rest.split([',', '\'']).next().map(str::to_owned)
    };
    if let Some(rest) = message.strip_prefix("new user: ") {
        record.event("iam", "user_added", Some(true));
        record.maybe("user.target.name", quoted(rest, "name="));
        record.maybe("user.target.id", quoted(rest, "UID="));
    } else if let Some(rest) = message.strip_prefix("new group: ") {
        record.event("iam", "group_added", Some(true));
        record.maybe("group.name", quoted(rest, "name="));
    } else if let Some(rest) = message.strip_prefix("delete user '") {
        record.event("iam", "user_deleted", Some(true));
        record.maybe("user.target.name", rest.split('\'').next());
    } else if let Some(rest) = message.strip_prefix("Successful su for ") {
        switched(record, rest, true);
    } else if let Some(rest) = message.strip_prefix("FAILED SU (to ") {
        let (to, from) = rest.split_once(") ").unwrap_or((rest, ""));
        switched(record, &format!("{to} by {}", from.split(' ').next().unwrap_or_default()), false);
    } else if name == "systemd-logind"
        && let Some(rest) = message.strip_prefix("New session ")
        && let Some((_, user)) = rest.split_once(" of user ")
    {
        record.event("session", "session_opened", Some(true));
        record.maybe("user.name", user.strip_suffix('.'));
    }
}

fn switched(record: &mut Record, said: &str, good: bool) {
    if let Some((to, by)) = said.rsplit_once(" by ") {
        record.event("authentication", "su", Some(good));
        record.maybe("user.effective.name", Some(to));
        record.maybe("user.name", Some(by));
    }
}
