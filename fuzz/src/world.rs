//! The world of the broker's own tests: a broker of several shards in memory.

#[path = "../../crates/broker/tests/world/mod.rs"]
mod in_memory;

pub(crate) use self::in_memory::*;
