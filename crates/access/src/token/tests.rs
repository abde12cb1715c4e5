use base64::Engine;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use ring::hmac;
use ring::rand::SystemRandom;
use ring::signature::{
    ECDSA_P256_SHA256_FIXED_SIGNING, ECDSA_P384_SHA384_FIXED_SIGNING, EcdsaKeyPair,
    EcdsaSigningAlgorithm, Ed25519KeyPair, KeyPair, RSA_PKCS1_SHA256, RSA_PKCS1_SHA384,
    RSA_PKCS1_SHA512, RSA_PSS_SHA256, RsaEncoding, RsaKeyPair,
};
use serde_json::{Value, json};

use super::*;
use crate::action::Action;

/// 2020-09-13 12:26:40 UTC.
const NOW: u64 = 1_600_000_000;
const SECRET: &[u8] = b"a secret of more than thirty-two bytes";

fn base64(bytes: impl AsRef<[u8]>) -> String {
    URL_SAFE_NO_PAD.encode(bytes)
}

fn token(header: &Value, claims: &Value, sign: impl FnOnce(&[u8]) -> Vec<u8>) -> Vec<u8> {
    let signed = format!("{}.{}", base64(header.to_string()), base64(claims.to_string()));
    let signature = base64(sign(signed.as_bytes()));
    format!("{signed}.{signature}").into_bytes()
}

fn of_secret(claims: &Value) -> Vec<u8> {
    token(&json!({ "alg": "HS256" }), claims, |text| {
        hmac::sign(&hmac::Key::new(hmac::HMAC_SHA256, SECRET), text).as_ref().to_vec()
    })
}

fn rules() -> TokenRules {
    TokenRules { keys: Keys::from_secret(SECRET).unwrap(), ..TokenRules::default() }
}

fn claims() -> Value {
    json!({ "sub": "ann", "exp": NOW + 60 })
}

fn with(name: &str, value: Value) -> Value {
    let mut claims = claims();
    claims[name] = value;
    claims
}

fn pem_of(tag: &str, der: &[u8]) -> Vec<u8> {
    pem::encode(&pem::Pem::new(tag, der)).into_bytes()
}

/// What stands before the key in a `SubjectPublicKeyInfo` of these kinds of keys.
fn info(start: &[u8], key: &[u8]) -> Vec<u8> {
    [start, key].concat()
}

const ED25519_INFO: &[u8] = b"\x30\x2a\x30\x05\x06\x03\x2b\x65\x70\x03\x21\x00";
const P256_INFO: &[u8] =
    b"\x30\x59\x30\x13\x06\x07\x2a\x86\x48\xce\x3d\x02\x01\x06\x08\x2a\x86\x48\
                           \xce\x3d\x03\x01\x07\x03\x42\x00";
const P384_INFO: &[u8] =
    b"\x30\x76\x30\x10\x06\x07\x2a\x86\x48\xce\x3d\x02\x01\x06\x05\x2b\x81\x04\
                           \x00\x22\x03\x62\x00";

