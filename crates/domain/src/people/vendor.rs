//! People and services of a vendor: the vendor has to be in the register before them.

use kernel::{Error, Result, Work};

/// Refuses a vendor that is not in the register.
///
/// # Errors
/// `Invalid` with the field.
pub fn check_vendor(work: &Work<'_>, vendor: Option<&str>) -> Result<()> {
    match vendor {
        Some(name) if work.rights()?.vendor_until(name).is_none() => {
            let name = kernel::id::shown(name);
            Err(Error::invalid("vendor", format!("there is no vendor `{name}`: register it first")))
        }
        _ => Ok(()),
    }
}
