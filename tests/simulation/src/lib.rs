//! A whole broker, its clients, network and clock under one seed, in one thread.
//!
//! The broker is the one that ships: the turns of `ferrymq-server` with the shards of
//! `ferrymq-broker`. Everything around it is virtual, and goes wrong as the seed wants: bytes come
//! late and in pieces, connections break or fall silent, answers of the store and of the access
//! rules come late, out of turn or never, turns run in the middle of other turns. Independent
//! clients check all that they are given. The same seed is the same run; [`run`] gives a
//! [`Failure`] that says what was expected.

mod agenda;
mod behaviour;
mod broker;
mod client;
mod kept;
mod late_access;
mod late_store;
mod layers;
mod model;
mod options;
mod random;
mod receipt;
mod scene;
mod simulation;
mod trace;
mod wire;

pub use simulation::{Failure, Report, run, run_calm, run_on_disk, run_through_layers};
