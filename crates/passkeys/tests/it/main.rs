//! Registrations and assertions, made here by keys of every kind, and broken in every part.

#[cfg(test)]
mod attested;
#[cfg(test)]
mod device;
#[cfg(test)]
mod refused;
#[cfg(test)]
mod taken;
