//! Operations of every noun, on both engines.

#[cfg(test)]
mod access_reviews;
#[cfg(test)]
mod accounts;
#[cfg(test)]
mod anchors;
#[cfg(test)]
mod answers;
#[cfg(test)]
mod catalogue;
#[cfg(test)]
mod certificates;
#[cfg(test)]
mod changes;
#[cfg(test)]
mod clock;
#[cfg(test)]
mod data;
#[cfg(test)]
mod detections;
#[cfg(test)]
mod directories;
#[cfg(test)]
mod emergencies;
#[cfg(test)]
mod entering;
#[cfg(test)]
mod exposure;
#[cfg(test)]
mod grants;
#[cfg(test)]
mod identities;
#[cfg(test)]
mod incidents;
#[cfg(test)]
mod lane;
#[cfg(test)]
mod ledgers;
#[cfg(test)]
mod main_job;
#[cfg(test)]
mod matrix;
#[cfg(test)]
mod measures;
#[cfg(test)]
mod members;
#[cfg(test)]
mod movers;
#[cfg(test)]
mod nodes;
#[cfg(test)]
mod obligations;
#[cfg(test)]
mod oncall;
#[cfg(test)]
mod passkeys;
#[cfg(test)]
mod passwords;
#[cfg(test)]
mod people;
#[cfg(test)]
mod portal;
#[cfg(test)]
mod programme;
#[cfg(test)]
mod registers;
#[cfg(test)]
mod reports;
#[cfg(test)]
mod requests;
#[cfg(test)]
mod rollback;
#[cfg(test)]
mod services;
#[cfg(test)]
mod setup;
#[cfg(test)]
mod sites;
#[cfg(test)]
mod stored;
#[cfg(test)]
#[path = "../../../jose/tests/it/signer.rs"]
mod signer;
#[cfg(test)]
mod streams;
#[cfg(test)]
mod support;
#[cfg(test)]
mod team;
#[cfg(test)]
mod transfers;
#[cfg(test)]
mod vendors;
