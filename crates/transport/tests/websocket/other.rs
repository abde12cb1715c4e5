//! Our layers and another implementation of WebSocket.

use std::cell::RefCell;
use std::io::{self, Read, Write};
use std::rc::Rc;

use ferrymq_transport::Layer;
use ferrymq_transport::websocket::{ClientLayer, ServerLayer, ServerSettings};
use tungstenite::client::IntoClientRequest;
use tungstenite::handshake::HandshakeError;
use tungstenite::handshake::server::{Request, Response};
use tungstenite::protocol::frame::coding::{CloseCode, Control, Data, OpCode};
use tungstenite::protocol::frame::{CloseFrame, Frame, FrameHeader};
use tungstenite::{Bytes, Message, WebSocket};

use crate::peer::Peer;

#[test]
fn other_client_and_our_server_exchange_a_megabyte_whole_and_in_fragments() {
    let (mut other, mut server) = other_client();
    let message = megabyte();
    other.send(Message::Binary(message.clone().into())).expect("there is room");
    other.deliver_to(&mut server);
    assert!(std::mem::take(&mut server.above) == message);

    let parts: Vec<&[u8]> = message.chunks(10_007).collect();
    for (number, part) in parts.iter().enumerate() {
        let data = if number == 0 { Data::Binary } else { Data::Continue };
        let is_final = number + 1 == parts.len();
        other.send_frame(OpCode::Data(data), is_final, part);
        other.send_frame(OpCode::Control(Control::Ping), true, b"between");
    }
    other.deliver_to(&mut server);
    assert!(std::mem::take(&mut server.above) == message);

    server.send(&message);
    other.deliver_from(&mut server);
    for _ in &parts {
        assert_eq!(other.read(), Message::Pong("between".into()));
    }
    assert!(other.read() == Message::Binary(message.into()));
}

#[test]
fn our_client_and_other_server_exchange_a_megabyte() {
    let (mut other, mut client) = other_server();
    let message = megabyte();
    client.send(&message);
    other.deliver_from(&mut client);
    assert!(other.read() == Message::Binary(message.clone().into()));
    other.send(Message::Binary(message.clone().into())).expect("there is room");
    other.send(Message::Ping("still there".into())).expect("there is room");
    other.deliver_to(&mut client);
    assert!(client.above == message);
    other.deliver_from(&mut client);
    assert_eq!(other.read(), Message::Pong("still there".into()));
}

#[test]
fn other_peers_end_a_connection_with_us_as_they_should() {
    let (mut other, mut server) = other_client();
    let frame = CloseFrame { code: CloseCode::Away, reason: "good night".into() };
    other.close(Some(frame));
    other.deliver_to(&mut server);
    assert!(server.layer.has_ended());
    other.deliver_from(&mut server);
    let answer = CloseFrame { code: CloseCode::Away, reason: "".into() };
    assert_eq!(other.read(), Message::Close(Some(answer)));

    let (mut other, mut client) = other_server();
    client.layer.close(&mut client.below);
    other.deliver_from(&mut client);
    let frame = CloseFrame { code: CloseCode::Normal, reason: "".into() };
    assert_eq!(other.read(), Message::Close(Some(frame)));
    other.flush();
    other.deliver_to(&mut client);
    assert!(client.layer.has_ended());
}

/// A socket that somebody else's code reads and writes.
#[derive(Default, Clone)]
struct Wire(Rc<RefCell<Lines>>);

#[derive(Default)]
struct Lines {
    to_other: Vec<u8>,
    from_other: Vec<u8>,
}

impl Read for Wire {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        let mut lines = self.0.borrow_mut();
        if lines.to_other.is_empty() {
            return Err(io::ErrorKind::WouldBlock.into());
        }
        let length = buffer.len().min(lines.to_other.len());
        buffer[..length].copy_from_slice(&lines.to_other[..length]);
        lines.to_other.drain(..length);
        Ok(length)
    }
}

impl Write for Wire {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        self.0.borrow_mut().from_other.extend_from_slice(bytes);
        Ok(bytes.len())
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}

impl Wire {
    fn deliver_to<L: Layer>(&self, peer: &mut Peer<L>) {
        let bytes = std::mem::take(&mut self.0.borrow_mut().from_other);
        // As much as a turn reads at once.
        for piece in bytes.chunks(65_536) {
            peer.receive(piece).expect("another implementation does it right");
        }
    }

    fn deliver_from<L: Layer>(&self, peer: &mut Peer<L>) {
        self.0.borrow_mut().to_other.append(&mut peer.below);
    }
}

/// The other implementation's end.
struct Other {
    wire: Wire,
    socket: WebSocket<Wire>,
}

impl Other {
    fn send(&mut self, message: Message) -> tungstenite::Result<()> {
        self.socket.send(message)
    }

    fn send_frame(&mut self, opcode: OpCode, is_final: bool, payload: &[u8]) {
        let header = FrameHeader { is_final, opcode, ..FrameHeader::default() };
        let frame = Frame::from_payload(header.clone(), Bytes::copy_from_slice(payload));
        assert_eq!(*frame.header(), header);
        self.send(Message::Frame(frame)).expect("there is room");
    }

    fn close(&mut self, frame: Option<CloseFrame>) {
        self.socket.close(frame).expect("there is room");
    }

    fn flush(&mut self) {
        match self.socket.flush() {
            Ok(()) | Err(tungstenite::Error::ConnectionClosed) => {}
            Err(error) => panic!("{error}"),
        }
    }

    fn read(&mut self) -> Message {
        self.socket.read().expect("a message has come")
    }

    fn deliver_to<L: Layer>(&self, peer: &mut Peer<L>) {
        self.wire.deliver_to(peer);
    }

    fn deliver_from<L: Layer>(&self, peer: &mut Peer<L>) {
        self.wire.deliver_from(peer);
    }
}

fn other_client() -> (Other, Peer<ServerLayer>) {
    let wire = Wire::default();
    let mut server = Peer::server(ServerSettings::default());
    let mut request = "ws://localhost/mqtt".into_client_request().expect("a URL");
    request.headers_mut().insert("Sec-WebSocket-Protocol", "mqtt".parse().expect("a value"));
    let Err(HandshakeError::Interrupted(begun)) = tungstenite::client(request, wire.clone()) else {
        panic!("no answer has come");
    };
    wire.deliver_to(&mut server);
    wire.deliver_from(&mut server);
    let (socket, response) = begun.handshake().expect("the answer is good");
    assert_eq!(response.headers()["Sec-WebSocket-Protocol"], "mqtt");
    (Other { wire, socket }, server)
}

fn other_server() -> (Other, Peer<ClientLayer>) {
    let wire = Wire::default();
    let mut client = Peer::client("localhost", "/mqtt?token=x");
    client.receive(b"").expect("nothing is wrong");
    wire.deliver_from(&mut client);
    #[expect(clippy::result_large_err, reason = "the type is the other implementation's")]
    let choose = |request: &Request, mut response: Response| {
        assert_eq!(request.uri(), "/mqtt?token=x");
        let offered = request.headers()["Sec-WebSocket-Protocol"].clone();
        response.headers_mut().insert("Sec-WebSocket-Protocol", offered);
        Ok(response)
    };
    let socket = tungstenite::accept_hdr(wire.clone(), choose).expect("the request is good");
    wire.deliver_to(&mut client);
    assert!(client.layer.is_open());
    (Other { wire, socket }, client)
}

fn megabyte() -> Vec<u8> {
    (0..=250_u8).cycle().take(1_000_000).collect()
}
