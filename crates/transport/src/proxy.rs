//! PROXY protocol, versions 1 and 2: the header in which a proxy says who the peer really is.
//!
//! A proxy writes one header in front of everything else and nothing more, so this is no layer: a
//! [`HeaderReader`] is done when the header is whole. Whoever listens for one trusts whoever can
//! connect, and a connection without a header is refused: it did not come through the proxy.

use std::net::SocketAddr;

use proxy_header::{Error, ParseConfig, Protocol, ProxyHeader, SslInfo};

use crate::error::TransportError;

/// What a listener expects of a proxy.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct ServerSettings {
    /// The version of the header.
    pub version: Version,
    /// Whether the proxy must say that the client has come over TLS. Only version 2 can say so.
    pub tls_required: bool,
}

/// A version of the protocol.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Version {
    /// A line of text.
    V1,
    /// Binary, with room for more than addresses.
    V2,
}

/// What a proxy has said of a client.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Proxied {
    /// Where the client comes from; `None`: the proxy speaks for itself, such as for a health check,
    /// or does not know.
    pub peer: Option<SocketAddr>,
    /// Whether the client has come to the proxy over TLS.
    pub tls: bool,
    /// The common name of the client's certificate, which the proxy has verified.
    pub common_name: Option<Box<str>>,
}

/// Reads a header that may come in pieces.
#[derive(Debug)]
pub struct HeaderReader {
    settings: ServerSettings,
    /// What has come of the header.
    kept: Vec<u8>,
}

impl HeaderReader {
    /// Nothing has come yet.
    pub const fn new(settings: ServerSettings) -> Self {
        Self { settings, kept: Vec::new() }
    }

    /// Takes the bytes that have come. Once the header is whole, says what is in it and which of
    /// these bytes follow it.
    ///
    /// # Errors
    ///
    /// [`TransportError`]: this is no such header.
    pub fn read<'a>(
        &mut self,
        input: &'a [u8],
    ) -> Result<Option<(Proxied, &'a [u8])>, TransportError> {
        let before = self.kept.len();
        let (beginning, maximum) = match self.settings.version {
            Version::V1 => (V1_BEGINNING, V1_MAXIMUM),
            Version::V2 => (V2_BEGINNING, HEADER_MAXIMUM),
        };
        // What is longer is no header, also where its end is there already.
        let room = maximum.saturating_sub(before);
        self.kept.extend_from_slice(input.get(..room).unwrap_or(input));
        if self.kept.iter().zip(beginning).any(|(found, expected)| found != expected) {
            return Err(error(
                "the connection does not begin with such a header; does it come through the proxy, \
                 and does the proxy send this version?",
            ));
        }
        let include_tlvs = true;
        let (allow_v1, allow_v2) =
            (self.settings.version == Version::V1, self.settings.version == Version::V2);
        let config = ParseConfig { include_tlvs, allow_v1, allow_v2 };
        match ProxyHeader::parse(&self.kept, config) {
            Ok((header, length)) => {
                let proxied = proxied(&header, self.settings)?;
                let rest = input.get(length.saturating_sub(before)..).unwrap_or_default();
                Ok(Some((proxied, rest)))
            }
            Err(Error::BufferTooShort) if self.may_go_on() => Ok(None),
            Err(Error::BufferTooShort) => Err(error("the header is too long")),
            Err(_) => Err(error("the header is malformed")),
        }
    }

    /// Whether a header that is not whole yet may become so.
    fn may_go_on(&self) -> bool {
        let length = match (self.settings.version, self.kept.get(14..16)) {
            (Version::V2, Some(&[high, low])) => {
                V2_FIXED + usize::from(u16::from_be_bytes([high, low]))
            }
            (Version::V2, _) => V2_FIXED,
            (Version::V1, _) => V1_MAXIMUM,
        };
        length <= HEADER_MAXIMUM && self.kept.len() < length
    }
}

