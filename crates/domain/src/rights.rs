//! What the kernel has to be told about the nouns: the policies, which registers hold rights and
//! how to read them, and what its jobs do.

use crate::grants::{EXPIRE, Grant, NoteExpiry};
use crate::people::Person;
use crate::register::{Noun, parse};
use crate::services::Service;
use kernel::authority::{Policies, Right};
use kernel::{Error, Job, Kernel, Ran, Result};

/// The registers of `house` that hold rights, in the order they have to be read.
pub const RIGHTS: &[&str] = &[Person::REGISTER, Service::REGISTER, Grant::REGISTER];

const SCHEMA: &str = include_str!("../../../authority/schema.cedarschema");
const POLICIES: [&str; 4] = [
    include_str!("../../../authority/invariants.cedar"),
    include_str!("../../../authority/accounts.cedar"),
    include_str!("../../../authority/data.cedar"),
    include_str!("../../../authority/registers.cedar"),
];

/// The policies of this release.
///
/// # Errors
/// `Internal` if they do not validate strictly: such a build is broken.
pub fn policies() -> Result<Policies> {
    Policies::new(SCHEMA, &POLICIES)
}

/// Reads a right out of a register's row.
///
/// # Errors
/// `Internal` if the row has another form.
pub fn interpret(collection: &str, _id: &str, body: &[u8], _index: u64) -> Result<Option<Right>> {
    Ok(match collection {
        Person::REGISTER => Some(Right::Principal(parse::<Person>(body)?.principal()?)),
        Service::REGISTER => Some(Right::Principal(parse::<Service>(body)?.principal()?)),
        Grant::REGISTER => Some(Right::Grant(parse::<Grant>(body)?.right()?)),
        _ => None,
    })
}

/// Runs a job of a noun.
///
/// # Errors
/// Whatever its operation answers.
pub fn run_job(kernel: &Kernel, job: &Job, right: Ran) -> Result<()> {
    match job.kind.as_str() {
        EXPIRE => right.run(kernel, NoteExpiry { id: job.object.clone() }),
        other => Err(Error::internal(format!("no noun knows the job `{other}`"))),
    }
}
