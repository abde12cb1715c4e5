//! What both sides have in common: bytes into records and back.
//!
//! Of rustls's ways to be driven this uses the one that has no buffers of its own. A record that
//! has not come whole is kept here, and nothing else.

use std::io::IoSlice;
use std::mem;

use rustls::client::{ClientConnectionData, UnbufferedClientConnection};
use rustls::server::{ServerConnectionData, UnbufferedServerConnection};
use rustls::unbuffered::{
    ConnectionState, EncodeError, EncodeTlsData, EncryptError, UnbufferedStatus,
};
use rustls::{CommonState, Error, ProtocolVersion};

use crate::tls::ciphers;

/// What client and server have agreed on, as OpenSSL calls it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Negotiated {
    /// `TLSv1.2` or `TLSv1.3`.
    pub version: &'static str,
    /// Such as `TLS_AES_256_GCM_SHA384` or `ECDHE-RSA-AES128-GCM-SHA256`.
    pub cipher: &'static str,
    /// Whether an earlier session was resumed instead of a full handshake.
    pub is_resumed: bool,
}

/// One side of a connection, as rustls has it.
pub(super) trait Side {
    type Own;

    fn step<'c, 'i>(&'c mut self, unread: &'i mut [u8]) -> UnbufferedStatus<'c, 'i, Self::Own>;

    fn common(&self) -> &CommonState;
}

impl Side for UnbufferedServerConnection {
    type Own = ServerConnectionData;

    fn step<'c, 'i>(&'c mut self, unread: &'i mut [u8]) -> UnbufferedStatus<'c, 'i, Self::Own> {
        self.process_tls_records(unread)
    }

    fn common(&self) -> &CommonState {
        self
    }
}

impl Side for UnbufferedClientConnection {
    type Own = ClientConnectionData;

    fn step<'c, 'i>(&'c mut self, unread: &'i mut [u8]) -> UnbufferedStatus<'c, 'i, Self::Own> {
        self.process_tls_records(unread)
    }

    fn common(&self) -> &CommonState {
        self
    }
}

/// One side of a connection, and what has come of the next record.
pub(super) struct Machine<S> {
    side: S,
    unread: Vec<u8>,
    end: End,
}

/// Which directions are over.
#[derive(Clone, Copy, Debug, Default)]
struct End {
    /// The peer sends nothing more.
    received: bool,
    /// Nothing more can be sent.
    sent: bool,
}

impl<S: Side> Machine<S> {
    pub(super) const fn new(side: S) -> Self {
        Self { side, unread: Vec::new(), end: End { received: false, sent: false } }
    }

    pub(super) fn receive(
        &mut self,
        input: &[u8],
        above: &mut Vec<u8>,
        below: &mut Vec<u8>,
    ) -> Result<(), Error> {
        // What follows a close_notify is nothing [RFC 8446, 6.1].
        if self.end.received {
            return Ok(());
        }
        let mut unread = mem::take(&mut self.unread);
        unread.extend_from_slice(input);
        let read_bytes = match self.read_records(&mut unread, above, below) {
            Ok(_) if self.end.received => return Ok(()),
            Ok(read_bytes) => read_bytes,
            Err(error) => {
                self.give_up();
                return Err(error);
            }
        };
        keep(&mut unread, read_bytes);
        if unread.len() > UNREAD_BYTES_MAXIMUM {
            self.give_up();
            return Err(Error::PeerSentOversizedRecord);
        }
        self.unread = unread;
        Ok(())
    }