#[test]
fn every_algorithm_of_a_key_is_believed_and_no_other_key() {
    let random = SystemRandom::new();
    let rsa = RsaKeyPair::from_der(include_bytes!("../../tests/keys/rsa.der")).unwrap();
    let of_rsa = |name: &str, encoding: &'static dyn RsaEncoding| {
        token(&json!({ "alg": name }), &claims(), |text| {
            let mut signature = vec![0; rsa.public().modulus_len()];
            rsa.sign(encoding, &random, text, &mut signature).unwrap();
            signature
        })
    };
    let elliptic = |algorithm: &'static EcdsaSigningAlgorithm, name: &str| {
        let key = EcdsaKeyPair::generate_pkcs8(algorithm, &random).unwrap();
        let key = EcdsaKeyPair::from_pkcs8(algorithm, key.as_ref(), &random).unwrap();
        let token = token(&json!({ "alg": name }), &claims(), |text| {
            key.sign(&random, text).unwrap().as_ref().to_vec()
        });
        (key.public_key().as_ref().to_vec(), token)
    };
    let edwards = Ed25519KeyPair::generate_pkcs8(&random).unwrap();
    let edwards = Ed25519KeyPair::from_pkcs8(edwards.as_ref()).unwrap();
    let (p256, es256) = elliptic(&ECDSA_P256_SHA256_FIXED_SIGNING, "ES256");
    let (p384, es384) = elliptic(&ECDSA_P384_SHA384_FIXED_SIGNING, "ES384");
    let eddsa =
        token(&json!({ "alg": "EdDSA" }), &claims(), |text| edwards.sign(text).as_ref().to_vec());
    let hashed = |name: &str, algorithm| {
        token(&json!({ "alg": name }), &claims(), |text| {
            hmac::sign(&hmac::Key::new(algorithm, SECRET), text).as_ref().to_vec()
        })
    };
    let public = |pem: Vec<u8>| Keys::from_file(&pem).unwrap();
    let rows = [
        (
            public(pem_of("RSA PUBLIC KEY", rsa.public().as_ref())),
            vec![
                of_rsa("RS256", &RSA_PKCS1_SHA256),
                of_rsa("RS384", &RSA_PKCS1_SHA384),
                of_rsa("RS512", &RSA_PKCS1_SHA512),
                of_rsa("PS256", &RSA_PSS_SHA256),
            ],
        ),
        (public(pem_of("PUBLIC KEY", &info(P256_INFO, &p256))), vec![es256]),
        (public(pem_of("PUBLIC KEY", &info(P384_INFO, &p384))), vec![es384]),
        (
            public(pem_of("PUBLIC KEY", &info(ED25519_INFO, edwards.public_key().as_ref()))),
            vec![eddsa],
        ),
        (
            Keys::from_secret(SECRET).unwrap(),
            vec![
                hashed("HS256", hmac::HMAC_SHA256),
                hashed("HS384", hmac::HMAC_SHA384),
                hashed("HS512", hmac::HMAC_SHA512),
            ],
        ),
    ];
    for (at, (keys, _)) in rows.iter().enumerate() {
        let rules = TokenRules { keys: keys.clone(), ..TokenRules::default() };
        for (of, (_, tokens)) in rows.iter().enumerate() {
            for token in tokens {
                let bearer = rules.verify(token, "", NOW).map(|bearer| bearer.username);
                let expected = if at == of { Ok("ann".to_owned()) } else { Err(TokenError::Key) };
                assert_eq!(bearer, expected, "{}", String::from_utf8_lossy(token));
            }
        }
    }
}

#[test]
fn public_key_is_no_secret_whatever_a_token_says() {
    let rsa = RsaKeyPair::from_der(include_bytes!("../../tests/keys/rsa.der")).unwrap();
    let pem = pem_of("RSA PUBLIC KEY", rsa.public().as_ref());
    let keys = Keys::from_file(&pem).unwrap();
    let rules = TokenRules { keys, ..TokenRules::default() };
    for secret in [pem.as_slice(), rsa.public().as_ref()] {
        let forged = token(&json!({ "alg": "HS256" }), &claims(), |text| {
            hmac::sign(&hmac::Key::new(hmac::HMAC_SHA256, secret), text).as_ref().to_vec()
        });
        assert_eq!(rules.verify(&forged, "", NOW), Err(TokenError::Key));
    }
    for name in ["none", "None", "HS257"] {
        let unsigned = token(&json!({ "alg": name }), &claims(), |_| Vec::new());
        assert_eq!(rules.verify(&unsigned, "", NOW), Err(TokenError::NoToken), "{name}");
    }
}

#[test]
fn example_of_rfc_7515_is_believed_as_long_as_it_holds() {
    // Appendix A.1.
    let set = br#"{"kty":"oct",
        "k":"AyM1SysPpbyDfgZld3umj1qzKObwVMkoqQ-EstJQLr_T-1qS0gZH75aKtMN3Yj0iPS4hcgUuTwjAzZr1Z9CAow"}"#;
    let token = b"eyJ0eXAiOiJKV1QiLA0KICJhbGciOiJIUzI1NiJ9.\
        eyJpc3MiOiJqb2UiLA0KICJleHAiOjEzMDA4MTkzODAsDQogImh0dHA6Ly9leGFtcGxlLmNvbS9pc19yb290Ijp0cnVlfQ.\
        dBjftJeZ4CVP-mB92K27uhbUJU1p1r_wW1gFWFOEjXk";
    let rules = TokenRules {
        keys: Keys::from_file(set).unwrap(),
        issuers: vec!["joe".to_owned()],
        username: Template::parse("%{iss}").unwrap(),
        leeway: 0,
        ..TokenRules::default()
    };
    let bearer = rules.verify(token, "", 1_300_819_379).unwrap();
    let key = rules.keys.fingerprints().next().unwrap();
    let expected =
        Bearer { username: "joe".to_owned(), grants: None, expires: Some(1_300_819_380), key };
    assert_eq!(bearer, expected);
    assert_eq!(rules.verify(token, "", 1_300_819_380), Err(TokenError::Expired));
}

