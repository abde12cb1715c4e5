//! Who may do what, as far as a shard knows it: its [`Access`], what that has said of messages, and
//! where clients that are away had connected.
//!
//! A verdict is remembered for a connection and a topic by that topic's text in memory, which is
//! the one that its route shares with all messages: so it is found by an address, and no other topic
//! can be taken for it. Remembering is a table where one entry takes the place of another.

use std::sync::Arc;

use ferrymq_codec::{QoS, ReasonCode};
use foldhash::fast::FixedState;
use hashbrown::HashMap;

use crate::access::{Access, Asker, Question, Verdict};
use crate::identity::{ConnectionId, SessionNumber};
use crate::listener_profile::ListenerProfile;
use crate::peer::Peer;

/// What a shard knows of rights.
pub(crate) struct Permissions {
    access: Box<dyn Access>,
    is_open: bool,
    /// Counts what can change who may receive what: other rules, another user of a session.
    edition: u64,
    /// Verdicts, each at the place that its connection and its topic give it. Empty until the first
    /// is remembered.
    verdicts: Vec<Option<Remembered>>,
    /// How many verdicts are remembered at most.
    most: usize,
    /// Sessions whose clients have gone since the broker began, while not everybody could do
    /// everything, with their last connections: what was said of these holds on.
    away: HashMap<SessionNumber, (ConnectionId, Origin), FixedState>,
}

/// What somebody wants to do with messages of a topic.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Right {
    Receive,
    Publish { qos: QoS, retain: bool },
}

/// What is known of a right.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Ruling {
    pub(crate) verdict: Result<(), ReasonCode>,
    /// Whether it holds until the rules change or the client is somebody else, and may be remembered.
    pub(crate) lasts: bool,
}

/// Where a client had connected that is away.
#[derive(Clone, Debug)]
pub(crate) struct Origin {
    pub(crate) peer: Peer,
    pub(crate) profile: Arc<ListenerProfile>,
}

/// A verdict that holds until the rules change.
#[derive(Debug)]
struct Remembered {
    connection: ConnectionId,
    right: Right,
    topic: Arc<str>,
    verdict: Result<(), ReasonCode>,
}

impl Permissions {
    pub(crate) fn new(access: Box<dyn Access>, most: usize) -> Self {
        Self {
            is_open: access.is_open(),
            edition: 1,
            access,
            verdicts: Vec::new(),
            most,
            away: HashMap::with_hasher(FixedState::default()),
        }
    }

    /// Whether nobody who is let in needs to be asked about.
    pub(crate) const fn is_open(&self) -> bool {
        self.is_open
    }

    /// Which permissions these are: what was found by a former edition may not hold any more.
    pub(crate) const fn edition(&self) -> u64 {
        self.edition
    }

    /// A session that has subscriptions has another client from now on.
    pub(crate) const fn client_changes(&mut self) {
        self.edition += 1;
    }

    /// Asks somebody else from now on.
    pub(crate) fn set_access(&mut self, access: Box<dyn Access>) {
        self.access = access;
    }

    /// How many verdicts are remembered at most from now on.
    pub(crate) fn set_most(&mut self, most: usize) {
        if self.most != most {
            self.most = most;
            self.edition += 1;
            self.verdicts = Vec::new();
        }
    }

    /// Forgets all verdicts, for the rules have changed.
    pub(crate) fn renew(&mut self) {
        self.is_open = self.access.is_open();
        self.edition += 1;
        self.verdicts = Vec::new();
    }

    /// Forgets all verdicts about a connection, whose client has become somebody else.
    pub(crate) fn forget(&mut self, connection: ConnectionId) {
        self.edition += 1;
        for entry in &mut self.verdicts {
            entry.take_if(|known| known.connection == connection);
        }
    }

    pub(crate) fn still_stands(&mut self, asker: &Asker<'_>) -> bool {
        self.access.still_stands(asker)
    }

    /// The verdict, if it is known now.
    pub(crate) fn decide(&mut self, asker: &Asker<'_>, question: &Question<'_>) -> Option<Verdict> {
        self.access.decide(asker, question)
    }

