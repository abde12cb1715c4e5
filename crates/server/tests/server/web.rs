//! WebSocket and HTTP over real sockets, as browsers and another implementation speak them.

use std::fs;
use std::io::{Read, Write};
use std::net::{SocketAddr, TcpStream};
use std::num::NonZeroU16;
use std::sync::Arc;

use ferrymq_server::{Listener, ServeOptions, Server, http_dir};
use ferrymq_transport::websocket::ServerSettings;
use tungstenite::client::IntoClientRequest;
use tungstenite::protocol::frame::coding::{Data, OpCode};
use tungstenite::protocol::frame::{Frame, FrameHeader};
use tungstenite::{Bytes, Message, WebSocket};

use crate::peer::{PATIENCE, Version, connect, packet_length, publish, published, subscribe};

/// A broker for WebSocket alone.
fn start(settings: ServerSettings) -> (Server, SocketAddr) {
    let mut listener = Listener::at(SocketAddr::from(([127, 0, 0, 1], 0)));
    listener.transport.websocket = Some(Arc::new(settings));
    let (listen, shards) = (vec![listener], NonZeroU16::new(2));
    let server = Server::start(ServeOptions { listen, shards, ..ServeOptions::default() })
        .expect("a free port can be bound");
    let address = server.addresses()[0];
    (server, address)
}

fn stop(server: Server) {
    server.stop();
    server.join().expect("no shard crashes");
}

fn open(address: SocketAddr) -> TcpStream {
    let socket = TcpStream::connect(address).expect("the broker listens");
    socket.set_read_timeout(Some(PATIENCE)).unwrap();
    socket.set_write_timeout(Some(PATIENCE)).unwrap();
    socket
}

/// All that comes until the broker closes.
fn ask(address: SocketAddr, request: &[u8]) -> String {
    let mut socket = open(address);
    socket.write_all(request).expect("the broker reads");
    let mut answer = Vec::new();
    socket.read_to_end(&mut answer).expect("the broker closes");
    String::from_utf8(answer).expect("the answer is text")
}

#[test]
fn other_implementation_sends_and_receives_a_megabyte_in_one_frame_and_in_many() {
    let (server, address) = start(ServerSettings::default());
    let mut request = format!("ws://{address}/mqtt").into_client_request().expect("a URL");
    request.headers_mut().insert("Sec-WebSocket-Protocol", "mqtt".parse().expect("a value"));
    let (mut socket, _) = tungstenite::client(request, open(address)).expect("they agree");
    let payload: Vec<u8> = (0..=250).cycle().take(1_000_000).collect();
    let message = publish(Version::V5, 0, 0, "large", &payload);
    let beginning =
        [connect(Version::V5, "browser", true), subscribe(Version::V5, 1, "large", 0)].concat();
    // The first packets and half of a third are one message of WebSocket.
    let (half, other_half) = message.split_at(message.len() / 2);
    socket.send(Message::Binary([&beginning, half].concat().into())).expect("the broker reads");
    socket.send(Message::Binary(Bytes::copy_from_slice(other_half))).expect("the broker reads");
    let parts: Vec<&[u8]> = message.chunks(10_007).collect();
    for (number, part) in parts.iter().enumerate() {
        let opcode = OpCode::Data(if number == 0 { Data::Binary } else { Data::Continue });
        let is_final = number + 1 == parts.len();
        let header = FrameHeader { is_final, opcode, ..FrameHeader::default() };
        let frame = Frame::from_payload(header, Bytes::copy_from_slice(part));
        socket.send(Message::Frame(frame)).expect("the broker reads");
    }
    let mut received = Vec::new();
    for kind in [0x20, 0x90, 0x30, 0x30] {
        let packet = next_packet(&mut socket, &mut received);
        assert_eq!(packet[0], kind);
        assert!(kind != 0x30 || published(Version::V5, &packet).1 == payload);
    }
    socket.close(None).expect("the broker reads");
    let end = std::iter::repeat_with(|| socket.read()).find_map(Result::err);
    assert!(matches!(end, Some(tungstenite::Error::ConnectionClosed)), "{end:?}");
    stop(server);
}

/// The next packet of MQTT, however it is framed.
fn next_packet(socket: &mut WebSocket<TcpStream>, received: &mut Vec<u8>) -> Vec<u8> {
    loop {
        if let Some(length) = packet_length(received) {
            let rest = received.split_off(length);
            return std::mem::replace(received, rest);
        }
        match socket.read().expect("the broker answers") {
            Message::Binary(bytes) => received.extend_from_slice(&bytes),
            other => panic!("no packet is in {other}"),
        }
    }
}

#[test]
fn browser_gets_files_and_is_told_what_else_there_is() {
    let directory = tempfile::tempdir().expect("a directory");
    let script = "x".repeat(300_000);
    fs::write(directory.path().join("index.html"), "<script src=main.js></script>").unwrap();
    fs::write(directory.path().join("main.js"), &script).unwrap();
    let pages = http_dir::read(directory.path()).expect("a directory to serve");
    let (server, address) =
        start(ServerSettings { pages: Some(Arc::new(pages)), ..ServerSettings::default() });
    let index = ask(address, b"GET / HTTP/1.1\r\nHost: h\r\n\r\n");
    assert!(index.starts_with("HTTP/1.1 200 OK\r\n") && index.ends_with("</script>"), "{index}");
    let main = ask(address, b"GET /main.js?v=1 HTTP/1.1\r\nHost: h\r\n\r\n");
    assert!(main.contains("Content-Length: 300000\r\n") && main.ends_with(&script));
    let none = ask(address, b"GET /../secret HTTP/1.1\r\nHost: h\r\n\r\n");
    assert!(none.starts_with("HTTP/1.1 404 "), "{none}");
    let head = ask(address, b"HEAD / HTTP/1.1\r\nHost: h\r\n\r\n");
    assert!(head.starts_with("HTTP/1.1 200 ") && head.ends_with("\r\n\r\n"), "{head}");
    let post = ask(address, b"POST / HTTP/1.1\r\nHost: h\r\n\r\n");
    assert!(post.starts_with("HTTP/1.1 405 "), "{post}");
    stop(server);
}

#[test]
fn who_does_not_speak_websocket_is_told_so_and_closed() {
    let (server, address) = start(ServerSettings {
        origins: vec!["https://example.org".into()],
        ..ServerSettings::default()
    });
    let plain = ask(address, b"GET / HTTP/1.1\r\nHost: h\r\n\r\n");
    assert!(plain.starts_with("HTTP/1.1 426 ") && plain.contains("MQTT client"), "{plain}");
    let page = ask(
        address,
        b"GET / HTTP/1.1\r\nHost: h\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n\
          Sec-WebSocket-Key: k\r\nSec-WebSocket-Version: 13\r\nOrigin: https://else.org\r\n\r\n",
    );
    assert!(page.starts_with("HTTP/1.1 403 "), "{page}");
    // It would not understand an answer.
    assert_eq!(ask(address, &connect(Version::V5, "c", true)), "");
    stop(server);
}
