//! Who may do what: questions go out, answers come in.
//!
//! An [`Access`] that knows the answer gives it at once. One that must ask elsewhere returns `None`;
//! the shard then emits an [`Ask`], parks the connection (at most one question is open for each) and
//! reads the same packet again when the [`Answer`] has come. Where nobody can wait, as when a message
//! is to be delivered, `None` is a no: see [`Question`].

use std::fmt;
use std::sync::Arc;

use ferrymq_codec::{QoS, ReasonCode};
use ferrymq_protocol::time::Instant;

use crate::identity::{ConnectionId, ShardIndex};
use crate::listener_profile::ListenerProfile;
use crate::peer::Peer;

/// Decides questions of access, or leaves them for later. One for each shard, on its thread: it must
/// not block.
pub trait Access: Send {
    /// The verdict, if it is known now.
    fn decide(&mut self, asker: &Asker<'_>, question: &Question<'_>) -> Option<Verdict>;

    /// Whether everybody who is let in may publish, receive, subscribe and unsubscribe: nobody is
    /// asked then. Looked at when the shard is made, and after each
    /// [`access_changed`](crate::Shard::access_changed).
    fn is_open(&self) -> bool {
        false
    }

    /// Whether the verdict that was just given holds for this asker, question and topic until the
    /// next [`access_changed`](crate::Shard::access_changed), so that it may be remembered. Asked
    /// for [`Question::Publish`] and [`Question::Receive`] only.
    fn lasts(&self, asker: &Asker<'_>, question: &Question<'_>) -> bool {
        let _ = (asker, question);
        false
    }

    /// Whether a client that was let in may stay, now that something has changed: its user may have
    /// been removed, disabled or given another password since. If not, its connection ends.
    fn still_stands(&mut self, asker: &Asker<'_>) -> bool {
        let _ = asker;
        true
    }
}

/// Everybody may do everything.
#[derive(Clone, Copy, Debug, Default)]
pub struct AllowAll;

/// Who a connection is, once it is let in.
#[derive(Clone, Debug, Default)]
pub struct Principal {
    /// The user name, as it was accepted: that of CONNECT, of a certificate, of a token.
    pub username: Option<Box<str>>,
    /// Rights of its own, which came with what it has proved; `None`: what the [`Access`] says of
    /// its name is all.
    pub rights: Option<Arc<dyn Rights>>,
    /// When it must prove anew who it is: its connection ends then.
    pub expires: Option<Instant>,
    /// Which version of its credential was checked. Given and read by the [`Access`] alone.
    pub stamp: u64,
}

/// Rights that somebody has brought along, in a token or in the answer of a source.
pub trait Rights: fmt::Debug + Send + Sync {
    /// The verdict; `None`: they say nothing about this. An [`Access`] calls this, the shard does
    /// not.
    fn decide(&self, asker: &Asker<'_>, question: &Question<'_>) -> Option<Verdict>;
}

/// Who wants something.
#[derive(Clone, Copy, Debug)]
pub struct Asker<'a> {
    /// Where the connection comes from.
    pub peer: Peer,
    /// The client identifier; empty while a client without one connects.
    pub client_id: &'a str,
    /// The user name: as it was accepted or, in questions about letting it in, as the client or its
    /// certificate says.
    pub username: Option<&'a str>,
    /// Who it was let in as; `None`: it is being let in, or it has no name and nothing else is known
    /// of it.
    pub principal: Option<&'a Principal>,
    /// What holds for the connections of its listener.
    pub profile: &'a Arc<ListenerProfile>,
}

/// What somebody wants.
#[derive(Clone, Copy)]
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
    /// To be sent a message of this topic. Nobody waits for the answer: `None` is a no.
    Receive {
        /// The topic.
        topic: &'a str,
    },
    /// To subscribe.
    Subscribe {
        /// The filter, with its `$share` prefix.
        filter: &'a str,
        /// The highest quality of service wanted.
        qos: QoS,
    },
    /// To unsubscribe.
    Unsubscribe {
        /// The filter, with its `$share` prefix.
        filter: &'a str,
    },
}

/// The decision on a question.
#[derive(Clone, Debug)]
pub enum Verdict {
    /// Yes.
    Allow(Admission),
    /// No, for this reason (0x80 or more).
    Deny(ReasonCode),
    /// Not yet: the client must answer this data first. For `Authenticate` only.
    Continue(Box<[u8]>),
}

/// What comes with a yes to `Connect` and `Authenticate`. With other questions it is not looked at.
#[derive(Clone, Debug, Default)]
pub struct Admission {
    /// The data that ends an authentication exchange.
    pub data: Option<Box<[u8]>>,
    /// Who the client is from now on; `None`: whoever it says it is, or was before.
    pub principal: Option<Arc<Principal>>,
}

