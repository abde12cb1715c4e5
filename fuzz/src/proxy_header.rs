//! Bytes on a port where a proxy is expected.

use ferrymq_transport::proxy::{HEADER_MAXIMUM, HeaderReader, Proxied, ServerSettings, Version};

use crate::pieces::pieces;

/// The first byte says what is expected, the second how the bytes behind it arrive. In any pieces
/// they say the same, and what follows a header is left as it came.
///
/// # Panics
///
/// If one of these does not hold.
pub fn proxy_header(data: &[u8]) {
    let [head, lengths, bytes @ ..] = data else { return };
    let version = if head & 1 > 0 { Version::V2 } else { Version::V1 };
    let settings = ServerSettings { version, tls_required: head & 2 > 0 };
    let whole = read(settings, &[bytes]);
    let in_pieces: Vec<&[u8]> = pieces(bytes, *lengths).collect();
    assert_eq!(read(settings, &in_pieces), whole, "in any pieces");
    if let Ok(Some((_, rest))) = whole {
        assert!(bytes.ends_with(&rest), "what follows is not touched");
        assert!(bytes.len() - rest.len() <= HEADER_MAXIMUM, "a header is bounded");
    }
}

/// What these pieces say, and what follows. What is wrong may be found earlier in pieces, and
/// therefore for another reason.
fn read(settings: ServerSettings, pieces: &[&[u8]]) -> Result<Option<(Proxied, Vec<u8>)>, Wrong> {
    let mut reader = HeaderReader::new(settings);
    for (number, piece) in pieces.iter().enumerate() {
        let said = reader.read(piece).map_err(|_| Wrong)?;
        if let Some((proxied, rest)) = said {
            let later = pieces[number + 1..].concat();
            return Ok(Some((proxied, [rest, &later].concat())));
        }
    }
    Ok(None)
}

#[derive(Debug, PartialEq, Eq)]
struct Wrong;
