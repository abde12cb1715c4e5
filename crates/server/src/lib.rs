//! Where the broker meets the world: sockets, threads, a clock.
//!
//! Each shard of `ferrymq-broker` is driven by one [`Turn`], which knows sockets, pollers and time
//! only through a [`Network`]; here that is `mio`, in a simulation something else. [`Server`] binds
//! the listeners, starts one thread for each shard and one for the control plane, and ends them.

mod acceptor;
pub mod access;
pub mod bounded_file;
mod broker;
mod clock;
mod config;
pub mod configuration;
mod connection;
mod control;
mod data;
mod durable_store;
mod handshakes;
mod http_api;
pub mod http_dir;
mod listen;
mod listeners;
mod log;
mod log_threads;
mod mailbox;
mod memory;
mod memory_store;
mod mio_network;
mod network;
pub mod offline;
mod origin;
pub mod private_file;
mod refusal;
mod reload;
mod serve;
mod socket_limits;
mod store;
mod turn;
#[cfg(unix)]
mod unix_socket;
mod wrapping;

pub use ferrymq_broker::{Durability, Limits, Sleepers};
pub use ferrymq_store::LogOptions;

pub use acceptor::{Admission, Entrance, Places, Terms};
pub use clock::Clock;
pub use config::{Bind, Family, Listener, ServeOptions, WhenBound};
pub use control::{AccessChanges, Authority, Control, Unavailable};
pub use data::{DataError, DataOptions};
pub use durable_store::{Attendant, DurableStore, Opened, ReplayError};
pub use http_api::HttpApi;
pub use listen::ListenError;
pub use log::{ClientLog, Log, LogDestination, LogSettings, LogType, LogTypes};
pub use mailbox::{Arrival, Change, Letter, Mailbox, News, Wake};
pub use memory_store::MemoryStore;
pub use mio_network::{MioListener, MioNetwork, MioSocket};
pub use network::{Closed, Event, Network, Source};
pub use reload::{Reload, ReloadError, Reloader};
pub use serve::{Beat, ServeError, Server, Stop};
pub use socket_limits::SocketLimits;
pub use store::Store;
pub use turn::{Turn, TurnParts};
pub use wrapping::Wrapping;
