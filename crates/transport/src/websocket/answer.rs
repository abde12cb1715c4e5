//! What a server answers in HTTP.

use super::key;
use super::pages::Page;

/// Why a request does not become a connection. The text is for the server's log, and what follows
/// the first sentence says what to do.
#[derive(Debug, thiserror::Error)]
pub(super) enum Refusal {
    #[error("this is not HTTP ({0})")]
    NotHttp(String),
    #[error(
        "HTTP/1.0 cannot become WebSocket. Let the proxy before this broker speak HTTP/1.1 to it"
    )]
    OldHttp,
    #[error("the request has more than 8 KiB or 64 header fields. Send fewer cookies")]
    TooLarge,
    #[error("there is no MQTT at {0}. Connect to the path that the listener is configured with")]
    NoSuchPath(String),
    #[error("there is no file at {0}. For MQTT, connect with ws:// or wss://")]
    NoPage(String),
    #[error("the method is not GET. For MQTT, connect with an MQTT client to ws:// or wss://")]
    Method { has_pages: bool },
    #[error(
        "a plain HTTP request came, but this is a WebSocket port of an MQTT broker. Connect with \
         an MQTT client to ws:// or wss://, and let a proxy before this broker pass on the header \
         fields Upgrade and Connection"
    )]
    NoUpgrade,
    #[error("the version of WebSocket is not 13. Update the client")]
    Version,
    #[error("the header field Sec-WebSocket-Key is missing. Update the client")]
    NoKey,
    #[error(
        "this listener answers nobody, because it lets in nobody without a name and cannot ask \
             for one. Bind it to this machine alone and give it allow_anonymous true"
    )]
    NotAllowed,
    #[error("pages of {0} may not connect. Name this origin in websockets_origin if they may")]
    Origin(String),
    #[error("none of the subprotocols that the client offers is known. Let the client offer mqtt")]
    Subprotocol,
}

impl Refusal {
    const fn status(&self) -> &'static str {
        match self {
            Self::NotHttp(_) | Self::OldHttp | Self::NoKey | Self::Subprotocol => "400 Bad Request",
            Self::Origin(_) | Self::NotAllowed => "403 Forbidden",
            Self::NoSuchPath(_) | Self::NoPage(_) => "404 Not Found",
            Self::Method { .. } => "405 Method Not Allowed",
            Self::NoUpgrade | Self::Version => "426 Upgrade Required",
            Self::TooLarge => "431 Request Header Fields Too Large",
        }
    }

    /// What this status obliges to say.
    const fn fields(&self) -> &'static str {
        match self {
            Self::Method { has_pages: true } => "Allow: GET, HEAD\r\n",
            Self::Method { has_pages: false } => "Allow: GET\r\n",
            Self::NoUpgrade => "Upgrade: websocket\r\n",
            Self::Version => "Upgrade: websocket\r\nSec-WebSocket-Version: 13\r\n",
            _ => "",
        }
    }
}

/// Appends the answer to somebody who is refused.
pub(super) fn refuse(refusal: &Refusal, below: &mut Vec<u8>) {
    let text = format!("{refusal}.\n");
    let fields = refusal.fields();
    finish(refusal.status(), fields, "text/plain; charset=utf-8", text.len(), below);
    below.extend_from_slice(text.as_bytes());
}

/// Appends a page, or only what is said about it.
pub(super) fn serve(page: &Page, is_head: bool, below: &mut Vec<u8>) {
    let fields = "X-Content-Type-Options: nosniff\r\nCache-Control: no-cache\r\n";
    finish("200 OK", fields, page.content_type, page.body.len(), below);
    if !is_head {
        below.extend_from_slice(&page.body);
    }
}

/// Appends the head of the last answer on a connection.
fn finish(status: &str, fields: &str, content_type: &str, length: usize, below: &mut Vec<u8>) {
    let head = format!(
        "HTTP/1.1 {status}\r\n{fields}Content-Type: {content_type}\r\nContent-Length: {length}\r\n\
         Connection: close\r\n\r\n"
    );
    below.extend_from_slice(head.as_bytes());
}

/// Appends the answer that makes the connection one of WebSocket.
pub(super) fn switch(key: &[u8], subprotocol: Option<&str>, below: &mut Vec<u8>) {
    let accept = key::accept(key);
    let head = format!(
        "HTTP/1.1 101 Switching Protocols\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n\
         Sec-WebSocket-Accept: {accept}\r\n"
    );
    below.extend_from_slice(head.as_bytes());
    if let Some(subprotocol) = subprotocol {
        let field = format!("Sec-WebSocket-Protocol: {subprotocol}\r\n");
        below.extend_from_slice(field.as_bytes());
    }
    below.extend_from_slice(b"\r\n");
}
