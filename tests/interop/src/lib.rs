//! The running `ferrymq` binary driven by the clients of other projects.
//!
//! A scenario is written once, against [`Client`], and runs with every
//! [`Library`] and version that can take part: [`scenarios!`] makes the tests.
//! Scripts of other languages run under `tests/interop/prepare.sh`'s
//! environment; without it the tests fail and say so.
//!
//! Nothing here sleeps: a test waits for events, each within a bound. Only
//! [`SlowLink`] spends time, because delay is what it is for.
//!
//! `FERRYMQ_BIN` names another binary, `FERRYMQ_INTEROP_BROKER=mosquitto` runs
//! everything against Debian's Mosquitto: a check of the tests themselves.
//! `FERRYMQ_INTEROP_DURABILITY` is the broker's `--durability`.

mod broker;
mod certificates;
mod client;
mod driver;
mod environment;
mod hex;
mod mosquitto;
mod open;
mod output;
mod proxies;
mod rumqtt;
mod scenarios;
mod slow_link;
mod tools;

pub use broker::{Broker, Peer, free_port};
pub use certificates::{Certificates, SelfSigned};
pub use client::{
    Client, Event, Library, Message, Options, PATIENCE, QoS, Transport, Trust, Version, Will,
};
pub use environment::{ferrymq, installed, nodejs_modules};
pub use output::{Program, Source};
pub use proxies::{Proxy, SocksAccount, SocksRequest};
pub use slow_link::SlowLink;
pub use tools::Tools;
