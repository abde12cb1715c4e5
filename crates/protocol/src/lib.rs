//! The rules that one MQTT peer keeps towards another, as machines without I/O.
//!
//! [`server`] is the side that accepts a connection, [`client`] the side that opens one. Both are
//! built from the same nouns: what we send until it is acknowledged ([`outbound`]), what the peer
//! sends exactly once ([`inbound`]), topic aliases, keep alive and limits. Time is an argument, and
//! nothing here knows a socket, a session store or another peer.

#![no_std]
#![cfg_attr(
    not(test),
    deny(
        clippy::arithmetic_side_effects,
        clippy::expect_used,
        clippy::indexing_slicing,
        clippy::panic,
        clippy::unwrap_used
    )
)]

extern crate alloc;

pub mod alias;
pub mod client;
pub mod error;
pub mod inbound;
pub mod keep_alive;
pub mod limits;
pub mod outbound;
pub mod server;
pub mod time;
