//! Chapter 6: MQTT in the frames of WebSocket, spoken here byte by byte.

use std::rc::Rc;

use crate::peer::PATIENCE;
use crate::scene::Scene;
use crate::transport::{Received, Target, Wire};
use crate::verdict::{Failure, Verdict, ensure, ensure_same};
use crate::wire::{Kind, Packet, Version, ping_request, subscribe};

/// What is sent comes in binary frames, and a text frame ends the connection.
pub(crate) fn packets_come_in_binary_frames(scene: &mut Scene) -> Verdict {
    let connect = scene.new_client().bytes();
    let (mut browser, _) = Browser::open(scene)?;
    browser.send(BINARY, &connect);
    browser.expect(Kind::ConnAck)?;
    // The bytes are those of a packet; it is the frame that is wrong.
    browser.send(TEXT, &ping_request());
    browser.expect_closed()
}

/// Frames may cut packets anywhere, and hold many of them.
pub(crate) fn packets_need_not_fit_frames(scene: &mut Scene) -> Verdict {
    let (version, topic) = (scene.version, scene.topic("t"));
    let connect = scene.new_client().bytes();
    let (mut browser, _) = Browser::open(scene)?;
    for byte in &connect {
        browser.send(BINARY, &[*byte]);
    }
    browser.expect(Kind::ConnAck)?;
    let message = scene.message("t", "x").qos(1).id(2).bytes(version);
    let packets = [subscribe(version, 1, &[], &[(&topic, 0)]), message, ping_request()].concat();
    browser.send(BINARY, &packets);
    browser.expect_conversation()?;
    // A message of WebSocket may itself be cut into frames.
    let (first, second) = packets.split_at(packets.len() / 2);
    browser.send_frame(BINARY, first);
    browser.send_frame(CONTINUATION | FIN, second);
    browser.expect_conversation()
}

/// Whatever else is offered, the server speaks `mqtt` and says so.
pub(crate) fn server_selects_mqtt(scene: &mut Scene) -> Verdict {
    let (_, head) = Browser::open(scene)?;
    let chosen = head.lines().find_map(|line| {
        let (name, value) = line.split_once(':')?;
        name.eq_ignore_ascii_case("Sec-WebSocket-Protocol").then(|| value.trim().to_owned())
    });
    ensure_same("the sub-protocol", chosen.as_deref(), Some("mqtt"))
}

/// The client's end of a WebSocket connection.
struct Browser {
    target: Rc<dyn Target>,
    wire: Box<dyn Wire>,
    version: Version,
    /// Of the socket, not yet a frame.
    arrived: Vec<u8>,
    /// Of the frames, not yet a packet.
    unread: Vec<u8>,
}

impl Browser {
    /// A connection that the server has agreed to, and the head of its answer.
    fn open(scene: &Scene) -> Verdict<(Self, String)> {
        let target = Rc::clone(&scene.target);
        let wire = target
            .connect_websocket()
            .map_err(|error| Failure::new(format!("no Network Connection: {error}")))?;
        let (arrived, unread) = (Vec::new(), Vec::new());
        let mut browser = Self { target, wire, version: scene.version, arrived, unread };
        drop(browser.wire.send(UPGRADE.as_bytes()));
        loop {
            if let Some(end) = browser.arrived.windows(4).position(|four| four == b"\r\n\r\n") {
                let rest = browser.arrived.split_off(end + 4);
                let head = String::from_utf8_lossy(&browser.arrived).into_owned();
                browser.arrived = rest;
                ensure(head.starts_with("HTTP/1.1 101 "), format!("no upgrade: {head}"))?;
                return Ok((browser, head));
            }
            ensure(browser.receive()?, "closed instead of an answer to the upgrade")?;
        }
    }

    /// Sends a message of one frame.
    fn send(&mut self, opcode: u8, payload: &[u8]) {
        self.send_frame(opcode | FIN, payload);
    }

    /// Sends a frame. That the server reads no more shows in what is received afterwards.
    fn send_frame(&mut self, first: u8, payload: &[u8]) {
        let mut frame = vec![first];
        match (u8::try_from(payload.len()), u16::try_from(payload.len())) {
            (Ok(length @ ..126), _) => frame.push(MASKED | length),
            (_, Ok(length)) => {
                frame.push(MASKED | LENGTH_OF_16_BITS);
                frame.extend(length.to_be_bytes());
            }
            _ => unreachable!("these scenes send short frames"),
        }
        frame.extend(MASK);
        frame.extend(payload.iter().zip(MASK.iter().cycle()).map(|(byte, mask)| byte ^ mask));
        drop(self.wire.send(&frame));
    }

