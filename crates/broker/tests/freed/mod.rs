//! A log that frees its oldest records, and what a log says when it is read.

pub(crate) mod log;
pub(crate) mod state;
