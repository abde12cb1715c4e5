//! MQTT over WebSocket (RFC 6455; MQTT 5.0 chapter 6), both sides.
//!
//! The bytes of MQTT are one stream: where frames and messages of WebSocket begin and end means
//! nothing [MQTT-6.0.0-2]. Therefore payloads are unmasked and passed on as they come, and nothing
//! waits here but half a head, half a frame header or half a control frame. There is no extension:
//! compression would cost each connection more memory than all else together.

mod answer;
mod client;
mod close_code;
mod frames;
mod head;
mod key;
mod mask;
mod pages;
mod request;
mod server;
mod settings;

pub use client::{ClientLayer, ClientSettings};
pub use close_code::CloseCode;
pub use head::{HEAD_MAXIMUM, HEADER_FIELDS_MAXIMUM};
pub use pages::{Page, Pages};
pub use server::ServerLayer;
pub use settings::{Api, NotServed, SUBPROTOCOLS, ServerSettings};
