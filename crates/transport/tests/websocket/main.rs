//! The WebSocket layer against bytes of the RFC, against itself, and against another
//! implementation.

mod cut;
mod frames;
mod handshake;
mod other;
mod peer;
