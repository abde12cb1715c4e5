//! What frames do, byte by byte.

use ferrymq_transport::Layer;
use ferrymq_transport::websocket::{ClientLayer, CloseCode, ServerLayer, ServerSettings};

use crate::peer::Peer;

#[test]
fn packets_pass_however_they_are_framed() {
    for (frames, bytes) in [
        (vec![masked(0x82, b"hello")], &b"hello"[..]),
        (vec![masked(0x02, b"he"), masked(0x00, b"ll"), masked(0x80, b"o")], b"hello"),
        (vec![masked(0x82, b""), masked(0x82, b"x"), masked(0x82, b"yz")], b"xyz"),
        (vec![masked(0x02, b""), masked(0x80, b"")], b""),
        // Between the parts of a message control frames may come.
        (
            vec![masked(0x02, b"a"), masked(0x89, b"?"), masked(0x8A, b"!"), masked(0x80, b"b")],
            b"ab",
        ),
        (vec![masked(0x82, &[7; 125])], &[7; 125]),
        (vec![masked(0x82, &[7; 126])], &[7; 126]),
        (vec![masked(0x82, &MANY[1..])], &MANY[1..]),
        (vec![masked(0x82, &MANY)], &MANY),
        // Lengths need not be written in the shortest way to be understood.
        (vec![b"\x82\xFE\0\x01\0\0\0\0x".to_vec()], b"x"),
    ] {
        let mut server = server();
        server.receive(&frames.concat()).expect("good frames");
        assert_eq!(server.above, bytes, "{:02x?}", frames[0]);
    }
}

#[test]
fn pings_are_answered_with_what_they_say() {
    let mut server = server();
    let frames = [masked(0x89, b""), masked(0x89, b"are you there"), masked(0x89, &[1; 125])];
    server.receive(&frames.concat()).expect("good frames");
    let pongs = [&b"\x8A\x00\x8A\x0Dare you there\x8A\x7D"[..], &[1; 125]].concat();
    assert_eq!(server.take_below(), pongs);
    server.receive(&masked(0x8A, b"unasked")).expect("a good frame");
    assert_eq!(server.below, b"");
}

#[test]
fn wrong_frames_are_answered_with_the_reason_as_a_number() {
    for (frames, code, reason) in [
        (b"\x82\x05hello".to_vec(), 1002, "not masked"),
        (masked(0xC2, b"x"), 1002, "reserved bits"),
        (masked(0xA2, b"x"), 1002, "reserved bits"),
        (masked(0x92, b"x"), 1002, "reserved bits"),
        (masked(0x81, b"x"), 1003, "MQTT-6.0.0-1"),
        (masked(0x83, b"x"), 1002, "opcode"),
        (masked(0x8F, b"x"), 1002, "opcode"),
        (masked(0x80, b"x"), 1002, "has not begun"),
        ([masked(0x02, b"x"), masked(0x82, b"y")].concat(), 1002, "before the one before it"),
        ([masked(0x02, b"x"), masked(0x80, b"y"), masked(0x80, b"")].concat(), 1002, "not begun"),
        (masked(0x09, b"x"), 1002, "control frame is fragmented"),
        (masked(0x89, &[1; 126]), 1002, "125"),
        (masked(0x88, b"\x03"), 1002, "half a status code"),
        (masked(0x88, &1005_u16.to_be_bytes()), 1002, "must not be sent"),
        (masked(0x88, &999_u16.to_be_bytes()), 1002, "must not be sent"),
        (masked(0x88, &5000_u16.to_be_bytes()), 1002, "must not be sent"),
        (masked(0x88, b"\x03\xE8\xFF"), 1007, "UTF-8"),
        (b"\x82\xFF\x80\0\0\0\0\0\0\0\0\0\0\0".to_vec(), 1002, "highest bit"),
    ] {
        let mut server = server();
        let error = server.refuse(&frames);
        assert!(error.contains(reason), "{error}");
        assert_eq!(server.take_below(), close(code), "{error}");
        assert!(server.layer.has_ended() && !server.layer.is_open());
        server.receive(&masked(0x82, b"more")).expect("what comes now means nothing");
        server.send(b"more");
        assert!(!server.above.ends_with(b"more") && server.below.is_empty());
    }
}

#[test]
fn wrong_first_octets_of_a_header_are_enough() {
    let mut server = server();
    assert!(server.refuse(b"\x81\x80").contains("text"));
}

