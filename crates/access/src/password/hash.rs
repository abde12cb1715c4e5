//! What is kept of a password, as text.
//!
//! | text | made of |
//! |---|---|
//! | `$6$salt$hash` | SHA-512 of password and salt; verified only, for it is too fast to be safe |
//! | `$7$iterations$salt$hash` | PBKDF2 with HMAC-SHA-512 |
//! | `$argon2id$v=19$m=…,t=…,p=…$salt$hash` | Argon2id (RFC 9106) |
//! | `$scram-sha-256$iterations$salt$stored$server` | what SCRAM needs (RFC 5802): [`StoredKeys`] |
//! | `$2b$cost$salthash`, `$2a$`, `$2y$` | bcrypt; verified only |

use std::fmt;
use std::hash::{DefaultHasher, Hasher};
use std::num::NonZeroU32;

use argon2::{Algorithm, Argon2, Params, Version};
use base64::Engine;
use base64::engine::general_purpose::{GeneralPurpose, GeneralPurposeConfig};
use base64::engine::{DecodePaddingMode, general_purpose::STANDARD};
use ring::{digest, pbkdf2};
use subtle::ConstantTimeEq;
use thiserror::Error;
use zeroize::Zeroizing;

use super::blowfish;
use crate::scram::{ITERATIONS_MAXIMUM, ITERATIONS_MINIMUM, KeysError, SALT_BYTES, StoredKeys};

/// What is kept of a password.
///
/// It shows neither salt nor hash where it is printed for debugging; [`Hash::to_text`] does.
#[derive(Clone, PartialEq, Eq)]
pub struct Hash {
    kind: Kind,
    salt: Box<[u8]>,
    digest: Zeroizing<Vec<u8>>,
}

/// How a hash is made from a password, and at what cost.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Scheme {
    /// PBKDF2 with HMAC-SHA-512, which every version of Mosquitto since 2.0 reads.
    Pbkdf2 {
        /// How often the function is applied.
        iterations: NonZeroU32,
    },
    /// Argon2id with one lane, which Mosquitto reads since 2.1.
    Argon2id {
        /// The memory that it takes, in KiB.
        memory: u32,
        /// How often it goes over that memory.
        passes: u32,
    },
    /// What SCRAM-SHA-256 needs, with which a password that is sent as such is checked too. Only we
    /// read it.
    ScramSha256 {
        /// How often the function is applied.
        iterations: NonZeroU32,
    },
}

/// Why text is not a hash that can be verified, or a hash cannot be made.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Error)]
#[non_exhaustive]
pub enum HashError {
    /// It does not begin with `$`.
    #[error("the password is not hashed; `ferrymq passwd -U FILE` hashes all passwords of a file")]
    PlainText,
    /// It begins with `$`, and what follows is not known.
    #[error(
        "the kind of hash is not known; known are $argon2id$, $7$, $6$, $scram-sha-256$ and $2b$"
    )]
    UnknownKind,
    /// Something is missing, or something is too much.
    #[error("the hash is not complete; set the password again with `ferrymq passwd`")]
    Incomplete,
    /// Salt or hash is not base64, or not as long as it must be.
    #[error("the hash is damaged; set the password again with `ferrymq passwd`")]
    Damaged,
    /// A cost that is zero, no number, or more than anybody should have to pay for a login.
    #[error(
        "the cost of the hash is out of range: up to {MAX_ITERATIONS} iterations for $7$, from \
         {ITERATIONS_MINIMUM} to {ITERATIONS_MAXIMUM} for $scram-sha-256$, a cost of up to \
         {most} for $2b$, and for $argon2id$ up to {MAX_MEMORY} KiB, {MAX_PASSES} passes and \
         {MAX_LANES} lanes",
        most = blowfish::COST_MAXIMUM
    )]
    Cost,
    /// A password that cannot be prepared for SCRAM.
    #[error("the password has characters that SCRAM does not allow (RFC 4013), or is no UTF-8")]
    Characters,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Kind {
    Sha512,
    Pbkdf2 { iterations: NonZeroU32 },
    Argon2id { memory: u32, passes: u32, lanes: u32 },
    ScramSha256 { iterations: NonZeroU32 },
    Bcrypt { cost: u32 },
}

