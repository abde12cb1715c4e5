//! A log that frees its oldest records, and what a log says when it is read.

#![allow(dead_code, reason = "each of the tests uses another part of it")]

pub(crate) mod log;
pub(crate) mod state;
