//! The rules of SCIM, on values.

#[cfg(test)]
mod filters;
#[cfg(test)]
mod patches;
#[cfg(test)]
mod resources;
