//! What the fuzzers run: a function per target that takes any bytes and panics if something that
//! must hold does not. With nightly, `cargo fuzz run --features libfuzzer TARGET` looks for such
//! bytes; on stable, the seeded tests run the same functions on pseudo-random ones.

mod acl_file;
mod broker_operations;
mod client_link;
mod configuration;
mod decode;
mod dynamic_security;
mod encode_decode;
mod log_replay;
mod password_file;
mod pieces;
mod proxy_header;
mod scram;
mod server_link;
mod tls;
mod token;
mod topic_filter;
mod websocket_frames;
mod websocket_upgrade;
mod wire;
mod world;

pub use acl_file::acl_file;
pub use broker_operations::broker_operations;
pub use client_link::client_link;
pub use configuration::configuration;
pub use decode::decode;
pub use dynamic_security::dynamic_security;
pub use encode_decode::encode_decode;
pub use log_replay::log_replay;
pub use password_file::password_file;
pub use proxy_header::proxy_header;
pub use scram::scram;
pub use server_link::server_link;
pub use tls::tls;
pub use token::token;
pub use topic_filter::topic_filter;
pub use websocket_frames::websocket_frames;
pub use websocket_upgrade::websocket_upgrade;
