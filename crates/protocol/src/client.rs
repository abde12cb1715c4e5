//! The client's side of a connection (chapters 3 and 4), and the session that outlives it.
//!
//! ```text
//! connect ─▶ CONNECT ─▶ receive(CONNACK) ─▶ receive … publish … poll ─▶ disconnect
//!    ▲                                                                      │
//!    └──────────────── disconnected: the session waits ◀────────────────────┘
//! ```
//!
//! What is asked for is written at once if the connection and the server's Receive Maximum allow
//! it, and waits in order otherwise. A request ends with exactly one [`Completed`], over however
//! many connections: where the server goes on with the session, what is unacknowledged is sent
//! again with its packet identifier, and where it has none, the request is made anew. Nothing is
//! ever sent again on the same connection [MQTT-4.4.0-1].
//!
//! `T` is the caller's name for a request and comes back with its result. There is no I/O here:
//! bytes come in through [`Client::receive`], go out through the `out` of every call, and time is
//! an argument.

mod authentication;
mod event;
mod link;
mod options;
mod request;

use alloc::borrow::ToOwned;
use alloc::boxed::Box;
use alloc::collections::VecDeque;
use alloc::vec::Vec;
use core::mem;

use ferrymq_codec::{
    Acknowledgement, Auth, ConnAck, Delivery, Disconnect, Frame, Framing, Packet, PacketId,
    Properties, Publish, QoS, ReasonCode, SubAck, Version,
};

use crate::error::ProtocolError;
use crate::inbound::Inbound;
use crate::outbound::{self, Outbound};
use crate::time::Instant;
use authentication::{Exchange, auth_properties, check_method};
use link::Link;
use request::Request;

pub use event::{
    AuthenticateError, Completed, ConnectError, Connected, Event, Outcome, ReceiveError,
    ReceivedMessage, RequestError,
};
pub use link::Received;
pub use options::{ConnectOptions, Password};
pub use request::{Message, Subscribe, Subscription, Unsubscribe};

/// A client: its session, and its connection if there is one.
#[derive(Debug)]
pub struct Client<T> {
    options: ConnectOptions,
    state: State,
    exchange: Exchange,
    outbound: Outbound<Request<T>>,
    releasing: VecDeque<Releasing<T>>,
    inbound: Inbound,
    subscriptions: Vec<Subscription>,
    queue: VecDeque<Request<T>>,
    completed: VecDeque<Completed<T>>,
    has_been_connected: bool,
}

#[derive(Debug)]
enum State {
    Disconnected,
    Connecting { clean_start: bool },
    Connected(Box<Link>),
}

/// A QoS 2 message of ours that the server has, while its PUBREL is not answered.
#[derive(Debug)]
struct Releasing<T> {
    packet_id: PacketId,
    reason: ReasonCode,
    ticket: T,
}

impl<T> Client<T> {
    /// A client without a connection.
    pub const fn new(options: ConnectOptions) -> Self {
        Self {
            options,
            state: State::Disconnected,
            exchange: Exchange::Idle,
            outbound: Outbound::new(),
            releasing: VecDeque::new(),
            inbound: Inbound::new(),
            subscriptions: Vec::new(),
            queue: VecDeque::new(),
            completed: VecDeque::new(),
            has_been_connected: false,
        }
    }

    /// What the client asks for, with the client identifier that the server has assigned.
    pub const fn options(&self) -> &ConnectOptions {
        &self.options
    }

    /// Whether CONNACK has come and the connection has not ended.
    pub const fn is_connected(&self) -> bool {
        matches!(self.state, State::Connected(_))
    }

    /// How many requests wait to be sent or acknowledged.
    pub fn unfinished(&self) -> usize {
        self.queue.len().saturating_add(self.outbound.len())
    }

    /// Writes CONNECT for a new network connection; one that was there before has ended.
    ///
    /// # Errors
    ///
    /// What this version of the protocol cannot ask for; nothing was written then.
    pub fn connect(&mut self, out: &mut Vec<u8>) -> Result<(), ConnectError> {
        self.connect_with(None, out)
    }

