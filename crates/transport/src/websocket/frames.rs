//! The frames of an open connection (RFC 6455, chapter 5).

use std::io::IoSlice;

use super::close_code::{CloseCode, may_be_sent};
use super::mask::{self, Secrets};
use crate::error::TransportError;

/// One side of a connection after the handshake.
#[derive(Debug)]
pub(super) struct Frames {
    side: Side,
    /// The beginning of a frame header, and how much of it is there.
    header: [u8; HEADER_MAXIMUM],
    header_length: usize,
    /// The frame whose payload comes.
    frame: Option<Frame>,
    /// The payload of a control frame that is not whole.
    control: Vec<u8>,
    /// A message has begun whose last frame has not come.
    is_fragmented: bool,
    /// A Close frame was sent, and nothing more will be.
    is_closing: bool,
    /// A Close frame came, or something that must not be.
    has_ended: bool,
}

/// Which side this is: frames of a client are masked, those of a server are not.
#[derive(Debug)]
pub(super) enum Side {
    Server,
    Client(Secrets),
}

#[derive(Debug, Clone, Copy)]
struct Frame {
    kind: Kind,
    is_final: bool,
    /// The key for the octet that comes next; absent from a server.
    mask: Option<[u8; 4]>,
    /// How many octets of the payload have not come.
    left: u64,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Kind {
    Continuation,
    Binary,
    Close,
    Ping,
    Pong,
}

/// What the peer did wrong, and the number that tells it so.
struct Violation(CloseCode, &'static str);

impl Frames {
    pub(super) const fn new(side: Side) -> Self {
        Self {
            side,
            header: [0; HEADER_MAXIMUM],
            header_length: 0,
            frame: None,
            control: Vec::new(),
            is_fragmented: false,
            is_closing: false,
            has_ended: false,
        }
    }

    pub(super) const fn is_open(&self) -> bool {
        !self.is_closing && !self.has_ended
    }

    pub(super) const fn has_ended(&self) -> bool {
        self.has_ended
    }

    /// Takes what came: payloads of data go above, answers to control frames below.
    pub(super) fn receive(
        &mut self,
        input: &[u8],
        above: &mut Vec<u8>,
        below: &mut Vec<u8>,
    ) -> Result<(), TransportError> {
        let mut rest = input;
        while !rest.is_empty() && !self.has_ended {
            let taken = match self.frame.take() {
                None => self.take_header(&mut rest, below),
                Some(frame) => self.take_payload(frame, &mut rest, above, below),
            };
            if let Err(Violation(code, reason)) = taken {
                self.close(code, below);
                self.has_ended = true;
                return Err(TransportError::websocket(reason));
            }
        }
        Ok(())
    }

    /// Appends one binary frame with all pieces.
    pub(super) fn send(&mut self, pieces: &[IoSlice<'_>], below: &mut Vec<u8>) {
        if !self.is_open() {
            return;
        }
        let length: usize = pieces.iter().map(|piece| piece.len()).sum();
        if length > 0 {
            let pieces = pieces.iter().map(|piece| &**piece);
            self.append(OPCODE_BINARY, length, pieces, below);
        }
    }

    /// Appends a Close frame, unless one was sent.
    pub(super) fn close(&mut self, code: CloseCode, below: &mut Vec<u8>) {
        self.append_close(&code.value().to_be_bytes(), below);
    }

    fn append_close(&mut self, payload: &[u8], below: &mut Vec<u8>) {
        if !self.is_closing {
            self.is_closing = true;
            self.append(OPCODE_CLOSE, payload.len(), [payload].into_iter(), below);
        }
    }

    fn append<'a>(
        &mut self,
        opcode: u8,
        length: usize,
        pieces: impl Iterator<Item = &'a [u8]>,
        below: &mut Vec<u8>,
    ) {
        below.reserve(length.saturating_add(HEADER_MAXIMUM));
        below.push(FINAL | opcode);
        let masked = if matches!(self.side, Side::Client(_)) { MASKED } else { 0 };
        match (u8::try_from(length), u16::try_from(length)) {
            (Ok(short @ 0..=CONTROL_PAYLOAD_MAXIMUM), _) => below.push(masked | short),
            (_, Ok(medium)) => {
                below.push(masked | LENGTH_OF_16_BITS);
                below.extend_from_slice(&medium.to_be_bytes());
            }
            _ => {
                below.push(masked | LENGTH_OF_64_BITS);
                // No slice is longer than what 64 bits can say.
                let long = u64::try_from(length).unwrap_or(u64::MAX);
                below.extend_from_slice(&long.to_be_bytes());
            }
        }
        let key = match &mut self.side {
            Side::Server => None,
            Side::Client(secrets) => Some(secrets.key()),
        };
        below.extend_from_slice(key.as_ref().map_or(&[], |key| key.as_slice()));
        let start = below.len();
        pieces.for_each(|piece| below.extend_from_slice(piece));
        if let (Some(key), Some(payload)) = (key, below.get_mut(start..)) {
            mask::apply(payload, key);
        }
    }

    /// Takes what belongs to the header of a frame.
    fn take_header(&mut self, rest: &mut &[u8], below: &mut Vec<u8>) -> Result<(), Violation> {
        while let needed = self.header_needed()
            && self.header_length < needed
        {
            let Some((&octet, others)) = rest.split_first() else { return Ok(()) };
            let Some(place) = self.header.get_mut(self.header_length) else { return Ok(()) };
            *place = octet;
            *rest = others;
            self.header_length += 1;
            if self.header_length == 2 {
                self.check_start()?;
            }
        }
        self.header_length = 0;
        let frame = self.parse_header()?;
        match frame.kind {
            Kind::Binary => self.is_fragmented = !frame.is_final,
            Kind::Continuation if frame.is_final => self.is_fragmented = false,
            Kind::Continuation | Kind::Close | Kind::Ping | Kind::Pong => {}
        }
        if frame.left > 0 {
            self.frame = Some(frame);
            return Ok(());
        }
        self.finish(frame.kind, below)
    }

    /// The length of the header, as far as what is there of it tells.
    fn header_needed(&self) -> usize {
        let [_, second, ..] = self.header;
        if self.header_length < 2 {
            return 2;
        }
        let mask = if second & MASKED > 0 { 4 } else { 0 };
        2 + extended_length(second & !MASKED) + mask
    }

    /// Checks the first two octets of a header.
    fn check_start(&self) -> Result<(), Violation> {
        let [first, second, ..] = self.header;
        let length = second & !MASKED;
        let violation = |reason| Err(Violation(CloseCode::ProtocolError, reason));
        if first & RESERVED > 0 {
            return violation("a frame has reserved bits, but no extension was agreed on");
        }
        match (&self.side, second & MASKED > 0) {
            (Side::Server, false) => return violation("a client's frame is not masked"),
            (Side::Client(_), true) => return violation("a server's frame is masked"),
            (Side::Server, true) | (Side::Client(_), false) => {}
        }
        match first & OPCODE {
            OPCODE_CONTINUATION if !self.is_fragmented => {
                violation("a frame continues a message that has not begun")
            }
            OPCODE_BINARY if self.is_fragmented => {
                violation("a message begins before the one before it has ended")
            }
            OPCODE_CONTINUATION | OPCODE_BINARY => Ok(()),
            OPCODE_TEXT => Err(Violation(
                CloseCode::Unsupported,
                "a text frame came; MQTT packets are sent in binary frames [MQTT-6.0.0-1]",
            )),
            OPCODE_CLOSE | OPCODE_PING | OPCODE_PONG => {
                if first & FINAL == 0 {
                    violation("a control frame is fragmented")
                } else if length > CONTROL_PAYLOAD_MAXIMUM {
                    violation("a control frame has more than 125 octets")
                } else {
                    Ok(())
                }
            }
            _ => violation("a frame has an opcode that does not exist"),
        }
    }

    /// Reads the header, which is whole and whose start is right.
    fn parse_header(&self) -> Result<Frame, Violation> {
        let [first, second, rest @ ..] = self.header;
        let short = second & !MASKED;
        let (extended, rest) = rest.split_at(extended_length(short));
        let left = match extended {
            [] => u64::from(short),
            extended => extended.iter().fold(0, |length, octet| length << 8 | u64::from(*octet)),
        };
        if left > LENGTH_MAXIMUM {
            let reason = "the length of a frame has its highest bit set";
            return Err(Violation(CloseCode::ProtocolError, reason));
        }
        let kind = match first & OPCODE {
            OPCODE_CLOSE => Kind::Close,
            OPCODE_PING => Kind::Ping,
            OPCODE_PONG => Kind::Pong,
            OPCODE_BINARY => Kind::Binary,
            _ => Kind::Continuation,
        };
        let mask = rest.first_chunk().filter(|_| second & MASKED > 0).copied();
        Ok(Frame { kind, is_final: first & FINAL > 0, mask, left })
    }

    /// Takes what has come of a frame's payload.
    fn take_payload(
        &mut self,
        mut frame: Frame,
        rest: &mut &[u8],
        above: &mut Vec<u8>,
        below: &mut Vec<u8>,
    ) -> Result<(), Violation> {
        let length = usize::try_from(frame.left).unwrap_or(usize::MAX).min(rest.len());
        let (part, others) = rest.split_at(length);
        *rest = others;
        let target = match frame.kind {
            Kind::Binary | Kind::Continuation => above,
            Kind::Close | Kind::Ping | Kind::Pong => &mut self.control,
        };
        let start = target.len();
        target.extend_from_slice(part);
        if let (Some(key), Some(payload)) = (frame.mask, target.get_mut(start..)) {
            mask::apply(payload, key);
            frame.mask = Some(mask::after(key, length));
        }
        frame.left -= length as u64;
        if frame.left > 0 {
            self.frame = Some(frame);
            return Ok(());
        }
        self.finish(frame.kind, below)
    }

    /// Does what a whole frame asks for.
    fn finish(&mut self, kind: Kind, below: &mut Vec<u8>) -> Result<(), Violation> {
        match kind {
            Kind::Binary | Kind::Continuation | Kind::Pong => {}
            Kind::Ping if self.is_closing => {}
            Kind::Ping => {
                let payload = std::mem::take(&mut self.control);
                self.append(OPCODE_PONG, payload.len(), [payload.as_slice()].into_iter(), below);
            }
            Kind::Close => {
                self.has_ended = true;
                let payload = std::mem::take(&mut self.control);
                let code = check_close(&payload)?;
                self.append_close(code, below);
            }
        }
        self.control = Vec::new();
        Ok(())
    }
}

/// How many octets behind the first two say the length, if these say `short`.
const fn extended_length(short: u8) -> usize {
    match short {
        LENGTH_OF_16_BITS => 2,
        LENGTH_OF_64_BITS => 8,
        _ => 0,
    }
}

/// Checks the payload of a Close frame, and gives what is to be answered: the same number, if there
/// is one.
fn check_close(payload: &[u8]) -> Result<&[u8], Violation> {
    let Some((code, reason)) = payload.split_first_chunk::<2>() else {
        return match payload {
            [] => Ok(payload),
            _ => Err(Violation(CloseCode::ProtocolError, "a Close frame has half a status code")),
        };
    };
    if !may_be_sent(u16::from_be_bytes(*code)) {
        let reason = "a Close frame has a status code that must not be sent";
        return Err(Violation(CloseCode::ProtocolError, reason));
    }
    if std::str::from_utf8(reason).is_err() {
        let reason = "the reason in a Close frame is not UTF-8";
        return Err(Violation(CloseCode::InvalidPayload, reason));
    }
    Ok(code)
}

/// Two octets, a length of 64 bits, a key.
const HEADER_MAXIMUM: usize = 14;
const CONTROL_PAYLOAD_MAXIMUM: u8 = 125;
const LENGTH_MAXIMUM: u64 = u64::MAX >> 1;

const FINAL: u8 = 0x80;
const RESERVED: u8 = 0x70;
const OPCODE: u8 = 0x0F;
const OPCODE_CONTINUATION: u8 = 0x0;
const OPCODE_TEXT: u8 = 0x1;
const OPCODE_BINARY: u8 = 0x2;
const OPCODE_CLOSE: u8 = 0x8;
const OPCODE_PING: u8 = 0x9;
const OPCODE_PONG: u8 = 0xA;

const MASKED: u8 = 0x80;
const LENGTH_OF_16_BITS: u8 = 126;
const LENGTH_OF_64_BITS: u8 = 127;
