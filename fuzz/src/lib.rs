//! What the fuzzers run: a function per target that takes any bytes and panics if something that
//! must hold does not. With nightly, `cargo fuzz run --features libfuzzer TARGET` looks for such
//! bytes; on stable, the seeded tests run the same functions on pseudo-random ones.

mod decode;
mod encode_decode;
mod topic_filter;

pub use decode::decode;
pub use encode_decode::encode_decode;
pub use topic_filter::topic_filter;
