//! The server's side.

use std::fmt;

use subtle::ConstantTimeEq;

use super::bounds::{ITERATIONS, NONCE_BYTES, SALT_BYTES};
use super::error::ScramError;
use super::keys::{KEY_BYTES, StoredKeys, hash, keyed, xor};
use super::message::{Attributes, decoded, encoded, is_nonce, text, unescaped};

/// An exchange that a client has begun, and that its next message ends.
///
/// ```text
/// client: n,,n=user,r=NONCE            → Server::begin
/// server: r=NONCEnonce,s=salt,i=count  ←
/// client: c=biws,r=NONCEnonce,p=proof  → Server::finish
/// server: v=signature                  ←
/// ```
pub struct Server {
    username: Box<str>,
    keys: StoredKeys,
    /// Whether the keys are made up.
    is_decoy: bool,
    nonce: Box<str>,
    header: Box<str>,
    /// What both have said: what the proofs are about.
    said: String,
}

/// What users are answered that do not exist, so that nobody learns who does: always the same for
/// the same name.
pub struct Decoy {
    secret: [u8; KEY_BYTES],
    iterations: std::num::NonZeroU32,
}

impl Decoy {
    /// The secret comes by chance and stays the same as long as possible; `like` are keys of a user
    /// that exists, if there is one: decoys cost the same.
    pub fn new(secret: [u8; KEY_BYTES], like: Option<&StoredKeys>) -> Self {
        let usual = std::num::NonZeroU32::new(ITERATIONS).unwrap_or(std::num::NonZeroU32::MIN);
        Self { secret, iterations: like.map_or(usual, |keys| keys.iterations) }
    }

    fn keys(&self, username: &str) -> StoredKeys {
        let salt = keyed(&self.secret, username.as_bytes());
        let salt = salt.get(..SALT_BYTES).unwrap_or_default();
        let made_up = [0; KEY_BYTES];
        StoredKeys {
            iterations: self.iterations,
            salt: Box::from(salt),
            stored: made_up,
            server: made_up,
        }
    }
}

/// Without the secret.
impl fmt::Debug for Decoy {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Decoy").field("iterations", &self.iterations).finish_non_exhaustive()
    }
}

impl Server {
    /// Takes the first message of a client, and gives the answer to it. `find` knows the keys of
    /// users; `chance` is the server's part of the nonce.
    ///
    /// # Errors
    ///
    /// What the client has done wrong. That a user does not exist is found out at the end only.
    pub fn begin(
        first: &[u8],
        chance: [u8; NONCE_BYTES],
        decoy: &Decoy,
        find: impl FnOnce(&str) -> Option<StoredKeys>,
    ) -> Result<(Self, Vec<u8>), ScramError> {
        let first = text(first)?;
        let mut parts = first.splitn(3, ',');
        let mut next = || parts.next().ok_or(ScramError::Message);
        let (binding, authorize, bare) = (next()?, next()?, next()?);
        match binding {
            // A client that could bind and thinks that we cannot is right.
            "n" | "y" => {}
            _ if binding.starts_with("p=") => return Err(ScramError::Unsupported),
            _ => return Err(ScramError::Message),
        }
        let mut attributes = Attributes::of(bare);
        let name = unescaped(attributes.next('n')?)?;
        let nonce = attributes.next('r')?;
        if !is_nonce(nonce) {
            return Err(ScramError::Message);
        }
        let name = stringprep::saslprep(&name).map_err(|_| ScramError::Characters)?;
        let as_itself = match authorize.strip_prefix("a=") {
            Some(other) => unescaped(other)? == name,
            None if authorize.is_empty() => true,
            None => return Err(ScramError::Message),
        };
        if name.is_empty() || name.contains('\0') || !as_itself {
            return Err(ScramError::Message);
        }
        let found = find(&name);
        let is_decoy = found.is_none();
        let keys = found.unwrap_or_else(|| decoy.keys(&name));
        let nonce = format!("{nonce}{}", encoded(&chance));
        let answer = format!("r={nonce},s={},i={}", encoded(&keys.salt), keys.iterations);
        let server = Self {
            username: Box::from(&*name),
            keys,
            is_decoy,
            nonce: nonce.into(),
            header: format!("{binding},{authorize},").into(),
            said: format!("{bare},{answer}"),
        };
        Ok((server, answer.into_bytes()))
    }

    /// The user that the client says it is.
    pub fn username(&self) -> &str {
        &self.username
    }

    /// Takes the last message of the client, and gives the answer that proves that we know the
    /// password too.
    ///
    /// # Errors
    ///
    /// The client does not know the password, or has done something wrong.
    pub fn finish(self, last: &[u8]) -> Result<Vec<u8>, ScramError> {
        let last = text(last)?;
        let (without_proof, _) = last.rsplit_once(",p=").ok_or(ScramError::Message)?;
        let mut attributes = Attributes::of(last);
        if decoded(attributes.next('c')?)? != self.header.as_bytes() {
            return Err(ScramError::Message);
        }
        if attributes.next('r')? != &*self.nonce {
            return Err(ScramError::Nonce);
        }
        let proof = last.get(without_proof.len()..).unwrap_or_default();
        let proof = decoded(proof.strip_prefix(",p=").unwrap_or_default())?;
        let proof: [u8; KEY_BYTES] = proof.try_into().map_err(|_| ScramError::Message)?;
        let said = format!("{},{without_proof}", self.said);
        let signature = keyed(&self.keys.stored, said.as_bytes());
        let client_key = xor(&proof, &signature);
        let is_right: bool = hash(&client_key).ct_eq(&self.keys.stored).into();
        if self.is_decoy || !is_right {
            return Err(ScramError::Proof);
        }
        let signature = keyed(&self.keys.server, said.as_bytes());
        Ok(format!("v={}", encoded(&signature)).into_bytes())
    }
}
