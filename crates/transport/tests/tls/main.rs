//! TLS in memory: clients against servers, and the files that both read.

mod bytes;
mod handshakes;
mod memory;
mod peers;
mod settings;
