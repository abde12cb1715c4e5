//! The bytes of a `mosquitto.db`: a header, then chunks until the end.
//!
//! Versions 2, 3 and 4 write each field by itself: numbers in network order, strings with their
//! length before them. Versions 5 and 6 write the fixed part of a chunk as the structure that it is
//! in memory, padding included, and the strings behind it. In all of them the identifiers of
//! messages and the times are in the machine's own order; every machine that is likely to have
//! written one is little-endian.

use std::fmt;

use thiserror::Error;

/// A chunk that means something here.
#[derive(Clone, Debug)]
pub(super) enum Chunk<'a> {
    Message(StoredMessage<'a>),
    ClientMessage(ClientMessage<'a>),
    /// The message with this identifier is retained.
    Retained(u64),
    Subscription(Subscription<'a>),
    Client(Client<'a>),
    /// The configuration, or something that a later version has added.
    Other,
}

/// A message, stored once.
#[derive(Clone, Copy, Debug)]
pub(super) struct StoredMessage<'a> {
    pub(super) id: u64,
    /// When it expires, in seconds since 1970; 0 if never.
    pub(super) expires: i64,
    /// The client that published it.
    pub(super) source: &'a [u8],
    pub(super) topic: &'a [u8],
    pub(super) qos: u8,
    pub(super) retain: bool,
    pub(super) payload: &'a [u8],
    /// A block of properties with its length before it; empty before version 5.
    pub(super) properties: &'a [u8],
}

/// A message that a client is owed, or has begun to send.
#[derive(Clone, Copy, Debug)]
pub(super) struct ClientMessage<'a> {
    pub(super) client_id: &'a [u8],
    pub(super) message: u64,
    pub(super) packet_id: u16,
    pub(super) qos: u8,
    pub(super) retain: bool,
    pub(super) is_outgoing: bool,
    pub(super) state: u8,
    /// A block of properties with its length before it, for the Subscription Identifiers.
    pub(super) properties: &'a [u8],
}

/// A subscription.
#[derive(Clone, Copy, Debug)]
pub(super) struct Subscription<'a> {
    pub(super) client_id: &'a [u8],
    pub(super) filter: &'a [u8],
    pub(super) qos: u8,
    /// The options without the quality of service, as in a SUBSCRIBE.
    pub(super) options: u8,
    /// The Subscription Identifier; 0 if there is none.
    pub(super) identifier: u32,
}

/// A client with a session.
#[derive(Clone, Copy, Debug)]
pub(super) struct Client<'a> {
    /// Its client identifier.
    pub(super) id: &'a [u8],
    /// The User Name with which it connected last; empty if there was none, or before version 6.
    pub(super) username: &'a [u8],
    /// When the session ends, in seconds since 1970; 0 if that is not known.
    pub(super) expires: i64,
    /// How long the session outlives its connection, in seconds; `u32::MAX` is for ever.
    pub(super) expiry_interval: u32,
}

/// Why a `mosquitto.db` cannot be read.
#[derive(Clone, Debug, PartialEq, Eq, Error)]
#[non_exhaustive]
pub enum MosquittoError {
    /// Something else.
    #[error("this is no mosquitto.db: it does not begin like one")]
    NoDatabase,
    /// A version that nobody here knows.
    #[error(
        "the mosquitto.db has format version {0}, and versions 2 to 6 can be read; \
         let the Mosquitto that it belongs to write it again"
    )]
    Version(u32),
    /// The file ends too early, or a length in it is wrong.
    #[error(
        "the mosquitto.db is damaged: the {chunk} at byte {offset} does not fit into its length; \
         stop Mosquitto with SIGTERM so that it writes the file, and copy it as a whole"
    )]
    Damaged {
        /// What stands there.
        chunk: ChunkName,
        /// Where it begins in the file.
        offset: usize,
    },
    /// Identifiers of messages that have another size.
    #[error(
        "the mosquitto.db was written by a machine with message identifiers of {0} bytes, not 8"
    )]
    IdentifierSize(u8),
}

/// What a chunk is about.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[expect(missing_docs, reason = "the variants say it")]
pub enum ChunkName {
    Header,
    Configuration,
    Message,
    ClientMessage,
    Retained,
    Subscription,
    Client,
    Unknown,
}

impl fmt::Display for ChunkName {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Header => "header",
            Self::Configuration => "configuration",
            Self::Message => "message",
            Self::ClientMessage => "client's message",
            Self::Retained => "retained message",
            Self::Subscription => "subscription",
            Self::Client => "client",
            Self::Unknown => "unknown chunk",
        })
    }
}

/// Whether a file with these first bytes is a `mosquitto.db`.
pub fn is_mosquitto(beginning: &[u8]) -> bool {
    beginning.starts_with(MAGIC)
}

/// The chunks of a database, in their order.
#[derive(Clone, Debug)]
pub(super) struct Chunks<'a> {
    bytes: &'a [u8],
    rest: &'a [u8],
    version: u32,
}

