//! An asynchronous MQTT client that reconnects and resumes its session by itself.
//!
//! [`Client`] asks for things, and each request is a future that ends when the server has answered
//! it, over as many connections as that takes. [`Events`] brings the messages, and news of the
//! connection. A task of its own drives the connection; it ends with [`Client::disconnect`], when
//! the server refuses the client for good, or when all handles are dropped.
//!
//! ```no_run
//! use ferrymq_client::{Client, Event, QoS, Version};
//!
//! # async fn example() -> Result<(), Box<dyn std::error::Error>> {
//! let (client, mut events) =
//!     Client::builder("localhost", 1883).client_id("kitchen").version(Version::V5).connect().await?;
//!
//! client.subscribe("house/+/temperature").qos(QoS::AtLeastOnce).await?;
//! client.publish("house/kitchen/temperature", "21.5").qos(QoS::AtLeastOnce).retain().await?;
//!
//! while let Some(event) = events.next().await {
//!     if let Event::Message(message) = event {
//!         println!("{}: {}", message.topic, String::from_utf8_lossy(&message.payload));
//!         break;
//!     }
//! }
//! client.disconnect().await;
//! # Ok(())
//! # }
//! ```
//!
//! A server is reached by TCP, a Unix socket or a SOCKS5 proxy, with TLS and WebSocket on top of it:
//! see [`Transport`].
//!
//! Where a password must not be sent, [`Scram`] proves it: see [`Builder::authentication`].
//!
//! The rules of the protocol are those of `ferrymq-protocol`, and the layers below MQTT those of
//! `ferrymq-transport`; here are only sockets, tasks and time.

mod authentication;
mod backoff;
mod builder;
mod client;
mod command;
mod conversation;
mod driver;
mod error;
mod event;
pub mod packet;
mod packet_log;
mod request;
mod scram;
mod transport;
mod wire;

pub use authentication::{Authentication, AuthenticationError, Exchange};
pub use backoff::Reconnect;
pub use builder::{Builder, Will};
pub use client::Client;
pub use error::{ConnectionError, RequestError};
pub use event::{Event, Events, Message};
pub use packet_log::Direction;
pub use request::{Pending, Publish, Subscribe, Unsubscribe};
pub use scram::Scram;
pub use transport::{SocksProxy, Transport};

pub use ferrymq_codec::{
    DecodeError, EncodeError, PacketType, Properties, Property, PropertyBuffer, PropertyContext,
    PropertyId, QoS, ReasonCode, RetainHandling, TopicFilter, TopicName, Version,
};
pub use ferrymq_protocol::client::{ConnectError, ReceiveError, RequestError as UnsentError};
pub use ferrymq_transport::TransportError;
pub use ferrymq_transport::tls::{
    ClientOptions as TlsOptions, ClientSettings as TlsSettings, SettingsError as TlsSettingsError,
    TlsVersion,
};