impl Scheme {
    /// Argon2id as Mosquitto makes it since 2.1: 46 MiB and one pass.
    pub const ARGON2ID: Self = Self::Argon2id { memory: 47_104, passes: 1 };

    /// PBKDF2 with this many iterations.
    pub const fn pbkdf2(iterations: NonZeroU32) -> Self {
        Self::Pbkdf2 { iterations }
    }

    /// The octets of salt that a hash of this scheme is made with.
    pub const fn salt_length(self) -> usize {
        match self {
            // Mosquitto before 2.1 reads this length and no other.
            Self::Pbkdf2 { .. } => 12,
            Self::Argon2id { .. } => 16,
            Self::ScramSha256 { .. } => SALT_BYTES,
        }
    }
}

impl Hash {
    /// Makes the hash of a password. The salt is random, and [`Scheme::salt_length`] long.
    pub fn make(scheme: Scheme, password: &[u8], salt: &[u8]) -> Result<Self, HashError> {
        let (kind, length) = match scheme {
            Scheme::Pbkdf2 { iterations } => (Kind::Pbkdf2 { iterations }, SHA512_LENGTH),
            Scheme::Argon2id { memory, passes } => {
                (Kind::Argon2id { memory, passes, lanes: 1 }, ARGON2_LENGTH)
            }
            Scheme::ScramSha256 { iterations } => (Kind::ScramSha256 { iterations }, SCRAM_LENGTH),
        };
        kind.check()?;
        check_length(salt, SALT_LENGTHS)?;
        let mut digest = Zeroizing::new(vec![0; length]);
        kind.derive(password, salt, &mut digest)?;
        Ok(Self { kind, salt: Box::from(salt), digest })
    }

    /// Reads a hash as it stands in a file.
    pub fn parse(text: &str) -> Result<Self, HashError> {
        if text.starts_with("$scram-sha-256$") {
            return Self::parse_scram(text);
        }
        let mut parts = text.strip_prefix('$').ok_or(HashError::PlainText)?.split('$');
        let kind = match parts.next() {
            Some("6") => Kind::Sha512,
            Some("7") => Kind::Pbkdf2 { iterations: number(parts.next())? },
            Some("argon2id") => argon2_kind(parts.next(), parts.next())?,
            Some("2a" | "2b" | "2y") => return Self::parse_bcrypt(parts),
            _ => return Err(HashError::UnknownKind),
        };
        kind.check()?;
        let (Some(salt), Some(digest), None) = (parts.next(), parts.next(), parts.next()) else {
            return Err(HashError::Incomplete);
        };
        let salt = decode(salt)?;
        check_length(&salt, if kind.is_argon2() { ARGON2_SALT_LENGTHS } else { SALT_LENGTHS })?;
        let digest = Zeroizing::new(decode(digest)?);
        check_length(&digest, if kind.is_argon2() { ARGON2_LENGTHS } else { SHA512_LENGTHS })?;
        Ok(Self { kind, salt: salt.into_boxed_slice(), digest })
    }

    fn parse_scram(text: &str) -> Result<Self, HashError> {
        let keys = StoredKeys::parse(text).map_err(|error| match error {
            KeysError::Iterations => HashError::Cost,
            _ => HashError::Damaged,
        })?;
        let kind = Kind::ScramSha256 { iterations: keys.iterations() };
        let digest = Zeroizing::new([*keys.stored_key(), *keys.server_key()].concat());
        Ok(Self { kind, salt: Box::from(keys.salt()), digest })
    }

