//! How much of everything.

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
