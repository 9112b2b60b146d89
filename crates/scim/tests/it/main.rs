//! The rules of SCIM, on values.

mod filters;
mod patches;
mod resources;
