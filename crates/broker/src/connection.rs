//! A network connection as its shard sees it: the link's state, what waits for its turn to be
//! answered, and the output. It knows no socket.

use std::collections::VecDeque;
use std::num::NonZeroU32;
use std::sync::Arc;

use ferrymq_codec::{Delivery, PacketId};
use ferrymq_protocol::server::{Link, Outgoing, Reply};
use ferrymq_protocol::time::Instant;

use crate::access::{Asker, Principal, Question, Verdict};
use crate::durability::Progress;
use crate::effects::Effects;
use crate::identity::ConnectionId;
use crate::message::Parcel;
use crate::notice::{Interests, Summary};
use crate::output::Output;
use crate::peer::Peer;
use crate::permissions::{Origin, Right, Ruling};
use crate::profiles::{ProfileIndex, Profiles};
use crate::queue::Held;

/// A connection.
#[derive(Debug)]
pub(crate) struct Connection {
    pub(crate) id: ConnectionId,
    pub(crate) phase: Phase,
    /// The link, once CONNECT was read.
    pub(crate) link: Option<Link>,
    /// The place of its session, while it has one.
    pub(crate) session: Option<u32>,
    pub(crate) peer: Peer,
    /// What holds for it as one of its listener's connections.
    pub(crate) profile: ProfileIndex,
    pub(crate) output: Output,
    /// Acknowledgements and messages that wait for their records, in the order in which they
    /// leave. A quiet connection owns no memory for them.
    #[expect(clippy::box_collection, reason = "eight bytes for each idle connection")]
    pub(crate) waiting: Option<Box<VecDeque<Waiting>>>,
    /// The question of access that is open, or its answer.
    pub(crate) question: Option<Box<OpenQuestion>>,
    /// A CONNECT whose authentication goes on.
    pub(crate) connect: Option<Box<[u8]>>,
    /// Who the client was let in as; before that, with the user name of its certificate or that of
    /// CONNECT, who it wants to be.
    pub(crate) principal: Option<Arc<Principal>>,
    pub(crate) opened: Instant,
    /// When its timer fires next.
    pub(crate) timer: Instant,
    pub(crate) dirty: bool,
    /// Whether an exchange of AUTH packets goes on that the client has begun after CONNACK.
    pub(crate) reauthenticating: bool,
    pub(crate) pause: Pause,
}

/// How far a connection has come.
///
/// ```text
/// AwaitingConnect ─▶ [Arrived] ─▶ [Authenticating] ─▶ [Opening] ─▶ Open ─▶ Closing
/// ```
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Phase {
    /// Nothing but CONNECT is accepted.
    AwaitingConnect,
    /// The same, on this shard as the home of its client, where it has moved to.
    Arrived,
    /// Nothing but AUTH and DISCONNECT is accepted.
    Authenticating,
    /// CONNACK waits for its record; nothing is read.
    Opening,
    /// CONNACK was written.
    Open,
    /// Nothing is read or written but what waits in the output.
    Closing,
}

/// Why a connection is not read from.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Pause {
    None,
    /// The mail or the log is full.
    Congestion,
    /// It publishes what would have to be recorded, and the log has no space.
    NoSpace,
    /// Too much waits in its own output.
    Output,
    /// It has sent faster than it may.
    Pace,
}

/// Something to write that waits until the log has come so far.
#[derive(Debug)]
pub(crate) struct Waiting {
    pub(crate) after: Progress,
    pub(crate) what: Deferred,
}

#[derive(Debug)]
pub(crate) enum Deferred {
    Reply(Reply),
    /// A QoS 2 message whose packet identifier must be durable before the receiver sees it.
    Publish {
        packet_id: PacketId,
        dup: bool,
        held: Box<Held>,
    },
}

/// The questions of access of the packet that is being read.
#[derive(Debug, Default)]
pub(crate) struct OpenQuestion {
    /// The request whose answer is missing.
    pub(crate) open: Option<u32>,
    /// Which question of the packet that is; `None`: it is no question but a request to the broker.
    pub(crate) asked: Option<usize>,
    /// When the answer is taken for a no.
    pub(crate) deadline: Instant,
    /// The questions of the packet that were answered late.
    pub(crate) verdicts: Vec<(usize, Verdict)>,
}