#[test]
fn close_is_answered_with_its_code_and_ends_everything() {
    for (payload, answer) in [
        (&b""[..], b"\x88\x00".to_vec()),
        (b"\x03\xE8", close(1000)),
        (b"\x03\xE9going away", close(1001)),
        (b"\x03\xF4", close(1012)),
        (b"\x0F\xA0mine", close(4000)),
    ] {
        let mut server = server();
        let frames = [masked(0x82, b"last"), masked(0x88, payload), masked(0x82, b"late")];
        server.receive(&frames.concat()).expect("good frames");
        assert_eq!((server.take_below(), server.above.as_slice()), (answer, &b"last"[..]));
        assert!(server.layer.has_ended() && !server.layer.is_open());
        server.layer.close(&mut server.below);
        server.send(b"x");
        assert_eq!(server.below, b"", "nothing follows a Close frame");
    }
}

#[test]
fn close_of_ours_is_said_once_and_the_peer_may_still_finish() {
    let mut server = server();
    server.layer.close_with(CloseCode::GoingAway, &mut server.below);
    server.layer.close(&mut server.below);
    server.send(b"x");
    assert_eq!(server.take_below(), close(1001));
    assert!(!server.layer.is_open() && !server.layer.has_ended());
    let frames = [masked(0x82, b"DISCONNECT"), masked(0x89, b"?"), masked(0x88, b"\x03\xE9")];
    server.receive(&frames.concat()).expect("good frames");
    assert_eq!((server.above.as_slice(), server.below.as_slice()), (&b"DISCONNECT"[..], &b""[..]));
    assert!(server.layer.has_ended());
}

#[test]
fn frames_of_the_server_are_plain_and_one_for_each_call() {
    let mut server = server();
    server.send(b"");
    server.send(b"hello");
    server.send(&[9; 126]);
    server.send(&MANY);
    let mut expected = b"\x82\x05hello\x82\x7E\x00\x7E".to_vec();
    expected.extend_from_slice(&[9; 126]);
    expected.extend_from_slice(b"\x82\x7F\0\0\0\0\0\x01\0\0");
    expected.extend_from_slice(&MANY);
    assert_eq!(server.below, expected);
}

#[test]
fn frames_of_the_client_are_masked_each_with_another_key() {
    let mut client = client();
    client.send(&[0; 8]);
    client.send(&[0; 8]);
    client.layer.close(&mut client.below);
    let bytes = client.take_below();
    let (first, rest) = bytes.split_at(14);
    let (second, close) = rest.split_at(14);
    for frame in [first, second] {
        assert_eq!(&frame[..2], b"\x82\x88");
        // Zeros show the key.
        assert_eq!((&frame[2..6], &frame[2..6]), (&frame[6..10], &frame[10..14]));
    }
    assert_ne!(first, second);
    assert_eq!((&close[..2], close.len()), (&b"\x88\x82"[..], 8));
}

#[test]
fn client_refuses_a_masked_frame_of_a_server() {
    let mut client = client();
    assert!(client.refuse(&masked(0x82, b"x")).contains("a server's frame is masked"));
    client.take_below();
}

/// A server whose handshake is over.
fn server() -> Peer<ServerLayer> {
    let mut server = Peer::server(ServerSettings::default());
    let mut client = Peer::client("h", "/");
    client.receive(b"").expect("nothing is wrong");
    server.receive(&client.below).expect("a request");
    server.take_below();
    server
}

/// A client whose handshake is over.
fn client() -> Peer<ClientLayer> {
    let mut server = Peer::server(ServerSettings::default());
    let mut client = Peer::client("h", "/");
    client.receive(b"").expect("nothing is wrong");
    server.receive(&client.take_below()).expect("a request");
    client.receive(&server.below).expect("an answer");
    client
}

/// A client's frame.
fn masked(first: u8, payload: &[u8]) -> Vec<u8> {
    let key = [0x37, 0xFA, 0x21, 0x3D];
    let mut frame = vec![first];
    let length = payload.len() as u64;
    match (u8::try_from(length), u16::try_from(length)) {
        (Ok(short @ 0..126), _) => frame.push(0x80 | short),
        (_, Ok(medium)) => {
            frame.push(0xFE);
            frame.extend_from_slice(&medium.to_be_bytes());
        }
        _ => {
            frame.push(0xFF);
            frame.extend_from_slice(&length.to_be_bytes());
        }
    }
    frame.extend_from_slice(&key);
    frame.extend(payload.iter().zip(key.into_iter().cycle()).map(|(octet, key)| octet ^ key));
    frame
}

/// A server's Close frame.
fn close(code: u16) -> Vec<u8> {
    [&b"\x88\x02"[..], &code.to_be_bytes()].concat()
}

/// The first length that two octets cannot say.
static MANY: [u8; 65_536] = [7; 65_536];
