//! A data directory without a broker: what is in it as lines of text, and text as what is in it.

#![cfg_attr(
    not(test),
    deny(
        clippy::arithmetic_side_effects,
        clippy::expect_used,
        clippy::indexing_slicing,
        clippy::panic,
        clippy::unwrap_used
    )
)]

mod item;
mod mosquitto;
mod ndjson;
mod text;

pub use item::{
    Export, FORMAT, Item, ItemError, MAX_RECEIVERS, MessageItem, PropertiesItem, Receiver,
    RetainedItem, SessionItem, SubscriptionItem, WillItem,
};
pub use mosquitto::{ChunkName, LeftOut, MosquittoDatabase, MosquittoError, is_mosquitto};
pub use ndjson::{ItemReader, ItemWriter, LineError, MAX_LINE_BYTES};
pub use text::{Moment, Octets};
