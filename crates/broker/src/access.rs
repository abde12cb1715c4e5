//! Who may do what: questions go out, answers come in.
//!
//! An [`Access`] that knows the answer gives it at once. One that must ask elsewhere returns `None`;
//! the shard then emits an [`Ask`], parks the connection (at most one question is open for each) and
//! reads the same packet again when the [`Answer`] has come.

use ferrymq_codec::{QoS, ReasonCode};

use crate::identity::{ConnectionId, ShardIndex};
use crate::peer::Peer;

/// Decides questions of access, or leaves them for later.
pub trait Access: Send {
    /// The verdict, if it is known now.
    fn decide(&mut self, asker: &Asker<'_>, question: &Question<'_>) -> Option<Verdict>;
}

/// Everybody may do everything.
#[derive(Clone, Copy, Debug, Default)]
pub struct AllowAll;

/// Who wants something.
#[derive(Clone, Copy, Debug)]
pub struct Asker<'a> {
    /// Where the connection comes from.
    pub peer: Peer,
    /// The client identifier; empty while a client without one connects.
    pub client_id: &'a str,
    /// The user name, as it was accepted.
    pub username: Option<&'a str>,
}

/// What somebody wants.
#[derive(Clone, Copy, Debug)]
pub enum Question<'a> {
    /// To connect with this password, leaving this will.
    Connect {
        /// The password.
        password: Option<&'a [u8]>,
        /// The topic of the will.
        will_topic: Option<&'a str>,
    },
    /// To prove who it is by an exchange of AUTH packets.
    Authenticate {
        /// The Authentication Method.
        method: &'a str,
        /// The Authentication Data.
        data: Option<&'a [u8]>,
    },
    /// To publish.
    Publish {
        /// The topic.
        topic: &'a str,
        /// The quality of service.
        qos: QoS,
        /// Whether the message is to be retained.
        retain: bool,
    },
    /// To subscribe.
    Subscribe {
        /// The filter, with its `$share` prefix.
        filter: &'a str,
        /// The highest quality of service wanted.
        qos: QoS,
    },
}

/// The decision on a question.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Verdict {
    /// Yes; and in an authentication exchange, the data that ends it.
    Allow(Option<Box<[u8]>>),
    /// No, for this reason (0x80 or more).
    Deny(ReasonCode),
    /// Not yet: the client must answer this data first. For `Authenticate` only.
    Continue(Box<[u8]>),
}

impl Verdict {
    /// Yes, and nothing else.
    pub const YES: Self = Self::Allow(None);
}

/// A question that was left for later.
#[derive(Clone, Debug)]
pub struct Ask {
    /// Where the answer must go.
    pub shard: ShardIndex,
    /// The connection that waits.
    pub connection: ConnectionId,
    /// Which question of this connection this is.
    pub request: u32,
    /// Where the connection comes from.
    pub peer: Peer,
    /// The client identifier.
    pub client_id: Box<str>,
    /// The user name.
    pub username: Option<Box<str>>,
    /// What is asked.
    pub question: AskedQuestion,
}

/// A [`Question`] that outlives its packet.
#[derive(Clone, Debug)]
#[expect(missing_docs, reason = "the variants and fields are those of `Question`")]
pub enum AskedQuestion {
    Connect { password: Option<Box<[u8]>>, will_topic: Option<Box<str>> },
    Authenticate { method: Box<str>, data: Option<Box<[u8]>> },
    Publish { topic: Box<str>, qos: QoS, retain: bool },
    Subscribe { filter: Box<str>, qos: QoS },
}

impl Ask {
    pub(crate) fn new(
        shard: ShardIndex,
        connection: ConnectionId,
        request: u32,
        asker: &Asker<'_>,
        question: &Question<'_>,
    ) -> Self {
        Self {
            shard,
            connection,
            request,
            peer: asker.peer,
            client_id: Box::from(asker.client_id),
            username: asker.username.map(Box::from),
            question: AskedQuestion::from(question),
        }
    }
}

impl From<&Question<'_>> for AskedQuestion {
    fn from(question: &Question<'_>) -> Self {
        match *question {
            Question::Connect { password, will_topic } => Self::Connect {
                password: password.map(Box::from),
                will_topic: will_topic.map(Box::from),
            },
            Question::Authenticate { method, data } => {
                Self::Authenticate { method: Box::from(method), data: data.map(Box::from) }
            }
            Question::Publish { topic, qos, retain } => {
                Self::Publish { topic: Box::from(topic), qos, retain }
            }
            Question::Subscribe { filter, qos } => {
                Self::Subscribe { filter: Box::from(filter), qos }
            }
        }
    }
}

/// The answer to an [`Ask`].
#[derive(Clone, Debug)]
pub struct Answer {
    /// The connection that waits.
    pub connection: ConnectionId,
    /// Which question is answered.
    pub request: u32,
    /// The decision.
    pub verdict: Verdict,
}

impl Access for AllowAll {
    fn decide(&mut self, _asker: &Asker<'_>, question: &Question<'_>) -> Option<Verdict> {
        Some(match question {
            // No method is known here [MQTT-4.12.0-1].
            Question::Authenticate { .. } => Verdict::Deny(ReasonCode::BadAuthenticationMethod),
            _ => Verdict::YES,
        })
    }
}
