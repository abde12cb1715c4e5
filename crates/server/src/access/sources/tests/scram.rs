use std::num::NonZeroU32;

use ferrymq_access::password::{Hash, PasswordFile, Scheme};
use ferrymq_access::scram::{Client, METHOD, NONCE_BYTES};

use super::*;
use crate::access::password_file::PasswordFileSource;
use crate::access::source::Exchange;

fn line(name: &str, scheme: Scheme) -> String {
    let hash = Hash::make(scheme, b"secret", &vec![7; scheme.salt_length()]).unwrap();
    format!("{name}:{}\n", *hash.to_text())
}

fn users(text: &str) -> PasswordFileSource {
    PasswordFileSource::new(PasswordFile::parse("users", text.as_bytes()).unwrap())
}

fn scram() -> Scheme {
    Scheme::ScramSha256 { iterations: NonZeroU32::new(4096).unwrap() }
}

async fn prove(users: &dyn Source, name: &str, password: &[u8]) -> Step {
    let who = login(None, None, "lamp");
    let mut client = Client::new(name, password, [7; NONCE_BYTES]).unwrap();
    let mut exchange: Box<dyn Exchange> = users.exchange(METHOD).unwrap();
    let challenge = match exchange.step(&who, Some(&client.first())).await {
        Step::Continue(challenge) => challenge,
        other => panic!("{other:?} is no challenge"),
    };
    let answer = client.answer(&challenge).unwrap();
    let step = exchange.step(&who, Some(&answer)).await;
    if let Step::Yes(_, last) = &step {
        client.finish(last.as_deref().unwrap()).unwrap();
    }
    step
}

#[tokio::test]
async fn password_is_proved_without_being_said() {
    let cheap = Scheme::pbkdf2(NonZeroU32::new(3).unwrap());
    let users = users(&[line("ann", scram()), line("bob", cheap)].concat());
    let Step::Yes(ann, _) = prove(&users, "ann", b"secret").await else {
        panic!("ann knows the password");
    };
    assert_eq!(ann.username.as_deref(), Some("ann"));
    let profile = Arc::new(ListenerProfile::default());
    let asker = Asker {
        peer: Peer::Local,
        client_id: "lamp",
        username: Some("ann"),
        principal: Some(&ann),
        profile: &profile,
    };
    assert!(users.still_stands(&asker));
    // A wrong password, a user with another kind of hash, and one that is not there.
    for (name, password) in [("ann", &b"wrong"[..]), ("bob", b"secret"), ("eve", b"secret")] {
        let step = prove(&users, name, password).await;
        assert!(matches!(step, Step::Else(Outcome::No)), "{name}: {step:?}");
    }
    // The same file, with the password as such.
    assert_eq!(admitted(check(&users, "ann", "secret").await).stamp, ann.stamp);
}

#[tokio::test]
async fn method_is_offered_where_somebody_has_keys_for_it() {
    let cheap = Scheme::pbkdf2(NonZeroU32::new(3).unwrap());
    assert!(users(&line("bob", cheap)).exchange(METHOD).is_none());
    let users = users(&line("ann", scram()));
    assert!(users.exchange("SCRAM-SHA-1").is_none());
    let mut exchange = users.exchange(METHOD).unwrap();
    let step = exchange.step(&login(None, None, "lamp"), None).await;
    assert!(matches!(step, Step::Else(Outcome::No)));
}
