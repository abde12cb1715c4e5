//! Who is let in, and who may do what.
//!
//! Each shard has a [`Gate`], which answers at once what can be known at once: from the [`Policy`],
//! a snapshot of all files and rules. Whether a password is right is found out by the [`Gatehouse`] on
//! the control plane, which asks one [`Source`] of users after the other; what takes long to compute
//! is done on threads for that ([`Hashing`]).

#![cfg_attr(
    not(test),
    deny(clippy::expect_used, clippy::indexing_slicing, clippy::panic, clippy::unwrap_used)
)]

mod acl_file;
mod bans;
mod broker_control;
mod denials;
mod dynamic_security;
mod exchanges;
mod fair_queue;
mod gate;
mod gatehouse;
mod hashing;
mod login;
mod login_limits;
mod password_file;
mod policy;
mod rights;
mod settings;
mod source;
pub mod sources;

pub use broker_control::{BrokerControl, ListenerWords, PluginWords};
pub(crate) use dynamic_security::DYNAMIC_SECURITY;
pub use dynamic_security::DynamicSecuritySettings;
pub use gate::Gate;
pub use gatehouse::Gatehouse;
pub use hashing::{Busy, Hashing};
pub use login::Login;
pub use login_limits::LoginLimits;
pub use policy::Policy;
pub use rights::{RightsSource, Ruling};
pub use settings::{DoorSettings, PolicyError, PolicySettings};
pub use source::{Checking, Exchange, Outcome, Source, Step, Stepping};
