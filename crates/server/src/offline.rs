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

mod compact;
mod contents;
mod data_directory;
mod export;
mod import;
mod inspect;
mod item;
mod mosquitto;
mod ndjson;
mod records;
mod text;

pub use compact::{CompactError, Compacted};
pub use data_directory::{DataDirectory, OfflineError, OpenImport, Verified};
pub use export::{ExportError, Exported};
pub use ferrymq_store::{Damage, DamageKind, LogOptions};
pub use import::{Imported, ItemRefusal};
pub use inspect::{QueueSummary, SegmentSummary, Summary};
pub use item::{
    Export, FORMAT, Item, ItemError, MAX_RECEIVERS, MessageItem, PropertiesItem, Receiver,
    RetainedItem, SessionItem, SubscriptionItem, WillItem,
};
pub use mosquitto::{ChunkName, LeftOut, MosquittoDatabase, MosquittoError, is_mosquitto};
pub use ndjson::{ItemReader, ItemWriter, LineError, MAX_LINE_BYTES};
pub use text::{Moment, Octets};
