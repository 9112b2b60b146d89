//! The whole: the program as it is delivered, with real files, sockets, signals and kills, and
//! outsiders who check what it wrote.

mod contract;
mod import_real;
mod support;