    /// Reads all whole records, and returns how many bytes they had.
    fn read_records(
        &mut self,
        unread: &mut [u8],
        above: &mut Vec<u8>,
        below: &mut Vec<u8>,
    ) -> Result<usize, Error> {
        let mut read_bytes = 0;
        loop {
            let rest = unread.get_mut(read_bytes..).unwrap_or_default();
            let UnbufferedStatus { discard, state } = self.side.step(rest);
            read_bytes += discard;
            match state {
                Ok(ConnectionState::ReadTraffic(mut records)) => {
                    while let Some(record) = records.next_record() {
                        let record = record?;
                        read_bytes += record.discard;
                        above.extend_from_slice(record.payload);
                    }
                }
                Ok(ConnectionState::EncodeTlsData(record)) => encode(record, below),
                Ok(ConnectionState::TransmitTlsData(transmitted)) => transmitted.done(),
                Ok(ConnectionState::PeerClosed) => self.end.received = true,
                Ok(_) => return Ok(read_bytes),
                Err(error) => {
                    self.say_last_words(below);
                    return Err(error);
                }
            }
        }
    }

    /// Encodes the alert that rustls has for the peer. Nothing may be read any more.
    fn say_last_words(&mut self, below: &mut Vec<u8>) {
        while self.side.common().wants_write() {
            match self.side.step(&mut []).state {
                Ok(ConnectionState::EncodeTlsData(record)) => encode(record, below),
                Ok(ConnectionState::TransmitTlsData(transmitted)) => transmitted.done(),
                _ => return,
            }
        }
    }

    /// Encrypts `pieces` as if they were one.
    pub(super) fn send(&mut self, pieces: &[IoSlice<'_>], below: &mut Vec<u8>) {
        let gathered;
        let plain = match pieces {
            [piece] => &**piece,
            pieces => {
                gathered = pieces.iter().map(|piece| &**piece).collect::<Vec<_>>().concat();
                gathered.as_slice()
            }
        };
        if plain.is_empty() {
            return;
        }
        self.write(Outgoing::Plain(plain), below);
    }

    pub(super) fn close(&mut self, below: &mut Vec<u8>) {
        self.write(Outgoing::CloseNotify, below);
        self.end.sent = true;
    }

    /// Encrypts into `below`, if the handshake is over and nothing was closed.
    fn write(&mut self, outgoing: Outgoing<'_>, below: &mut Vec<u8>) {
        if !self.is_open() {
            return;
        }
        let mut unread = mem::take(&mut self.unread);
        // What rustls itself has to say goes first.
        let is_usable = self.read_records(&mut unread, &mut Vec::new(), below).is_ok();
        if !is_usable || !self.encrypt(outgoing, &mut unread, below) {
            self.say_last_words(below);
            self.give_up();
        }
        self.unread = unread;
    }

    /// Encrypts, unless the keys are used up: those of TLS 1.2 cannot be renewed.
    fn encrypt(&mut self, outgoing: Outgoing<'_>, unread: &mut [u8], below: &mut Vec<u8>) -> bool {
        let Ok(ConnectionState::WriteTraffic(mut traffic)) = self.side.step(unread).state else {
            return false;
        };
        let mut has_keys = true;
        append(below, outgoing.wrapped_bytes(), |space| {
            let result = match outgoing {
                Outgoing::Plain(plain) => traffic.encrypt(plain, space),
                Outgoing::CloseNotify => traffic.queue_close_notify(space),
            };
            match result {
                Ok(bytes) => Wrapped::Bytes(bytes),
                Err(EncryptError::InsufficientSize(size)) => Wrapped::Needs(size.required_size),
                Err(EncryptError::EncryptExhausted) => {
                    has_keys = false;
                    Wrapped::Bytes(0)
                }
            }
        });
        has_keys
    }

    pub(super) fn is_open(&self) -> bool {
        !self.end.sent && !self.is_handshaking()
    }

    pub(super) const fn has_ended(&self) -> bool {
        self.end.received
    }

    /// Nothing is received or sent any more.
    pub(super) const fn give_up(&mut self) {
        self.end = End { received: true, sent: true };
    }

    pub(super) const fn unread_bytes(&self) -> usize {
        self.unread.len()
    }

    pub(super) fn is_handshaking(&self) -> bool {
        self.side.common().is_handshaking()
    }

    pub(super) fn peer_certificate(&self) -> Option<&[u8]> {
        self.side.common().peer_certificates()?.first().map(AsRef::as_ref)
    }

    pub(super) fn alpn(&self) -> Option<&[u8]> {
        self.side.common().alpn_protocol()
    }

    pub(super) fn negotiated(&self) -> Option<Negotiated> {
        let common = self.side.common();
        let version = match common.protocol_version()? {
            ProtocolVersion::TLSv1_2 => "TLSv1.2",
            ProtocolVersion::TLSv1_3 => "TLSv1.3",
            _ => return None,
        };
        let cipher = ciphers::name(common.negotiated_cipher_suite()?);
        let is_resumed = common.handshake_kind() == Some(rustls::HandshakeKind::Resumed);
        Some(Negotiated { version, cipher, is_resumed })
    }
}

/// The most bytes that a connection keeps because more of them must come: the largest record of
/// RFC 5246, 6.2.3. A handshake message that spans records must fit, too.
pub const UNREAD_BYTES_MAXIMUM: usize = 5 + 16_384 + 2_048;

/// The most plaintext of one record [RFC 8446, 5.1].
const PLAIN_BYTES_MAXIMUM: usize = 16_384;

/// No suite adds more to a record: its header, a nonce or content type, and a tag.
const RECORD_OVERHEAD_BYTES: usize = 5 + 8 + 1 + 16;

/// Room for an alert and for most handshake records.
const ENCODED_BYTES: usize = 2_048;

/// What is to be encrypted.
#[derive(Clone, Copy)]
enum Outgoing<'a> {
    Plain(&'a [u8]),
    CloseNotify,
}

impl Outgoing<'_> {
    /// No fewer bytes than its records will have.
    const fn wrapped_bytes(self) -> usize {
        match self {
            Self::Plain(plain) => {
                let records = plain.len() / PLAIN_BYTES_MAXIMUM + 1;
                plain.len() + records * RECORD_OVERHEAD_BYTES
            }
            Self::CloseNotify => ENCODED_BYTES,
        }
    }
}

