//! Frames from a peer whose handshake was good, and what two sides of ours say to each other.

use std::io::IoSlice;
use std::sync::Arc;

use ferrymq_transport::Layer;
use ferrymq_transport::websocket::{ClientLayer, ClientSettings, ServerLayer, ServerSettings};

use crate::pieces::pieces;
use crate::wire::{Outcome, hear};

/// The first byte says which side hears, the second how the bytes behind it arrive. As frames they
/// mean the same in any pieces; as MQTT, sent in frames of any lengths, they come out as they went
/// in.
///
/// # Panics
///
/// If one of these does not hold.
pub fn websocket_frames(data: &[u8]) {
    let [head, lengths, bytes @ ..] = data else { return };
    let (whole, in_pieces) = if head & CLIENT > 0 {
        let (mut one, mut other) = (connect().0, connect().0);
        (hear(&mut one, [bytes]), hear(&mut other, pieces(bytes, *lengths)))
    } else {
        let (mut one, mut other) = (connect().1, connect().1);
        (hear(&mut one, [bytes]), hear(&mut other, pieces(bytes, *lengths)))
    };
    assert_eq!(in_pieces, whole, "in any pieces");
    check(&whole, bytes);

    let (mut client, mut server) = connect();
    check_identity(&mut client, &mut server, bytes, *lengths);
    check_identity(&mut server, &mut client, bytes, *lengths);
}

/// What came is no more than what was sent, and neither are the answers: nobody makes us say much
/// by saying little.
fn check(outcome: &Outcome, bytes: &[u8]) {
    let Outcome { above, below, error, is_open, has_ended } = outcome;
    assert!(above.len() <= bytes.len(), "nothing is made up");
    // A pong of the client has four octets of mask more than the ping.
    assert!(below.len() <= 3 * bytes.len() + 8, "answers are short");
    assert!(*is_open != *has_ended, "open or ended");
    assert!(error.is_none() || *has_ended, "after an error nothing comes");
    assert!(error.is_none() || !below.is_empty(), "the peer is told");
}

/// Sends the bytes, some to each frame, and lets the other side hear the frames in other pieces.
fn check_identity(from: &mut impl Layer, to: &mut impl Layer, bytes: &[u8], lengths: u8) {
    let mut below = Vec::new();
    for piece in pieces(bytes, lengths) {
        let (front, back) = piece.split_at(piece.len() / 2);
        from.send(&[IoSlice::new(front), IoSlice::new(back)], &mut below);
    }
    let heard = hear(to, pieces(&below, lengths.reverse_bits()));
    assert_eq!((heard.above.as_slice(), heard.error), (bytes, None), "MQTT is not changed");
}

/// Two sides that have agreed.
fn connect() -> (ClientLayer, ServerLayer) {
    let settings = ClientSettings::new("h", "/").expect("a host and a path");
    let mut client = ClientLayer::new(&settings, &[7; 16]);
    let mut server = ServerLayer::new(Arc::new(ServerSettings::default()));
    let request = hear(&mut client, [&b""[..]]).below;
    let answer = hear(&mut server, [request.as_slice()]).below;
    hear(&mut client, [answer.as_slice()]);
    assert!(client.is_open() && server.is_open(), "two sides of ours agree");
    (client, server)
}

const CLIENT: u8 = 1;
