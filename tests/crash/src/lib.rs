//! The broker's process is killed under load, again and again, and must keep what it has promised.
//!
//! Many clients with sessions of every kind publish, subscribe, come and go. What they send and
//! what they are answered goes into a side log ([`ledger`]), which knows what must be, what may be,
//! and what must not be. The binary is killed at random moments (SIGKILL), also while it starts,
//! and started again on the same data directory. Now and then the load stops and everybody is given
//! what is owed. From start to start the clients come over another transport: TCP, TLS, WebSocket
//! or both.
//!
//! A seed chooses what the clients do, but not when the system lets which process run: the same
//! seed is a similar run, not the same one. A fault is therefore told with the history of those
//! whom it concerns.

mod behaviour;
mod binary;
mod broker;
mod client;
mod connection;
mod event;
mod history;
mod ledger;
mod payload;
mod persona;
mod random;
mod run;
mod scene;
mod way;

pub use broker::{Broker, BrokerOptions};
pub use event::{Act, ClientNumber, Delivery, Event, FilterNumber, MessageNumber, TopicNumber};
pub use history::Fault;
pub use ledger::{Ledger, Message};
pub use run::{Failure, Report, RunOptions, run};
pub use scene::{Life, Scene};
pub use way::{Certificate, Transport};
