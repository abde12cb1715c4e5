//! From items to records in a log, beside what is in it already.
//!
//! Nothing of an imported session counts before the end: the records that begin the sessions are
//! written last and at once, and what names a session that was never begun is nothing. So an import
//! that ends early leaves no half of a session behind. Retained messages count as they are written.

use std::collections::{BTreeMap, BTreeSet, HashMap, HashSet};
use std::num::NonZeroU16;
use std::sync::Arc;

use ferrymq_broker::{
    GroupNumber, Message, Publication, Record, RecordNumber, SessionImage, SessionNumber,
    StoredTarget,
};
use ferrymq_codec::{
    DecodeError, PacketId, PropertyBuffer, SubscriptionOptions, TopicFilter, TopicName,
};
use ferrymq_protocol::time::Instant;
use ferrymq_store::CommitError;
use thiserror::Error;

use super::contents::Contents;
use super::item::{
    Item, ItemError, MessageItem, PropertiesItem, Receiver, RetainedItem, SessionItem,
    SubscriptionItem, WillItem,
};
use super::records::Sink;

/// What was imported.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Imported {
    /// Sessions.
    pub sessions: u64,
    /// Those of them that took the place of another.
    pub replaced: u64,
    /// Subscriptions.
    pub subscriptions: u64,
    /// Wills.
    pub wills: u64,
    /// Messages, however many sessions are owed them.
    pub messages: u64,
    /// Retained messages.
    pub retained: u64,
}

