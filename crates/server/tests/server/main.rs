//! The server from outside: its turn on a scripted network, all of it over loopback, and again
//! what was kept.

mod durable_store;
mod loopback;
mod peer;
mod restart;
mod turn;
