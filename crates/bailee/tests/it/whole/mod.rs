//! The whole: the program as it is delivered, with real files, sockets, signals and kills, and
//! outsiders who check what it wrote.

mod backup;
mod canaries;
mod contract;
mod crash;
mod frozen;
mod hostile;
mod import_real;
mod machine;
mod revoke;
mod support;
