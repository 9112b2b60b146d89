//! Operations of every noun, on both engines.

#[cfg(test)]
mod main_job;
#[cfg(test)]
mod matrix;
