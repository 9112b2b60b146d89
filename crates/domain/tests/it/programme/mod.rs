//! The programme, noun by noun.

mod policies;
mod reviews;
mod risks;
mod roster;
mod trainings;
