//! The keys that tokens are signed with: a secret, public keys in PEM form, or a JWK set.

use jsonwebtoken::jwk::{AlgorithmParameters, EllipticCurve, Jwk, PublicKeyUse};
use jsonwebtoken::{Algorithm, AlgorithmFamily, DecodingKey, DecodingKeyKind};
use ring::digest;
use serde_json::Value;
use x509_parser::certificate::X509Certificate;
use x509_parser::prelude::FromDer;
use x509_parser::x509::SubjectPublicKeyInfo;

/// Keys, as many as files have.
#[derive(Clone, Default)]
pub struct Keys {
    keys: Vec<Key>,
}

/// One key, and for what it may be used.
#[derive(Clone)]
pub(super) struct Key {
    /// What a token calls it, if it has a name.
    pub(super) id: Option<Box<str>>,
    pub(super) algorithms: Vec<Algorithm>,
    pub(super) decoding: DecodingKey,
    /// A number that no other key has.
    pub(super) fingerprint: u64,
}

impl Key {
    fn new(id: Option<Box<str>>, algorithms: &[Algorithm], decoding: DecodingKey) -> Self {
        let mut context = digest::Context::new(&digest::SHA256);
        match decoding.kind() {
            DecodingKeyKind::SecretOrDer(bytes) => context.update(bytes),
            DecodingKeyKind::RsaModulusExponent { n, e } => {
                context.update(n);
                context.update(e);
            }
        }
        let digest = context.finish();
        let bytes = digest.as_ref().first_chunk().copied().unwrap_or_default();
        let fingerprint = u64::from_be_bytes(bytes);
        Self { id, algorithms: algorithms.to_vec(), decoding, fingerprint }
    }
}

/// Why a file of keys cannot be used.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum KeyError {
    /// It is neither.
    #[error("it is neither PEM nor JSON; a secret belongs into jwt_secret_file")]
    Form,
    /// A private key lies around.
    #[error(
        "it holds a private key, which only the issuer of tokens may have; make the public key of \
         it with: openssl pkey -in KEY -pubout"
    )]
    Private,
    /// There is nothing in it.
    #[error(
        "there is no key in it that tokens can be signed with (RSA from 2048 bits, P-256, P-384 or Ed25519)"
    )]
    Nothing,
    /// A key cannot be used.
    #[error("key {0} cannot be used: it must be RSA from 2048 bits, P-256, P-384 or Ed25519")]
    Unknown(usize),
    /// The JSON is none, or no JWK set.
    #[error("it is no JWK set: {0}")]
    Json(Box<str>),
    /// The secret is one that can be guessed.
    #[error("the secret has {0} bytes; it must have at least {SECRET_MINIMUM_BYTES}, by chance")]
    Short(usize),
    /// There are more keys than anybody needs.
    #[error("there are more than {KEYS_MAXIMUM} keys in it")]
    TooMany,
}

/// The shortest secret: as long as the shortest hash [RFC 7518, section 3.2].
pub const SECRET_MINIMUM_BYTES: usize = 32;
/// Keys of one file.
pub const KEYS_MAXIMUM: usize = 100;

impl Keys {
    /// A secret that issuer and broker share. One line feed at the end of the file is not part of
    /// it.
    ///
    /// # Errors
    ///
    /// It is too short.
    pub fn from_secret(file: &[u8]) -> Result<Self, KeyError> {
        let secret = file.strip_suffix(b"\n").unwrap_or(file);
        let secret = secret.strip_suffix(b"\r").unwrap_or(secret);
        if secret.len() < SECRET_MINIMUM_BYTES {
            return Err(KeyError::Short(secret.len()));
        }
        let algorithms = AlgorithmFamily::Hmac.algorithms();
        Ok(Self { keys: vec![Key::new(None, algorithms, DecodingKey::from_secret(secret))] })
    }

    /// A file with public keys or certificates in PEM form, or with a JWK set.
    ///
    /// # Errors
    ///
    /// What is wrong with it.
    pub fn from_file(file: &[u8]) -> Result<Self, KeyError> {
        let text = std::str::from_utf8(file).map_err(|_| KeyError::Form)?;
        let keys = match text.trim_start() {
            text if text.starts_with('{') => of_json(text)?,
            text if text.contains("-----BEGIN ") => of_pem(text)?,
            _ => return Err(KeyError::Form),
        };
        match keys.is_empty() {
            true => Err(KeyError::Nothing),
            false => Ok(Self { keys }),
        }
    }

    /// Adds the keys of another file.
    pub fn extend(&mut self, others: Self) {
        self.keys.extend(others.keys);
    }

    /// Whether there are none.
    pub fn is_empty(&self) -> bool {
        self.keys.is_empty()
    }

    /// A number for each key, which is the same wherever and whenever it is read.
    pub fn fingerprints(&self) -> impl Iterator<Item = u64> {
        self.keys.iter().map(|key| key.fingerprint)
    }

    /// The keys with which a token may be signed that says this of itself. A key without a name may
    /// be meant by any.
    pub(super) fn of(&self, id: Option<&str>, algorithm: Algorithm) -> impl Iterator<Item = &Key> {
        self.keys.iter().filter(move |key| {
            key.algorithms.contains(&algorithm)
                && (id.is_none() || key.id.is_none() || key.id.as_deref() == id)
        })
    }
}

