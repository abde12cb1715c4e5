//! Why a token is not believed.

use crate::grants::GrantError;

/// Why a token is not believed. Nothing of the token is in it but names of claims.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum TokenError {
    /// It is no token at all: it may be an ordinary password.
    #[error("it is no token")]
    NoToken,
    /// We have no such key.
    #[error("no key of ours has its name and algorithm")]
    Key,
    /// Another key signed it, or it was changed.
    #[error("its signature is wrong")]
    Signature,
    /// It wants to be understood in a way that we do not know.
    #[error("it has critical parameters, and none are known here")]
    Critical,
    /// It holds no more.
    #[error("it has expired")]
    Expired,
    /// It does not hold yet.
    #[error("it does not hold yet")]
    Early,
    /// Somebody else made it.
    #[error("its issuer (iss) is not ours")]
    Issuer,
    /// It is for somebody else.
    #[error("it is not for us (aud)")]
    Audience,
    /// It belongs to another client.
    #[error("it is for another client identifier")]
    ClientId,
    /// A claim is missing.
    #[error("it has no claim {0:?}")]
    Without(Box<str>),
    /// A claim is not what it should be.
    #[error("its claim {0:?} has another form")]
    Claim(Box<str>),
    /// Its rights cannot be used.
    #[error("its claim {claim:?} cannot be used: {error}")]
    Grants {
        /// Which claim.
        claim: Box<str>,
        /// Why.
        error: GrantError,
    },
}