impl Verdict {
    /// Yes, and nothing else.
    pub const YES: Self = Self::Allow(Admission { data: None, principal: None });
}

/// Without what the client proves itself by: a password, or data that may hold one.
impl fmt::Debug for Question<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Connect { password, will_topic } => f
                .debug_struct("Connect")
                .field("password", &password.map(|_| Hidden))
                .field("will_topic", will_topic)
                .finish(),
            Self::Authenticate { method, data } => f
                .debug_struct("Authenticate")
                .field("method", method)
                .field("data", &data.map(|_| Hidden))
                .finish(),
            Self::Publish { topic, qos, retain } => f
                .debug_struct("Publish")
                .field("topic", topic)
                .field("qos", qos)
                .field("retain", retain)
                .finish(),
            Self::Receive { topic } => f.debug_struct("Receive").field("topic", topic).finish(),
            Self::Subscribe { filter, qos } => {
                f.debug_struct("Subscribe").field("filter", filter).field("qos", qos).finish()
            }
            Self::Unsubscribe { filter } => {
                f.debug_struct("Unsubscribe").field("filter", filter).finish()
            }
        }
    }
}

impl fmt::Debug for AskedQuestion {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.as_question().fmt(f)
    }
}

/// Stands where something is that no output shows.
struct Hidden;

impl fmt::Debug for Hidden {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("..")
    }
}

impl Principal {
    /// Somebody of whom nothing is known but a name.
    pub fn named(username: &str) -> Self {
        Self { username: Some(Box::from(username)), ..Self::default() }
    }
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
    /// Who it was let in as.
    pub principal: Option<Arc<Principal>>,
    /// What holds for the connections of its listener.
    pub profile: Arc<ListenerProfile>,
    /// What is asked.
    pub question: AskedQuestion,
}

/// A [`Question`] that outlives its packet.
#[derive(Clone)]
#[expect(missing_docs, reason = "the variants and fields are those of `Question`")]
pub enum AskedQuestion {
    Connect { password: Option<Box<[u8]>>, will_topic: Option<Box<str>> },
    Authenticate { method: Box<str>, data: Option<Box<[u8]>> },
    Publish { topic: Box<str>, qos: QoS, retain: bool },
    Receive { topic: Box<str> },
    Subscribe { filter: Box<str>, qos: QoS },
    Unsubscribe { filter: Box<str> },
}

impl Ask {
    /// Who asks.
    pub fn asker(&self) -> Asker<'_> {
        Asker {
            peer: self.peer,
            client_id: &self.client_id,
            username: self.username.as_deref(),
            principal: self.principal.as_deref(),
            profile: &self.profile,
        }
    }
}

impl AskedQuestion {
    /// The same as a question.
    pub fn as_question(&self) -> Question<'_> {
        match self {
            Self::Connect { password, will_topic } => Question::Connect {
                password: password.as_deref(),
                will_topic: will_topic.as_deref(),
            },
            Self::Authenticate { method, data } => {
                Question::Authenticate { method, data: data.as_deref() }
            }
            Self::Publish { topic, qos, retain } => {
                Question::Publish { topic, qos: *qos, retain: *retain }
            }
            Self::Receive { topic } => Question::Receive { topic },
            Self::Subscribe { filter, qos } => Question::Subscribe { filter, qos: *qos },
            Self::Unsubscribe { filter } => Question::Unsubscribe { filter },
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
            Question::Receive { topic } => Self::Receive { topic: Box::from(topic) },
            Question::Subscribe { filter, qos } => {
                Self::Subscribe { filter: Box::from(filter), qos }
            }
            Question::Unsubscribe { filter } => Self::Unsubscribe { filter: Box::from(filter) },
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

    fn is_open(&self) -> bool {
        true
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn nothing_secret_is_shown() {
        let secret = &b"secret"[..];
        let questions = [
            Question::Connect { password: Some(secret), will_topic: Some("w") },
            Question::Authenticate { method: "m", data: Some(secret) },
        ];
        let shown = questions.each_ref().map(|question| format!("{question:?}"));
        assert_eq!(
            shown,
            [
                r#"Connect { password: Some(..), will_topic: Some("w") }"#,
                r#"Authenticate { method: "m", data: Some(..) }"#,
            ]
        );
        let asked = questions.each_ref().map(|asked| format!("{:?}", AskedQuestion::from(asked)));
        assert_eq!(asked, shown);
    }
}
