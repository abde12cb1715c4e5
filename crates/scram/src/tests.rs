use proptest::prelude::*;

use super::*;

const CHANCE: [u8; NONCE_BYTES] = [7; NONCE_BYTES];

fn keys(password: &str) -> StoredKeys {
    StoredKeys::make(password.as_bytes(), b"a salt of chance", ITERATIONS_MINIMUM).unwrap()
}

fn decoy() -> Decoy {
    Decoy::new([1; 32], Some(&keys("any")))
}

/// An exchange: how it ended for the server, and then for the client.
fn exchange(
    username: &str,
    password: &str,
    stored: Option<StoredKeys>,
) -> Result<Box<str>, ScramError> {
    let mut client = Client::new(username, password.as_bytes(), CHANCE)?;
    let (server, challenge) =
        Server::begin(&client.first(), [9; NONCE_BYTES], &decoy(), |_| stored)?;
    let name = Box::from(server.username());
    let last = server.finish(&client.answer(&challenge)?)?;
    client.finish(&last)?;
    Ok(name)
}

#[test]
fn client_does_what_rfc_7677_shows() {
    let mut client =
        Client::with_nonce("user", b"pencil", "rOprNGfwEbeRWgbNEkqO".to_owned()).unwrap();
    assert_eq!(client.first(), b"n,,n=user,r=rOprNGfwEbeRWgbNEkqO");
    let challenge = b"r=rOprNGfwEbeRWgbNEkqO%hvYDpWUa2RaTCAfuxFIlj)hNlF$k0,\
                      s=W22ZaJ0SNY7soEsUEjb6gQ==,i=4096";
    let answer = client.answer(challenge).unwrap();
    let expected = "c=biws,r=rOprNGfwEbeRWgbNEkqO%hvYDpWUa2RaTCAfuxFIlj)hNlF$k0,\
                    p=dHzbZapWIk4jUhN+Ute9ytag9zjfMHgsqmmiz7AndVQ=";
    assert_eq!(String::from_utf8(answer).unwrap(), expected);
    let last = b"v=6rriTRBi23WpRR/wtup+mMhUZUn/dB5nLTJRsjl95G4=";
    assert_eq!(client.finish(last), Ok(()));
}

#[test]
fn stored_keys_are_those_of_rfc_7677() {
    let salt = message::decoded("W22ZaJ0SNY7soEsUEjb6gQ==").unwrap();
    let keys = StoredKeys::make(b"pencil", &salt, 4096).unwrap();
    // What PostgreSQL stores for this password, salt and count.
    let text = "$scram-sha-256$4096$W22ZaJ0SNY7soEsUEjb6gQ==$\
                WG5d8oPm3OtcPnkdi4Uo7BkeZkBFzpcXkuLmtbsT4qY=$\
                wfPLwcE6nTWhTAmQ7tl2KeoiWGPlZqQxSrmfPwDl2dU=";
    assert_eq!(keys.to_text(), text);
    assert_eq!(StoredKeys::parse(text), Ok(keys.clone()));
    assert!(keys.verify(b"pencil"));
    assert!(!keys.verify(b"pencil "));
    assert!(!keys.verify(b"\xff"));
}

#[test]
fn only_who_knows_the_password_comes_in() {
    assert_eq!(exchange("ann", "secret", Some(keys("secret"))), Ok("ann".into()));
    assert_eq!(exchange("ann", "other", Some(keys("secret"))), Err(ScramError::Proof));
    assert_eq!(exchange("ann", "secret", None), Err(ScramError::Proof));
}

#[test]
fn names_and_passwords_are_compared_as_they_are_meant() {
    // The soft hyphen is nothing, the Roman numeral is two letters [RFC 4013, section 3].
    assert_eq!(exchange("I\u{AD}X", "\u{2168}", Some(keys("IX"))), Ok("IX".into()));
    assert_eq!(exchange("a=b,c", "x", Some(keys("x"))), Ok("a=b,c".into()));
    assert_eq!(exchange("a", "\u{7}", Some(keys("x"))), Err(ScramError::Characters));
    assert_eq!(StoredKeys::make(b"\x07", b"salt", 4096), Err(KeysError::Characters));
}

#[test]
fn nobody_learns_who_exists() {
    let challenge = |name: &str, chance: u8, stored: Option<StoredKeys>| {
        let first = Client::new(name, b"x", CHANCE).unwrap().first();
        let begun = Server::begin(&first, [chance; NONCE_BYTES], &decoy(), |_| stored);
        String::from_utf8(begun.unwrap().1).unwrap()
    };
    let salt = |challenge: &str| challenge.split(',').nth(1).unwrap().to_owned();
    let count = |challenge: &str| challenge.split(',').nth(2).unwrap().to_owned();
    let known = challenge("ann", 1, Some(keys("x")));
    let (one, again, other) =
        (challenge("bob", 1, None), challenge("bob", 2, None), challenge("eve", 1, None));
    assert_eq!(salt(&one), salt(&again));
    assert_ne!(one, again, "the nonce is another");
    assert_ne!(salt(&one), salt(&other));
    assert_eq!(count(&one), count(&known));
    assert_eq!(salt(&one).len(), salt(&known).len());
}

