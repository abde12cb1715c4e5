//! What may stand between a socket and the bytes of MQTT: PROXY protocol, TLS, WebSocket.
//!
//! Each is a [`Layer`]: a machine without sockets, threads or clock that is given the bytes that
//! came and the bytes that are to go. The server's turn, the simulation and the client library drive
//! the same machines.

#![cfg_attr(
    not(test),
    deny(clippy::expect_used, clippy::indexing_slicing, clippy::panic, clippy::unwrap_used)
)]

mod error;
mod layer;
pub mod proxy;
mod stack;
pub mod tls;
pub mod websocket;

pub use error::TransportError;
pub use layer::Layer;
pub use stack::{ServerStack, ServerTransport, Stack};
