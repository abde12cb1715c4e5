use std::fs;
use std::time::{SystemTime, UNIX_EPOCH};

use super::super::settings::{JwtSettings, UserSettings};
use base64::Engine;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use ring::hmac;
use serde_json::{Value, json};

use super::*;

const SECRET: &[u8] = b"a secret of more than thirty-two bytes";

fn token(secret: &[u8], claims: &Value) -> String {
    let text = format!(
        "{}.{}",
        URL_SAFE_NO_PAD.encode(r#"{"alg":"HS256","typ":"JWT"}"#),
        URL_SAFE_NO_PAD.encode(claims.to_string())
    );
    let signature = hmac::sign(&hmac::Key::new(hmac::HMAC_SHA256, secret), text.as_bytes());
    format!("{text}.{}", URL_SAFE_NO_PAD.encode(signature))
}

fn now() -> u64 {
    SystemTime::now().duration_since(UNIX_EPOCH).unwrap().as_secs()
}

fn settings(secret: &[u8], jwt: JwtSettings) -> (tempfile::TempDir, UserSettings) {
    let directory = tempfile::tempdir().unwrap();
    let file = directory.path().join("secret");
    fs::write(&file, secret).unwrap();
    let jwt = JwtSettings { secret_file: Some(file), ..jwt };
    (directory, UserSettings { jwt, ..UserSettings::default() })
}

#[tokio::test]
async fn token_names_its_user_and_ends_its_connection() {
    let (_directory, settings) = settings(SECRET, JwtSettings::default());
    let tokens = source(&settings);
    let good = token(SECRET, &json!({ "sub": "ann", "exp": now() + 600, "publish": ["a/%c"] }));
    let ann = admitted(check(&*tokens, "whatever", &good).await);
    assert_eq!(ann.username.as_deref(), Some("ann"));
    assert_eq!(may_publish(&ann, "a/lamp"), Some(true));
    assert_eq!(may_publish(&ann, "b"), Some(false));
    let least = NOW.saturating_add(Duration::from_mins(9));
    let most = NOW.saturating_add(Duration::from_mins(11));
    assert!(ann.expires.is_some_and(|end| least <= end && end <= most), "{:?}", ann.expires);

    let old = token(SECRET, &json!({ "sub": "ann", "exp": now() - 60 }));
    assert!(matches!(check(&*tokens, "ann", &old).await, Outcome::No));
    let others = token(b"another secret of more than 32 bytes", &json!({ "sub": "ann" }));
    assert!(matches!(check(&*tokens, "ann", &others).await, Outcome::No));
    assert!(matches!(check(&*tokens, "ann", "a password").await, Outcome::NotMine));
    assert!(matches!(tokens.check(&login(Some("ann"), None, "lamp")).await, Outcome::NotMine));
}

#[tokio::test]
async fn token_may_be_the_data_of_a_method_and_need_a_login() {
    let jwt = JwtSettings { login: Some("token".to_owned()), ..JwtSettings::default() };
    let (_directory, settings) = settings(SECRET, jwt);
    let tokens = source(&settings);
    let good = token(SECRET, &json!({ "sub": "ann", "exp": now() + 60 }));
    assert!(matches!(check(&*tokens, "ann", &good).await, Outcome::NotMine));
    admitted(check(&*tokens, "token", &good).await);
    assert!(tokens.exchange("SCRAM-SHA-256").is_none());
    let who = login(None, None, "lamp");
    let mut exchange = tokens.exchange("JWT").unwrap();
    let step = exchange.step(&who, Some(good.as_bytes())).await;
    assert!(matches!(step, Step::Yes(ann, None) if ann.username.as_deref() == Some("ann")));
    for wrong in [None, Some(&b"x"[..])] {
        let mut exchange = tokens.exchange("JWT").unwrap();
        assert!(matches!(exchange.step(&who, wrong).await, Step::Else(Outcome::No)));
    }
}

#[tokio::test]
async fn key_that_is_taken_away_takes_its_tokens_along() {
    let (_one, settings_before) = settings(SECRET, JwtSettings::default());
    let (_other, settings_after) =
        settings(b"another secret of more than 32 bytes", JwtSettings::default());
    let (_issuer, settings_stricter) =
        settings(SECRET, JwtSettings { issuers: vec!["us".to_owned()], ..JwtSettings::default() });
    let before = source(&settings_before);
    let good = token(SECRET, &json!({ "sub": "ann", "exp": now() + 60 }));
    let ann = admitted(check(&*before, "ann", &good).await);
    let profile = Arc::new(ListenerProfile::default());
    let asker = Asker {
        peer: Peer::Local,
        client_id: "lamp",
        username: Some("ann"),
        principal: Some(&ann),
        profile: &profile,
    };
    assert!(before.still_stands(&asker));
    assert!(source(&settings_before).still_stands(&asker), "read again, nothing has changed");
    assert!(!source(&settings_after).still_stands(&asker));
    assert!(!source(&settings_stricter).still_stands(&asker));
}

#[test]
fn files_that_cannot_be_used_are_named() {
    let (_directory, short) = settings(b"short", JwtSettings::default());
    let error = refusal(&short);
    assert!(matches!(error, SourceError::Keys { .. }), "{error}");
    assert!(
        error.to_string().ends_with("the secret has 5 bytes; it must have at least 32, by chance")
    );
    let (_directory, wrong) =
        settings(SECRET, JwtSettings { username: "%{sub".to_owned(), ..JwtSettings::default() });
    let error = refusal(&wrong);
    assert!(error.to_string().starts_with("jwt_username: "), "{error}");
}
