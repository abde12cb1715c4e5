//! Bytes as a token, as the claims of a token that is signed well, and as a file of keys.

use base64::Engine;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use ferrymq_access::Action;
use ferrymq_access::token::{Bearer, Keys, TokenRules, is_token};
use ring::hmac;

/// The first byte says what the others are. Only what our key has signed is believed, and what is
/// believed has a name and holds now.
///
/// # Panics
///
/// If one of these does not hold.
pub fn token(data: &[u8]) {
    let [head, bytes @ ..] = data else { return };
    let rules = TokenRules { keys: keys(), must_expire: head & 4 > 0, ..TokenRules::default() };
    match head & 3 {
        0 => {
            let _ = Keys::from_file(bytes).map(|keys| keys.fingerprints().count());
        }
        1 => {
            let believed = rules.verify(bytes, "lamp", NOW);
            assert!(believed.is_err() || is_signed(bytes), "nobody has signed this");
        }
        2 => {
            let header = r#"{"alg":"HS256"}"#.as_bytes();
            check(&rules, &signed(header, bytes));
        }
        _ => check(&rules, &signed(bytes, br#"{"sub":"ann","exp":2000000000}"#)),
    }
}

fn check(rules: &TokenRules, token: &[u8]) {
    let Ok(Bearer { username, grants, expires, .. }) = rules.verify(token, "lamp", NOW) else {
        return;
    };
    assert!(is_token(token) && !username.is_empty());
    assert!(expires.is_none_or(|end| end > NOW));
    if let Some(grants) = grants {
        let may_read = grants.allow(Action::Subscribe, "a/b/#");
        assert!(!may_read || grants.allow(Action::Receive, "a/b/c"), "subscribed and not sent");
    }
}

fn keys() -> Keys {
    Keys::from_secret(SECRET).expect("it is long enough")
}

fn tag(text: &[u8]) -> String {
    let tag = hmac::sign(&hmac::Key::new(hmac::HMAC_SHA256, SECRET), text);
    URL_SAFE_NO_PAD.encode(tag)
}

fn signed(header: &[u8], claims: &[u8]) -> Vec<u8> {
    let text = format!("{}.{}", URL_SAFE_NO_PAD.encode(header), URL_SAFE_NO_PAD.encode(claims));
    format!("{text}.{}", tag(text.as_bytes())).into_bytes()
}

fn is_signed(token: &[u8]) -> bool {
    let end = token.iter().rposition(|byte| *byte == b'.').unwrap_or_default();
    token.get(end + 1..) == Some(tag(&token[..end]).as_bytes())
}

const SECRET: &[u8] = b"a secret of more than thirty-two bytes";
const NOW: u64 = 1_600_000_000;
