//! What can go wrong in an exchange.

use super::bounds::{ITERATIONS_MAXIMUM, ITERATIONS_MINIMUM};

/// Why an exchange ends without success. Nothing of a secret is in it.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum ScramError {
    /// It is no message of this kind, or not the one that must come now.
    #[error("the other side does not say what SCRAM-SHA-256 asks for")]
    Message,
    /// The other side wants more than we know.
    #[error("the other side asks for channel binding or an extension, which are not known here")]
    Unsupported,
    /// The name is not one that can be compared.
    #[error("the user name or the password has characters that SCRAM does not allow (RFC 4013)")]
    Characters,
    /// The nonce is not the one of this exchange.
    #[error("the other side answers in another exchange")]
    Nonce,
    /// The cost is out of range.
    #[error(
        "the server asks for a number of iterations that is not between {ITERATIONS_MINIMUM} and \
         {ITERATIONS_MAXIMUM}"
    )]
    Iterations,
    /// The proof is wrong: another password, or a user that does not exist.
    #[error("the user name or the password is wrong")]
    Proof,
    /// The server does not know the password.
    #[error("the server cannot prove that it knows the password: it is not the right one")]
    Server,
}

/// Why stored keys cannot be read or made.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum KeysError {
    /// Something is missing or damaged.
    #[error("the keys are damaged; set the password again with `ferrymq passwd -H scram-sha-256`")]
    Damaged,
    /// The cost is out of range.
    #[error("the iterations must be between {ITERATIONS_MINIMUM} and {ITERATIONS_MAXIMUM}")]
    Iterations,
    /// The password cannot be used.
    #[error("the password has characters that SCRAM does not allow (RFC 4013), or is no UTF-8")]
    Characters,
}
