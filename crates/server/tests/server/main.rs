//! The server from outside: its turn on a scripted network, all of it over loopback, and again
//! what was kept.

mod access;
mod durable_store;
mod dynamic_security;
mod expiry;
mod house;
#[cfg(unix)]
mod listeners;
mod loopback;
#[cfg(unix)]
mod memory;
mod peer;
mod restart;
#[cfg(unix)]
mod rights_table;
mod scram;
#[cfg(unix)]
mod transports;
#[cfg(unix)]
mod tunnel;
mod turn;
mod web;