#[test]
fn token_is_believed_only_as_it_was_signed() {
    let good = of_secret(&claims());
    assert!(rules().verify(&good, "", NOW).is_ok());
    for index in 0..good.len() {
        let mut bad = good.clone();
        // The last bits of the last letter of a part mean nothing, and are refused too.
        bad[index] = if bad[index] == b'A' { b'B' } else { b'A' };
        if bad != good {
            assert!(rules().verify(&bad, "", NOW).is_err(), "byte {index}");
        }
        assert!(rules().verify(&good[..index], "", NOW).is_err(), "{index} bytes");
    }
}

#[test]
fn claims_decide_whether_a_token_is_for_us_and_holds_now() {
    let strict = || TokenRules {
        issuers: vec!["us".to_owned(), "them".to_owned()],
        audiences: vec!["mqtt".to_owned()],
        ..rules()
    };
    let full = |name: &str, value: Value| {
        let mut claims = json!({ "sub": "ann", "exp": NOW + 60, "iss": "us", "aud": "mqtt" });
        match value {
            Value::Null => _ = claims.as_object_mut().unwrap().remove(name),
            value => claims[name] = value,
        }
        claims
    };
    let rows = [
        (full("iss", json!("them")), None),
        (full("iss", json!("other")), Some(TokenError::Issuer)),
        (full("iss", Value::Null), Some(TokenError::Without("iss".into()))),
        (full("iss", json!(7)), Some(TokenError::Without("iss".into()))),
        (full("aud", json!(["web", "mqtt"])), None),
        (full("aud", json!(["web"])), Some(TokenError::Audience)),
        (full("aud", json!("mqtt2")), Some(TokenError::Audience)),
        (full("aud", Value::Null), Some(TokenError::Without("aud".into()))),
        (full("exp", json!(NOW - 29)), None),
        (full("exp", json!(NOW - 30)), Some(TokenError::Expired)),
        (full("exp", json!(1_600_000_000.5)), None),
        (full("exp", json!("tomorrow")), Some(TokenError::Claim("exp".into()))),
        (full("exp", json!(-1)), Some(TokenError::Claim("exp".into()))),
        (full("exp", json!(1e300)), Some(TokenError::Claim("exp".into()))),
        (full("exp", Value::Null), Some(TokenError::Without("exp".into()))),
        (full("nbf", json!(NOW + 30)), None),
        (full("nbf", json!(NOW + 31)), Some(TokenError::Early)),
        (full("sub", Value::Null), Some(TokenError::Without("sub".into()))),
        (full("sub", json!("")), Some(TokenError::Claim("sub".into()))),
        (full("sub", json!("a\0b")), Some(TokenError::Claim("sub".into()))),
    ];
    for (claims, expected) in rows {
        let found = strict().verify(&of_secret(&claims), "", NOW).err();
        assert_eq!(found, expected, "{claims}");
    }
    let lasting = TokenRules { must_expire: false, ..rules() };
    let bearer = lasting.verify(&of_secret(&json!({ "sub": "ann" })), "", NOW).unwrap();
    assert_eq!(bearer.expires, None);
}

#[test]
fn token_names_its_user_and_its_client() {
    let rules = TokenRules {
        username: Template::parse("%{team}:%{sub}").unwrap(),
        client_id: Some(Template::parse("dev-%{sub}").unwrap()),
        ..rules()
    };
    let token = of_secret(&with("team", json!("red")));
    assert_eq!(rules.verify(&token, "dev-ann", NOW).unwrap().username, "red:ann");
    assert_eq!(rules.verify(&token, "dev-bob", NOW), Err(TokenError::ClientId));
}