    fn parse_bcrypt<'a>(mut parts: impl Iterator<Item = &'a str>) -> Result<Self, HashError> {
        let kind = Kind::Bcrypt { cost: number(parts.next())?.get() };
        kind.check()?;
        let (Some(text), None) = (parts.next(), parts.next()) else {
            return Err(HashError::Incomplete);
        };
        let (salt, digest) = blowfish::decode(text).ok_or(HashError::Damaged)?;
        Ok(Self { kind, salt: salt.into(), digest: Zeroizing::new(digest) })
    }

    /// The keys for SCRAM-SHA-256, if this is what was kept.
    pub fn scram_keys(&self) -> Option<StoredKeys> {
        let Kind::ScramSha256 { iterations } = self.kind else {
            return None;
        };
        StoredKeys::from_parts(iterations, &self.salt, &self.digest)
    }

    /// Whether this is the hash of that password. It takes as long for a wrong one as for the right.
    pub fn verify(&self, password: &[u8]) -> bool {
        let mut derived = Zeroizing::new(vec![0; self.digest.len()]);
        let is_made = self.kind.derive(password, &self.salt, &mut derived).is_ok();
        let is_same: bool = derived.as_slice().ct_eq(self.digest.as_slice()).into();
        is_made && is_same
    }

    /// A hash that costs what this one costs, and that no password is known to have.
    #[must_use]
    pub fn decoy(&self) -> Self {
        let digest = Zeroizing::new(vec![0; self.digest.len()]);
        Self { kind: self.kind, salt: vec![0; self.salt.len()].into(), digest }
    }

    /// What it costs to verify, to find out what is usual.
    pub(super) fn cost(&self) -> [u32; 4] {
        match self.kind {
            Kind::Sha512 => [6, 0, 0, 0],
            Kind::Pbkdf2 { iterations } => [7, iterations.get(), 0, 0],
            Kind::Argon2id { memory, passes, lanes } => [8, memory, passes, lanes],
            Kind::ScramSha256 { iterations } => [9, iterations.get(), 0, 0],
            Kind::Bcrypt { cost } => [10, cost, 0, 0],
        }
    }

    /// A number that is another one if the password is set again, even to the same.
    pub fn stamp(&self) -> u64 {
        let mut hasher = DefaultHasher::new();
        for cost in self.cost() {
            hasher.write_u32(cost);
        }
        hasher.write(&self.salt);
        hasher.write(&self.digest);
        hasher.finish()
    }

    /// The hash as it stands in a file.
    pub fn to_text(&self) -> Zeroizing<String> {
        let text = match self.kind {
            Kind::Sha512 => {
                format!("$6${}${}", STANDARD.encode(&self.salt), STANDARD.encode(&self.digest))
            }
            Kind::Pbkdf2 { iterations } => format!(
                "$7${iterations}${}${}",
                STANDARD.encode(&self.salt),
                STANDARD.encode(&self.digest)
            ),
            Kind::Argon2id { memory, passes, lanes } => format!(
                "$argon2id$v=19$m={memory},t={passes},p={lanes}${}${}",
                STANDARD.encode(&self.salt).trim_end_matches('='),
                STANDARD.encode(&self.digest).trim_end_matches('=')
            ),
            Kind::ScramSha256 { .. } => {
                self.scram_keys().map(|keys| keys.to_text()).unwrap_or_default()
            }
            Kind::Bcrypt { cost } => {
                format!("$2b${cost:02}${}", blowfish::encode(&self.salt, &self.digest))
            }
        };
        Zeroizing::new(text)
    }
}

impl fmt::Debug for Hash {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Hash").field("kind", &self.kind).finish_non_exhaustive()
    }
}

impl Kind {
    const fn is_argon2(self) -> bool {
        matches!(self, Self::Argon2id { .. })
    }

    fn check(self) -> Result<(), HashError> {
        let is_fine = match self {
            Self::Sha512 => true,
            Self::Pbkdf2 { iterations } => iterations.get() <= MAX_ITERATIONS,
            Self::Argon2id { memory, passes, lanes } => {
                memory <= MAX_MEMORY
                    && (1..=MAX_PASSES).contains(&passes)
                    && (1..=MAX_LANES).contains(&lanes)
                    && memory >= 8 * lanes
            }
            Self::ScramSha256 { iterations } => {
                (ITERATIONS_MINIMUM..=ITERATIONS_MAXIMUM).contains(&iterations.get())
            }
            Self::Bcrypt { cost } => {
                (blowfish::COST_MINIMUM..=blowfish::COST_MAXIMUM).contains(&cost)
            }
        };
        if is_fine { Ok(()) } else { Err(HashError::Cost) }
    }

