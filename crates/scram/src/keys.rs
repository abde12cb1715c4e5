//! What a server keeps of a password.

use std::fmt;
use std::num::NonZeroU32;

use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use ring::{digest, hmac, pbkdf2};
use subtle::ConstantTimeEq;
use zeroize::Zeroizing;

use super::bounds::{ITERATIONS_MAXIMUM, ITERATIONS_MINIMUM};
use super::error::KeysError;

/// What a server keeps of a password [RFC 5802, section 3]. As text it is
/// `$scram-sha-256$iterations$salt$stored$server`, with the last three in base64.
#[derive(Clone, PartialEq, Eq)]
pub struct StoredKeys {
    pub(super) iterations: NonZeroU32,
    pub(super) salt: Box<[u8]>,
    pub(super) stored: [u8; KEY_BYTES],
    pub(super) server: [u8; KEY_BYTES],
}

/// The length of a hash.
pub const KEY_BYTES: usize = digest::SHA256_OUTPUT_LEN;

impl StoredKeys {
    /// What is kept of a password. The salt comes by chance.
    ///
    /// # Errors
    ///
    /// The password has characters that do not compare, or the number is out of range.
    pub fn make(password: &[u8], salt: &[u8], iterations: u32) -> Result<Self, KeysError> {
        let iterations = checked(iterations).ok_or(KeysError::Iterations)?;
        let password = prepared(password).ok_or(KeysError::Characters)?;
        let salted = salted(&password, salt, iterations);
        let stored = hash(&*client_key(&salted));
        Ok(Self { iterations, salt: Box::from(salt), stored, server: server_key(&salted) })
    }

    /// Reads the text.
    ///
    /// # Errors
    ///
    /// What is wrong in it.
    pub fn parse(text: &str) -> Result<Self, KeysError> {
        let rest = text.strip_prefix(PREFIX).ok_or(KeysError::Damaged)?;
        let mut parts = rest.split('$');
        let mut next = || parts.next().ok_or(KeysError::Damaged);
        let iterations = next()?.parse().map_err(|_| KeysError::Damaged)?;
        let iterations = checked(iterations).ok_or(KeysError::Iterations)?;
        let salt = decoded(next()?)?.into_boxed_slice();
        let stored = decoded(next()?)?.try_into().map_err(|_| KeysError::Damaged)?;
        let server = decoded(next()?)?.try_into().map_err(|_| KeysError::Damaged)?;
        if parts.next().is_some() || salt.is_empty() || salt.len() > SALT_MAXIMUM_BYTES {
            return Err(KeysError::Damaged);
        }
        Ok(Self { iterations, salt, stored, server })
    }

    /// The text.
    pub fn to_text(&self) -> String {
        let [salt, stored, server] =
            [&self.salt[..], &self.stored, &self.server].map(|bytes| STANDARD.encode(bytes));
        format!("{PREFIX}{}${salt}${stored}${server}", self.iterations)
    }

    /// Keys whose parts were kept elsewhere: the stored key and the server's, one after the other. `None`:
    /// they are too long or too short.
    pub fn from_parts(iterations: NonZeroU32, salt: &[u8], keys: &[u8]) -> Option<Self> {
        let (stored, server) = keys.split_at_checked(KEY_BYTES)?;
        let (stored, server) = (stored.try_into().ok()?, server.try_into().ok()?);
        Some(Self { iterations, salt: Box::from(salt), stored, server })
    }

    /// The salt.
    pub fn salt(&self) -> &[u8] {
        &self.salt
    }

    /// By what a client's proof is checked.
    pub const fn stored_key(&self) -> &[u8; KEY_BYTES] {
        &self.stored
    }

    /// By what the server proves itself.
    pub const fn server_key(&self) -> &[u8; KEY_BYTES] {
        &self.server
    }

    /// How often the hash is applied.
    pub fn iterations(&self) -> NonZeroU32 {
        self.iterations
    }

    /// Whether these are the keys of that password, which was sent as such. It takes as long for a
    /// wrong one as for the right.
    pub fn verify(&self, password: &[u8]) -> bool {
        // What cannot be prepared costs the same and is never right.
        let prepared = prepared(password);
        let is_possible = prepared.is_some();
        let password = prepared.unwrap_or_default();
        let key = client_key(&salted(&password, &self.salt, self.iterations));
        let is_same: bool = hash(&*key).ct_eq(&self.stored).into();
        is_possible && is_same
    }
}

impl fmt::Debug for StoredKeys {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("StoredKeys").field("iterations", &self.iterations).finish_non_exhaustive()
    }
}

fn checked(iterations: u32) -> Option<NonZeroU32> {
    NonZeroU32::new(iterations)
        .filter(|number| (ITERATIONS_MINIMUM..=ITERATIONS_MAXIMUM).contains(&number.get()))
}

fn decoded(text: &str) -> Result<Vec<u8>, KeysError> {
    STANDARD.decode(text).map_err(|_| KeysError::Damaged)
}

/// A password as it is hashed: the same whichever way its characters were typed (RFC 4013).
pub(super) fn prepared(password: &[u8]) -> Option<Zeroizing<String>> {
    let text = std::str::from_utf8(password).ok()?;
    Some(Zeroizing::new(stringprep::saslprep(text).ok()?.into_owned()))
}

pub(super) fn salted(
    password: &str,
    salt: &[u8],
    iterations: NonZeroU32,
) -> Zeroizing<[u8; KEY_BYTES]> {
    let mut key = Zeroizing::new([0; KEY_BYTES]);
    pbkdf2::derive(pbkdf2::PBKDF2_HMAC_SHA256, iterations, salt, password.as_bytes(), &mut *key);
    key
}

pub(super) fn client_key(salted: &[u8; KEY_BYTES]) -> Zeroizing<[u8; KEY_BYTES]> {
    Zeroizing::new(keyed(salted, b"Client Key"))
}

pub(super) fn server_key(salted: &[u8; KEY_BYTES]) -> [u8; KEY_BYTES] {
    keyed(salted, b"Server Key")
}

pub(super) fn keyed(key: &[u8], text: &[u8]) -> [u8; KEY_BYTES] {
    let tag = hmac::sign(&hmac::Key::new(hmac::HMAC_SHA256, key), text);
    array(tag.as_ref())
}

pub(super) fn hash(bytes: &[u8]) -> [u8; KEY_BYTES] {
    array(digest::digest(&digest::SHA256, bytes).as_ref())
}

/// SHA-256 always has this length.
fn array(bytes: &[u8]) -> [u8; KEY_BYTES] {
    let mut array = [0; KEY_BYTES];
    for (to, from) in array.iter_mut().zip(bytes) {
        *to = *from;
    }
    array
}

pub(super) fn xor(one: &[u8; KEY_BYTES], other: &[u8; KEY_BYTES]) -> [u8; KEY_BYTES] {
    let mut result = *one;
    for (to, from) in result.iter_mut().zip(other) {
        *to ^= from;
    }
    result
}

const PREFIX: &str = "$scram-sha-256$";
const SALT_MAXIMUM_BYTES: usize = 64;
