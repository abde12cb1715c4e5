//! Who is let in, and who may do what: sources of users, and the threads on which passwords are
//! checked.

#![cfg_attr(
    not(test),
    deny(clippy::expect_used, clippy::indexing_slicing, clippy::panic, clippy::unwrap_used)
)]

mod fair_queue;
mod hashing;
mod login;
mod rights;
mod source;

pub use hashing::{Busy, Hashing};
pub use login::Login;
pub use rights::{RightsSource, Ruling};
pub use source::{Checking, Exchange, Outcome, Source, Step, Stepping};
