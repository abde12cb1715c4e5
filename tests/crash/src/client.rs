//! A client: its half of a session, over however many connections.
//!
//! It keeps the rules of the protocol by itself, and watches that the broker does: packet
//! identifiers, Receive Maximum, the steps of QoS 2. What it says and sees goes into the side log.
//! Unlike a good client it answers late, in pieces, or not at all.

mod receiving;
mod sending;

use std::collections::{BTreeMap, BTreeSet, HashMap, HashSet, VecDeque};
use std::time::Duration;

use ferrymq_codec::{PacketId, QoS};
use mio::{Registry, Token};

use crate::connection::Connection;
use crate::event::{Act, ClientNumber, Event, FilterNumber, MessageNumber};
use crate::history::Fault;
use crate::ledger::Ledger;
use crate::persona::Persona;
use crate::scene::Life;
use crate::way::Way;

/// What all clients share while they act.
#[derive(Debug)]
pub(crate) struct World<'a> {
    pub(crate) ledger: &'a mut Ledger,
    pub(crate) registry: &'a Registry,
    /// Since the begin of the run.
    pub(crate) now: Duration,
    /// How to come to the broker, if it listens.
    pub(crate) way: Option<&'a Way>,
}

impl World<'_> {
    pub(crate) fn note(&mut self, client: ClientNumber, act: Act) -> Result<(), Fault> {
        self.ledger.note(self.now, Event::Client(client, act))
    }
}

/// A client and its session.
pub(crate) struct Client {
    pub(crate) number: ClientNumber,
    pub(crate) persona: Persona,
    pub(crate) connection: Option<Connection>,
    pub(crate) phase: Phase,
    /// What was published and is not complete, in the order of sending.
    pub(crate) outbound: VecDeque<Outgoing>,
    /// QoS 2 messages that were received and not released.
    inbound: HashMap<PacketId, MessageNumber>,
    /// Packet identifiers of the broker that were released once.
    released: HashSet<PacketId>,
    /// What is received on this connection and not acknowledged.
    unacknowledged: HashSet<PacketId>,
    /// What is still to be answered, in the order in which the questions came.
    pub(crate) answers: VecDeque<Answer>,
    /// SUBSCRIBE and UNSUBSCRIBE without an answer.
    pub(crate) requests: BTreeMap<PacketId, Request>,
    /// Subscriptions that were acknowledged in this session.
    pub(crate) subscribed: BTreeSet<FilterNumber>,
    /// PINGREQ without an answer.
    pub(crate) pings: usize,
    /// How often a reader has asked so.
    pub(crate) pinged: usize,
    /// A CONNECT was not answered that may have begun another session: nobody knows which there is.
    pub(crate) must_start_clean: bool,
    /// The client has ended its session.
    pub(crate) has_ended_session: bool,
    /// How often a reader has read all retained messages.
    pub(crate) times_read: u64,
}

/// How far a connection has come.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Phase {
    /// There is none until this time.
    Away(Duration),
    /// CONNECT is sent.
    Connecting,
    /// CONNACK has come.
    Connected,
    /// DISCONNECT is sent.
    Leaving,
}

/// A message of ours that is not complete.
#[derive(Debug)]
pub(crate) struct Outgoing {
    packet_id: PacketId,
    message: MessageNumber,
    length: usize,
    qos: QoS,
    /// PUBREC has come.
    is_received: bool,
    /// How often PUBREL was sent.
    releases: u32,
}

/// An answer that is owed to the broker.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[expect(clippy::enum_variant_names, reason = "the variants are packets")]
pub(crate) enum Answer {
    PubAck(PacketId, Option<MessageNumber>),
    PubRec(PacketId),
    PubRel(PacketId),
    PubComp(PacketId, Option<MessageNumber>),
}

/// A request without an answer.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Request {
    Subscribe(FilterNumber),
    Unsubscribe { filter: FilterNumber, was_subscribed: bool },
}

impl Request {
    const fn filter(self) -> FilterNumber {
        match self {
            Self::Subscribe(filter) | Self::Unsubscribe { filter, .. } => filter,
        }
    }
}

