//! TLS under bytes that are cut, changed or made up.

use std::io::IoSlice;
use std::sync::OnceLock;

use crate::peers::{Authority, Pair};
use ferrymq_transport::Layer;
use ferrymq_transport::tls::{
    ClientOptions, ClientSettings, ServerLayer, ServerSettings, TlsVersion,
};
use proptest::collection::vec;
use proptest::prelude::*;

/// A server and clients of both versions, made once: keys are costly.
struct Peers {
    server: ServerSettings,
    clients: [ClientSettings; 2],
    _authority: Authority,
}

fn peers() -> &'static Peers {
    static PEERS: OnceLock<Peers> = OnceLock::new();
    PEERS.get_or_init(|| {
        let authority = Authority::new();
        authority.revoke(&[]);
        let server = ServerSettings::load(&authority.strict_server_options("localhost")).unwrap();
        let options = authority.named_client_options("meter");
        let clients = [TlsVersion::V1_2, TlsVersion::V1_3].map(|version| {
            let options = ClientOptions { maximum_version: Some(version), ..options.clone() };
            ClientSettings::load(&options).unwrap()
        });
        Peers { server, clients, _authority: authority }
    })
}

/// Gives `bytes` to `layer` in pieces whose sizes are taken from `cuts`.
fn give(
    layer: &mut dyn Layer,
    bytes: &[u8],
    cuts: &mut impl Iterator<Item = usize>,
    above: &mut Vec<u8>,
    below: &mut Vec<u8>,
) {
    let mut rest = bytes;
    while !rest.is_empty() {
        let (piece, after) = rest.split_at(cuts.next().unwrap().min(rest.len()));
        layer.receive(piece, above, below).unwrap();
        rest = after;
    }
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 64, failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn bytes_arrive_however_they_are_cut(
        cuts in vec(prop_oneof![1_usize..8, 1_usize..3_000], 1..40),
        plain in vec(vec(any::<u8>(), 0..20_000), 0..4),
        version in 0_usize..2,
    ) {
        let mut cuts = cuts.into_iter().cycle();
        let mut to_server = Vec::new();
        let mut client = ferrymq_transport::tls::ClientLayer::new(
            &peers().clients[version], "localhost", &mut to_server,
        ).unwrap();
        let mut server = ServerLayer::new(&peers().server).unwrap();
        let (mut to_client, mut at_server, mut at_client) = (Vec::new(), Vec::new(), Vec::new());
        let mut has_sent = false;
        loop {
            if !has_sent && server.is_open() && client.is_open() {
                has_sent = true;
                let pieces: Vec<IoSlice<'_>> = plain.iter().map(|piece| IoSlice::new(piece)).collect();
                client.send(&pieces, &mut to_server);
                server.send(&pieces, &mut to_client);
            }
            if to_server.is_empty() && to_client.is_empty() {
                break;
            }
            let bytes = std::mem::take(&mut to_server);
            give(&mut server, &bytes, &mut cuts, &mut at_server, &mut to_client);
            let bytes = std::mem::take(&mut to_client);
            give(&mut client, &bytes, &mut cuts, &mut at_client, &mut to_server);
        }
        prop_assert!(has_sent);
        let expected = plain.concat();
        prop_assert!(at_server == expected && at_client == expected);
    }

    #[test]
    fn changed_bytes_are_never_taken_for_the_peers(
        version in 0_usize..2,
        flight in 0_usize..6,
        place in any::<prop::sample::Index>(),
        flip in 1_u8..=255,
    ) {
        let mut pair = Pair::new(&peers().server, &peers().clients[version], "localhost");
        let (mut at_server, mut at_client) = (Vec::new(), Vec::new());
        let mut has_failed = false;
        for number in 0..8 {
            if pair.server.is_open() && pair.client.is_open() && number % 2 == 0 {
                pair.client.send(&[IoSlice::new(b"question")], &mut pair.to_server);
                pair.server.send(&[IoSlice::new(b"answer")], &mut pair.to_client);
            }
            let (bytes, above, below, layer): (_, _, _, &mut dyn Layer) = match number % 2 {
                0 => (
                    std::mem::take(&mut pair.to_server),
                    &mut at_server,
                    &mut pair.to_client,
                    &mut pair.server,
                ),
                _ => (
                    std::mem::take(&mut pair.to_client),
                    &mut at_client,
                    &mut pair.to_server,
                    &mut pair.client,
                ),
            };
            let mut bytes = bytes;
            if number == flight && !bytes.is_empty() {
                let place = place.index(bytes.len());
                bytes[place] ^= flip;
            }
            if layer.receive(&bytes, above, below).is_err() {
                has_failed = true;
                prop_assert!(!layer.is_open() && layer.has_ended());
                // Whoever goes on finds a layer that has ended.
                let _ = layer.receive(&bytes, above, below);
                layer.send(&[IoSlice::new(b"more")], below);
            }
            if has_failed {
                break;
            }
        }
        prop_assert!(b"questionquestionquestion".starts_with(&at_server));
        prop_assert!(b"answeransweranswer".starts_with(&at_client));
    }

    #[test]
    fn any_bytes_are_an_error_or_wait_for_more(
        begins_as_tls in any::<bool>(),
        bytes in vec(any::<u8>(), 0..4_000),
        cuts in vec(1_usize..500, 1..20),
        client in any::<bool>(),
    ) {
        let mut bytes = bytes;
        if begins_as_tls {
            // A handshake record of a length that is allowed.
            bytes.splice(..0, [0x16, 3, 1, 0x0f, 0xff]);
        }
        let (mut above, mut below) = (Vec::new(), Vec::new());
        let mut layer: Box<dyn Layer> = if client {
            let settings = &peers().clients[1];
            Box::new(
                ferrymq_transport::tls::ClientLayer::new(settings, "localhost", &mut below).unwrap(),
            )
        } else {
            Box::new(ServerLayer::new(&peers().server).unwrap())
        };
        let mut cuts = cuts.into_iter().cycle();
        let mut rest = &bytes[..];
        while !rest.is_empty() {
            let (piece, after) = rest.split_at(cuts.next().unwrap().min(rest.len()));
            if layer.receive(piece, &mut above, &mut below).is_err() {
                break;
            }
            rest = after;
        }
        prop_assert!(above.is_empty() && !layer.is_open());
    }
}

#[test]
fn handshake_message_that_never_ends_is_cut_off() {
    let mut layer = ServerLayer::new(&peers().server).unwrap();
    let (mut above, mut below) = (Vec::new(), Vec::new());
    // A ClientHello that announces 16 MB, in records of 16 KiB.
    let mut record = vec![0x16, 3, 1, 0x40, 0, 1, 0xff, 0xff, 0xff];
    record.resize(5 + 16_384, 0);
    let mut given_bytes = 0;
    while layer.receive(&record, &mut above, &mut below).is_ok() {
        given_bytes += record.len();
        assert!(given_bytes < 40_000);
        record[5..9].fill(0);
    }
}