/// The message is too large for the client, or its topic is not behind the client's mount point. It
/// must be dropped as if it had been sent [MQTT-3.1.2-25].
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Unsendable;

/// How a message is written.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Writing<'a> {
    pub(crate) dup: bool,
    pub(crate) delivery: Delivery,
    pub(crate) retain: bool,
    pub(crate) identifiers: &'a [NonZeroU32],
}

impl OpenQuestion {
    /// The answer to a question of the packet, if it came late.
    pub(crate) fn verdict(&self, nth: usize) -> Option<&Verdict> {
        let place = self.verdicts.binary_search_by_key(&nth, |(asked, _)| *asked).ok()?;
        self.verdicts.get(place).map(|(_, verdict)| verdict)
    }

    /// Keeps the answer to the first question, while another is open.
    pub(crate) fn remember_first(&mut self, verdict: Verdict) {
        if self.verdict(0).is_none() {
            self.verdicts.insert(0, (0, verdict));
        }
    }
}

impl Connection {
    pub(crate) fn new(
        id: ConnectionId,
        peer: Peer,
        profile: ProfileIndex,
        opened: Instant,
    ) -> Self {
        Self {
            id,
            phase: Phase::AwaitingConnect,
            link: None,
            session: None,
            peer,
            profile,
            output: Output::default(),
            waiting: None,
            question: None,
            connect: None,
            principal: None,
            opened,
            timer: Instant::FAR_FUTURE,
            dirty: false,
            reauthenticating: false,
            pause: Pause::None,
        }
    }

    /// The user name of its client.
    pub(crate) fn username(&self) -> Option<&str> {
        self.principal.as_ref()?.username.as_deref()
    }

    /// Where its client has connected.
    pub(crate) fn origin(&self, profiles: &Profiles) -> Origin {
        let profile = Arc::clone(&profiles.terms(self.profile).profile);
        Origin { peer: self.peer, profile }
    }

    /// When its client must have proved anew who it is.
    pub(crate) fn expires(&self) -> Instant {
        let expires = self.principal.as_ref().and_then(|principal| principal.expires);
        expires.unwrap_or(Instant::FAR_FUTURE)
    }