impl<'a> Chunks<'a> {
    /// Reads the header.
    pub(super) fn new(bytes: &'a [u8]) -> Result<Self, MosquittoError> {
        let rest = bytes.strip_prefix(MAGIC).ok_or(MosquittoError::NoDatabase)?;
        let mut fields = Fields { rest };
        let damaged = MosquittoError::Damaged { chunk: ChunkName::Header, offset: 0 };
        let version = fields.read_version().ok_or(damaged)?;
        if !(2..=6).contains(&version) {
            return Err(MosquittoError::Version(version));
        }
        Ok(Self { bytes, rest: fields.rest, version })
    }

    pub(super) fn next_chunk(&mut self) -> Result<Option<Chunk<'a>>, MosquittoError> {
        if self.rest.is_empty() {
            return Ok(None);
        }
        let offset = self.bytes.len().saturating_sub(self.rest.len());
        let damaged = |chunk| MosquittoError::Damaged { chunk, offset };
        let mut fields = Fields { rest: self.rest };
        let header = fields.chunk_header(self.version >= FIRST_WITH_STRUCTURES);
        let (kind, length) = header.ok_or_else(|| damaged(ChunkName::Unknown))?;
        let name = match kind {
            1 => ChunkName::Configuration,
            2 => ChunkName::Message,
            3 => ChunkName::ClientMessage,
            4 => ChunkName::Retained,
            5 => ChunkName::Subscription,
            6 => ChunkName::Client,
            _ => ChunkName::Unknown,
        };
        let length = usize::try_from(length).map_err(|_| damaged(name))?;
        let body = fields.take(length).ok_or_else(|| damaged(name))?;
        self.rest = fields.rest;
        self.chunk(name, body)?.ok_or_else(|| damaged(name)).map(Some)
    }

    fn chunk(&self, name: ChunkName, body: &'a [u8]) -> Result<Option<Chunk<'a>>, MosquittoError> {
        let mut fields = Fields { rest: body };
        let chunk = match (name, self.version >= FIRST_WITH_STRUCTURES) {
            (ChunkName::Configuration, has_structures) => {
                let size = fields.identifier_size(has_structures);
                if let Some(size) = size.filter(|size| *size != 8) {
                    return Err(MosquittoError::IdentifierSize(size));
                }
                size.map(|_| Chunk::Other)
            }
            (ChunkName::Message, false) => {
                fields.plain_message(self.version >= 4).map(Chunk::Message)
            }
            (ChunkName::Message, true) => fields.message().map(Chunk::Message),
            (ChunkName::ClientMessage, false) => {
                fields.plain_client_message().map(Chunk::ClientMessage)
            }
            (ChunkName::ClientMessage, true) => fields.client_message().map(Chunk::ClientMessage),
            (ChunkName::Retained, _) => fields.native_u64().map(Chunk::Retained),
            (ChunkName::Subscription, false) => {
                fields.plain_subscription().map(Chunk::Subscription)
            }
            (ChunkName::Subscription, true) => fields.subscription().map(Chunk::Subscription),
            (ChunkName::Client, false) => fields.plain_client().map(Chunk::Client),
            (ChunkName::Client, true) => fields.client(self.version).map(Chunk::Client),
            (ChunkName::Header | ChunkName::Unknown, _) => Some(Chunk::Other),
        };
        Ok(chunk)
    }
}

/// What is left of a chunk.
struct Fields<'a> {
    rest: &'a [u8],
}

impl<'a> Fields<'a> {
    fn read_version(&mut self) -> Option<u32> {
        let _checksum_that_is_always_zero = self.u32()?;
        self.u32()
    }

    fn chunk_header(&mut self, is_structure: bool) -> Option<(u32, u32)> {
        let kind = if is_structure { self.u32()? } else { u32::from(self.u16()?) };
        Some((kind, self.u32()?))
    }

    fn identifier_size(&mut self, is_structure: bool) -> Option<u8> {
        if is_structure {
            self.native_u64()?;
        }
        let _written_at_the_end = self.u8()?;
        self.u8()
    }