    /// What is remembered.
    pub(crate) fn known(
        &self,
        connection: ConnectionId,
        right: Right,
        topic: &Arc<str>,
    ) -> Option<Ruling> {
        let entry =
            self.verdicts.get(place(connection, right, topic, self.verdicts.len()))?.as_ref()?;
        (entry.connection == connection && entry.right == right && Arc::ptr_eq(&entry.topic, topic))
            .then_some(Ruling { verdict: entry.verdict, lasts: true })
    }

    /// The verdict, if it is known now. It is remembered if it lasts.
    pub(crate) fn decide_on(
        &mut self,
        connection: ConnectionId,
        right: Right,
        topic: &Arc<str>,
        asker: &Asker<'_>,
    ) -> Option<Ruling> {
        let question = right.question(topic);
        let verdict = match self.access.decide(asker, &question)? {
            Verdict::Deny(reason) => Err(reason),
            Verdict::Allow(_) | Verdict::Continue(_) => Ok(()),
        };
        let lasts = self.most > 0 && self.access.lasts(asker, &question);
        if lasts && topic.len() <= LONGEST_TOPIC {
            if self.verdicts.is_empty() {
                self.verdicts.resize_with(self.most, || None);
            }
            let place = place(connection, right, topic, self.verdicts.len());
            if let Some(entry) = self.verdicts.get_mut(place) {
                let topic = Arc::clone(topic);
                *entry = Some(Remembered { connection, right, topic, verdict });
            }
        }
        Some(Ruling { verdict, lasts })
    }

    /// A client has gone that may come back to its session, or leaves a will.
    pub(crate) fn note_origin(
        &mut self,
        session: SessionNumber,
        connection: ConnectionId,
        origin: impl FnOnce() -> Origin,
    ) {
        if !self.is_open {
            self.away.insert(session, (connection, origin()));
        }
    }

    /// Its client is here, or the session has ended.
    pub(crate) fn forget_origin(&mut self, session: SessionNumber) {
        if !self.away.is_empty() {
            self.away.remove(&session);
        }
    }

    /// Where the client of a session had connected that is away now; `None`: that is not known.
    pub(crate) fn origin(&self, session: SessionNumber) -> Option<&Origin> {
        self.away.get(&session).map(|(_, origin)| origin)
    }

    /// The last connection of such a session.
    pub(crate) fn last_connection(&self, session: SessionNumber) -> Option<ConnectionId> {
        self.away.get(&session).map(|(connection, _)| *connection)
    }
}

impl Ruling {
    /// Yes, for there is nobody to be asked about.
    pub(crate) const NOBODY: Self = Self { verdict: Ok(()), lasts: true };
    /// No, for the answer is not known now.
    pub(crate) const UNKNOWN: Self = Self { verdict: Err(ReasonCode::NotAuthorized), lasts: false };
}

impl Right {
    pub(crate) const fn question(self, topic: &str) -> Question<'_> {
        match self {
            Self::Receive => Question::Receive { topic },
            Self::Publish { qos, retain } => Question::Publish { topic, qos, retain },
        }
    }
}

/// The place of a verdict in a table of `length`.
fn place(connection: ConnectionId, right: Right, topic: &Arc<str>, length: usize) -> usize {
    let address = Arc::as_ptr(topic).cast::<u8>() as usize as u64;
    // Connections that had the same slot one after the other may all be remembered.
    let connection = connection.slot ^ connection.generation.rotate_left(20);
    let asker = u64::from(connection) << 33 | u64::from(right == Right::Receive) << 32;
    let mixed = (address ^ asker).wrapping_mul(SPREAD);
    // The upper half of the product is spread best.
    (((mixed >> 32) * length as u64) >> 32) as usize
}

/// Verdicts on longer topics are not remembered, so that the table cannot keep much text.
const LONGEST_TOPIC: usize = 256;
/// 2^64 divided by the golden ratio: neighbours end up far apart.
const SPREAD: u64 = 0x9E37_79B9_7F4A_7C15;
