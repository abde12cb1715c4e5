//! What holds for a time only: a client that came with a token goes with it.

use std::time::{Duration, SystemTime, UNIX_EPOCH};

use base64::Engine;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use ring::hmac;

use crate::house::House;
use crate::peer::{Peer, Version, connect_as};

const SECRET: &str = "a secret of more than thirty-two bytes";

/// A token of this user that holds until then, in seconds after 1970.
fn token(username: &str, expires: u64) -> String {
    let claims = format!(r#"{{"sub":"{username}","exp":{expires}}}"#);
    let parts = [r#"{"alg":"HS256"}"#, &claims].map(|part| URL_SAFE_NO_PAD.encode(part));
    let text = parts.join(".");
    let key = hmac::Key::new(hmac::HMAC_SHA256, SECRET.as_bytes());
    format!("{text}.{}", URL_SAFE_NO_PAD.encode(hmac::sign(&key, text.as_bytes())))
}

fn since_1970() -> Duration {
    SystemTime::now().duration_since(UNIX_EPOCH).unwrap()
}

/// A client whose token holds a moment longer, and when that is over. On a machine that is busy the
/// moment may be over before the token is looked at: then it is a longer one.
fn enter_for_a_moment(house: &House, version: Version) -> (Peer, Duration) {
    for seconds in [1, 2, 4, 8] {
        let expires = since_1970().as_secs() + seconds;
        let mut peer = Peer::open(house.address(0));
        let token = token("anna", expires);
        peer.send(&connect_as(version, "client", Some("anna"), Some(token.as_bytes())));
        if peer.expect_kind(0x20)[3] == 0 {
            return (peer, Duration::from_secs(expires));
        }
    }
    panic!("no token was looked at in time");
}

#[test]
fn client_is_disconnected_when_its_token_expires_and_not_before() {
    let house = House::new(
        "listener PORT0\njwt_secret_file {}/secret\njwt_leeway 0\n",
        &[("secret", SECRET)],
    );
    let lasting = token("bert", since_1970().as_secs() + 3600);
    let mut lasting = house.enter("lasting", (Some("bert"), Some(&lasting)));
    for version in [Version::V5, Version::V3_1_1] {
        let (mut peer, expires) = enter_for_a_moment(&house, version);
        if version == Version::V5 {
            peer.expect(&[0xe0, 1, 0x87]);
        }
        peer.expect_end();
        assert!(since_1970() >= expires, "{version:?}: it was too early");
    }
    lasting.ping();
    let old = token("anna", since_1970().as_secs() - 1);
    assert_eq!(house.knock(0, Version::V5, (Some("anna"), Some(&old))), 0x87);
}