    fn plain_message(&mut self, has_source: bool) -> Option<StoredMessage<'a>> {
        let id = self.native_u64()?;
        let source = self.string()?;
        if has_source {
            let _user_name = self.string()?;
            let _port = self.u16()?;
        }
        let _packet_ids = self.u32()?;
        let topic = self.string()?;
        let qos = self.u8()?;
        let retain = self.u8()? != 0;
        let length = self.u32()?;
        let payload = self.take(usize::try_from(length).ok()?)?;
        let properties = &[];
        Some(StoredMessage { id, expires: 0, source, topic, qos, retain, payload, properties })
    }

    fn message(&mut self) -> Option<StoredMessage<'a>> {
        let id = self.native_u64()?;
        let expires = self.native_i64()?;
        let payload_length = usize::try_from(self.u32()?).ok()?;
        let _packet_id = self.u16()?;
        let source_length = usize::from(self.u16()?);
        let user_name_length = usize::from(self.u16()?);
        let topic_length = usize::from(self.u16()?);
        let _port = self.u16()?;
        let qos = self.u8()?;
        let retain = self.u8()? != 0;
        let source = self.take(source_length)?;
        self.take(user_name_length)?;
        let topic = self.take(topic_length)?;
        let payload = self.take(payload_length)?;
        let properties = self.rest;
        Some(StoredMessage { id, expires, source, topic, qos, retain, payload, properties })
    }

    fn plain_client_message(&mut self) -> Option<ClientMessage<'a>> {
        Some(ClientMessage {
            client_id: self.string()?,
            message: self.native_u64()?,
            packet_id: self.u16()?,
            qos: self.u8()?,
            retain: self.u8()? != 0,
            is_outgoing: self.u8()? == OUTGOING,
            state: self.u8()?,
            properties: &[],
        })
    }

    fn client_message(&mut self) -> Option<ClientMessage<'a>> {
        let message = self.native_u64()?;
        let packet_id = self.u16()?;
        let id_length = usize::from(self.u16()?);
        let qos = self.u8()?;
        let state = self.u8()?;
        let retain_and_dup = self.u8()?;
        let is_outgoing = self.u8()? == OUTGOING;
        let client_id = self.take(id_length)?;
        let retain = retain_and_dup & 0xF0 != 0;
        let properties = self.rest;
        Some(ClientMessage {
            client_id,
            message,
            packet_id,
            qos,
            retain,
            is_outgoing,
            state,
            properties,
        })
    }

    fn plain_subscription(&mut self) -> Option<Subscription<'a>> {
        let client_id = self.string()?;
        let filter = self.string()?;
        let qos = self.u8()?;
        Some(Subscription { client_id, filter, qos, options: 0, identifier: 0 })
    }

    fn subscription(&mut self) -> Option<Subscription<'a>> {
        let identifier = self.u32()?;
        let id_length = usize::from(self.u16()?);
        let filter_length = usize::from(self.u16()?);
        let qos = self.u8()?;
        let options = self.u8()?;
        let _padding = self.u16()?;
        let client_id = self.take(id_length)?;
        let filter = self.take(filter_length)?;
        Some(Subscription { client_id, filter, qos, options, identifier })
    }

    /// The time at which the client left is not needed: such sessions do not end by themselves.
    fn plain_client(&mut self) -> Option<Client<'a>> {
        let id = self.string()?;
        let _last_packet_id = self.u16()?;
        Some(Client { id, username: &[], expires: 0, expiry_interval: u32::MAX })
    }

    fn client(&mut self, version: u32) -> Option<Client<'a>> {
        let expires = self.native_i64()?;
        let expiry_interval = self.u32()?;
        let _last_packet_id = self.u16()?;
        let id_length = usize::from(self.u16()?);
        let mut user_name_length = 0;
        if version >= 6 {
            let _port = self.u16()?;
            user_name_length = usize::from(self.u16()?);
            // The padding behind the structure has four bytes, or none where a 64-bit number is
            // aligned as a 32-bit one; what is left over tells.
            let strings = id_length.checked_add(user_name_length)?;
            let padding = self.rest.len().checked_sub(strings)?;
            self.take(padding)?;
        }
        let id = self.take(id_length)?;
        let username = self.take(user_name_length)?;
        Some(Client { id, username, expires, expiry_interval })
    }

    fn take(&mut self, length: usize) -> Option<&'a [u8]> {
        let (bytes, rest) = self.rest.split_at_checked(length)?;
        self.rest = rest;
        Some(bytes)
    }

    fn array<const N: usize>(&mut self) -> Option<[u8; N]> {
        let (bytes, rest) = self.rest.split_first_chunk()?;
        self.rest = rest;
        Some(*bytes)
    }

    fn u8(&mut self) -> Option<u8> {
        self.array().map(u8::from_be_bytes)
    }

    fn u16(&mut self) -> Option<u16> {
        self.array().map(u16::from_be_bytes)
    }

    fn u32(&mut self) -> Option<u32> {
        self.array().map(u32::from_be_bytes)
    }

    fn native_u64(&mut self) -> Option<u64> {
        self.array().map(u64::from_le_bytes)
    }

    fn native_i64(&mut self) -> Option<i64> {
        self.array().map(i64::from_le_bytes)
    }

    fn string(&mut self) -> Option<&'a [u8]> {
        let length = usize::from(self.u16()?);
        self.take(length)
    }
}

const MAGIC: &[u8] = b"\x00\xB5\x00mosquitto db";
/// The first version that writes structures.
const FIRST_WITH_STRUCTURES: u32 = 5;
const OUTGOING: u8 = 1;
