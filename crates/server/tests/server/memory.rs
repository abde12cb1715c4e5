//! What the layers of an idle connection cost.

use std::io::IoSlice;
use std::ops::RangeInclusive;
use std::sync::Arc;

use allocation_counter::measure;
use ferrymq_broker::Limits;
use ferrymq_transport::{Layer, ServerTransport, Stack, tls, websocket};

use crate::peer::{Version, connect, publish};
use crate::transports::{trust, write_certificate};
use crate::tunnel::ClientStack;
use crate::turn::Scene;

/// The heap of the broker that this many connections have after they were used.
fn idle_bytes(
    transport: &ServerTransport,
    tls: Option<&tls::ClientSettings>,
    connections: usize,
) -> i64 {
    let mut scene = Scene::behind(transport.clone(), 1, Limits::default());
    let mut bytes = 0;
    for number in 0..=connections {
        if number == 1 {
            // The first one has also made what all connections share.
            bytes = 0;
        }
        let socket = scene.knock();
        scene.take_output(socket, ROOM_BYTES);
        bytes += measure(|| scene.run()).bytes_current;
        let (mut client, mut to_server) = client(transport, tls);
        let client_id = format!("idle-{number:04}");
        let mut packets = vec![
            publish(Version::V5, 0, 0, "big", &[7; 20_000]),
            connect(Version::V5, &client_id, true),
        ];
        loop {
            if to_server.is_empty() && client.is_open() {
                let Some(packet) = packets.pop() else { break };
                client.send(&[IoSlice::new(&packet)], &mut to_server);
            }
            scene.put(socket, &to_server);
            to_server.clear();
            bytes += measure(|| scene.run()).bytes_current;
            let answer = scene.take_output(socket, ROOM_BYTES);
            client.receive(&answer, &mut Vec::new(), &mut to_server).expect("they agree");
        }
        // What was written must not have made the buffer of the test grow.
        assert!(scene.take_output(socket, 0).is_empty());
    }
    bytes
}

fn client(
    transport: &ServerTransport,
    tls: Option<&tls::ClientSettings>,
) -> (ClientStack, Vec<u8>) {
    let mut to_server = Vec::new();
    let tls = tls.map(|settings| tls::ClientLayer::new(settings, "localhost", &mut to_server));
    let mut first_words = Vec::new();
    let websocket = transport.websocket.is_some().then(|| {
        let settings = websocket::ClientSettings::new("localhost", "/").unwrap();
        let mut layer = websocket::ClientLayer::new(&settings, &[7; 16]);
        layer.receive(&[], &mut Vec::new(), &mut first_words).unwrap();
        layer
    });
    if tls.is_none() {
        to_server.append(&mut first_words);
    }
    (Stack::client(tls.map(Result::unwrap), websocket, first_words), to_server)
}

#[test]
fn layers_of_an_idle_connection_keep_little() {
    let directory = tempfile::tempdir().unwrap();
    let (certificate, key) = write_certificate(directory.path(), "server", None);
    let (server_tls, client_tls) = trust(&certificate, &key);
    let over_tls = ServerTransport { tls: Some(server_tls), ..ServerTransport::default() };
    let websocket = Some(Arc::new(websocket::ServerSettings::default()));
    let over_both = ServerTransport { websocket: websocket.clone(), ..over_tls.clone() };
    let over_websocket = ServerTransport { websocket, ..ServerTransport::default() };
    let plain = idle_bytes(&ServerTransport::default(), None, CONNECTIONS);
    let rows = [
        ("TLS", over_tls, Some(&client_tls), TLS_BYTES),
        ("TLS and WebSocket", over_both, Some(&client_tls), TLS_BYTES),
        ("WebSocket", over_websocket, None, WEBSOCKET_BYTES),
    ];
    for (name, transport, client_tls, expected) in rows {
        let layered = idle_bytes(&transport, client_tls, CONNECTIONS);
        let each = (layered - plain) / i64::try_from(CONNECTIONS).unwrap();
        assert!(expected.contains(&each), "{name}: {each} bytes for each connection");
    }
}

/// What TLS may keep, with or without WebSocket above it.
const TLS_BYTES: RangeInclusive<i64> = 1_000..=4 * 1024;
/// What WebSocket alone may keep.
const WEBSOCKET_BYTES: RangeInclusive<i64> = 100..=700;
const CONNECTIONS: usize = 64;
/// More than a broker writes to one connection at once here.
const ROOM_BYTES: usize = 64 * 1024;
