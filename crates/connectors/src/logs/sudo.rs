//! What sudo logs: `  user : TTY=pts/0 ; PWD=/home/user ; USER=root ; COMMAND=/usr/bin/id`.

use super::Record;

/// The names before the command, in sudo's order; Sigma's rules use them as they are.
const NAMES: [&str; 7] = ["HOST", "TTY", "PWD", "CHROOT", "USER", "GROUP", "TSID"];

/// Reads a message of sudo; what is none stays as it is.
pub(super) fn message(record: &mut Record, message: &str) {
    let Some((user, rest)) = message.trim_start().split_once(" : ") else { return };
    // The command is last and may hold anything, also ` ; USER=root`.
    let Some((head, command)) = rest.split_once("COMMAND=") else { return };
    record.maybe("user.name", Some(user));
    let mut problem = None;
    for part in head.split(" ; ").map(str::trim).filter(|part| !part.is_empty()) {
        match part.split_once('=').filter(|(name, _)| NAMES.contains(name)) {
            Some((name, value)) => record.set(name, value),
            None if problem.is_none() && !part.contains('=') => problem = Some(part.to_owned()),
            None => {}
        }
    }
    record.set("COMMAND", command);
    record.set("process.command_line", command);
    record.maybe("user.effective.name", record.text("USER").map(str::to_owned));
    record.maybe("process.working_directory", record.text("PWD").map(str::to_owned));
    record.event("process", "sudo_command", Some(problem.is_none()));
    record.maybe("event.reason", problem);
}
