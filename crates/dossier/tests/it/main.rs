//! The file of an incident as others read it: PDF by two readers that are not ours, HTML, and the
//! package by the verifier.

#[cfg(test)]
mod peer;
#[cfg(test)]
mod scene;

#[cfg(test)]
mod package;
#[cfg(test)]
mod readable;
