//! The whole, simulated: both engines keep the same promises, and a kernel under random work,
//! faults and restarts answers as a simple model says.

#[cfg(test)]
mod engines;
#[cfg(test)]
mod servers;
#[cfg(test)]
mod whole;
