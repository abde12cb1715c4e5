//! TLS 1.2 and 1.3, as a server and as a client.
//!
//! The protocol is rustls with ring, which no other module names. What it is told comes from files
//! in PEM form, named as in Mosquitto's configuration ([`ServerOptions`], [`ClientOptions`]); they
//! are read once into settings that all connections share. To reload is to make new settings:
//! connections that are there keep the old ones.
//!
//! Where Mosquitto's users have certificates that the Web's rules refuse (version 1, a name in the
//! subject alone, one that is its own authority), `verify` accepts them as OpenSSL does.

mod certificate;
mod ciphers;
mod client;
mod error;
mod files;
mod key_log;
mod machine;
mod options;
mod revocations;
mod server;
mod settings;
mod signature;
mod verify;
mod words;

pub use certificate::PeerCertificate;
pub use client::ClientLayer;
pub use error::SettingsError;
pub use machine::{Negotiated, UNREAD_BYTES_MAXIMUM};
pub use options::{ClientOptions, ServerOptions, TlsVersion};
pub use server::ServerLayer;
pub use settings::{ClientSettings, ServerSettings};
