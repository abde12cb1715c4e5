//! From a log to items: sessions first, in the order of their client identifiers, then messages in
//! the order in which they were published, then what is retained, in the order of its topics.
//!
//! The order depends on nothing else, so that what was exported, imported and exported again is the
//! same. Only places of messages are held in memory; the messages themselves are read one by one.

use std::collections::HashMap;
use std::io::{self, Write};
use std::num::NonZeroU16;
use std::sync::Arc;
use std::time::Duration;

use ferrymq_broker::record_codec::{MessageRecord, RecordError};
use ferrymq_broker::{
    Away, GroupNumber, Message, OwedMessage, RecordNumber, Recovered, SessionImage, SessionNumber,
    SubscriptionImage, WillImage,
};
use ferrymq_codec::PacketId;
use ferrymq_protocol::time::Instant;
use ferrymq_store::{Number, ReadError};
use thiserror::Error;

use super::contents::{Contents, Messages, Terms, target};
use super::item::{
    Item, MAX_RECEIVERS, MessageItem, PropertiesItem, Receiver, RetainedItem, SessionItem,
    SubscriptionItem, WillItem,
};
use super::ndjson::ItemWriter;
use super::text::{Moment, Octets};

/// What was exported.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Exported {
    /// Sessions.
    pub sessions: u64,
    /// Subscriptions.
    pub subscriptions: u64,
    /// Wills.
    pub wills: u64,
    /// Messages, however many sessions are owed them.
    pub messages: u64,
    /// Retained messages.
    pub retained: u64,
    /// Messages that sessions are owed and that the log does not have.
    pub missing: u64,
}

