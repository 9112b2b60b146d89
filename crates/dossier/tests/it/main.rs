//! The file of an incident as others read it: PDF by two readers that are not ours, HTML, and the
//! package by the verifier.

mod peer;
mod scene;

mod package;
mod readable;
