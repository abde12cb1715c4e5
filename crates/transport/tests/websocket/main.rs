//! The WebSocket layer against bytes of the RFC, against itself, and against another
//! implementation.

mod handshake;
mod peer;