    fn derive(self, password: &[u8], salt: &[u8], hash: &mut [u8]) -> Result<(), HashError> {
        match self {
            Self::Sha512 => {
                let mut context = digest::Context::new(&digest::SHA512);
                context.update(password);
                context.update(salt);
                let digest = context.finish();
                let same = digest.as_ref().get(..hash.len()).ok_or(HashError::Damaged)?;
                hash.copy_from_slice(same);
            }
            Self::Pbkdf2 { iterations } => {
                pbkdf2::derive(pbkdf2::PBKDF2_HMAC_SHA512, iterations, salt, password, hash);
            }
            Self::Argon2id { memory, passes, lanes } => {
                let params = Params::new(memory, passes, lanes, Some(hash.len()));
                let params = params.map_err(|_| HashError::Cost)?;
                let argon2 = Argon2::new(Algorithm::Argon2id, Version::V0x13, params);
                let made = argon2.hash_password_into(password, salt, hash);
                made.map_err(|_| HashError::Cost)?;
            }
            Self::ScramSha256 { iterations } => {
                let keys = StoredKeys::make(password, salt, iterations.get());
                let keys = keys.map_err(|_| HashError::Characters)?;
                let both = Zeroizing::new([*keys.stored_key(), *keys.server_key()].concat());
                hash.copy_from_slice(both.get(..hash.len()).ok_or(HashError::Damaged)?);
            }
            Self::Bcrypt { cost } => {
                let made = blowfish::derive(cost, salt, password).ok_or(HashError::Damaged)?;
                hash.copy_from_slice(made.get(..hash.len()).ok_or(HashError::Damaged)?);
            }
        }
        Ok(())
    }
}

/// `v=19` and `m=47104,t=1,p=1`.
fn argon2_kind(version: Option<&str>, costs: Option<&str>) -> Result<Kind, HashError> {
    if version != Some("v=19") {
        return Err(HashError::UnknownKind);
    }
    let mut costs = costs.ok_or(HashError::Incomplete)?.split(',');
    let mut cost = |name| {
        let cost = costs.next().and_then(|cost| cost.strip_prefix(name));
        number(cost).map(NonZeroU32::get)
    };
    let kind = Kind::Argon2id { memory: cost("m=")?, passes: cost("t=")?, lanes: cost("p=")? };
    if costs.next().is_none() { Ok(kind) } else { Err(HashError::Incomplete) }
}

fn number(text: Option<&str>) -> Result<NonZeroU32, HashError> {
    let text = text.ok_or(HashError::Incomplete)?;
    text.parse().map_err(|_| HashError::Cost)
}

fn decode(text: &str) -> Result<Vec<u8>, HashError> {
    BASE64.decode(text).map_err(|_| HashError::Damaged)
}

fn check_length(bytes: &[u8], (least, most): (usize, usize)) -> Result<(), HashError> {
    if (least..=most).contains(&bytes.len()) { Ok(()) } else { Err(HashError::Damaged) }
}

/// Argon2's text has no padding, Mosquitto's other kinds have.
const BASE64: GeneralPurpose = GeneralPurpose::new(
    &base64::alphabet::STANDARD,
    GeneralPurposeConfig::new().with_decode_padding_mode(DecodePaddingMode::Indifferent),
);

/// Whoever writes a file must not be able to make a login last for minutes, or take all memory.
const MAX_ITERATIONS: u32 = 10_000_000;
const MAX_MEMORY: u32 = 1 << 20;
const MAX_PASSES: u32 = 64;
const MAX_LANES: u32 = 64;

