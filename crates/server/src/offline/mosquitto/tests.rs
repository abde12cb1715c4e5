//! Databases that Mosquitto wrote, and such as its older versions would have written.

use std::io::BufReader;

use ferrymq_protocol::time::Instant;

use super::{ChunkName, LeftOut, MosquittoDatabase, MosquittoError, is_mosquitto};
use crate::offline::ndjson::{ItemReader, ItemWriter};

/// Written by Mosquitto 2.0.11: three clients with queues, one of them with a Subscription
/// Identifier, one with a message in each state, and one that has not released what it sent.
const VERSION_6: &[u8] = include_bytes!("../../../tests/fixtures/mosquitto_v6.db");
const VERSION_6_ITEMS: &str = include_str!("../../../tests/fixtures/mosquitto_v6.ndjson");

/// The items as text, and what was left out.
fn read(bytes: &[u8]) -> Result<(String, LeftOut), MosquittoError> {
    let database = MosquittoDatabase::parse(bytes, Instant::from_nanos(1_000_000_000))?;
    let mut writer = ItemWriter::new(Vec::new()).unwrap();
    for item in database.items() {
        item.check().unwrap();
        writer.write(&item).unwrap();
    }
    Ok((String::from_utf8(writer.finish().unwrap()).unwrap(), database.left_out()))
}

/// The items without the first line.
fn items(bytes: &[u8]) -> String {
    let (text, left_out) = read(bytes).unwrap();
    assert!(left_out.is_nothing(), "{left_out:?}");
    text.split_once('\n').unwrap().1.to_owned()
}

fn string(text: &str) -> Vec<u8> {
    [&u16::try_from(text.len()).unwrap().to_be_bytes(), text.as_bytes()].concat()
}

/// A database of these chunks, in the form of the versions up to 4 or of the later ones.
fn database(version: u32, chunks: &[(u16, Vec<u8>)]) -> Vec<u8> {
    let mut bytes = b"\x00\xB5\x00mosquitto db\0\0\0\0".to_vec();
    bytes.extend(version.to_be_bytes());
    for (kind, body) in chunks {
        if version < 5 {
            bytes.extend(kind.to_be_bytes());
        } else {
            bytes.extend(u32::from(*kind).to_be_bytes());
        }
        bytes.extend(u32::try_from(body.len()).unwrap().to_be_bytes());
        bytes.extend(body);
    }
    bytes
}

const CONFIGURATION: u16 = 1;
const MESSAGE: u16 = 2;
const CLIENT_MESSAGE: u16 = 3;
const RETAINED: u16 = 4;
const SUBSCRIPTION: u16 = 5;
const CLIENT: u16 = 6;

const QUEUED: u8 = 11;
const WAIT_FOR_PUBREC: u8 = 5;

/// A message of a version up to 4: `a/b`, QoS 2, its identifier as its payload.
fn plain_message(version: u32, id: u8) -> (u16, Vec<u8>) {
    let source = if version == 4 { [string("user"), vec![7, 91]].concat() } else { Vec::new() };
    let body = [
        vec![id, 0, 0, 0, 0, 0, 0, 0],
        string("source"),
        source,
        vec![0, 1, 0, 2],
        string("a/b"),
        vec![2, 0, 0, 0, 0, 1, b'0' + id],
    ];
    (MESSAGE, body.concat())
}

fn plain_client_message(id: u8, packet_id: u8, state: u8) -> (u16, Vec<u8>) {
    let body = [string("c"), vec![id, 0, 0, 0, 0, 0, 0, 0], vec![0, packet_id, 2, 0, 1, state, 0]];
    (CLIENT_MESSAGE, body.concat())
}

#[test]
fn database_of_version_6_becomes_items() {
    assert!(is_mosquitto(VERSION_6));
    let (text, left_out) = read(VERSION_6).unwrap();
    assert_eq!(text, VERSION_6_ITEMS);
    // Three clients have a QoS 0 message in their queues.
    assert_eq!(left_out, LeftOut { messages: 3, ..LeftOut::default() });
    let mut reader = ItemReader::new(BufReader::new(text.as_bytes()));
    while reader.next_item().unwrap().is_some() {}
}

#[test]
fn databases_of_versions_2_to_4_become_the_same_items() {
    for version in 2..=4 {
        let time: &[u8] = if version == 2 { &[] } else { &[1, 2, 3, 4, 0, 0, 0, 0] };
        let bytes = database(
            version,
            &[
                (CONFIGURATION, vec![1, 8, 9, 0, 0, 0, 0, 0, 0, 0]),
                plain_message(version, 1),
                plain_message(version, 2),
                (CLIENT, [string("c"), vec![0, 3], time.to_vec()].concat()),
                plain_client_message(1, 7, WAIT_FOR_PUBREC),
                plain_client_message(2, 0, QUEUED),
                (SUBSCRIPTION, [string("c"), string("a/+"), vec![2]].concat()),
                (RETAINED, vec![2, 0, 0, 0, 0, 0, 0, 0]),
                // What a later version may add.
                (99, vec![1, 2, 3]),
            ],
        );
        assert_eq!(
            items(&bytes),
            "{\"type\":\"session\",\"client_id\":\"c\",\"session_expiry_interval\":4294967295}\n\
             {\"type\":\"subscription\",\"client_id\":\"c\",\"filter\":\"a/+\",\"qos\":2}\n\
             {\"type\":\"message\",\"topic\":\"a/b\",\"qos\":2,\"payload\":\"1\",\"receivers\":\
             [{\"client_id\":\"c\",\"qos\":2,\"packet_id\":7,\"sent\":0}]}\n\
             {\"type\":\"message\",\"topic\":\"a/b\",\"qos\":2,\"payload\":\"2\",\"receivers\":\
             [{\"client_id\":\"c\",\"qos\":2}]}\n\
             {\"type\":\"retained\",\"topic\":\"a/b\",\"qos\":2,\"payload\":\"2\"}\n",
            "version {version}"
        );
    }
}