impl Client {
    pub(crate) fn new(number: ClientNumber, persona: Persona) -> Self {
        Self {
            number,
            persona,
            connection: None,
            phase: Phase::Away(Duration::ZERO),
            outbound: VecDeque::new(),
            inbound: HashMap::new(),
            released: HashSet::new(),
            unacknowledged: HashSet::new(),
            answers: VecDeque::new(),
            requests: BTreeMap::new(),
            subscribed: BTreeSet::new(),
            pings: 0,
            pinged: 0,
            must_start_clean: false,
            has_ended_session: false,
            times_read: 0,
        }
    }

    /// Writes what can be written at once.
    pub(crate) fn flush(&mut self) {
        if let Some(connection) = &mut self.connection {
            connection.flush();
        }
    }

    pub(crate) fn is_connected(&self) -> bool {
        self.phase == Phase::Connected
    }

    /// Whether nothing is open in either direction.
    pub(crate) fn is_idle(&self) -> bool {
        self.is_connected()
            && self.outbound.is_empty()
            && self.inbound.is_empty()
            && self.answers.is_empty()
            && self.requests.is_empty()
            && self.pings == 0
    }

    /// What keeps the client from being idle.
    pub(crate) fn open_matters(&self) -> String {
        format!(
            "{} ({:?}): outbound {:?}, inbound {:?}, answers {:?}, requests {:?}",
            self.number, self.phase, self.outbound, self.inbound, self.answers, self.requests
        )
    }

    pub(crate) const fn token(&self) -> Token {
        Token(self.number.0)
    }

    /// Reads and handles what has come, and notices the end of the connection.
    /// `may_end` says that the broker is known to end.
    pub(crate) fn read(&mut self, world: &mut World<'_>, may_end: bool) -> Result<(), Fault> {
        let Some(connection) = &mut self.connection else {
            return Ok(());
        };
        let mut input = connection.take_input();
        if let Some(error) = connection.take_error() {
            return Err(self.fault(&error));
        }
        while let Some(packet) = input.next_packet() {
            let packet = packet.map_err(|error| {
                Fault::of(self.number, format!("{}: a malformed packet: {error}", self.number))
            })?;
            self.handle(world, &packet, may_end)?;
        }
        let Some(connection) = &mut self.connection else {
            return Ok(());
        };
        connection.put_back(input);
        if !connection.has_ended() {
            return Ok(());
        }
        let act = match self.phase {
            Phase::Leaving if !may_end => Act::Disconnected,
            Phase::Connected if !may_end => {
                let text = format!("{}: the broker has closed the connection", self.number);
                return Err(Fault::of(self.number, text));
            }
            _ => Act::Lost,
        };
        self.closed(world, act, world.now + PAUSE)
    }

    /// The connection is over; the next one begins at `until`.
    pub(crate) fn closed(
        &mut self,
        world: &mut World<'_>,
        act: Act,
        until: Duration,
    ) -> Result<(), Fault> {
        let may_expire = matches!(world.ledger.scene().life(self.number), Life::Expires(_));
        if self.phase == Phase::Connecting && (self.has_ended_session || may_expire) {
            self.must_start_clean = true;
        }
        self.connection = None;
        self.phase = Phase::Away(until);
        self.unacknowledged.clear();
        self.answers.clear();
        self.requests.clear();
        self.pings = 0;
        self.pinged = 0;
        world.note(self.number, act)
    }

    /// Forgets the session, because the broker has none.
    fn forget_session(&mut self, world: &mut World<'_>) -> Result<(), Fault> {
        self.inbound.clear();
        self.released.clear();
        self.subscribed.clear();
        for outgoing in std::mem::take(&mut self.outbound) {
            if !outgoing.is_received {
                world.note(self.number, Act::Abandoned(outgoing.message))?;
            }
        }
        Ok(())
    }

    fn fault(&self, text: &str) -> Fault {
        Fault::of(self.number, format!("{}: {text}", self.number))
    }
}

/// How long a client waits before it connects again.
pub(crate) const PAUSE: Duration = Duration::from_millis(20);
