//! Bytes as each message of SCRAM-SHA-256, to each side.

use ferrymq_access::password::Hash;
use ferrymq_access::scram::{Client, Decoy, NONCE_BYTES, Server, StoredKeys};

/// The first byte says what the others are. Nobody comes in who does not know the password, and no
/// server is believed that does not.
///
/// # Panics
///
/// If one of these does not hold.
pub fn scram(data: &[u8]) {
    let [head, bytes @ ..] = data else { return };
    let mut client = Client::new("ann", b"secret", CHANCE).expect("ordinary characters");
    match head & 3 {
        0 => {
            if let Ok(hash) = Hash::parse(&String::from_utf8_lossy(bytes)) {
                let read = Hash::parse(&hash.to_text()).expect("what is written is read");
                assert_eq!(read.to_text(), hash.to_text());
            }
        }
        1 => {
            if let Ok((server, challenge)) = begin(bytes) {
                assert!(!server.username().is_empty() && challenge.starts_with(b"r="));
            }
        }
        2 => {
            let (server, _) = begin(&client.first()).expect("a good message");
            assert!(server.finish(bytes).is_err(), "nobody has proved anything");
        }
        _ => {
            if client.answer(bytes).is_ok() {
                assert!(client.finish(b"v=").is_err(), "nobody has proved anything");
            }
        }
    }
}

fn begin(first: &[u8]) -> Result<(Server, Vec<u8>), ferrymq_access::scram::ScramError> {
    Server::begin(first, CHANCE, &Decoy::new([7; 32], None), |_| StoredKeys::parse(KEYS).ok())
}

const CHANCE: [u8; NONCE_BYTES] = [7; NONCE_BYTES];
/// Of the password that RFC 7677 shows.
const KEYS: &str = "$scram-sha-256$4096$W22ZaJ0SNY7soEsUEjb6gQ==$\
                    WG5d8oPm3OtcPnkdi4Uo7BkeZkBFzpcXkuLmtbsT4qY=$\
                    wfPLwcE6nTWhTAmQ7tl2KeoiWGPlZqQxSrmfPwDl2dU=";
