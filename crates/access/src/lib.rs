//! What files, tokens and JSON say about users and their rights.
//!
//! Bytes go in, and who may do what comes out. Nothing here has a socket, file, thread or clock:
//! time and randomness are arguments, and whoever asks reads and writes the files. All bytes are
//! taken to be hostile.

#![cfg_attr(
    not(test),
    deny(clippy::expect_used, clippy::indexing_slicing, clippy::panic, clippy::unwrap_used)
)]

pub mod acl;
mod action;
pub mod control;
mod decision;
pub mod dynamic_security;
mod grants;
mod mistake;
pub mod password;
pub mod token;
mod who;

pub use action::Action;
pub use decision::{Decision, RuleRef};
pub use grants::{Grant, GrantError, Grants, RULES_MAXIMUM, rules_of_json};
pub use mistake::Mistake;
pub use who::Who;

pub use ferrymq_scram as scram;
