//! The scenes that the rows play, by subject; most serve several versions.
//!
//! A scene asks no more than its statement does: where the specification leaves a choice, every
//! choice passes.

pub(crate) mod acknowledgement;
pub(crate) mod alias;
pub(crate) mod authentication;
pub(crate) mod connect;
pub(crate) mod crafted;
pub(crate) mod delivery;
pub(crate) mod disconnect;
pub(crate) mod encoding;
pub(crate) mod flow;
pub(crate) mod forwarding;
pub(crate) mod limits;
pub(crate) mod matching;
pub(crate) mod order;
pub(crate) mod ping;
pub(crate) mod qos;
pub(crate) mod retain;
pub(crate) mod session;
pub(crate) mod shared;
pub(crate) mod subscribe;
pub(crate) mod unsubscribe;
pub(crate) mod websocket;
pub(crate) mod will;
