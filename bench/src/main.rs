//! FerryMQ measured beside its peers.

fn main() {}