fn proxied(header: &ProxyHeader<'_>, settings: ServerSettings) -> Result<Proxied, TransportError> {
    let address = header.proxied_address();
    if address.is_some_and(|address| address.protocol != Protocol::Stream) {
        return Err(error("the header speaks of datagrams"));
    }
    if header.tlvs().any(|field| field.is_err()) {
        return Err(error("the header is malformed"));
    }
    let ssl = header.ssl();
    let tls = ssl.as_ref().is_some_and(SslInfo::client_ssl);
    if settings.tls_required && !tls {
        return Err(error("the client has not come to the proxy over TLS"));
    }
    // A name counts only if the certificate was shown and proved to be in order.
    let common_name = ssl
        .filter(|ssl| (ssl.client_cert_conn() || ssl.client_cert_sess()) && ssl.verify() == 0)
        .and_then(|ssl| ssl.cn().map(Box::from));
    Ok(Proxied { peer: address.map(|address| address.source), tls, common_name })
}

fn error(reason: &str) -> TransportError {
    TransportError::Protocol { protocol: "PROXY", reason: reason.to_owned() }
}

/// The longest header that is read: that of version 2 with what proxies put into it.
pub const HEADER_MAXIMUM: usize = 536;

const V1_BEGINNING: &[u8] = b"PROXY ";
const V1_MAXIMUM: usize = 107;
const V2_BEGINNING: &[u8] = b"\r\n\r\n\0\r\nQUIT\n";
const V2_FIXED: usize = 16;

#[cfg(test)]
mod tests {
    use super::*;

    const V1: ServerSettings = ServerSettings { version: Version::V1, tls_required: false };
    const V2: ServerSettings = ServerSettings { version: Version::V2, tls_required: false };
    const V2_TLS: ServerSettings = ServerSettings { version: Version::V2, tls_required: true };

    /// A header of version 2: command, family, and what follows the length.
    fn v2(command: u8, family: u8, body: &[u8]) -> Vec<u8> {
        let length = u16::try_from(body.len()).unwrap().to_be_bytes();
        [V2_BEGINNING, &[0x20 | command, family], &length, body].concat()
    }

    /// From 10.1.2.3:1000 to 10.1.2.4:1883.
    const ADDRESSES: &[u8] = &[10, 1, 2, 3, 10, 1, 2, 4, 0x03, 0xe8, 0x07, 0x5b];

    /// `PP2_TYPE_SSL`: client flags, the result of the verification, and a common name.
    fn ssl(flags: u8, verify: u32, name: &str) -> Vec<u8> {
        let name = [&[0x22, 0, u8::try_from(name.len()).unwrap()], name.as_bytes()].concat();
        let body = [&[flags], &verify.to_be_bytes()[..], &name].concat();
        [&[0x20, 0, u8::try_from(body.len()).unwrap()], &body[..]].concat()
    }

    /// What is read when the bytes come in pieces of this length, and what follows the header.
    fn read(
        settings: ServerSettings,
        bytes: &[u8],
        piece: usize,
    ) -> Result<Option<(Proxied, Vec<u8>)>, TransportError> {
        let mut reader = HeaderReader::new(settings);
        let mut found: Option<(Proxied, Vec<u8>)> = None;
        for piece in bytes.chunks(piece) {
            match &mut found {
                Some((_, rest)) => rest.extend(piece),
                None => found = reader.read(piece)?.map(|(proxied, rest)| (proxied, rest.to_vec())),
            }
        }
        Ok(found)
    }