impl std::fmt::Debug for Keys {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Keys").field("count", &self.keys.len()).finish()
    }
}

fn of_json(text: &str) -> Result<Vec<Key>, KeyError> {
    let value: Value = serde_json::from_str(text).map_err(|error| {
        KeyError::Json(format!("line {}, column {}", error.line(), error.column()).into())
    })?;
    let list = match (value.get("keys"), value.get("kty")) {
        (Some(Value::Array(keys)), _) => keys.clone(),
        (None, Some(_)) => vec![value],
        _ => return Err(KeyError::Json(Box::from("there is no list named keys"))),
    };
    if list.len() > KEYS_MAXIMUM {
        return Err(KeyError::TooMany);
    }
    // A set may hold keys for other purposes, and of kinds that come later: they are passed over.
    let keys = list.into_iter().filter_map(|value| of_jwk(&serde_json::from_value(value).ok()?));
    Ok(keys.collect())
}

fn of_jwk(jwk: &Jwk) -> Option<Key> {
    let is_for_signatures =
        matches!(jwk.common.public_key_use, None | Some(PublicKeyUse::Signature));
    let key = DecodingKey::from_jwk(jwk).ok().filter(|_| is_for_signatures)?;
    let possible: &[Algorithm] = match &jwk.algorithm {
        AlgorithmParameters::RSA(_) => AlgorithmFamily::Rsa.algorithms(),
        AlgorithmParameters::EllipticCurve(curve) => of_curve(&curve.curve)?,
        AlgorithmParameters::OctetKeyPair(curve) if curve.curve == EllipticCurve::Ed25519 => {
            &[Algorithm::EdDSA]
        }
        AlgorithmParameters::OctetKey(_)
            if key.try_get_as_bytes().is_ok_and(|secret| secret.len() >= SECRET_MINIMUM_BYTES) =>
        {
            AlgorithmFamily::Hmac.algorithms()
        }
        _ => return None,
    };
    let algorithms = match jwk.common.key_algorithm {
        None => possible.to_vec(),
        Some(only) => {
            let only = Algorithm::try_from(only).ok()?;
            possible.iter().copied().filter(|algorithm| *algorithm == only).collect()
        }
    };
    let id = jwk.common.key_id.as_deref().map(Box::from);
    Some(Key::new(id, &algorithms, key)).filter(|key| !key.algorithms.is_empty())
}

fn of_curve(curve: &EllipticCurve) -> Option<&'static [Algorithm]> {
    match curve {
        EllipticCurve::P256 => Some(&[Algorithm::ES256]),
        EllipticCurve::P384 => Some(&[Algorithm::ES384]),
        _ => None,
    }
}

fn of_pem(text: &str) -> Result<Vec<Key>, KeyError> {
    let blocks = pem::parse_many(text).map_err(|_| KeyError::Form)?;
    if blocks.len() > KEYS_MAXIMUM {
        return Err(KeyError::TooMany);
    }
    let mut keys = Vec::new();
    for (index, block) in blocks.iter().enumerate() {
        let der = block.contents();
        let key = match block.tag() {
            "PUBLIC KEY" => {
                SubjectPublicKeyInfo::from_der(der).ok().and_then(|(_, info)| of_public_key(&info))
            }
            "CERTIFICATE" => X509Certificate::from_der(der).ok().and_then(|(_, certificate)| {
                of_public_key(&certificate.tbs_certificate.subject_pki)
            }),
            "RSA PUBLIC KEY" => Some(rsa(der)),
            tag if tag.ends_with("PRIVATE KEY") => return Err(KeyError::Private),
            // Parameters of curves are often in front of a key.
            _ => continue,
        };
        keys.push(key.ok_or_else(|| KeyError::Unknown(index.saturating_add(1)))?);
    }
    Ok(keys)
}

fn of_public_key(info: &SubjectPublicKeyInfo<'_>) -> Option<Key> {
    let bytes = &*info.subject_public_key.data;
    let unnamed = |algorithms: &[Algorithm], decoding| Key::new(None, algorithms, decoding);
    match info.algorithm.algorithm.to_id_string().as_str() {
        RSA => Some(rsa(bytes)),
        ELLIPTIC_CURVE => {
            let curve = match bytes.len() {
                P256_POINT_BYTES => EllipticCurve::P256,
                P384_POINT_BYTES => EllipticCurve::P384,
                _ => return None,
            };
            Some(unnamed(of_curve(&curve)?, DecodingKey::from_ec_der(bytes)))
        }
        ED25519 => Some(unnamed(&[Algorithm::EdDSA], DecodingKey::from_ed_der(bytes))),
        _ => None,
    }
}

fn rsa(der: &[u8]) -> Key {
    Key::new(None, AlgorithmFamily::Rsa.algorithms(), DecodingKey::from_rsa_der(der))
}

/// `rsaEncryption`, `id-ecPublicKey` and `id-Ed25519`.
const RSA: &str = "1.2.840.113549.1.1.1";
const ELLIPTIC_CURVE: &str = "1.2.840.10045.2.1";
const ED25519: &str = "1.3.101.112";
const P256_POINT_BYTES: usize = 65;
const P384_POINT_BYTES: usize = 97;