#[test]
fn client_of_version_5_has_no_user_name_and_of_version_6_any_padding() {
    // Connected when the file was written, one second after 1970.
    let session = [vec![0; 8], vec![0, 0, 0, 9, 0, 1, 0, 1]].concat();
    let rows = [
        (5, [&session[..], b"c"].concat()),
        (6, [&session[..], b"\x07\x5B\x00\x04\0\0\0\0cuser"].concat()),
        (6, [&session[..], b"\x07\x5B\x00\x04cuser"].concat()),
    ];
    for (version, body) in rows {
        let username = if version == 6 { "\"username\":\"user\"," } else { "" };
        assert_eq!(
            items(&database(version, &[(CLIENT, body)])),
            format!(
                "{{\"type\":\"session\",\"client_id\":\"c\",{username}\
                 \"session_expiry_interval\":9,\"expires\":\"1970-01-01T00:00:10Z\"}}\n"
            )
        );
    }
}

#[test]
fn queue_that_is_not_in_the_order_of_the_messages_keeps_its_own() {
    let bytes = database(
        3,
        &[
            plain_message(3, 1),
            plain_message(3, 2),
            plain_message(3, 3),
            (CLIENT, [string("c"), vec![0; 10]].concat()),
            plain_client_message(2, 0, QUEUED),
            plain_client_message(1, 0, QUEUED),
            plain_client_message(1, 0, QUEUED),
            plain_client_message(3, 0, QUEUED),
        ],
    );
    let text = items(&bytes);
    let payloads: String = text
        .lines()
        .filter_map(|line| line.split_once("\"payload\":\"")?.1.chars().next())
        .collect();
    assert_eq!(payloads, "2113");
}

#[test]
fn what_cannot_be_kept_is_counted() {
    let client = |expiry: u8, id: &[u8]| {
        let body = [vec![0; 8], vec![0, 0, 0, expiry, 0, 1, 0, 1], id.to_vec()];
        (CLIENT, body.concat())
    };
    let subscription = |id: &[u8], filter: &[u8]| {
        let length = u8::try_from(filter.len()).unwrap();
        let body = [&[0, 0, 0, 0, 0, 1, 0, length, 1, 0, 0, 0], id, filter];
        (SUBSCRIPTION, body.concat())
    };
    let bytes = database(
        5,
        &[
            client(1, b"c"),
            client(0, b"d"),
            client(1, b"\xFF"),
            subscription(b"c", b"a/#/b"),
            subscription(b"d", b"a"),
            subscription(b"c", b"a"),
            (RETAINED, vec![9, 0, 0, 0, 0, 0, 0, 0]),
        ],
    );
    let (_, left_out) = read(&bytes).unwrap();
    assert_eq!(left_out, LeftOut { sessions: 2, subscriptions: 2, messages: 0, retained: 1 });
}

#[test]
fn wrong_files_are_named() {
    let damaged = |chunk, offset| Some(MosquittoError::Damaged { chunk, offset });
    let rows: [(&[u8], Option<MosquittoError>); 7] = [
        (b"", Some(MosquittoError::NoDatabase)),
        (b"SQLite format 3\0", Some(MosquittoError::NoDatabase)),
        (b"\x00\xB5\x00mosquitto db\0\0", damaged(ChunkName::Header, 0)),
        (&database(1, &[]), Some(MosquittoError::Version(1))),
        (&database(7, &[]), Some(MosquittoError::Version(7))),
        (&database(4, &[(CONFIGURATION, vec![1, 4])]), Some(MosquittoError::IdentifierSize(4))),
        (&database(6, &[]), None),
    ];
    for (bytes, error) in rows {
        assert_eq!(read(bytes).err(), error, "{}", bytes.escape_ascii());
    }
}

#[test]
fn file_that_ends_within_a_chunk_is_damaged_there() {
    // The bounds of the chunks, as the lengths in the file say.
    let mut ends = vec![23];
    while let Some(header) = VERSION_6.get(ends[ends.len() - 1]..).filter(|rest| !rest.is_empty()) {
        let length = u32::from_be_bytes(header[4..8].try_into().unwrap());
        ends.push(ends[ends.len() - 1] + 8 + usize::try_from(length).unwrap());
    }
    for length in 23..VERSION_6.len() {
        let result = read(&VERSION_6[..length]);
        if ends.contains(&length) {
            result.expect("whole chunks");
        } else {
            let Err(MosquittoError::Damaged { offset, .. }) = result else {
                panic!("{length} bytes: {result:?}");
            };
            assert_eq!(Some(&offset), ends.iter().rfind(|end| **end < length));
        }
    }
}

#[test]
fn any_byte_may_be_wrong() {
    for place in 0..VERSION_6.len() {
        for wrong in [0, 1, 0x7F, 0x80, 0xFF] {
            let mut bytes = VERSION_6.to_vec();
            bytes[place] = wrong;
            // Every item that is still found is a valid one; `read` checks.
            drop(read(&bytes));
        }
    }
}
