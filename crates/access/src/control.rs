//! Requests to a broker, which are published below `$CONTROL/`, and the responses to them.
//!
//! Both are JSON: lists of commands and of what became of each. What a command means is no business
//! of this module.

mod member;
mod request;

pub(crate) use member::{Object, is_mqtt_text};
pub(crate) use request::INTERNAL_ERROR;
pub use request::{Command, Done, Refusal, Responses};
