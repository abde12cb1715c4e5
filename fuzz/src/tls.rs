//! TLS between two sides of ours, over a network that does what it likes.

use std::io::IoSlice;
use std::mem;
use std::path::{Path, PathBuf};
use std::slice::Iter;
use std::sync::OnceLock;

use ferrymq_transport::Layer;
use ferrymq_transport::tls::{
    ClientLayer, ClientOptions, ClientSettings, ServerLayer, ServerOptions, ServerSettings,
    TlsVersion, UNREAD_BYTES_MAXIMUM,
};

use crate::pieces::pieces;
use crate::wire::hear;

/// The first byte says what is tried, the second how bytes arrive. What follows is either bytes that
/// a stranger sends, or what the network does to one record after the other of two sides that shake
/// hands, talk and close. Keys are random, so that records differ from run to run; what is done to
/// them does not.
///
/// Nobody hears what the other did not say, in its order; what is kept, and what is answered, is
/// bounded; where the network only cuts, everything arrives.
///
/// # Panics
///
/// If one of these does not hold.
pub fn tls(data: &[u8]) {
    let [head, lengths, bytes @ ..] = data else { return };
    let client_settings = client_settings(*head);
    if head & FROM_A_STRANGER > 0 {
        hear_stranger(&client_settings, *head, *lengths, bytes);
        return;
    }
    if head & RESUMED > 0 {
        let mut network = Network::new(&[], *lengths);
        talk(&client_settings, &mut network, 0);
        assert!(network.is_faithful, "nothing was to be changed");
    }
    talk(&client_settings, &mut Network::new(bytes, *lengths), usize::from(head >> 4));
}

/// Bytes of somebody who knows no key: they say nothing, whatever pieces they come in.
fn hear_stranger(client_settings: &ClientSettings, head: u8, lengths: u8, bytes: &[u8]) {
    let outcomes = if head & TO_CLIENT > 0 {
        let new = || ClientLayer::new(client_settings, HOST, &mut Vec::new()).expect("a host");
        [hear(&mut new(), [bytes]), hear(&mut new(), pieces(bytes, lengths))]
    } else {
        let new = || ServerLayer::new(server_settings()).expect("the system has chance");
        [hear(&mut new(), [bytes]), hear(&mut new(), pieces(bytes, lengths))]
    };
    for outcome in &outcomes {
        assert!(outcome.above.is_empty() && !outcome.is_open, "nobody has shaken hands");
        assert!(outcome.below.len() <= ANSWER_BYTES, "answers are short");
        assert!(outcome.error.is_none() || outcome.has_ended, "after an error nothing comes");
    }
    let [whole, in_pieces] = outcomes.map(|outcome| outcome.error.is_some());
    assert_eq!(whole, in_pieces, "in any pieces");
}

/// Two sides shake hands, and when they have, each says something and closes.
fn talk(client_settings: &ClientSettings, network: &mut Network<'_>, length: usize) {
    let mut up = Vec::new();
    let client = ClientLayer::new(client_settings, HOST, &mut up).expect("a host");
    let server = ServerLayer::new(server_settings()).expect("the system has chance");
    let text = |salt: u8| -> Vec<u8> {
        (0..length * 3_000).map(|place| place.to_le_bytes()[0] ^ salt).collect()
    };
    let mut client = End::new(client, text(0x55), up);
    let mut server = End::new(server, text(0xAA), Vec::new());
    for round in 0.. {
        assert!(round < ROUNDS, "they come to an end");
        client.speak();
        server.speak();
        let up = network.carry(&mem::take(&mut client.below));
        let down = network.carry(&mem::take(&mut server.below));
        if up.is_empty() && down.is_empty() {
            break;
        }
        server.hear(&up, network.lengths);
        client.hear(&down, network.lengths);
    }
    assert!(server.text.starts_with(&client.heard), "the client hears what the server says");
    assert!(client.text.starts_with(&server.heard), "the server hears what the client says");
    if network.is_faithful {
        assert_eq!((client.error.as_deref(), server.error.as_deref()), (None, None));
        assert!(client.heard == server.text && server.heard == client.text, "all of it");
        assert!(client.layer.has_ended() && server.layer.has_ended(), "and that this is all");
    }
}

/// One side and what it says and hears.
struct End<L> {
    layer: L,
    text: Vec<u8>,
    has_spoken: bool,
    heard: Vec<u8>,
    below: Vec<u8>,
    error: Option<String>,
}

impl<L: Keeping> End<L> {
    fn new(layer: L, text: Vec<u8>, below: Vec<u8>) -> Self {
        Self { layer, text, has_spoken: false, heard: Vec::new(), below, error: None }
    }

    /// Says everything, if that can be said now.
    fn speak(&mut self) {
        if self.layer.is_open() && !self.has_spoken {
            self.has_spoken = true;
            let (front, back) = self.text.split_at(self.text.len() / 3);
            self.layer.send(&[IoSlice::new(front), IoSlice::new(back)], &mut self.below);
            self.layer.close(&mut self.below);
            assert!(!self.layer.is_open(), "closed");
        }
    }