#[test]
fn messages_out_of_form_end_the_exchange() {
    let begin = |first: &str| {
        let begun = Server::begin(first.as_bytes(), CHANCE, &decoy(), |_| Some(keys("x")));
        begun.map(|(server, _)| server.username().to_owned())
    };
    let rows = [
        ("n,,n=ann,r=abc", Ok("ann".to_owned())),
        ("y,,n=ann,r=abc", Ok("ann".to_owned())),
        ("n,a=ann,n=ann,r=abc", Ok("ann".to_owned())),
        ("n,,n=ann,r=abc,x=later", Ok("ann".to_owned())),
        ("n,a=bob,n=ann,r=abc", Err(ScramError::Message)),
        ("p=tls-unique,,n=ann,r=abc", Err(ScramError::Unsupported)),
        ("n,,m=x,n=ann,r=abc", Err(ScramError::Unsupported)),
        ("n,,n=,r=abc", Err(ScramError::Message)),
        ("n,,n=a=b,r=abc", Err(ScramError::Message)),
        ("n,,n=ann,r=", Err(ScramError::Message)),
        ("n,,n=ann,r=a b", Err(ScramError::Message)),
        ("n,,r=abc,n=ann", Err(ScramError::Message)),
        ("n,,n=ann", Err(ScramError::Message)),
        ("n", Err(ScramError::Message)),
        ("", Err(ScramError::Message)),
    ];
    for (first, expected) in rows {
        assert_eq!(begin(first), expected, "{first}");
    }
    assert_eq!(begin(&format!("n,,n=ann,r={}", "a".repeat(5000))), Err(ScramError::Message));
}

#[test]
fn answers_of_another_exchange_or_form_are_refused() {
    let finish = |change: fn(String) -> String| {
        let mut client = Client::new("ann", b"secret", CHANCE).unwrap();
        let (server, challenge) =
            Server::begin(&client.first(), CHANCE, &decoy(), |_| Some(keys("secret"))).unwrap();
        let answer = String::from_utf8(client.answer(&challenge).unwrap()).unwrap();
        server.finish(change(answer).as_bytes()).map(|_| ())
    };
    assert_eq!(finish(|answer| answer), Ok(()));
    assert_eq!(finish(|answer| answer.replace("c=biws", "c=eSws")), Err(ScramError::Message));
    assert_eq!(finish(|answer| answer.replace("r=", "r=x")), Err(ScramError::Nonce));
    assert_eq!(finish(|answer| answer.replace(",p=", ",x=1,p=")), Err(ScramError::Proof));
    assert_eq!(finish(|answer| answer.replace(",p=", ",q=")), Err(ScramError::Message));
    assert_eq!(finish(|answer| format!("{answer}=")), Err(ScramError::Message));
    assert_eq!(finish(|_| String::new()), Err(ScramError::Message));
}

#[test]
fn client_believes_no_server_that_does_not_know_the_password() {
    let answered = || {
        let mut client = Client::new("ann", b"secret", CHANCE).unwrap();
        let begun = Server::begin(&client.first(), CHANCE, &decoy(), |_| Some(keys("other")));
        client.answer(&begun.unwrap().1).unwrap();
        client
    };
    let wrong = format!("v={}", message::encoded(&[0; 32]));
    assert_eq!(answered().finish(wrong.as_bytes()), Err(ScramError::Server));
    assert_eq!(answered().finish(b"e=invalid-proof"), Err(ScramError::Proof));
    assert_eq!(answered().finish(b"v="), Err(ScramError::Message));
    let mut client = Client::new("ann", b"secret", CHANCE).unwrap();
    assert_eq!(client.finish(wrong.as_bytes()), Err(ScramError::Message), "too early");
    let nonce = message::encoded(&CHANCE);
    let rows = [
        (format!("r={nonce},s=AAAA,i=4096"), ScramError::Nonce),
        (format!("r=x{nonce},s=AAAA,i=4096"), ScramError::Nonce),
        (format!("r={nonce}x,s=AAAA,i=4095"), ScramError::Iterations),
        (format!("r={nonce}x,s=AAAA,i=4000000000"), ScramError::Iterations),
        (format!("r={nonce}x,s=AAAA,i=-1"), ScramError::Message),
        (format!("r={nonce}x,s=!,i=4096"), ScramError::Message),
    ];
    for (challenge, error) in rows {
        assert_eq!(client.answer(challenge.as_bytes()), Err(error), "{challenge}");
    }
}

#[test]
fn text_of_keys_is_checked() {
    let good = keys("x").to_text();
    let rows = [
        good.replace("$4096$", "$4095$"),
        good.replace("$4096$", "$99999999999$"),
        good.replace("scram-sha-256", "scram-sha-1"),
        format!("{good}$"),
        good[..good.len() - 4].to_owned(),
        String::new(),
    ];
    for text in rows {
        assert!(StoredKeys::parse(&text).is_err(), "{text}");
    }
    assert!(!format!("{:?}", keys("x")).contains("salt"));
}

proptest! {
    #[test]
    fn bytes_of_any_kind_are_messages_or_errors(bytes: Vec<u8>, text in "[nrcpsiv=,a-z0-9]{0,60}") {
        for bytes in [bytes.as_slice(), text.as_bytes()] {
            let _ = StoredKeys::parse(&String::from_utf8_lossy(bytes));
            let _ = Server::begin(bytes, CHANCE, &decoy(), |_| None).map(|_| ());
            let mut client = Client::new("ann", b"secret", CHANCE).unwrap();
            prop_assert!(client.answer(bytes).is_err());
            let first = client.first();
            let (server, _) = Server::begin(&first, CHANCE, &decoy(), |_| None).unwrap();
            prop_assert!(server.finish(bytes).is_err());
        }
    }
}
