//! Passwords: how they are kept, and the file in which they are.
//!
//! A [`struct@Hash`] is what is kept of a password, in the formats of Mosquitto. A [`PasswordFile`] gives
//! the hash of each user. To check a password costs what its hash asks for, milliseconds up to a
//! second, so it belongs on a thread that serves no client.

mod blowfish;
mod edit;
mod file;
mod hash;

pub use edit::{EditError, Edited, PasswordLines};
pub use file::{Check, MAXIMUM_FILE_BYTES, PasswordFile};
pub use hash::{Hash, HashError, Scheme};