    fn hear(&mut self, bytes: &[u8], lengths: u8) {
        for piece in pieces(bytes, lengths) {
            if self.error.is_some() {
                return;
            }
            let before = self.below.len();
            let heard = self.layer.receive(piece, &mut self.heard, &mut self.below);
            self.error = heard.err().map(|error| error.to_string());
            let is_over = self.layer.has_ended() && !self.layer.is_open();
            assert!(self.error.is_none() || is_over, "after an error nothing comes or goes");
            assert!(self.layer.unread_bytes() <= UNREAD_BYTES_MAXIMUM, "what is kept is bounded");
            let answer = self.below.len() - before;
            assert!(answer <= ANSWER_BYTES + 4 * piece.len(), "{answer} bytes of answer");
        }
    }
}

/// A layer that says how much it keeps.
trait Keeping: Layer {
    fn unread_bytes(&self) -> usize;
}

impl Keeping for ClientLayer {
    fn unread_bytes(&self) -> usize {
        self.unread_bytes()
    }
}

impl Keeping for ServerLayer {
    fn unread_bytes(&self) -> usize {
        self.unread_bytes()
    }
}

/// What stands between the two: for each record it chooses what becomes of it.
struct Network<'d> {
    choices: Iter<'d, u8>,
    lengths: u8,
    /// Whether it has changed nothing yet.
    is_faithful: bool,
}

impl<'d> Network<'d> {
    fn new(choices: &'d [u8], lengths: u8) -> Self {
        Self { choices: choices.iter(), lengths, is_faithful: true }
    }

    /// The records of a flight, as they come out at the other end. When there is nothing more to
    /// choose, they come out as they went in.
    fn carry(&mut self, flight: &[u8]) -> Vec<u8> {
        let mut rest = flight;
        let mut carried = Vec::new();
        // A record that comes later than it was sent.
        let mut late: Option<&[u8]> = None;
        while !rest.is_empty() {
            let (record, others) = rest.split_at(record_length(rest));
            rest = others;
            let choice = self.next() & 0x0F;
            self.is_faithful &= choice < FIRST_CHANGE;
            match choice {
                9 => late = late.or(Some(record)),
                10 => {
                    carried.extend_from_slice(record);
                    carried.extend_from_slice(record);
                }
                11 => {}
                12 => carried.extend_from_slice(&record[..self.place(record)]),
                13 => {
                    let start = carried.len();
                    carried.extend_from_slice(record);
                    let place = start + self.place(record);
                    carried[place] ^= 1 << (self.next() & 7);
                }
                14 => {
                    self.insert(&mut carried);
                    carried.extend_from_slice(record);
                }
                15 => {
                    carried.extend_from_slice(&swollen());
                    carried.extend_from_slice(record);
                }
                _ => carried.extend_from_slice(record),
            }
            if let Some(record) = late.take_if(|_| choice != 9) {
                carried.extend_from_slice(record);
            }
        }
        carried.extend_from_slice(late.unwrap_or_default());
        carried
    }

    /// A record of a type and with a content that are chosen.
    fn insert(&mut self, carried: &mut Vec<u8>) {
        let length = self.next() & 0x1F;
        carried.extend([0x14 + self.next() % 6, 3, 3, 0, length]);
        for _ in 0..length {
            let byte = self.next();
            carried.push(byte);
        }
    }

    fn place(&mut self, record: &[u8]) -> usize {
        let number = usize::from(self.next()) << 8 | usize::from(self.next());
        number % record.len()
    }

    fn next(&mut self) -> u8 {
        self.choices.next().copied().unwrap_or_default()
    }
}

/// What our own side has written begins with a whole record.
fn record_length(bytes: &[u8]) -> usize {
    let length = u16::from_be_bytes([bytes[3], bytes[4]]);
    5 + usize::from(length)
}

/// The beginning of a handshake message that never ends.
fn swollen() -> Vec<u8> {
    let mut record = vec![0x16, 3, 3, 0x40, 0, 1, 0xFF, 0xFF, 0xFF];
    record.resize(5 + 0x4000, 0);
    record
}

fn server_settings() -> &'static ServerSettings {
    static SETTINGS: OnceLock<ServerSettings> = OnceLock::new();
    SETTINGS.get_or_init(|| {
        let (certificate, key) = (fixture("self.crt"), fixture("self.key"));
        let options = ServerOptions { certificate, key, ..ServerOptions::default() };
        ServerSettings::load(&options).expect("the files are there")
    })
}

/// Made anew, so that no session is resumed but where that is meant.
fn client_settings(head: u8) -> ClientSettings {
    let version = if head & OLD_VERSION > 0 { TlsVersion::V1_2 } else { TlsVersion::V1_3 };
    let options = ClientOptions {
        ca_file: Some(fixture("self.crt")),
        maximum_version: Some(version),
        ..ClientOptions::default()
    };
    ClientSettings::load(&options).expect("the file is there")
}

/// A certificate for a hundred years, which the tests of the crate use, too.
fn fixture(name: &str) -> PathBuf {
    let tests = Path::new(env!("CARGO_MANIFEST_DIR")).join("../crates/transport/tests");
    tests.join("tls/fixtures").join(name)
}

const OLD_VERSION: u8 = 1;
const TO_CLIENT: u8 = 2;
const RESUMED: u8 = 4;
const FROM_A_STRANGER: u8 = 8;

/// Choices below this change nothing.
const FIRST_CHANGE: u8 = 9;

/// More than a handshake takes, and its alerts and tickets.
const ANSWER_BYTES: usize = 8 * 1024;

/// More than there are flights.
const ROUNDS: usize = 16;

const HOST: &str = "localhost";