    /// The next packet, which has to be of this kind.
    fn expect(&mut self, kind: Kind) -> Verdict {
        ensure_same("the packet's kind", self.packet()?.kind, kind)
    }

    /// SUBACK, PUBACK, PINGRESP, and the message, in any order that the specification allows.
    fn expect_conversation(&mut self) -> Verdict {
        let mut kinds = Vec::new();
        for _ in 0..4 {
            let packet = self.packet()?;
            if packet.kind == Kind::Publish {
                ensure_same("the payload", packet.publish(self.version)?.text().as_str(), "x")?;
            }
            kinds.push(packet.kind);
        }
        for kind in [Kind::SubAck, Kind::PubAck, Kind::PingResp, Kind::Publish] {
            ensure(kinds.contains(&kind), format!("{kinds:?} came, and no {kind:?}"))?;
        }
        Ok(())
    }

    fn packet(&mut self) -> Verdict<Packet> {
        loop {
            if let Some(packet) = Packet::take(&mut self.unread)? {
                return Ok(packet);
            }
            match self.frame()? {
                Some((BINARY | CONTINUATION, payload)) => self.unread.extend(payload),
                Some((PING | PONG, _)) => {}
                Some((opcode, _)) => return Err(Failure::new(format!("a frame of type {opcode}"))),
                None => return Err(Failure::new("closed instead of an answer")),
            }
        }
    }

    /// Waits until the server closes; a Close frame that says why is answered.
    fn expect_closed(&mut self) -> Verdict {
        while let Some((opcode, _)) = self.frame()? {
            ensure_same("the opcode before the close", opcode, CLOSE)?;
            self.send(CLOSE, &[]);
        }
        Ok(())
    }

    /// The opcode and payload of the next frame; nothing if the connection is closed instead.
    fn frame(&mut self) -> Verdict<Option<(u8, Vec<u8>)>> {
        loop {
            if let Some((opcode, header, length)) = frame_header(&self.arrived)?
                && let Some(end) = header.checked_add(length)
                && self.arrived.len() >= end
            {
                let rest = self.arrived.split_off(end);
                let payload = self.arrived.split_off(header);
                self.arrived = rest;
                return Ok(Some((opcode, payload)));
            }
            if !self.receive()? {
                ensure(self.arrived.is_empty(), "the stream ends in the middle of a frame")?;
                return Ok(None);
            }
        }
    }

    /// Waits for more bytes; returns whether there are any.
    fn receive(&mut self) -> Verdict<bool> {
        let until = self.target.now() + PATIENCE;
        loop {
            let left = until.saturating_sub(self.target.now());
            ensure(!left.is_zero(), format!("nothing came within {PATIENCE:?}"))?;
            match self.wire.receive(&mut self.arrived, left) {
                Received::Bytes => return Ok(true),
                Received::Closed => return Ok(false),
                Received::Nothing => {}
            }
        }
    }
}

/// Opcode, length of the header, and length of the payload, once all of the header is there.
fn frame_header(bytes: &[u8]) -> Verdict<Option<(u8, usize, usize)>> {
    let [first, second, rest @ ..] = bytes else { return Ok(None) };
    ensure(second & MASKED == 0, "the server masks a frame")?;
    let opcode = first & 0x0F;
    let header = match second {
        127 => rest.first_chunk::<8>().map(|length| (10, u64::from_be_bytes(*length))),
        &LENGTH_OF_16_BITS => {
            rest.first_chunk::<2>().map(|length| (4, u16::from_be_bytes(*length).into()))
        }
        length => Some((2, u64::from(*length))),
    };
    let Some((size, length)) = header else { return Ok(None) };
    let length = usize::try_from(length).map_err(|_| Failure::new("a frame without end"))?;
    Ok(Some((opcode, size, length)))
}

const UPGRADE: &str = "GET /mqtt HTTP/1.1\r\nHost: localhost\r\nUpgrade: websocket\r\n\
    Connection: Upgrade\r\nSec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\n\
    Sec-WebSocket-Version: 13\r\nSec-WebSocket-Protocol: other, mqtt\r\n\r\n";

const CONTINUATION: u8 = 0;
const TEXT: u8 = 1;
const BINARY: u8 = 2;
const CLOSE: u8 = 8;
const PING: u8 = 9;
const PONG: u8 = 10;
const FIN: u8 = 0x80;
const MASKED: u8 = 0x80;
const LENGTH_OF_16_BITS: u8 = 126;
const MASK: [u8; 4] = [0x37, 0xFA, 0x21, 0x3D];