#[test]
fn token_says_what_it_allows() {
    let grants = |claims: &Value| {
        rules().verify(&of_secret(claims), "lamp", NOW).map(|bearer| bearer.grants)
    };
    assert_eq!(grants(&claims()), Ok(None));
    let none = grants(&with("publish", json!([]))).unwrap().unwrap();
    assert!(!none.allow(Action::Publish, "a"));
    let mut both = with("publish", json!(["up/%c"]));
    both["subscribe"] = json!("down/%u/#");
    both["acl"] = json!([{ "permission": "deny", "action": "all", "topic": "down/ann/secret" }]);
    let both = grants(&both).unwrap().unwrap();
    let rows = [
        (Action::Publish, "up/lamp", true),
        (Action::Publish, "up/other", false),
        (Action::Receive, "down/ann/x", true),
        (Action::Receive, "down/ann/secret", false),
        (Action::Subscribe, "down/ann/+", true),
        (Action::Subscribe, "up/lamp", false),
    ];
    for (action, topic, expected) in rows {
        assert_eq!(both.allow(action, topic), expected, "{action} {topic}");
    }
    for (claim, value) in [("publish", json!(7)), ("acl", json!("x")), ("subscribe", json!(["#a"]))]
    {
        let found = grants(&with(claim, value));
        assert!(matches!(found, Err(TokenError::Grants { .. })), "{claim}: {found:?}");
    }
}

#[test]
fn critical_parameters_are_not_ignored() {
    let header = json!({ "alg": "HS256", "crit": ["exp"] });
    let token = token(&header, &claims(), |text| {
        hmac::sign(&hmac::Key::new(hmac::HMAC_SHA256, SECRET), text).as_ref().to_vec()
    });
    assert_eq!(rules().verify(&token, "", NOW), Err(TokenError::Critical));
}

#[test]
fn key_is_found_by_its_name_in_a_set() {
    let other = base64(b"another secret of more than 32 bytes");
    let set = json!({ "keys": [
        { "kty": "oct", "kid": "old", "alg": "HS256", "k": other },
        { "kty": "oct", "kid": "new", "alg": "HS256", "k": base64(SECRET) },
        { "kty": "oct", "kid": "weak", "k": base64("short") },
        { "kty": "RSA", "kid": "enc", "use": "enc", "n": "AQAB", "e": "AQAB" },
        { "kty": "later", "kid": "unknown" },
    ]});
    let keys = Keys::from_file(set.to_string().as_bytes()).unwrap();
    let rules = TokenRules { keys, ..TokenRules::default() };
    let named = |kid: Value| {
        let mut header = json!({ "alg": "HS256" });
        if !kid.is_null() {
            header["kid"] = kid;
        }
        let token = token(&header, &claims(), |text| {
            hmac::sign(&hmac::Key::new(hmac::HMAC_SHA256, SECRET), text).as_ref().to_vec()
        });
        rules.verify(&token, "", NOW).err()
    };
    assert_eq!(named(json!("new")), None);
    assert_eq!(named(Value::Null), None);
    assert_eq!(named(json!("old")), Some(TokenError::Signature));
    assert_eq!(named(json!("weak")), Some(TokenError::Key));
    assert_eq!(named(json!("gone")), Some(TokenError::Key));
}

#[test]
fn files_of_keys_are_read_or_say_what_is_wrong() {
    let rows: [(&[u8], KeyError); 7] = [
        (b"secret", KeyError::Form),
        (b"{\"keys\":[]}", KeyError::Nothing),
        (b"{\"keys\":7}", KeyError::Json("there is no list named keys".into())),
        (b"{\n\"keys\"", KeyError::Json("line 2, column 6".into())),
        (b"-----BEGIN PRIVATE KEY-----\nAAAA\n-----END PRIVATE KEY-----\n", KeyError::Private),
        (b"-----BEGIN PUBLIC KEY-----\nAAAA\n-----END PUBLIC KEY-----\n", KeyError::Unknown(1)),
        (b"\xff", KeyError::Form),
    ];
    for (file, error) in rows {
        let found = Keys::from_file(file).err();
        assert_eq!(found, Some(error), "{}", String::from_utf8_lossy(file));
    }
    assert_eq!(Keys::from_secret(b"short\n").err(), Some(KeyError::Short(5)));
    assert!(!format!("{:?}", Keys::from_secret(SECRET)).contains("secret of"));
}
