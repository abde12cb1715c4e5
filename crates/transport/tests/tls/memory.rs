//! What an idle connection keeps.

use std::io::IoSlice;

use crate::peers::{Authority, named};
use allocation_counter::measure;
use ferrymq_transport::Layer;
use ferrymq_transport::tls::{
    ClientLayer, ClientOptions, ClientSettings, ServerLayer, ServerSettings, TlsVersion,
};

/// The most heap that an idle connection of the server may have, the layer itself included.
const IDLE_BYTES_MAXIMUM: i64 = 4 * 1024;

/// So much that nothing has to be allocated for what a layer says.
const ROOM_BYTES: usize = 64 * 1024;

/// The heap that one server's layer has after the handshake and some messages.
fn idle_bytes(server: &ServerSettings, client: &ClientSettings) -> i64 {
    let mut to_server = Vec::new();
    let mut client = ClientLayer::new(client, "localhost", &mut to_server).unwrap();
    let mut layer = None;
    let mut bytes =
        measure(|| layer = Some(Box::new(ServerLayer::new(server).unwrap()))).bytes_current;
    let mut layer = layer.unwrap();
    let (mut received_bytes, mut messages) = (0, 0);
    while !to_server.is_empty() {
        let flight = std::mem::take(&mut to_server);
        // Half a record at first, so that the layer has to keep something for a while.
        for half in flight.chunks(flight.len().div_ceil(2)) {
            let mut above = Vec::with_capacity(ROOM_BYTES);
            let mut below = Vec::with_capacity(ROOM_BYTES);
            bytes += measure(|| layer.receive(half, &mut above, &mut below).unwrap()).bytes_current;
            assert!(above.len() < ROOM_BYTES && below.len() < ROOM_BYTES);
            received_bytes += above.len();
            client.receive(&below, &mut Vec::new(), &mut to_server).unwrap();
        }
        if client.is_open() && messages < 3 {
            messages += 1;
            client.send(&[IoSlice::new(&vec![7; 20_000])], &mut to_server);
        }
    }
    assert_eq!(received_bytes, 60_000);
    bytes
}

#[test]
fn idle_connection_keeps_less_than_four_kibibytes() {
    let authority = Authority::new();
    authority.revoke(&[]);
    let open = ServerSettings::load(&authority.server_options("localhost")).unwrap();
    let strict = ServerSettings::load(&authority.strict_server_options("localhost")).unwrap();
    for version in [TlsVersion::V1_2, TlsVersion::V1_3] {
        for (server, what) in [(&open, "without"), (&strict, "with")] {
            let options = authority.client_options_with("meter", &named("meter"));
            let options = ClientOptions { maximum_version: Some(version), ..options };
            let client = ClientSettings::load(&options).unwrap();
            // The first connection also makes what all share.
            idle_bytes(server, &client);
            let bytes = idle_bytes(server, &client);
            assert!(
                bytes > 1_000 && bytes <= IDLE_BYTES_MAXIMUM,
                "{bytes} bytes of heap in {version:?} {what} a certificate of the client"
            );
        }
    }
}
