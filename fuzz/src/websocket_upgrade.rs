//! Bytes on a port where WebSocket is expected, and from a server that was asked for it.

use std::sync::Arc;

use ferrymq_transport::websocket::{
    ClientLayer, ClientSettings, Page, Pages, ServerLayer, ServerSettings,
};

use crate::pieces::pieces;
use crate::wire::{Outcome, hear};

/// The first byte says who hears, the second how the bytes behind it arrive. In any pieces they mean
/// the same, and who is refused gets an answer that is HTTP.
///
/// # Panics
///
/// If one of these does not hold.
pub fn websocket_upgrade(data: &[u8]) {
    let [head, lengths, bytes @ ..] = data else { return };
    let in_pieces = || pieces(bytes, *lengths);
    if head & CLIENT > 0 {
        let settings = ClientSettings::new("h", "/").expect("a host and a path");
        let client = || ClientLayer::new(&settings, &[7; 16]);
        // The first call asks; the second is the first of the answer.
        let whole = hear(&mut client(), [&b""[..], bytes]);
        assert_eq!(hear(&mut client(), [&b""[..]].into_iter().chain(in_pieces())), whole);
        return;
    }
    let settings = Arc::new(settings(*head));
    let server = || ServerLayer::new(Arc::clone(&settings));
    let whole = hear(&mut server(), [bytes]);
    assert_eq!(hear(&mut server(), in_pieces()), whole, "in any pieces");
    check_answer(&whole);
}

fn check_answer(outcome: &Outcome) {
    let Outcome { above, below, error, is_open, has_ended } = outcome;
    let is_answer = below.is_empty() || below.starts_with(b"HTTP/1.1 ");
    assert!(is_answer, "{}", below.escape_ascii());
    assert!(!(*is_open && *has_ended), "open or ended");
    assert!(error.is_none() || *has_ended, "after an error nothing comes");
    assert!(above.is_empty() || below.starts_with(b"HTTP/1.1 101 "), "MQTT before its time");
}

fn settings(head: u8) -> ServerSettings {
    let mut settings = ServerSettings::default();
    if head & PATH > 0 {
        settings.path = Some("/mqtt".into());
    }
    if head & ORIGINS > 0 {
        settings.origins.push("https://o".into());
    }
    if head & PAGES > 0 {
        let mut pages = Pages::default();
        pages.insert("/index.html", Page { content_type: "text/html", body: (*b"<p>").into() });
        settings.pages = Some(Arc::new(pages));
    }
    settings
}

const CLIENT: u8 = 1;
const PATH: u8 = 2;
const ORIGINS: u8 = 4;
const PAGES: u8 = 8;
