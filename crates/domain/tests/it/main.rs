//! Operations of every noun, on both engines.

#[cfg(test)]
mod accounts;
#[cfg(test)]
mod anchors;
#[cfg(test)]
mod clock;
#[cfg(test)]
mod data;
#[cfg(test)]
mod grants;
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
mod people;
#[cfg(test)]
mod rollback;
#[cfg(test)]
mod services;
#[cfg(test)]
mod stored;
#[cfg(test)]
mod support;
