//! The server from outside: its turn on a scripted network, and all of it over loopback.

mod loopback;
mod peer;
mod turn;