const SHA512_LENGTH: usize = 64;
const ARGON2_LENGTH: usize = 32;
const SCRAM_LENGTH: usize = 64;
const SALT_LENGTHS: (usize, usize) = (1, 128);
const ARGON2_SALT_LENGTHS: (usize, usize) = (8, 128);
const SHA512_LENGTHS: (usize, usize) = (SHA512_LENGTH, SHA512_LENGTH);
const ARGON2_LENGTHS: (usize, usize) = (16, 128);

#[cfg(test)]
mod tests {
    use super::*;

    fn cheap() -> [Scheme; 3] {
        [
            Scheme::pbkdf2(NonZeroU32::new(3).unwrap()),
            Scheme::Argon2id { memory: 32, passes: 2 },
            Scheme::ScramSha256 { iterations: NonZeroU32::new(4096).unwrap() },
        ]
    }

    #[test]
    fn what_is_made_is_read_back_and_verified() {
        for scheme in cheap() {
            let salt = vec![7; scheme.salt_length()];
            let made = Hash::make(scheme, b"secret", &salt).unwrap();
            let read = Hash::parse(&made.to_text()).unwrap();
            assert_eq!(read, made);
            assert_eq!(read.stamp(), made.stamp());
            assert!(read.verify(b"secret"), "{scheme:?}");
            assert!(!read.verify(b"Secret"), "{scheme:?}");
            assert!(!read.verify(b""), "{scheme:?}");
        }
    }

    #[test]
    fn hashes_that_other_programs_made_are_verified() {
        let rows = [
            // mosquitto_passwd 2.0.11 -H sha512
            "$6$TeVDg4BDB2OD+QZ9$z+GYmre0Kum1Yo56K5w+Zi1Jl6P7v1Cr887PZ17RQsCAw8ylr8GN3o4TcWEbpfImzCYm\
             kNR5lUGZeY05Z1Te9g==",
            // mosquitto_passwd 2.0.11 -H sha512-pbkdf2
            "$7$101$8amA/hx4prIluX+G$LdREGNPZxMYy8DGff0vGsQjTGe5W7bxB2WkAxxyyUTWg/JsjeL5UMmiLqS9uzHkT\
             WL6EXYjIM/DvA7+a6lDHdw==",
            // argon2-cffi 25
            "$argon2id$v=19$m=47104,t=1,p=1$AAECAwQFBgcICQoLDA0ODw$xxuYwI+13bVHdUEt7P6fmkwDElhr3OQ1I9SEzZuLq9s",
            "$argon2id$v=19$m=256,t=3,p=4$AAECAwQFBgcICQoLDA0ODxAREhMUFRYXGBkaGxwdHh8gISIjJCUmJygp\
             KissLS4vMDEyMzQ1Njc4OTo7PD0+Pw$SdvNNOYckzPudnaE1mjVIgHfGjgJBckSzZ3u8DSvIlX89HBm+xYi3w+jhEySq8zchQ7/w7qQuXxXudVn8dgChA",
            // libxcrypt 4.4
            "$2b$04$abcdefghijklmnopqrstuujydOTSfIH/d5oUHpsygqV5X9xJLQc6e",
            "$2b$05$abcdefghijklmnopqrstuuHNbAKRhpaujgo33bRWs.NLUTJO3lOy2",
        ];
        for text in rows {
            let hash = Hash::parse(text).unwrap();
            assert!(hash.verify(b"correct horse"), "{text}");
            assert!(!hash.verify(b"correct horsf"), "{text}");
            assert_eq!(*hash.to_text(), text);
        }
    }

    #[test]
    fn bcrypt_looks_at_the_first_72_bytes_alone() {
        // libxcrypt 4.4 made this of 80 letters.
        let text = "$2a$04$abcdefghijklmnopqrstuubzadhGtS2zEF.gu0yd0opP6cVzb.e0i";
        let hash = Hash::parse(text).unwrap();
        assert!(hash.verify(&[b'x'; 80]));
        assert!(hash.verify(&[b'x'; 72]));
        assert!(!hash.verify(&[b'x'; 71]));
        assert!(!hash.verify(b""));
    }

