//! Offline verification of stores, on a noun of the tests' own.

#[cfg(test)]
mod damage;
#[cfg(test)]
mod feed;
#[cfg(test)]
mod files;
#[cfg(test)]
mod sample;
#[cfg(test)]
mod whole;