/// Appends a handshake record or an alert to `below`.
fn encode<T>(mut record: EncodeTlsData<'_, T>, below: &mut Vec<u8>) {
    append(below, ENCODED_BYTES, |space| match record.encode(space) {
        Ok(bytes) => Wrapped::Bytes(bytes),
        Err(EncodeError::InsufficientSize(size)) => Wrapped::Needs(size.required_size),
        Err(EncodeError::AlreadyEncoded) => Wrapped::Bytes(0),
    });
}

/// What came of a try to write into a space.
enum Wrapped {
    /// It took that many bytes.
    Bytes(usize),
    /// It takes that many bytes; there were fewer.
    Needs(usize),
}

/// Appends what `wrap` writes to `below`; `expected_bytes` should be enough for it.
fn append(below: &mut Vec<u8>, expected_bytes: usize, mut wrap: impl FnMut(&mut [u8]) -> Wrapped) {
    let start = below.len();
    below.resize(start + expected_bytes, 0);
    let mut space = |below: &mut Vec<u8>| wrap(below.get_mut(start..).unwrap_or_default());
    let wrapped_bytes = match space(below) {
        Wrapped::Bytes(bytes) => bytes,
        Wrapped::Needs(bytes) => {
            below.resize(start + bytes, 0);
            match space(below) {
                Wrapped::Bytes(bytes) => bytes,
                Wrapped::Needs(_) => 0,
            }
        }
    };
    below.truncate(start + wrapped_bytes);
}

/// Forgets the first `read_bytes`, and gives back what the rest does not need.
fn keep(unread: &mut Vec<u8>, read_bytes: usize) {
    unread.drain(..read_bytes.min(unread.len()));
    // Bytes that come one by one must not be copied every time.
    if unread.is_empty() || unread.capacity() > 2 * unread.len() + 512 {
        unread.shrink_to_fit();
    }
}