/// Why an item cannot be imported.
#[derive(Debug, Error)]
#[non_exhaustive]
pub enum ItemRefusal {
    /// The client has a session in the log.
    #[error("the client {0:?} has a session here already; --replace puts the new one in its place")]
    SessionExists(String),
    /// The client has two sessions.
    #[error("the client {0:?} has a second session; leave one of them out")]
    SecondSession(String),
    /// A session is named that is not there.
    #[error("no session of the client {0:?} stands before this line; put it there")]
    NoSession(String),
    /// The session has two subscriptions with one filter.
    #[error("the client {client_id:?} has a second subscription to {filter:?}; leave one out")]
    SecondSubscription {
        /// Whose it is.
        client_id: String,
        /// The filter.
        filter: String,
    },
    /// A session has two wills.
    #[error("the client {0:?} has a second will; leave one of them out")]
    SecondWill(String),
    /// Nobody subscribes to this.
    #[error("no session before this line subscribes to {0:?}; put its subscription there")]
    NoGroup(String),
    /// A message is for one session twice.
    #[error("the client {0:?} is among the receivers twice; leave one of them out")]
    SecondReceiver(String),
    /// A packet identifier is used twice.
    #[error("the client {client_id:?} uses packet identifier {packet_id} twice; leave one out")]
    PacketId {
        /// Whose it is.
        client_id: String,
        /// The identifier.
        packet_id: NonZeroU16,
    },
    /// The topic has a retained message in the log.
    #[error(
        "the topic {0:?} has a retained message here already; --replace puts the new one in its \
         place"
    )]
    RetainedExists(String),
    /// A topic has two retained messages.
    #[error("the topic {0:?} has a second retained message; leave one of them out")]
    SecondRetained(String),
    /// An item means nothing.
    #[error(transparent)]
    Item(#[from] ItemError),
    /// A topic or filter is not valid.
    #[error("{0}")]
    Text(#[from] DecodeError),
    /// The items and what is there have used up all numbers.
    #[error("there are too many sessions or shared subscriptions; import into an empty directory")]
    TooMany,
    /// The records cannot be written.
    #[error(transparent)]
    Commit(#[from] CommitError),
}

/// Takes items.
#[derive(Debug)]
pub(super) struct Import<S> {
    sink: S,
    /// What was there before.
    before: Before,
    replace: bool,
    now: Instant,
    /// Who published what was published by a client without a session.
    nobody: SessionNumber,
    sessions: BTreeMap<String, Session>,
    retained: HashSet<String>,
    /// Records that count at once and so are written with the sessions.
    last: Vec<Record>,
    imported: Imported,
}

/// What a log says that an import must know.
#[derive(Clone, Debug)]
pub(super) struct Before {
    sessions: HashMap<Box<str>, SessionNumber>,
    /// What members of groups are owed, which would go to other members if they ended.
    owed_through_groups: HashMap<SessionNumber, Vec<RecordNumber>>,
    retained: HashSet<Arc<str>>,
    groups: HashMap<Box<str>, GroupNumber>,
    next_session: SessionNumber,
    next_group: Option<GroupNumber>,
    retained_version: u64,
}

#[derive(Debug)]
struct Session {
    number: SessionNumber,
    item: SessionItem,
    subscriptions: BTreeSet<Box<str>>,
    has_will: bool,
    will_due: Option<Instant>,
    packet_ids: BTreeSet<NonZeroU16>,
    sent: Vec<(u32, RecordNumber, PacketId)>,
}

impl Before {
    pub(super) fn new(contents: &Contents) -> Self {
        let recovered = &contents.recovered;
        let sessions = &recovered.sessions;
        let groups = sessions.iter().flat_map(|session| &session.subscriptions);
        let retained = recovered.directory.retained.iter();
        Self {
            sessions: sessions
                .iter()
                .map(|session| (session.client_id.clone(), session.number))
                .collect(),
            owed_through_groups: sessions
                .iter()
                .map(|session| (session.number, owed_through_groups(session)))
                .filter(|(_, owed)| !owed.is_empty())
                .collect(),
            retained: retained.map(|(message, _)| Arc::clone(message.topic())).collect(),
            groups: groups
                .filter_map(|subscription| Some((subscription.filter.clone(), subscription.group?)))
                .collect(),
            next_session: recovered.directory.next_session,
            next_group: Some(recovered.directory.next_group),
            retained_version: recovered.directory.retained_version,
        }
    }

    fn next_session(&mut self) -> Result<SessionNumber, ItemRefusal> {
        let number = self.next_session;
        let next = number.0.checked_add(1).ok_or(ItemRefusal::TooMany)?;
        self.next_session = SessionNumber(next);
        Ok(number)
    }

    /// The number of the group with this filter.
    fn group(&mut self, filter: &str) -> Result<GroupNumber, ItemRefusal> {
        if let Some(group) = self.groups.get(filter) {
            return Ok(*group);
        }
        let group = self.next_group.ok_or(ItemRefusal::TooMany)?;
        self.next_group = group.0.checked_add(1).map(GroupNumber);
        self.groups.insert(Box::from(filter), group);
        Ok(group)
    }
}

impl<S: Sink> Import<S> {
    pub(super) fn new(
        sink: S,
        mut before: Before,
        replace: bool,
        now: Instant,
    ) -> Result<Self, ItemRefusal> {
        let nobody = before.next_session()?;
        Ok(Self {
            sink,
            before,
            replace,
            now,
            nobody,
            sessions: BTreeMap::new(),
            retained: HashSet::new(),
            last: Vec::new(),
            imported: Imported::default(),
        })
    }

    pub(super) fn item(&mut self, item: Item) -> Result<(), ItemRefusal> {
        match item {
            Item::Export(_) => Ok(()),
            Item::Session(session) => self.session(session),
            Item::Subscription(subscription) => self.subscription(&subscription),
            Item::Will(will) => self.will(&will),
            Item::Message(message) => self.message(&message),
            Item::Retained(retained) => self.retained(&retained),
        }
    }

    /// Begins the sessions.
    pub(super) fn finish(mut self) -> Result<Imported, ItemRefusal> {
        let mut records = std::mem::take(&mut self.last);
        for (client_id, session) in std::mem::take(&mut self.sessions) {
            if let Some(replaced) = self.before.sessions.get(client_id.as_str()) {
                count(&mut self.imported.replaced);
                let session = *replaced;
                let owed = self.before.owed_through_groups.remove(&session).unwrap_or_default();
                let settled = owed.into_iter().map(|message| Record::Settled { session, message });
                records.extend(settled);
                records.push(Record::Gone { session, messages: Vec::new() });
            }
            records.extend(session.records(client_id));
        }
        // What they name is there before them.
        self.sink.flush()?;
        self.sink.push_together(&records)?;
        self.sink.flush()?;
        Ok(self.imported)
    }

    fn session(&mut self, item: SessionItem) -> Result<(), ItemRefusal> {
        let client_id = item.client_id.clone();
        if self.before.sessions.contains_key(client_id.as_str()) && !self.replace {
            return Err(ItemRefusal::SessionExists(client_id));
        }
        if self.sessions.contains_key(&client_id) {
            return Err(ItemRefusal::SecondSession(client_id));
        }
        let mut session = Session {
            number: self.before.next_session()?,
            subscriptions: BTreeSet::new(),
            has_will: false,
            will_due: None,
            packet_ids: BTreeSet::new(),
            sent: Vec::new(),
            item,
        };
        for packet_id in session.item.released.clone() {
            session.take_packet_id(packet_id)?;
        }
        let mut received = BTreeSet::new();
        for packet_id in &session.item.received {
            if !received.insert(*packet_id) {
                return Err(ItemRefusal::PacketId { client_id, packet_id: *packet_id });
            }
        }
        count(&mut self.imported.sessions);
        self.sessions.insert(client_id, session);
        Ok(())
    }

    fn subscription(&mut self, item: &SubscriptionItem) -> Result<(), ItemRefusal> {
        let filter = TopicFilter::parse(&item.filter)?;
        let group = filter.share().map(|_| self.before.group(filter.as_str())).transpose()?;
        let session = session_of(&mut self.sessions, &item.client_id)?;
        if !session.subscriptions.insert(Box::from(filter.as_str())) {
            let (client_id, filter) = (item.client_id.clone(), item.filter.clone());
            return Err(ItemRefusal::SecondSubscription { client_id, filter });
        }
        self.sink.push(&Record::Subscribed {
            session: session.number,
            filter: Box::from(filter.as_str()),
            options: SubscriptionOptions {
                maximum_qos: item.qos,
                no_local: item.no_local,
                retain_as_published: item.retain_as_published,
                retain_handling: item.retain_handling,
            },
            identifier: item.subscription_identifier,
            group,
        })?;
        count(&mut self.imported.subscriptions);
        Ok(())
    }

    fn will(&mut self, item: &WillItem) -> Result<(), ItemRefusal> {
        let number = match &item.client_id {
            Some(client_id) => {
                let session = session_of(&mut self.sessions, client_id)?;
                if session.has_will {
                    return Err(ItemRefusal::SecondWill(client_id.clone()));
                }
                session.has_will = true;
                session.will_due = item.due.map(|due| due.0);
                session.number
            }
            // A session that ended without a word.
            None => self.before.next_session()?,
        };
        let properties = item.properties.block(item.message_expiry_interval)?;
        let publication = Publication {
            topic: TopicName::parse(&item.topic)?,
            properties: properties.as_properties(),
            payload: &item.payload.0,
            qos: item.qos,
            retain: item.retain,
            expires: Instant::FAR_FUTURE,
            publisher: number,
        };
        self.last.push(Record::Will {
            session: number,
            message: Arc::new(Message::copy_of(&publication)),
            delay_interval: item.will_delay_interval,
        });
        count(&mut self.imported.wills);
        Ok(())
    }

    fn message(&mut self, item: &MessageItem) -> Result<(), ItemRefusal> {
        let mut targets = Vec::with_capacity(item.receivers.len());
        let mut seen = BTreeSet::new();
        for receiver in &item.receivers {
            let target = self.target(receiver)?;
            if !seen.insert(target.session) {
                let client_id = receiver.client_id.clone().unwrap_or_default();
                return Err(ItemRefusal::SecondReceiver(client_id));
            }
            targets.push(target);
        }
        targets.sort_unstable_by_key(|target| target.session);
        let properties =
            self.properties(&item.properties, item.expires.map(|expires| expires.0))?;
        let publication = Publication {
            topic: TopicName::parse(&item.topic)?,
            properties: properties.as_properties(),
            payload: &item.payload.0,
            qos: item.qos,
            retain: item.retain,
            expires: item.expires.map_or(Instant::FAR_FUTURE, |expires| expires.0),
            publisher: self.publisher(item.publisher.as_deref()),
        };
        let message = Arc::new(Message::copy_of(&publication));
        let number = self.sink.push(&Record::Message { message, targets })?;
        for receiver in &item.receivers {
            self.sent(receiver, number)?;
        }
        count(&mut self.imported.messages);
        Ok(())
    }

    fn target(&mut self, receiver: &Receiver) -> Result<StoredTarget, ItemRefusal> {
        let group = match &receiver.shared {
            // Only such as somebody subscribes to.
            Some(filter) => match self.before.groups.get(filter.as_str()) {
                Some(group) => Some(*group),
                None => return Err(ItemRefusal::NoGroup(filter.clone())),
            },
            None => None,
        };
        let session = match &receiver.client_id {
            Some(client_id) => session_of(&mut self.sessions, client_id)?.number,
            None => self.before.next_session()?,
        };
        Ok(StoredTarget {
            session,
            qos: receiver.qos,
            retain: receiver.retain,
            identifiers: Arc::from(receiver.subscription_identifiers.as_slice()),
            group,
        })
    }

    /// Notes that the message was sent to this receiver.
    fn sent(&mut self, receiver: &Receiver, number: RecordNumber) -> Result<(), ItemRefusal> {
        if let (Some(client_id), Some(packet_id), Some(place)) =
            (&receiver.client_id, receiver.packet_id, receiver.sent)
        {
            let session = session_of(&mut self.sessions, client_id)?;
            session.take_packet_id(packet_id)?;
            session.sent.extend(PacketId::new(packet_id.get()).map(|id| (place, number, id)));
        }
        Ok(())
    }

    fn retained(&mut self, item: &RetainedItem) -> Result<(), ItemRefusal> {
        let topic: Arc<str> = Arc::from(item.topic.as_str());
        if self.before.retained.contains(&topic) && !self.replace {
            return Err(ItemRefusal::RetainedExists(item.topic.clone()));
        }
        if !self.retained.insert(item.topic.clone()) {
            return Err(ItemRefusal::SecondRetained(item.topic.clone()));
        }
        let properties =
            self.properties(&item.properties, item.expires.map(|expires| expires.0))?;
        let publication = Publication {
            topic: TopicName::parse(&item.topic)?,
            properties: properties.as_properties(),
            payload: &item.payload.0,
            qos: item.qos,
            retain: true,
            expires: item.expires.map_or(Instant::FAR_FUTURE, |expires| expires.0),
            publisher: self.publisher(item.publisher.as_deref()),
        };
        let message = Some(Arc::new(Message::copy_of(&publication)));
        self.before.retained_version = self.before.retained_version.saturating_add(1);
        let version = self.before.retained_version;
        self.sink.push(&Record::Retained { topic, message, version })?;
        count(&mut self.imported.retained);
        Ok(())
    }

    /// A message's properties. Its expiry interval is there if it expires, and becomes what is left
    /// of it whenever the message is sent.
    fn properties(
        &self,
        item: &PropertiesItem,
        expires: Option<Instant>,
    ) -> Result<PropertyBuffer, ItemRefusal> {
        let left = expires.map(|expires| expires.saturating_duration_since(self.now).as_secs());
        let interval = left.map(|seconds| u32::try_from(seconds).unwrap_or(u32::MAX));
        Ok(item.block(interval)?)
    }

    fn publisher(&self, client_id: Option<&str>) -> SessionNumber {
        let known = client_id.and_then(|client_id| {
            let imported = self.sessions.get(client_id).map(|session| session.number);
            imported.or_else(|| self.before.sessions.get(client_id).copied())
        });
        known.unwrap_or(self.nobody)
    }
}

impl Session {
    fn take_packet_id(&mut self, packet_id: NonZeroU16) -> Result<(), ItemRefusal> {
        if self.packet_ids.insert(packet_id) {
            return Ok(());
        }
        Err(ItemRefusal::PacketId { client_id: self.item.client_id.clone(), packet_id })
    }

    /// What begins the session, and what is left of its exchanges.
    fn records(mut self, client_id: String) -> impl Iterator<Item = Record> {
        let session = self.number;
        self.sent.sort_unstable_by_key(|(place, ..)| *place);
        let begun = Record::Session {
            session,
            client_id: client_id.into_boxed_str(),
            expiry_interval: self.item.session_expiry_interval,
            // The broker learns it when the client comes back.
            username: self.item.username.take().map(String::into_boxed_str),
        };
        let away = Record::Away {
            session,
            expires: self.item.expires.map_or(Instant::FAR_FUTURE, |expires| expires.0),
            will_due: self.will_due,
        };
        let sent = self.sent.into_iter().map(move |(_, message, packet_id)| Record::Sent {
            session,
            message,
            packet_id,
        });
        let packet_ids = |numbers: Vec<NonZeroU16>| {
            numbers.into_iter().filter_map(|number| PacketId::new(number.get()))
        };
        let released = packet_ids(self.item.released).map(move |packet_id| Record::Released {
            session,
            message: None,
            packet_id,
        });
        let received = packet_ids(self.item.received)
            .map(move |packet_id| Record::Received { session, packet_id });
        [begun, away].into_iter().chain(sent).chain(released).chain(received)
    }
}

fn session_of<'a>(
    sessions: &'a mut BTreeMap<String, Session>,
    client_id: &str,
) -> Result<&'a mut Session, ItemRefusal> {
    sessions.get_mut(client_id).ok_or_else(|| ItemRefusal::NoSession(client_id.to_owned()))
}

fn owed_through_groups(session: &SessionImage) -> Vec<RecordNumber> {
    let published = session.published.iter().map(|(_, owed)| owed);
    let all = published.chain(&session.queue);
    all.filter(|owed| owed.group.is_some()).map(|owed| owed.number).collect()
}

const fn count(counted: &mut u64) {
    *counted = counted.saturating_add(1);
}
