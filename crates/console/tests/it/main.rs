//! The console against a world in memory: pages as a browser sends for them and reads them.

#[cfg(test)]
mod browser;
#[cfg(test)]
mod calendar;
#[cfg(test)]
mod changes;
#[cfg(test)]
mod decent;
#[cfg(test)]
mod hostile;
#[cfg(test)]
mod house;
#[cfg(test)]
mod nodes;
#[cfg(test)]
mod rights;
#[cfg(test)]
mod policy;
#[cfg(test)]
mod reviews;
#[cfg(test)]
mod room;
#[cfg(test)]
mod sign_in;
#[cfg(test)]
mod walk;
