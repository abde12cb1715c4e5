//! What must come out.

use ferrymq_codec::Version;
use ferrymq_server::configuration::Persona;

use super::{Known, Right};

/// What everything is about.
pub(super) const TOPICS: [&str; 2] = ["t/x", "t/y"];

/// What a client is answered, and what is seen of it.
#[derive(PartialEq, Eq, Debug)]
pub(super) struct Observed {
    /// The answers to a subscription to all topics, and to one to the first.
    pub(super) subacks: [Vec<u8>; 2],
    /// The topics of what it is sent.
    pub(super) delivered: Vec<&'static str>,
    /// The answers to a message for each topic.
    pub(super) pubacks: [Vec<u8>; 2],
    /// The topics of what others get of it.
    pub(super) published: Vec<&'static str>,
    /// The return code or reason code for a client that leaves a will for each topic.
    pub(super) wills: [u8; 2],
    /// The topics of the wills that others get.
    pub(super) wills_published: Vec<&'static str>,
}

pub(super) fn expected(known: Known, persona: Persona, right: Right, version: Version) -> Observed {
    let may_read = |topic: &str| match right {
        Right::None | Right::Write => false,
        Right::Read | Right::ReadWrite | Right::All => true,
        Right::Deny => topic != "t/x",
    };
    let may_write = |topic: &str| match right {
        Right::None | Right::Read => false,
        Right::Write | Right::ReadWrite | Right::All => true,
        Right::Deny => topic != "t/x",
    };
    let is_mosquitto = persona == Persona::Mosquitto;
    // With Mosquitto's rules an ACL file says what is delivered, and everybody may subscribe.
    let asks_to_subscribe = !(is_mosquitto && known.has_acl_file());
    let may_subscribe = |filter: &str| !asks_to_subscribe || may_read(filter);
    let granted = ["t/#", "t/x"].map(may_subscribe);
    let is_subscribed = |topic: &str| granted[0] || granted[1] && topic == "t/x";
    let is_v5 = version == Version::V5;
    // So say 3.1.1 and Mosquitto; 3.1 has no word for it.
    let not_granted = if is_v5 { 0x87 } else { 0x80 };
    let refused = if is_v5 { 0x87 } else { 5 };
    let written = |is_written: &dyn Fn(&str) -> bool| {
        TOPICS.into_iter().filter(|topic| is_written(topic)).collect::<Vec<_>>()
    };
    Observed {
        subacks: granted.map(|granted| {
            let code = if granted { 1 } else { not_granted };
            match version {
                Version::V3_1 | Version::V3_1_1 => vec![0x90, 3, 0, 5, code],
                Version::V5 => vec![0x90, 4, 0, 5, 0, code],
            }
        }),
        delivered: written(&|topic| is_subscribed(topic) && may_read(topic)),
        pubacks: TOPICS.map(|topic| match (may_write(topic), is_v5) {
            (false, true) => vec![0x40, 3, 0, 7, 0x87],
            // Older versions cannot say no.
            (true, _) | (false, false) => vec![0x40, 2, 0, 7],
        }),
        published: written(&may_write),
        wills: TOPICS.map(|topic| match is_mosquitto || may_write(topic) {
            true => 0,
            false => refused,
        }),
        wills_published: written(&may_write),
    }
}