/// Why an export has ended early.
#[derive(Debug, Error)]
#[non_exhaustive]
pub enum ExportError {
    /// A message cannot be read.
    #[error(transparent)]
    Read(#[from] ReadError),
    /// A message is not understood.
    #[error(
        "a stored message is not understood: {0}; use the version that wrote it, or a later one"
    )]
    Record(#[from] RecordError),
    /// The text cannot be written.
    #[error("the export cannot be written: {0}")]
    Write(#[from] io::Error),
}

/// Writes everything that is in the log.
pub(super) fn export(
    contents: Contents,
    messages: &impl Messages,
    output: impl Write,
) -> Result<Exported, ExportError> {
    let Contents { mut recovered, terms } = contents;
    recovered.sessions.sort_unstable_by(|one, other| one.client_id.cmp(&other.client_id));
    let members: Vec<Member> = recovered
        .sessions
        .iter()
        .map(|session| Member {
            number: session.number,
            client_id: Some(session.client_id.clone()),
        })
        .collect();
    let mut export = Export {
        places: members.iter().map(|member| member.number).zip(0..).collect(),
        members,
        groups: groups(&recovered.sessions),
        last_time: recovered.last_time,
        terms,
        writer: ItemWriter::new(output)?,
        exported: Exported::default(),
    };
    let deliveries = export.sessions(&mut recovered)?;
    export.messages(deliveries, messages)?;
    export.retained(recovered.directory.retained)?;
    export.writer.finish()?;
    Ok(export.exported)
}

struct Export<W> {
    /// By client identifier; then those that are no more, and whose messages go to their groups.
    members: Vec<Member>,
    /// The places of sessions among the members.
    places: HashMap<SessionNumber, u32>,
    groups: HashMap<GroupNumber, Box<str>>,
    last_time: Instant,
    terms: Terms,
    writer: ItemWriter<W>,
    exported: Exported,
}

/// Whoever is owed messages.
struct Member {
    number: SessionNumber,
    client_id: Option<Box<str>>,
}

/// A message that a member is owed.
#[derive(Clone, Copy)]
struct Delivery {
    order: u64,
    number: RecordNumber,
    /// Its place among the members.
    member: u32,
    sent: Option<(PacketId, u32)>,
    group: Option<GroupNumber>,
}

impl<W: Write> Export<W> {
    /// All that is said of sessions, without the messages that they are owed.
    fn sessions(&mut self, recovered: &mut Recovered) -> Result<Vec<Delivery>, ExportError> {
        let mut deliveries = Vec::new();
        for (member, session) in (0..).zip(std::mem::take(&mut recovered.sessions)) {
            let away = away(&session, self.last_time);
            count(&mut self.exported.sessions);
            self.writer.write(&Item::Session(session_item(&session, away)))?;
            let mut subscriptions = session.subscriptions;
            subscriptions.sort_unstable_by(|one, other| one.filter.cmp(&other.filter));
            for subscription in subscriptions {
                count(&mut self.exported.subscriptions);
                let item = subscription_item(&session.client_id, &subscription);
                self.writer.write(&Item::Subscription(item))?;
            }
            if let Some(will) = &session.will {
                self.will(Some(&session.client_id), away.will_due, will)?;
            }
            let sent = (0..).zip(session.published);
            deliveries.extend(sent.map(|(place, (packet_id, owed))| {
                Delivery::new(member, &owed, Some((packet_id, place)))
            }));
            deliveries.extend(session.queue.iter().map(|owed| Delivery::new(member, owed, None)));
        }
        for (_, will) in &recovered.unfinished.wills {
            self.will(None, None, will)?;
        }
        for (session, owed) in &recovered.unfinished.orphans {
            // A group without a member gets nothing.
            if owed.group.is_some_and(|group| self.groups.contains_key(&group)) {
                let member = u32::try_from(self.members.len()).unwrap_or(u32::MAX);
                self.members.push(Member { number: *session, client_id: None });
                deliveries.push(Delivery::new(member, owed, None));
            }
        }
        Ok(deliveries)
    }

    fn will(
        &mut self,
        client_id: Option<&str>,
        due: Option<Instant>,
        will: &WillImage,
    ) -> Result<(), ExportError> {
        let publication = will.message.publication();
        count(&mut self.exported.wills);
        self.writer.write(&Item::Will(WillItem {
            client_id: client_id.map(str::to_owned),
            topic: publication.topic.as_str().to_owned(),
            qos: publication.qos,
            retain: publication.retain,
            will_delay_interval: will.delay_interval,
            due: due.and_then(Moment::before_ever),
            message_expiry_interval: publication.properties.message_expiry_interval(),
            properties: PropertiesItem::of(publication.properties),
            payload: Octets(publication.payload.to_vec()),
        }))?;
        Ok(())
    }

    fn messages(
        &mut self,
        mut deliveries: Vec<Delivery>,
        messages: &impl Messages,
    ) -> Result<(), ExportError> {
        deliveries
            .sort_unstable_by_key(|delivery| (delivery.order, delivery.number, delivery.member));
        for receivers in deliveries.chunk_by(|one, other| one.number == other.number) {
            let Some(first) = receivers.first() else { continue };
            let number = Number::from_bits(first.number.to_bits());
            match messages.read(number, |bytes| self.message(bytes, receivers))? {
                Some(written) => written?,
                None => count(&mut self.exported.missing),
            }
        }
        Ok(())
    }

    fn message(&mut self, bytes: &[u8], deliveries: &[Delivery]) -> Result<(), ExportError> {
        let record = MessageRecord::parse(bytes)?;
        let publication = record.publication();
        count(&mut self.exported.messages);
        for deliveries in deliveries.chunks(MAX_RECEIVERS) {
            let mut receivers = Vec::with_capacity(deliveries.len());
            for delivery in deliveries {
                receivers.extend(self.receiver(delivery, &record)?);
            }
            if receivers.is_empty() {
                continue;
            }
            self.writer.write(&Item::Message(MessageItem {
                topic: publication.topic.as_str().to_owned(),
                qos: publication.qos,
                retain: publication.retain,
                expires: Moment::before_ever(publication.expires),
                publisher: self.client_id(publication.publisher),
                properties: PropertiesItem::of(publication.properties),
                payload: Octets(publication.payload.to_vec()),
                receivers,
            }))?;
        }
        Ok(())
    }

    fn receiver(
        &self,
        delivery: &Delivery,
        record: &MessageRecord<'_>,
    ) -> Result<Option<Receiver>, RecordError> {
        let Some(member) = self.member(delivery.member) else { return Ok(None) };
        let target = target(&self.terms, delivery.number, record, member.number)?;
        let shared = delivery.group.and_then(|group| self.groups.get(&group));
        Ok(target.map(|target| Receiver {
            client_id: member.client_id.as_deref().map(str::to_owned),
            qos: target.qos,
            retain: target.retain,
            subscription_identifiers: target.identifiers.to_vec(),
            shared: shared.map(ToString::to_string),
            packet_id: delivery.sent.and_then(|(packet_id, _)| NonZeroU16::new(packet_id.get())),
            sent: delivery.sent.map(|(_, place)| place),
        }))
    }

    fn retained(&mut self, retained: Vec<(Arc<Message>, u64)>) -> Result<(), ExportError> {
        let mut retained: Vec<_> = retained.into_iter().map(|(message, _)| message).collect();
        retained.sort_unstable_by(|one, other| one.topic().cmp(other.topic()));
        for message in retained {
            let publication = message.publication();
            count(&mut self.exported.retained);
            self.writer.write(&Item::Retained(RetainedItem {
                topic: publication.topic.as_str().to_owned(),
                qos: publication.qos,
                expires: Moment::before_ever(publication.expires),
                publisher: self.client_id(publication.publisher),
                properties: PropertiesItem::of(publication.properties),
                payload: Octets(publication.payload.to_vec()),
            }))?;
        }
        Ok(())
    }

    fn client_id(&self, session: SessionNumber) -> Option<String> {
        let member = self.member(*self.places.get(&session)?)?;
        member.client_id.as_deref().map(str::to_owned)
    }

    fn member(&self, place: u32) -> Option<&Member> {
        self.members.get(usize::try_from(place).ok()?)
    }
}

impl Delivery {
    const fn new(member: u32, owed: &OwedMessage, sent: Option<(PacketId, u32)>) -> Self {
        Self { order: owed.order, number: owed.number, member, sent, group: owed.group }
    }
}

const fn count(counted: &mut u64) {
    *counted = counted.saturating_add(1);
}

/// The filters of the groups that have a member.
fn groups(sessions: &[SessionImage]) -> HashMap<GroupNumber, Box<str>> {
    let subscriptions = sessions.iter().flat_map(|session| &session.subscriptions);
    subscriptions
        .filter_map(|subscription| Some((subscription.group?, subscription.filter.clone())))
        .collect()
}

/// Since when the client is away; of one that was connected, since the log has ended.
fn away(session: &SessionImage, last_time: Instant) -> Away {
    if let Some(away) = session.away {
        return away;
    }
    let after = |seconds: u32| last_time.saturating_add(Duration::from_secs(u64::from(seconds)));
    let expires = match session.expiry_interval {
        u32::MAX => Instant::FAR_FUTURE,
        interval => after(interval),
    };
    let will_due = session.will.as_ref().map(|will| after(will.delay_interval).min(expires));
    Away { expires, will_due }
}

fn session_item(session: &SessionImage, away: Away) -> SessionItem {
    let numbers = |packet_ids: &[PacketId]| {
        packet_ids.iter().filter_map(|packet_id| NonZeroU16::new(packet_id.get())).collect()
    };
    let mut received: Vec<NonZeroU16> = numbers(&session.received);
    received.sort_unstable();
    SessionItem {
        client_id: session.client_id.to_string(),
        username: session.username.as_deref().map(str::to_owned),
        session_expiry_interval: session.expiry_interval,
        expires: Moment::before_ever(away.expires),
        received,
        released: numbers(&session.released),
    }
}

fn subscription_item(client_id: &str, subscription: &SubscriptionImage) -> SubscriptionItem {
    let options = subscription.options;
    SubscriptionItem {
        client_id: client_id.to_owned(),
        filter: subscription.filter.to_string(),
        qos: options.maximum_qos,
        no_local: options.no_local,
        retain_as_published: options.retain_as_published,
        retain_handling: options.retain_handling,
        subscription_identifier: subscription.identifier,
    }
}