    /// The same with Authentication Data, with which an exchange of the Authentication Method of the
    /// options begins.
    ///
    /// # Errors
    ///
    /// The same.
    pub fn connect_with(
        &mut self,
        authentication_data: Option<&[u8]>,
        out: &mut Vec<u8>,
    ) -> Result<(), ConnectError> {
        self.disconnected();
        let clean_start = self.is_start_clean();
        self.options.encode_connect(clean_start, authentication_data, out)?;
        self.state = State::Connecting { clean_start };
        if self.options.authentication_method().is_some() {
            self.exchange = Exchange::Waiting;
        }
        Ok(())
    }

    /// The network connection has ended. The session waits for the next one.
    pub fn disconnected(&mut self) {
        self.state = State::Disconnected;
        self.exchange = Exchange::Idle;
    }

    /// Writes DISCONNECT, after which the caller closes the network connection [MQTT-3.14.4-1].
    pub fn disconnect(
        &mut self,
        reason: ReasonCode,
        properties: Properties<'_>,
        out: &mut Vec<u8>,
    ) {
        if let State::Connected(link) = &self.state {
            link.write(&Packet::Disconnect(Disconnect { reason, properties }), out);
        }
        self.state = State::Disconnected;
    }

    /// Publishes a message, now or when it can be.
    pub fn publish(&mut self, message: Message, ticket: T, now: Instant, out: &mut Vec<u8>) {
        self.ask(Request::Publish { message, ticket }, now, out);
    }

    /// Subscribes, now or when it can be.
    pub fn subscribe(&mut self, subscribe: Subscribe, ticket: T, now: Instant, out: &mut Vec<u8>) {
        self.ask(Request::Subscribe { subscribe, ticket: Some(ticket) }, now, out);
    }

    /// Unsubscribes, now or when it can be.
    pub fn unsubscribe(
        &mut self,
        unsubscribe: Unsubscribe,
        ticket: T,
        now: Instant,
        out: &mut Vec<u8>,
    ) {
        self.ask(Request::Unsubscribe { unsubscribe, ticket }, now, out);
    }

    /// Answers the server's [`Event::Authenticate`] with AUTH [MQTT-4.12.0-3].
    ///
    /// # Errors
    ///
    /// The server does not wait for it, or the data has no place in a packet; nothing was written
    /// then.
    pub fn authenticate(
        &mut self,
        data: Option<&[u8]>,
        now: Instant,
        out: &mut Vec<u8>,
    ) -> Result<(), AuthenticateError> {
        if self.exchange != Exchange::Asked {
            return Err(AuthenticateError::NotAsked);
        }
        self.write_auth(ReasonCode::ContinueAuthentication, data, now, out)
    }

    /// Begins to authenticate anew, by the method of CONNECT, while the connection goes on
    /// [MQTT-4.12.1-1]. It ends with [`Event::Authenticated`], or the server ends the connection.
    ///
    /// # Errors
    ///
    /// There is no connection with an Authentication Method, or an exchange is under way; nothing was
    /// written then.
    pub fn reauthenticate(
        &mut self,
        data: Option<&[u8]>,
        now: Instant,
        out: &mut Vec<u8>,
    ) -> Result<(), AuthenticateError> {
        if !self.is_connected() {
            return Err(AuthenticateError::NotConnected);
        }
        if self.exchange != Exchange::Idle {
            return Err(AuthenticateError::UnderWay);
        }
        self.write_auth(ReasonCode::Reauthenticate, data, now, out)
    }

    fn write_auth(
        &mut self,
        reason: ReasonCode,
        data: Option<&[u8]>,
        now: Instant,
        out: &mut Vec<u8>,
    ) -> Result<(), AuthenticateError> {
        // [MQTT-4.12.0-7]
        let method = self.options.authentication_method().ok_or(AuthenticateError::NoMethod)?;
        let properties = auth_properties(method, data)?;
        let auth = Packet::Auth(Auth { reason, properties: properties.as_properties() });
        match &mut self.state {
            State::Disconnected => return Err(AuthenticateError::NotConnected),
            State::Connecting { .. } => {
                let before = out.len();
                auth.encode(Version::V5, out).inspect_err(|_| out.truncate(before))?;
            }
            State::Connected(link) => {
                let before = out.len();
                link.write(&auth, out);
                if out.len() == before {
                    return Err(AuthenticateError::TooLarge);
                }
                link.sent(now);
            }
        }
        self.exchange = Exchange::Waiting;
        Ok(())
    }