    #[test]
    fn header_says_who_the_peer_is_and_what_follows_it_is_kept() {
        let from = |peer: &str| Proxied { peer: Some(peer.parse().unwrap()), ..Proxied::default() };
        let named =
            Proxied { tls: true, common_name: Some("meter".into()), ..from("10.1.2.3:1000") };
        let unnamed = Proxied { tls: true, ..from("10.1.2.3:1000") };
        let v6 = [&[0; 15][..], &[1], &[0; 15], &[2], &[0x03, 0xe8, 0x07, 0x5b]].concat();
        let rows = [
            (V1, b"PROXY TCP4 10.1.2.3 10.1.2.4 1000 1883\r\n".to_vec(), from("10.1.2.3:1000")),
            (V1, b"PROXY TCP6 ::1 ::2 1000 1883\r\n".to_vec(), from("[::1]:1000")),
            (V1, b"PROXY UNKNOWN\r\n".to_vec(), Proxied::default()),
            (V2, v2(1, 0x11, ADDRESSES), from("10.1.2.3:1000")),
            (V2, v2(1, 0x21, &v6), from("[::1]:1000")),
            // The proxy itself, with and without addresses.
            (V2, v2(0, 0x00, &[]), Proxied::default()),
            (V2, v2(0, 0x11, ADDRESSES), Proxied::default()),
            // A Unix socket has no address that would mean something here.
            (V2, v2(1, 0x31, &[b'/'; 216]), Proxied::default()),
            (V2_TLS, v2(1, 0x11, &[ADDRESSES, &ssl(7, 0, "meter")].concat()), named),
            (V2_TLS, v2(1, 0x11, &[ADDRESSES, &ssl(1, 0, "meter")].concat()), unnamed.clone()),
            (V2_TLS, v2(1, 0x11, &[ADDRESSES, &ssl(7, 1, "meter")].concat()), unnamed),
        ];
        for (settings, header, expected) in rows {
            for piece in [1, 7, 1000] {
                let bytes = [&header[..], b"\x10\x0d"].concat();
                let found = read(settings, &bytes, piece).unwrap();
                assert_eq!(found, Some((expected.clone(), b"\x10\x0d".to_vec())), "{header:02x?}");
            }
        }
    }

    #[test]
    fn header_that_has_not_come_whole_is_waited_for() {
        for header in
            [b"PROXY TCP4 10.1.2.3 10.1.2.4 1000 1883\r\n".to_vec(), v2(1, 0x11, ADDRESSES)]
        {
            let settings = if header[0] == b'P' { V1 } else { V2 };
            for length in 0..header.len() {
                assert_eq!(read(settings, &header[..length], 1000).unwrap(), None, "{length}");
            }
        }
    }

    #[test]
    fn whatever_is_no_such_header_is_refused() {
        let long = v2(1, 0x11, &[ADDRESSES, &[4, 1, 0], &[0; 512]].concat());
        let rows = [
            (V1, &b"\x10"[..], "does not begin"),
            (V1, b"GET / HTTP/1.1\r\n", "does not begin"),
            (V1, &v2(1, 0x11, ADDRESSES), "does not begin"),
            (V2, b"PROXY TCP4 10.1.2.3 10.1.2.4 1000 1883\r\n", "does not begin"),
            (V1, b"PROXY TCP4 10.1.2.3 ten.1.2.4 1000 1883\r\n", "malformed"),
            (V1, b"PROXY TCP4 ::1 ::2 1000 1883\r\n", "malformed"),
            (V1, &[b"PROXY UNKNOWN ", &[b'x'; 200][..]].concat(), "malformed"),
            (V1, &[b"PROXY UNKNOWN ", &[b'x'; 200][..], b"\r\n"].concat(), "malformed"),
            (V2, &v2(2, 0x11, ADDRESSES), "malformed"),
            (V2, &v2(1, 0x77, ADDRESSES), "malformed"),
            (V2, &v2(1, 0x12, ADDRESSES), "datagrams"),
            (V2, &v2(1, 0x11, &ADDRESSES[..11]), "too long"),
            (V2, &v2(1, 0x11, &[ADDRESSES, &[4, 0, 9]].concat()), "malformed"),
            (V2, &long, "too long"),
            (V2_TLS, &v2(1, 0x11, ADDRESSES), "over TLS"),
            (V2_TLS, &v2(1, 0x11, &[ADDRESSES, &ssl(0, 0, "meter")].concat()), "over TLS"),
        ];
        for (settings, bytes, expected) in rows {
            for piece in [1, 1000] {
                let error = read(settings, bytes, piece).expect_err("it is refused").to_string();
                assert!(error.starts_with("PROXY: ") && error.contains(expected), "{error}");
            }
        }
    }
}