    #[test]
    fn stamp_changes_with_salt_password_and_cost() {
        let [pbkdf2, argon2, scram] = cheap();
        let more = Scheme::pbkdf2(NonZeroU32::new(4).unwrap());
        let stamps = [
            Hash::make(pbkdf2, b"a", &[1; 12]),
            Hash::make(pbkdf2, b"a", &[2; 12]),
            Hash::make(pbkdf2, b"b", &[1; 12]),
            Hash::make(more, b"a", &[1; 12]),
            Hash::make(argon2, b"a", &[1; 16]),
            Hash::make(scram, b"a", &[1; 16]),
        ]
        .map(|hash| hash.unwrap().stamp());
        let different: std::collections::BTreeSet<_> = stamps.iter().collect();
        assert_eq!(different.len(), stamps.len());
    }

    #[test]
    fn decoy_costs_the_same_and_has_no_password() {
        for scheme in cheap() {
            let hash = Hash::make(scheme, b"", &vec![0; scheme.salt_length()]).unwrap();
            let decoy = hash.decoy();
            assert_eq!(decoy.cost(), hash.cost());
            assert!(!decoy.verify(b""));
        }
    }

    #[test]
    fn text_that_is_no_hash_says_why() {
        let salt = STANDARD.encode([1; 12]);
        let hash = STANDARD.encode([2; 64]);
        let short = STANDARD.encode([2; 63]);
        let rows = [
            (String::new(), HashError::PlainText),
            ("secret".into(), HashError::PlainText),
            ("$".into(), HashError::UnknownKind),
            (format!("$5${salt}${hash}"), HashError::UnknownKind),
            (format!("$argon2i$v=19$m=64,t=1,p=1${salt}${hash}"), HashError::UnknownKind),
            (format!("$argon2id$v=16$m=64,t=1,p=1${salt}${hash}"), HashError::UnknownKind),
            ("$6$".into(), HashError::Incomplete),
            (format!("$6${salt}"), HashError::Incomplete),
            (format!("$6${salt}${hash}$"), HashError::Incomplete),
            ("$7".into(), HashError::Incomplete),
            (format!("$argon2id$v=19$m=64,t=1,p=1,x=1${salt}${hash}"), HashError::Incomplete),
            (format!("$6$${hash}"), HashError::Damaged),
            (format!("$6${salt}${short}"), HashError::Damaged),
            (format!("$6${salt}$%{hash}"), HashError::Damaged),
            (format!("$argon2id$v=19$m=64,t=1,p=1$AAAA${hash}"), HashError::Damaged),
            (format!("$7$0${salt}${hash}"), HashError::Cost),
            (format!("$7$-1${salt}${hash}"), HashError::Cost),
            (format!("$7$10000001${salt}${hash}"), HashError::Cost),
            (format!("$argon2id$v=19$m=4294967295,t=1,p=1${salt}${hash}"), HashError::Cost),
            (format!("$argon2id$v=19$m=64,t=1,p=9${salt}${hash}"), HashError::Cost),
            (format!("$argon2id$v=19$m=64,t=65,p=1${salt}${hash}"), HashError::Cost),
            ("$2b$04$short".into(), HashError::Damaged),
            ("$2b$04".into(), HashError::Incomplete),
            ("$2x$04$".into(), HashError::UnknownKind),
            (
                "$2b$17$abcdefghijklmnopqrstuujydOTSfIH/d5oUHpsygqV5X9xJLQc6e".into(),
                HashError::Cost,
            ),
            (format!("$scram-sha-256$4095${salt}${hash}${hash}"), HashError::Cost),
            (format!("$scram-sha-256$4096${salt}${hash}"), HashError::Damaged),
        ];
        for (text, error) in rows {
            assert_eq!(Hash::parse(&text), Err(error), "{text}");
        }
    }

    #[test]
    fn debug_output_shows_neither_salt_nor_hash() {
        let [pbkdf2, ..] = cheap();
        let hash = Hash::make(pbkdf2, b"a", &[1; 12]).unwrap();
        assert_eq!(format!("{hash:?}"), "Hash { kind: Pbkdf2 { iterations: 3 }, .. }");
    }
}
