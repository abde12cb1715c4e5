//! The client's side.

use std::num::NonZeroU32;

use subtle::ConstantTimeEq;
use zeroize::Zeroizing;

use super::bounds::{ITERATIONS_MAXIMUM, ITERATIONS_MINIMUM, NONCE_BYTES};
use super::error::ScramError;
use super::keys::{KEY_BYTES, client_key, hash, keyed, prepared, salted, server_key, xor};
use super::message::{Attributes, decoded, encoded, escaped, is_nonce, text};

/// One exchange, from [`first`](Self::first) over [`answer`](Self::answer) to
/// [`finish`](Self::finish).
pub struct Client {
    password: Zeroizing<String>,
    nonce: String,
    /// The first message without what stands before its name.
    bare: String,
    /// What the server must prove, once it has said what it needs.
    expected: Option<Zeroizing<[u8; KEY_BYTES]>>,
}

impl Client {
    /// An exchange as this user; `chance` is the client's part of the nonce.
    ///
    /// # Errors
    ///
    /// Name or password have characters that do not compare.
    pub fn new(
        username: &str,
        password: &[u8],
        chance: [u8; NONCE_BYTES],
    ) -> Result<Self, ScramError> {
        Self::with_nonce(username, password, encoded(&chance))
    }

    pub(super) fn with_nonce(
        username: &str,
        password: &[u8],
        nonce: String,
    ) -> Result<Self, ScramError> {
        let username = stringprep::saslprep(username).map_err(|_| ScramError::Characters)?;
        let password = prepared(password).ok_or(ScramError::Characters)?;
        let bare = format!("n={},r={nonce}", escaped(&username));
        Ok(Self { password, nonce, bare, expected: None })
    }

    /// The first message.
    pub fn first(&self) -> Vec<u8> {
        format!("{HEADER}{}", self.bare).into_bytes()
    }

    /// The answer to the server's challenge. It takes as long as the server asks for.
    ///
    /// # Errors
    ///
    /// What the server has done wrong.
    pub fn answer(&mut self, challenge: &[u8]) -> Result<Vec<u8>, ScramError> {
        let challenge = text(challenge)?;
        let mut attributes = Attributes::of(challenge);
        let nonce = attributes.next('r')?;
        // Each side brings chance of its own.
        if !is_nonce(nonce) || !nonce.starts_with(&self.nonce) || nonce.len() <= self.nonce.len() {
            return Err(ScramError::Nonce);
        }
        let salt = decoded(attributes.next('s')?)?;
        let iterations: u32 = attributes.next('i')?.parse().map_err(|_| ScramError::Message)?;
        if !(ITERATIONS_MINIMUM..=ITERATIONS_MAXIMUM).contains(&iterations) {
            return Err(ScramError::Iterations);
        }
        let iterations = NonZeroU32::new(iterations).ok_or(ScramError::Iterations)?;
        let salted = salted(&self.password, &salt, iterations);
        let without_proof = format!("c={},r={nonce}", encoded(HEADER.as_bytes()));
        let said = format!("{},{challenge},{without_proof}", self.bare);
        let key = client_key(&salted);
        let proof = xor(&key, &keyed(&hash(&*key), said.as_bytes()));
        self.expected = Some(Zeroizing::new(keyed(&server_key(&salted), said.as_bytes())));
        Ok(format!("{without_proof},p={}", encoded(&proof)).into_bytes())
    }

    /// Whether the server has proved that it knows the password.
    ///
    /// # Errors
    ///
    /// It has not.
    pub fn finish(&mut self, last: &[u8]) -> Result<(), ScramError> {
        let expected = self.expected.take().ok_or(ScramError::Message)?;
        let last = text(last)?;
        if last.starts_with("e=") {
            return Err(ScramError::Proof);
        }
        let signature = decoded(Attributes::of(last).next('v')?)?;
        let is_right: bool = signature.ct_eq(expected.as_slice()).into();
        if is_right { Ok(()) } else { Err(ScramError::Server) }
    }
}

/// No channel binding, and as oneself.
const HEADER: &str = "n,,";
