//! Bytes mean the same wherever they are cut.

use ferrymq_transport::Layer;
use ferrymq_transport::websocket::ServerSettings;
use proptest::prelude::*;

use crate::peer::Peer;

#[derive(Debug, Clone)]
enum Step {
    Send(Vec<u8>),
    Close,
}

proptest! {
    #[test]
    fn server_hears_what_the_client_said_and_the_other_way_round(
        forth in proptest::collection::vec(step(), 0..6),
        back in proptest::collection::vec(step(), 0..6),
        cuts in proptest::collection::vec(1..200_usize, 1..8),
    ) {
        let mut server = Peer::server(ServerSettings::default());
        let mut client = Peer::client("h", "/");
        client.receive(b"").expect("nothing is wrong");
        for piece in pieces(&client.take_below(), &cuts) {
            server.receive(piece).expect("a request");
        }
        for piece in pieces(&server.take_below(), &cuts) {
            client.receive(piece).expect("an answer");
        }
        let said = play(&mut client, &forth);
        for piece in pieces(&client.take_below(), &cuts) {
            server.receive(piece).expect("good frames");
        }
        prop_assert_eq!(&server.above, &said);
        if !server.layer.has_ended() {
            let said = play(&mut server, &back);
            for piece in pieces(&server.take_below(), &cuts) {
                client.receive(piece).expect("good frames");
            }
            prop_assert_eq!(&client.above, &said);
        }
    }
}

/// Does the steps, and gives what the peer is to hear.
fn play<L: Layer>(peer: &mut Peer<L>, steps: &[Step]) -> Vec<u8> {
    let mut said = Vec::new();
    for step in steps {
        match step {
            Step::Send(bytes) => {
                if peer.layer.is_open() {
                    said.extend_from_slice(bytes);
                }
                peer.send(bytes);
            }
            Step::Close => peer.layer.close(&mut peer.below),
        }
    }
    said
}

fn step() -> impl Strategy<Value = Step> {
    prop_oneof![
        8 => proptest::collection::vec(any::<u8>(), 0..300).prop_map(Step::Send),
        1 => (65_530..65_540_usize, any::<u8>())
            .prop_map(|(length, octet)| Step::Send(vec![octet; length])),
        1 => Just(Step::Close),
    ]
}

fn pieces<'a>(bytes: &'a [u8], lengths: &[usize]) -> impl Iterator<Item = &'a [u8]> {
    let mut rest = bytes;
    let mut lengths = lengths.iter().cycle();
    std::iter::from_fn(move || {
        let length = rest.len().min(*lengths.next()?);
        let (piece, others) = rest.split_at(length);
        rest = others;
        (!piece.is_empty()).then_some(piece)
    })
}
