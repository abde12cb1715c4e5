//! bcrypt's hashes, which many databases hold: `$2b$cost$`, and without a mark between them 22
//! characters of salt and 31 of hash.

use base64::Engine;
use base64::alphabet::BCRYPT;
use base64::engine::general_purpose::{GeneralPurpose, GeneralPurposeConfig};
use zeroize::Zeroizing;

/// A salt and a hash, if this is what stands after the cost.
pub(super) fn decode(text: &str) -> Option<(Vec<u8>, Vec<u8>)> {
    let (salt, hash) = text.split_at_checked(SALT_CHARACTERS)?;
    let (salt, hash) = (BASE64.decode(salt).ok()?, BASE64.decode(hash).ok()?);
    (salt.len() == SALT_BYTES && hash.len() == HASH_BYTES).then_some((salt, hash))
}

/// What stands after the cost.
pub(super) fn encode(salt: &[u8], hash: &[u8]) -> String {
    format!("{}{}", BASE64.encode(salt), BASE64.encode(hash))
}

/// The hash of a password, if cost, salt and password are possible. What is longer than 72 bytes is not
/// looked at: so it is with bcrypt.
pub(super) fn derive(cost: u32, salt: &[u8], password: &[u8]) -> Option<[u8; HASH_BYTES]> {
    let salt = salt.try_into().ok()?;
    // Most who make such hashes take this for the end of the password.
    if cost > COST_MAXIMUM || password.contains(&0) {
        return None;
    }
    let mut key = Zeroizing::new(password.to_vec());
    key.push(0);
    key.truncate(PASSWORD_MAXIMUM_BYTES);
    let hash = Zeroizing::new(bcrypt::bcrypt(cost, salt, &key));
    hash.get(..HASH_BYTES)?.try_into().ok()
}

/// The costs of bcrypt that are taken: a login must not last for minutes.
pub(super) const COST_MINIMUM: u32 = 4;
pub(super) const COST_MAXIMUM: u32 = 16;

const SALT_CHARACTERS: usize = 22;
const SALT_BYTES: usize = 16;
pub(super) const HASH_BYTES: usize = 23;
const PASSWORD_MAXIMUM_BYTES: usize = 72;
const BASE64: GeneralPurpose = GeneralPurpose::new(
    &BCRYPT,
    GeneralPurposeConfig::new()
        .with_encode_padding(false)
        .with_decode_padding_mode(base64::engine::DecodePaddingMode::RequireNone)
        .with_decode_allow_trailing_bits(true),
);
