//! WebSocket and HTTP over real sockets, as browsers and another implementation speak them.

use std::fs;
use std::io::{Read, Write};
use std::net::{SocketAddr, TcpStream};
use std::num::NonZeroU16;
use std::sync::Arc;

use ferrymq_server::configuration::{Persona, parse};
use ferrymq_server::{Listener, ServeOptions, Server, http_dir};
use ferrymq_transport::websocket::ServerSettings;
use tungstenite::client::IntoClientRequest;
use tungstenite::protocol::frame::coding::{CloseCode, Data, OpCode};
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
    let mut socket = upgrade(address);
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

/// Who uses the connection later knows that the server has ended, and not that all is done.
#[test]
fn server_that_ends_says_that_it_goes_away() {
    let (server, address) = start(ServerSettings::default());
    let mut socket = upgrade(address);
    let beginning = Message::Binary(connect(Version::V5, "browser", true).into());
    socket.send(beginning).expect("the broker reads");
    assert_eq!(next_packet(&mut socket, &mut Vec::new())[0], 0x20);
    server.stop();
    let code = loop {
        match socket.read().expect("the broker says why") {
            Message::Close(frame) => break frame.map(|frame| frame.code),
            // What MQTT 5.0 has for it.
            Message::Binary(disconnect) => assert_eq!(disconnect[0], 0xe0),
            other => panic!("{other} before the end"),
        }
    };
    assert_eq!(code, Some(CloseCode::Away));
    server.join().expect("no shard crashes");
}

/// A connection that speaks WebSocket.
fn upgrade(address: SocketAddr) -> WebSocket<TcpStream> {
    let mut request = format!("ws://{address}/mqtt").into_client_request().expect("a URL");
    request.headers_mut().insert("Sec-WebSocket-Protocol", "mqtt".parse().expect("a value"));
    tungstenite::client(request, open(address)).expect("they agree").0
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

/// A listener that answers programs, and one for MQTT, as a configuration describes them.
fn start_api(anonymous: bool) -> (Server, SocketAddr, SocketAddr) {
    let text = format!(
        "listener 1883 127.0.0.1\nlistener 9883 127.0.0.1\nprotocol http_api\n\
         allow_anonymous {anonymous}\npersistence false\n"
    );
    let configuration = parse(Persona::Ferrymq, text.as_bytes());
    let mut options = configuration
        .expect("a good configuration")
        .serve_options(None)
        .expect("nothing else is needed");
    for listener in &mut options.listen {
        listener.bind = SocketAddr::from(([127, 0, 0, 1], 0)).into();
    }
    options.shards = NonZeroU16::new(2);
    let server = Server::start(options).expect("free ports can be bound");
    let [mqtt, api] = server.addresses()[..] else { panic!("there are two listeners") };
    (server, mqtt, api)
}

fn body(answer: &str) -> &str {
    answer.split_once("\r\n\r\n").expect("there is a head").1
}

#[test]
fn programs_are_told_numbers_listeners_and_version() {
    let (server, mqtt, api) = start_api(true);
    // Who gets the last of the numbers knows that the others were published before.
    let mut client = open(mqtt);
    let subscribing = subscribe(Version::V5, 1, "$SYS/ferrymq/store/durability", 0);
    client.write_all(&[connect(Version::V5, "c", true), subscribing].concat()).unwrap();
    let (mut received, mut piece) = (Vec::new(), [0; 4096]);
    while !received.windows(10).any(|bytes| bytes == b"durability") {
        let count = client.read(&mut piece).expect("the number comes");
        assert!(count > 0, "the broker goes on");
        received.extend_from_slice(&piece[..count]);
    }
    let answer = ask(api, b"GET /api/v1/systree HTTP/1.1\r\nHost: h\r\n\r\n");
    assert!(answer.contains("Content-Type: application/json\r\n"), "{answer}");
    let numbers: serde_json::Value = serde_json::from_str(body(&answer)).expect("JSON");
    for topic in ["$SYS/broker/clients/total", "$SYS/broker/uptime"] {
        assert!(numbers[topic].is_u64(), "{topic}: {answer}");
    }
    let answer = ask(api, b"GET /api/v1/listeners?x HTTP/1.1\r\nHost: h\r\n\r\n");
    assert_eq!(
        serde_json::from_str::<serde_json::Value>(body(&answer)).expect("JSON"),
        serde_json::json!({"listeners": [
            {"port": 1883, "protocol": "mqtt", "tls": false, "mtls": false, "allow_anonymous": true},
            {"port": 9883, "protocol": "httpapi", "tls": false, "mtls": false,
             "allow_anonymous": true},
        ]})
    );
    let version = ask(api, b"GET /api/v1/version HTTP/1.1\r\nHost: h\r\n\r\n");
    assert_eq!(body(&version), env!("CARGO_PKG_VERSION"));
    for (request, status) in [
        (&b"GET /api/missing HTTP/1.1\r\nHost: h\r\n\r\n"[..], "404"),
        (b"GET / HTTP/1.1\r\nHost: h\r\n\r\n", "404"),
        (b"POST /api/v1/version HTTP/1.1\r\nHost: h\r\n\r\n", "405"),
    ] {
        let answer = ask(api, request);
        assert!(answer.starts_with(&format!("HTTP/1.1 {status} ")), "{answer}");
    }
    let upgrade = ask(
        api,
        b"GET /mqtt HTTP/1.1\r\nHost: h\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n\
          Sec-WebSocket-Key: k\r\nSec-WebSocket-Version: 13\r\n\r\n",
    );
    assert!(upgrade.starts_with("HTTP/1.1 404 "), "there is no MQTT: {upgrade}");
    stop(server);
}

#[test]
fn programs_are_told_nothing_where_nobody_comes_in_without_a_name() {
    let (server, _, api) = start_api(false);
    let answer = ask(api, b"GET /api/v1/systree HTTP/1.1\r\nHost: h\r\n\r\n");
    assert!(answer.starts_with("HTTP/1.1 403 "), "{answer}");
    assert!(!answer.contains("$SYS"), "{answer}");
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
