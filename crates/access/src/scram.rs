//! SCRAM-SHA-256, by which both sides prove that they know a password and neither says it
//! (RFC 5802, RFC 7677), as an authentication method of MQTT 5.0 (section 4.12).
//!
//! [`Server`] and [`Client`] are the two sides: bytes of Authentication Data in, bytes out. The
//! server needs [`StoredKeys`] only, from which the password cannot be read and with which nobody
//! can log in. Channel binding is not offered: TLS ends in another layer, often in another machine.

mod client;
mod error;
mod keys;
mod message;
mod server;
#[cfg(test)]
mod tests;

pub use self::client::Client;
pub use self::error::{KeysError, ScramError};
pub use self::keys::StoredKeys;
pub use self::server::{Decoy, Server};

/// The Authentication Method.
pub const METHOD: &str = "SCRAM-SHA-256";
/// How often the hash is applied where nobody says another number: every login costs the client
/// that, and whoever has stolen stored keys for every guess.
pub const ITERATIONS: u32 = 100_000;
/// The fewest iterations that are taken [RFC 7677, section 4].
pub const ITERATIONS_MINIMUM: u32 = 4_096;
/// The most: a server must not be able to keep a client busy for hours.
pub const ITERATIONS_MAXIMUM: u32 = 10_000_000;
/// How many bytes of chance a nonce is made of.
pub const NONCE_BYTES: usize = 24;
/// How long a salt is that we make.
pub const SALT_BYTES: usize = 16;
/// The longest message that is looked at.
pub const MESSAGE_MAXIMUM_BYTES: usize = 4_096;
