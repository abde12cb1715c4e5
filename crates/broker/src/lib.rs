//! From a message to those who asked for it: the MQTT broker, without I/O.
//!
//! A broker is a few [`Shard`]s. Every client identifier has a home shard, where its session lives;
//! shards share the [`Directory`] (who wants what, what was last said) and exchange [`Mail`] for
//! everything else. A shard is a machine: bytes, mail, answers and the time go in; output, mail,
//! questions and [records](Record) come out. Who drives it (a thread with sockets, or a simulation)
//! is not its concern.

mod access;
mod acknowledge;
mod authorize;
mod cause;
mod close;
mod connect;
mod connection;
mod control;
mod control_request;
mod directory;
mod durability;
mod effects;
mod fading;
mod filters;
mod flapping;
mod housekeeping;
mod identity;
mod image;
mod intake;
mod limits;
mod line;
mod listener_profile;
mod load_averages;
mod log_events;
mod mail;
mod message;
mod metrics;
mod mount_point;
mod no_space;
mod notice;
mod notices;
mod output;
mod overtaken;
mod pace;
mod peer;
mod permissions;
mod profiles;
mod publish;
mod queue;
mod record;
pub mod record_codec;
mod replay;
mod restate;
mod restore;
mod retained_table;
mod round;
mod route;
mod route_cache;
mod session;
mod shard;
mod sleepers;
mod slots;
mod store_metrics;
mod subscribe;
mod subscriptions;
mod sys;
mod throttle;
mod timer;
mod topic_tree;
mod unwritten;
mod will;

pub use access::{
    Access, Admission, AllowAll, Answer, Ask, AskedQuestion, Asker, Principal, Question, Rights,
    Verdict,
};
pub use cause::Cause;
pub use control_request::{ControlAnswer, ControlRequest, ControlResponse};
pub use directory::Directory;
pub use durability::{Durability, LogState, Progress};
pub use fading::Fading;
pub use flapping::FlappingLimits;
pub use identity::{
    ConnectionId, Epoch, GroupNumber, Partition, RecordNumber, SessionNumber, SessionRef,
    ShardIndex,
};
pub use image::{
    Away, DirectoryImage, OwedMessage, Recovered, SessionImage, SubscriptionImage, Unfinished,
    WillImage,
};
pub use limits::Limits;
pub use listener_profile::{Identity, IdentitySource, ListenerProfile, Newcomer, WillCheck};
pub use log_events::LogEvents;
pub use mail::{Mail, Owed, Shared};
pub use message::{Lifetime, Message, Publication};
pub use metrics::{Counter, Metrics, ShardMetrics};
pub use mount_point::MountPoint;
pub use notice::{Connected, Interests, Notice, Observer, Summary, WillSummary};
pub use output::Output;
pub use pace::{PaceLimits, Rate, SharedPace};
pub use peer::Peer;
pub use record::{Fetch, Fetched, FetchedMessage, Record, RecordBatch, StoredTarget};
pub use replay::Replay;
pub use round::{Extents, Round, Survivor};
pub use route::Route;
pub use shard::{Reading, Shard, ShardOptions};
pub use sleepers::Sleepers;
pub use store_metrics::{Figure, StoreCondition, StoreMetrics};
pub use throttle::Throttle;

#[cfg(test)]
mod tests {
    use ferrymq_protocol::server::Link;

    use crate::connection::Connection;
    use crate::session::Session;
    use crate::subscriptions::Subscription;

    /// What a broker pays for each client that is connected and silent. Whoever makes it larger
    /// asks whether most clients need what is added.
    #[test]
    fn idle_clients_are_small() {
        assert_eq!(size_of::<Link>(), 40);
        assert_eq!(size_of::<Connection>(), 192);
        assert_eq!(size_of::<Session>(), 184);
        assert_eq!(size_of::<Subscription>(), 32);
    }
}