    /// The next request that has come to its end.
    pub fn completed(&mut self) -> Option<Completed<T>> {
        self.completed.pop_front()
    }

    /// Takes the packet at the front of `bytes`, if it is whole, and writes what it is answered
    /// with. Bytes that come after the end of the connection are left where they are.
    ///
    /// # Errors
    ///
    /// A rule that the server has broken. The connection has ended then, and DISCONNECT was
    /// written where the server understands it.
    pub fn receive<'a>(
        &mut self,
        bytes: &'a [u8],
        now: Instant,
        out: &mut Vec<u8>,
    ) -> Result<Received<'a>, ReceiveError> {
        let before = out.len();
        let received = self.receive_packet(bytes, now, out);
        match &received {
            Ok(_) => self.send_waiting(out),
            Err(error) => self.give_up(error.reason(), out),
        }
        self.note_sending(before, now, out);
        received
    }

    /// When [`Self::poll`] is to be called, unless something is sent or received before.
    pub fn deadline(&self) -> Option<Instant> {
        match &self.state {
            State::Connected(link) => link.deadline(),
            State::Disconnected | State::Connecting { .. } => None,
        }
    }

    /// Does what is due at this time: writes PINGREQ, or finds the server silent.
    ///
    /// # Errors
    ///
    /// [`ProtocolError::KeepAliveTimeout`] if PINGREQ was not answered. The connection has ended.
    pub fn poll(&mut self, now: Instant, out: &mut Vec<u8>) -> Result<(), ReceiveError> {
        let State::Connected(link) = &mut self.state else {
            return Ok(());
        };
        if let Err(error) = link.keep_alive(now, out) {
            // Who does not answer is not told: the reason code is the server's alone.
            self.state = State::Disconnected;
            return Err(error.into());
        }
        Ok(())
    }

    /// A clean start is asked for once. After that a session that outlives its connection is what
    /// makes a reconnection lose nothing.
    fn is_start_clean(&self) -> bool {
        let outlives = match self.options.version {
            Version::V5 => self.options.session_expiry_interval > 0,
            // Here the flag also says how long the session lives [MQTT-3.1.2-6].
            Version::V3_1 | Version::V3_1_1 => false,
        };
        self.options.clean_start && !(self.has_been_connected && outlives)
    }

    fn ask(&mut self, request: Request<T>, now: Instant, out: &mut Vec<u8>) {
        if self.unfinished() >= self.options.unfinished_maximum {
            self.fail(request, RequestError::TooMany);
            return;
        }
        let before = out.len();
        self.queue.push_back(request);
        self.send_waiting(out);
        self.note_sending(before, now, out);
    }

    fn note_sending(&mut self, length_before: usize, now: Instant, out: &[u8]) {
        if let State::Connected(link) = &mut self.state
            && out.len() > length_before
        {
            link.sent(now);
        }
    }

    fn receive_packet<'a>(
        &mut self,
        bytes: &'a [u8],
        now: Instant,
        out: &mut Vec<u8>,
    ) -> Result<Received<'a>, ReceiveError> {
        if matches!(self.state, State::Disconnected) {
            return Ok(Received::Incomplete { needed: None });
        }
        let maximum = self.options.maximum_packet_size.get() as usize;
        let frame = match Frame::parse(bytes, maximum).map_err(ProtocolError::from)? {
            Framing::Incomplete { needed } => return Ok(Received::Incomplete { needed }),
            Framing::Complete(frame) => frame,
        };
        let packet = frame.decode(self.options.version).map_err(ProtocolError::from)?;
        let length = frame.length();
        let event = match &mut self.state {
            State::Disconnected => None,
            State::Connecting { clean_start } => {
                let clean_start = *clean_start;
                Some(self.receive_connack(packet, clean_start, now, out)?)
            }
            State::Connected(link) => {
                link.received(now);
                self.handle(packet, out)?
            }
        };
        Ok(Received::Packet { length, event })
    }

    fn receive_connack<'a>(
        &mut self,
        packet: Packet<'a>,
        clean_start: bool,
        now: Instant,
        out: &mut Vec<u8>,
    ) -> Result<Event<'a>, ReceiveError> {
        match packet {
            Packet::ConnAck(connack) if connack.reason.is_error() => {
                self.state = State::Disconnected;
                Ok(Event::Refused { reason: connack.reason, properties: connack.properties })
            }
            Packet::ConnAck(connack) => self.connected(&connack, clean_start, now, out),
            Packet::Disconnect(disconnect) => Ok(self.disconnected_by_server(&disconnect)),
            Packet::Auth(auth) => self.receive_auth(&auth),
            _ => Err(ReceiveError::NotConnAck),
        }
    }

    /// The server has sent AUTH.
    fn receive_auth<'a>(&mut self, auth: &Auth<'a>) -> Result<Event<'a>, ReceiveError> {
        if self.exchange != Exchange::Waiting {
            return Err(ProtocolError::UnexpectedAuth.into());
        }
        check_method(&self.options, auth.properties)?;
        let data = auth.properties.authentication_data();
        match auth.reason {
            ReasonCode::ContinueAuthentication => {
                self.exchange = Exchange::Asked;
                Ok(Event::Authenticate { data })
            }
            // Before CONNACK it is CONNACK that says so.
            ReasonCode::Success if self.is_connected() => {
                self.exchange = Exchange::Idle;
                Ok(Event::Authenticated { data })
            }
            _ => Err(ProtocolError::UnexpectedAuth.into()),
        }
    }

    fn connected<'a>(
        &mut self,
        connack: &ConnAck<'a>,
        clean_start: bool,
        now: Instant,
        out: &mut Vec<u8>,
    ) -> Result<Event<'a>, ReceiveError> {
        if connack.session_present && clean_start {
            // [MQTT-3.2.2-2]
            return Err(ReceiveError::UnexpectedSession);
        }
        check_method(&self.options, connack.properties)?;
        // MQTT 3.1 does not tell, so a session that was not thrown away is taken to be there.
        let no_flag = self.options.version == Version::V3_1;
        let session_present = connack.session_present || (no_flag && !clean_start);
        let mut link = Link::new(&self.options, &connack.properties, now);
        if let Some(client_id) = connack.properties.assigned_client_identifier() {
            client_id.clone_into(&mut self.options.client_id);
        }
        if session_present {
            self.resume(&mut link, out);
        } else {
            self.start_anew();
        }
        if no_flag {
            self.subscribe_again();
        }
        self.has_been_connected = true;
        self.exchange = Exchange::Idle;
        let connected = link.connected(connack.session_present, connack.properties);
        self.state = State::Connected(Box::new(link));
        Ok(Event::Connected(connected))
    }

    /// The server goes on with the session: PUBREL and PUBLISH are sent again, each in its
    /// original order [MQTT-4.4.0-1] [MQTT-4.6.0-1]; the latter as the quota allows.
    fn resume(&mut self, link: &mut Link, out: &mut Vec<u8>) {
        for packet_id in self.outbound.released() {
            link.acknowledge(Packet::PubRel, packet_id, ReasonCode::Success, out);
        }
        link.resend = self.outbound.published().map(|sent| sent.packet_id).collect();
    }

    /// The server has no session: what it did not acknowledge is asked for anew, and nothing that
    /// it may send is a repetition.
    fn start_anew(&mut self) {
        self.inbound = Inbound::new();
        let unacknowledged = self.outbound.take_back(|_| true);
        self.outbound = Outbound::new();
        for Releasing { reason, ticket, .. } in mem::take(&mut self.releasing) {
            // With PUBREC the server has taken the message over [MQTT-4.3.3-9].
            self.completed.push_back(Completed { ticket, outcome: Outcome::Published(reason) });
        }
        // Renewals without a ticket are made again from the subscriptions themselves.
        let unacknowledged = unacknowledged.into_iter().filter(|request| !request.is_renewal());
        let waiting = mem::take(&mut self.queue);
        self.queue =
            unacknowledged.chain(waiting.into_iter().filter(|r| !r.is_renewal())).collect();
        self.subscribe_again();
    }

    /// Puts the subscriptions that were granted before in front of everything else.
    fn subscribe_again(&mut self) {
        for subscription in self.subscriptions.iter().rev() {
            let subscribe = Subscribe::renewing(subscription);
            self.queue.push_front(Request::Subscribe { subscribe, ticket: None });
        }
    }

    fn handle<'a>(
        &mut self,
        packet: Packet<'a>,
        out: &mut Vec<u8>,
    ) -> Result<Option<Event<'a>>, ReceiveError> {
        match packet {
            Packet::Publish(publish) => return self.receive_publish(&publish, out),
            Packet::PubAck(acknowledgement) => self.puback(&acknowledgement)?,
            Packet::PubRec(acknowledgement) => self.pubrec(&acknowledgement, out)?,
            Packet::PubRel(acknowledgement) => self.pubrel(&acknowledgement, out),
            Packet::PubComp(acknowledgement) => self.pubcomp(&acknowledgement),
            Packet::SubAck(suback) => return self.suback(&suback),
            Packet::UnsubAck(unsuback) => self.unsuback(&unsuback)?,
            Packet::PingResp => self.link()?.pingresp(),
            Packet::Disconnect(disconnect) if self.options.version == Version::V5 => {
                return Ok(Some(self.disconnected_by_server(&disconnect)));
            }
            Packet::Auth(auth) => return self.receive_auth(&auth).map(Some),
            Packet::ConnAck(_) => return Err(ReceiveError::SecondConnAck),
            Packet::Connect(_)
            | Packet::Subscribe(_)
            | Packet::Unsubscribe(_)
            | Packet::PingReq
            | Packet::Disconnect(_) => return Err(ProtocolError::WrongDirection.into()),
        }
        Ok(None)
    }

    fn disconnected_by_server<'a>(&mut self, disconnect: &Disconnect<'a>) -> Event<'a> {
        self.state = State::Disconnected;
        Event::Disconnected { reason: disconnect.reason, properties: disconnect.properties }
    }

    fn receive_publish<'a>(
        &mut self,
        publish: &Publish<'a>,
        out: &mut Vec<u8>,
    ) -> Result<Option<Event<'a>>, ReceiveError> {
        let State::Connected(link) = &mut self.state else {
            return Ok(None);
        };
        let topic = link.topic(publish)?;
        match publish.delivery {
            Delivery::AtMostOnce => {}
            Delivery::AtLeastOnce(packet_id) => {
                // [MQTT-4.3.2-4]
                link.acknowledge(Packet::PubAck, packet_id, ReasonCode::Success, out);
            }
            Delivery::ExactlyOnce(packet_id) => {
                let is_repetition = self.inbound.contains(packet_id);
                if !is_repetition {
                    link.admit()?;
                    self.inbound.insert(packet_id);
                }
                // [MQTT-4.3.3-8]
                link.acknowledge(Packet::PubRec, packet_id, ReasonCode::Success, out);
                if is_repetition {
                    // [MQTT-4.3.3-10]
                    return Ok(None);
                }
            }
        }
        Ok(Some(Event::Message(ReceivedMessage {
            topic,
            payload: publish.payload,
            qos: publish.delivery.qos(),
            retain: publish.retain,
            packet_id: publish.delivery.packet_id(),
            dup: publish.dup,
            properties: publish.properties,
        })))
    }

    fn puback(&mut self, puback: &Acknowledgement<'_>) -> Result<(), ReceiveError> {
        let packet_id = puback.packet_id;
        if self.outbound.published_with(packet_id).is_some_and(|sent| !sent.message.is_publish()) {
            return Err(ProtocolError::WrongAcknowledgement.into());
        }
        if let Some(Request::Publish { ticket, .. }) = self.outbound.puback(packet_id)? {
            self.link()?.give_back_quota();
            self.complete(ticket, Outcome::Published(puback.reason));
        }
        Ok(())
    }

    fn pubrec(
        &mut self,
        pubrec: &Acknowledgement<'_>,
        out: &mut Vec<u8>,
    ) -> Result<(), ReceiveError> {
        let packet_id = pubrec.packet_id;
        let refused = pubrec.reason.is_error();
        let answer = match self.outbound.pubrec(packet_id, refused)? {
            outbound::Received::Message(Request::Publish { ticket, .. }) => {
                let reason = pubrec.reason;
                if refused {
                    self.link()?.give_back_quota();
                    self.complete(ticket, Outcome::Published(reason));
                    return Ok(());
                }
                self.releasing.push_back(Releasing { packet_id, reason, ticket });
                ReasonCode::Success
            }
            outbound::Received::Message(_) => {
                return Err(ProtocolError::WrongAcknowledgement.into());
            }
            outbound::Received::Again => ReasonCode::Success,
            outbound::Received::Unknown if refused => return Ok(()),
            outbound::Received::Unknown => ReasonCode::PacketIdentifierNotFound,
        };
        // [MQTT-4.3.3-4]
        self.link()?.acknowledge(Packet::PubRel, packet_id, answer, out);
        Ok(())
    }

    fn pubrel(&mut self, pubrel: &Acknowledgement<'_>, out: &mut Vec<u8>) {
        let packet_id = pubrel.packet_id;
        let reason = if self.inbound.release(packet_id) {
            ReasonCode::Success
        } else {
            ReasonCode::PacketIdentifierNotFound
        };
        if let State::Connected(link) = &mut self.state {
            // [MQTT-4.3.3-11]
            link.released();
            link.acknowledge(Packet::PubComp, packet_id, reason, out);
        }
    }

    fn pubcomp(&mut self, pubcomp: &Acknowledgement<'_>) {
        let packet_id = pubcomp.packet_id;
        if !self.outbound.pubcomp(packet_id) {
            return;
        }
        if let State::Connected(link) = &mut self.state {
            link.give_back_quota();
        }
        let position = self.releasing.iter().position(|message| message.packet_id == packet_id);
        if let Some(message) = position.and_then(|position| self.releasing.remove(position)) {
            self.complete(message.ticket, Outcome::Published(message.reason));
        }
    }

    fn suback<'a>(&mut self, suback: &SubAck<'a>) -> Result<Option<Event<'a>>, ReceiveError> {
        let asked = match self.outbound.published_with(suback.packet_id).map(|sent| &sent.message) {
            Some(Request::Subscribe { subscribe, .. }) => subscribe.filters.len(),
            _ => return Err(ProtocolError::PacketIdentifierUnknown.into()),
        };
        let reasons: Vec<ReasonCode> = suback.reasons.iter().collect();
        if reasons.len() != asked {
            // [MQTT-3.8.4-6]
            return Err(ProtocolError::ReasonCodeCount.into());
        }
        let Some(Request::Subscribe { subscribe, ticket }) =
            self.outbound.puback(suback.packet_id)?
        else {
            return Ok(None);
        };
        for (subscription, reason) in subscribe.into_subscriptions().zip(&reasons) {
            self.subscriptions.retain(|kept| kept.filter != subscription.filter);
            if !reason.is_error() {
                self.subscriptions.push(subscription);
            }
        }
        let Some(ticket) = ticket else {
            let lost = reasons.into_iter().find(|reason| reason.is_error());
            return Ok(lost.map(|reason| Event::SubscriptionLost { reason }));
        };
        self.complete(ticket, Outcome::Subscribed(reasons));
        Ok(None)
    }

    fn unsuback(&mut self, unsuback: &SubAck<'_>) -> Result<(), ReceiveError> {
        let sent = self.outbound.published_with(unsuback.packet_id).map(|sent| &sent.message);
        let asked = match sent {
            Some(Request::Unsubscribe { unsubscribe, .. }) => unsubscribe.filters.len(),
            _ => return Err(ProtocolError::PacketIdentifierUnknown.into()),
        };
        let mut reasons: Vec<ReasonCode> = unsuback.reasons.iter().collect();
        if self.options.version != Version::V5 {
            // Older versions cannot refuse.
            reasons = alloc::vec![ReasonCode::Success; asked];
        }
        if reasons.len() != asked {
            // [MQTT-3.11.3-1]
            return Err(ProtocolError::ReasonCodeCount.into());
        }
        if let Some(Request::Unsubscribe { unsubscribe, ticket }) =
            self.outbound.puback(unsuback.packet_id)?
        {
            for (filter, reason) in unsubscribe.filters.iter().zip(&reasons) {
                if !reason.is_error() {
                    self.subscriptions.retain(|kept| kept.filter != *filter);
                }
            }
            self.complete(ticket, Outcome::Unsubscribed(reasons));
        }
        Ok(())
    }

    /// Sends what waits, first what was sent on an earlier connection, as the quota allows. The
    /// order is kept: a request that needs no quota does not overtake one that does.
    fn send_waiting(&mut self, out: &mut Vec<u8>) {
        self.send_again(out);
        while let State::Connected(link) = &mut self.state {
            let is_free = self.queue.front().is_some_and(|request| link.has_quota_for(request));
            if !link.resend.is_empty() || !is_free {
                return;
            }
            let Some(request) = self.queue.pop_front() else {
                return;
            };
            if let Err(error) = link.check(&request) {
                self.fail(request, error);
                continue;
            }
            let qos = request.qos();
            if qos == QoS::AtMostOnce {
                link.write_request(&request, PacketId::FIRST, false, out);
                self.finish_unacknowledged(request);
            } else if let Some(packet_id) = self.outbound.publish(qos, request)
                && let Some(sent) = self.outbound.published_with(packet_id)
            {
                link.write_request(&sent.message, packet_id, false, out);
            }
        }
    }

    fn send_again(&mut self, out: &mut Vec<u8>) {
        while let State::Connected(link) = &mut self.state {
            let Some(packet_id) = link.resend.front().copied() else {
                return;
            };
            let refused = match self.outbound.published_with(packet_id) {
                // Acknowledged in the meantime.
                None => None,
                Some(sent) if !link.has_quota_for(&sent.message) => return,
                Some(sent) => match link.check(&sent.message) {
                    Ok(()) => {
                        // [MQTT-3.3.1-1]
                        link.write_request(&sent.message, packet_id, true, out);
                        None
                    }
                    Err(error) => Some(error),
                },
            };
            link.resend.pop_front();
            if let Some(error) = refused {
                // The server accepts less than it did before.
                let taken = self.outbound.take_back(|sent| sent.packet_id == packet_id);
                for request in taken {
                    self.fail(request, error);
                }
            }
        }
    }

    fn finish_unacknowledged(&mut self, request: Request<T>) {
        if let Request::Publish { ticket, .. } = request {
            self.complete(ticket, Outcome::Published(ReasonCode::Success));
        }
    }

    fn complete(&mut self, ticket: T, outcome: Outcome) {
        self.completed.push_back(Completed { ticket, outcome });
    }

    fn fail(&mut self, request: Request<T>, error: RequestError) {
        if let Some(ticket) = request.into_ticket() {
            self.complete(ticket, Outcome::Failed(error));
        }
    }

    /// Ends the connection because of what the server did.
    fn give_up(&mut self, reason: ReasonCode, out: &mut Vec<u8>) {
        if self.options.version == Version::V5 {
            // [MQTT-4.13.1-1]; before MQTT 5.0 a DISCONNECT would mean that all is well.
            self.disconnect(reason, Properties::EMPTY, out);
        }
        self.state = State::Disconnected;
    }

    fn link(&mut self) -> Result<&mut Link, ReceiveError> {
        match &mut self.state {
            State::Connected(link) => Ok(link),
            State::Disconnected | State::Connecting { .. } => Err(ReceiveError::NotConnAck),
        }
    }
}