    /// Its client, as somebody who asks.
    pub(crate) fn asker<'a>(&'a self, client_id: &'a str, profiles: &'a Profiles) -> Asker<'a> {
        Asker {
            peer: self.peer,
            client_id,
            username: self.username(),
            principal: self.principal.as_deref().filter(|_| self.session.is_some()),
            profile: &profiles.terms(self.profile).profile,
        }
    }

    /// Whether its client may be sent a message of this topic.
    pub(crate) fn may_receive(
        &self,
        client_id: &str,
        topic: &Arc<str>,
        effects: &mut Effects,
    ) -> Ruling {
        let known = effects.permissions.known(self.id, Right::Receive, topic);
        let ruling = known.or_else(|| {
            let asker = self.asker(client_id, &effects.profiles);
            effects.permissions.decide_on(self.id, Right::Receive, topic, &asker)
        });
        ruling.unwrap_or(Ruling::UNKNOWN)
    }

    /// The same for a message that has waited. Its topic may be a text of its own, for which there is
    /// no use in remembering.
    pub(crate) fn may_still_receive(
        &self,
        client_id: &str,
        topic: &Arc<str>,
        effects: &mut Effects,
    ) -> bool {
        if effects.permissions.is_open() {
            return true;
        }
        if let Some(ruling) = effects.permissions.known(self.id, Right::Receive, topic) {
            return ruling.verdict.is_ok();
        }
        let asker = self.asker(client_id, &effects.profiles);
        let verdict = effects.permissions.decide(&asker, &Question::Receive { topic });
        matches!(verdict, Some(Verdict::Allow(_)))
    }

    /// Whether messages may be written to it.
    pub(crate) fn is_open(&self) -> bool {
        self.phase == Phase::Open
    }

    /// Sees to it that there is a buffer to write to, and that it is flushed.
    pub(crate) fn begin_writing(&mut self, effects: &mut Effects) {
        effects.about_to_write(self.id, &mut self.dirty, &mut self.output);
    }

    /// Writes a message.
    pub(crate) fn publish(
        &mut self,
        parcel: &mut Parcel<'_>,
        writing: Writing<'_>,
        effects: &mut Effects,
        now: Instant,
    ) -> Result<(), Unsendable> {
        self.begin_writing(effects);
        let Some(link) = &mut self.link else {
            return Ok(());
        };
        let publication = &parcel.publication;
        let payload = publication.payload;
        let mount_point = &effects.profiles.terms(self.profile).profile.mount_point;
        let topic = mount_point.unmount(publication.topic).ok_or(Unsendable)?;
        let outgoing = Outgoing {
            dup: writing.dup,
            delivery: writing.delivery,
            retain: writing.retain,
            topic,
            properties: publication.properties,
            message_expiry_interval: publication.lifetime(now).interval(),
            subscription_identifiers: writing.identifiers,
            payload_length: payload.len(),
        };
        link.publish_head(&outgoing, self.output.bytes()).map_err(|_| Unsendable)?;
        if payload.len() >= SHARED_FROM {
            self.output.share(Arc::clone(parcel.message()));
        } else {
            self.output.bytes().extend_from_slice(payload);
        }
        effects.deliveries += 1;
        let metrics = effects.metrics();
        metrics.packets_sent.add(1);
        metrics.publishes_sent.add(1);
        metrics.publish_bytes_sent.add(payload.len() as u64);
        if effects.notices.wants(Interests::PACKETS) {
            let packet = Summary::Publish {
                dup: writing.dup,
                delivery: writing.delivery,
                retain: writing.retain,
                topic: topic.as_str(),
                payload_length: payload.len(),
            };
            effects.notices.sent(self.id, packet);
        }
        Ok(())
    }

    /// Whether something is to be written later because the log must come so far, or because
    /// something waits that was to be written before.
    pub(crate) const fn has_to_wait(&self, after: Progress, effects: &Effects) -> bool {
        self.waiting.is_some() || !effects.is_kept(after)
    }

    /// Answers now, or when the log has come so far; in any case after what was to be answered
    /// before.
    pub(crate) fn reply(&mut self, reply: Reply, after: Progress, effects: &mut Effects) {
        if self.has_to_wait(after, effects) {
            self.wait(Deferred::Reply(reply), after, effects);
        } else {
            self.write_reply(&reply, effects);
        }
    }

    /// Puts an answer in line, where the shard finds it when it releases what is ready.
    pub(crate) fn reply_later(&mut self, reply: Reply, after: Progress, effects: &mut Effects) {
        self.wait(Deferred::Reply(reply), after, effects);
    }

    /// Writes a message when the log has come so far.
    pub(crate) fn publish_later(
        &mut self,
        packet_id: PacketId,
        dup: bool,
        held: Box<Held>,
        after: Progress,
        effects: &mut Effects,
    ) {
        self.wait(Deferred::Publish { packet_id, dup, held }, after, effects);
    }

    fn wait(&mut self, what: Deferred, after: Progress, effects: &mut Effects) {
        effects.await_progress(after, self.id);
        self.waiting.get_or_insert_default().push_back(Waiting { after, what });
    }

    /// Takes the next thing to write that need not wait any longer.
    pub(crate) fn next_ready(&mut self, effects: &Effects) -> Option<Deferred> {
        let queue = self.waiting.as_mut()?;
        let waiting = queue.pop_front_if(|waiting| effects.is_kept(waiting.after))?;
        if queue.is_empty() {
            self.waiting = None;
        }
        Some(waiting.what)
    }

    pub(crate) fn write_reply(&mut self, reply: &Reply, effects: &mut Effects) {
        self.begin_writing(effects);
        if let Some(link) = &mut self.link {
            let limits = &effects.profiles.terms(self.profile).limits;
            link.reply(reply, limits, self.output.bytes());
            effects.metrics().packets_sent.add(1);
            if effects.notices.wants(Interests::PACKETS) {
                effects.notices.sent(self.id, Summary::from(reply));
            }
        }
    }
}

/// From this length on a payload is shared by reference instead of copied to each receiver.
const SHARED_FROM: usize = 8 * 1024;
