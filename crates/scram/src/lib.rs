//! SCRAM-SHA-256, by which both sides prove that they know a password and neither says it
//! (RFC 5802, RFC 7677), as an authentication method of MQTT 5.0 (section 4.12).
//!
//! [`Server`] and [`Client`] are the two sides: bytes of Authentication Data in, bytes out. The
//! server needs [`StoredKeys`] only, from which the password cannot be read and with which nobody
//! can log in. Channel binding is not offered: TLS ends in another layer, often in another machine.

#![cfg_attr(
    not(test),
    deny(clippy::expect_used, clippy::indexing_slicing, clippy::panic, clippy::unwrap_used)
)]

mod bounds;
mod client;
mod error;
mod keys;
mod message;
mod server;
#[cfg(test)]
mod tests;

pub use self::bounds::{
    ITERATIONS, ITERATIONS_MAXIMUM, ITERATIONS_MINIMUM, MESSAGE_MAXIMUM_BYTES, NONCE_BYTES,
    SALT_BYTES,
};
pub use self::client::Client;
pub use self::error::{KeysError, ScramError};
pub use self::keys::{KEY_BYTES, StoredKeys};
pub use self::message::METHOD;
pub use self::server::{Decoy, Server};
