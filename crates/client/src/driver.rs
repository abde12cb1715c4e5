//! The task that drives a client: one connection after the other, until the user ends it, the
//! server refuses it for good, or nobody is left to listen.
//!
//! It owns the protocol's machine. Nothing here waits for one thing only: commands are taken while
//! a connection is being made, and events are handed over while bytes are written.

use std::collections::VecDeque;
use std::future::Future;
use std::sync::Arc;
use std::time::Duration;

use ferrymq_codec::{Properties, ReasonCode};
use ferrymq_protocol::client::{self as machine, Completed, ConnectOptions, Received};
use ferrymq_protocol::time::Instant as MachineInstant;
use tokio::sync::{mpsc, oneshot};
use tokio::time::{Instant, sleep, sleep_until, timeout_at};
use tracing::debug;

use crate::authentication::{Authentication, AuthenticationError};
use crate::backoff::{Backoff, Reconnect};
use crate::command::{Command, Farewell, Ticket};
use crate::conversation::Conversation;
use crate::error::{ConnectionError, RequestError};
use crate::event::{Event, owned};
use crate::packet_log::PacketLog;
use crate::transport::Transport;
use crate::wire::{Progress, Wire};

/// What a driver needs to know.
#[derive(Debug)]
pub(crate) struct Settings {
    pub(crate) transport: Transport,
    pub(crate) options: ConnectOptions,
    pub(crate) connect_timeout: Duration,
    pub(crate) reconnect: Reconnect,
    pub(crate) packet_log: Option<PacketLog>,
    pub(crate) authentication: Option<Arc<dyn Authentication>>,
}

/// The life of a client. `first` is told how the first attempt to connect went.
pub(crate) async fn drive(
    settings: Settings,
    commands: mpsc::UnboundedReceiver<Command>,
    events: mpsc::Sender<Event>,
    first: oneshot::Sender<Result<(), ConnectionError>>,
) {
    let mut driver = Driver {
        machine: machine::Client::new(settings.options),
        transport: settings.transport,
        packet_log: settings.packet_log,
        conversation: Conversation::new(settings.authentication),
        connect_timeout: settings.connect_timeout,
        backoff: Backoff::new(settings.reconnect),
        commands: Some(commands),
        events,
        backlog: VecDeque::new(),
        first: Some(first),
        start: Instant::now(),
    };
    let farewell = driver.run().await;
    let Driver { machine, commands, events, mut backlog, .. } = driver;
    // Whoever waits for a request or for the end is told before the events that nobody may take.
    drop((machine, commands));
    if let Some(farewell) = farewell {
        // Nobody has to wait.
        let _ = farewell.done.send(());
    }
    while !backlog.is_empty() {
        deliver(&events, &mut backlog).await;
    }
}

struct Driver {
    machine: machine::Client<Ticket>,
    transport: Transport,
    packet_log: Option<PacketLog>,
    conversation: Conversation,
    connect_timeout: Duration,
    backoff: Backoff,
    /// `None` when all handles are gone.
    commands: Option<mpsc::UnboundedReceiver<Command>>,
    events: mpsc::Sender<Event>,
    /// Events that have no room in the channel. Bounded, because nothing is read meanwhile.
    backlog: VecDeque<Event>,
    first: Option<oneshot::Sender<Result<(), ConnectionError>>>,
    start: Instant,
}

/// Why a connection, or the wait for one, is over.
enum Ended {
    Lost(ConnectionError),
    /// By the user; `None` if nobody is left who could ask for anything.
    Stopped(Option<Farewell>),
}

impl From<ConnectionError> for Ended {
    fn from(error: ConnectionError) -> Self {
        Self::Lost(error)
    }
}

impl Driver {
    /// Replaces connections until there is a reason to stop. What is returned tells the user, when
    /// it is dropped, that the end is reached.
    async fn run(&mut self) -> Option<Farewell> {
        loop {
            let error = match self.connection().await {
                Ended::Stopped(farewell) => return farewell,
                Ended::Lost(error) => error,
            };
            self.machine.disconnected();
            self.conversation.end();
            debug!(%error, "connection lost");
            if let Some(first) = self.first.take() {
                // Whoever asked may have given up.
                let _ = first.send(Err(error));
                return None;
            }
            let retry_in = if error.is_permanent() { None } else { self.backoff.next() };
            self.backlog.push_back(Event::Disconnected { error, retry_in });
            let delay = retry_in?;
            if let Err(farewell) = self.meanwhile(sleep(delay)).await {
                return farewell;
            }
        }
    }

    /// One connection, from the name service to its end.
    async fn connection(&mut self) -> Ended {
        let deadline = Instant::now() + self.connect_timeout;
        let transport = self.transport.clone();
        debug!(?transport, "connecting");
        let stream = match self.meanwhile(timeout_at(deadline, transport.open())).await {
            Err(farewell) => return Ended::Stopped(farewell),
            Ok(Err(_)) => return Ended::Lost(ConnectionError::TimedOut),
            Ok(Ok(Err(error))) => return Ended::Lost(error.into()),
            Ok(Ok(Ok(stream))) => stream,
        };
        let mut first = Vec::new();
        let mut wire = match transport.layers(&mut first) {
            Ok(stack) => Wire::new(stream, stack, first),
            Err(error) => return Ended::Lost(error.into()),
        };
        if let Err(error) = self.greet(&mut wire.output) {
            return Ended::Lost(error);
        }
        self.note_sent(&wire.output, 0);
        let opened = Instant::now();
        let ended = match self.serve(&mut wire, deadline).await {
            Ok(never) => match never {},
            Err(ended) => ended,
        };
        self.backoff.connection_lasted(opened.elapsed());
        if let Ended::Stopped(farewell) = &ended {
            let (reason, properties) = match farewell {
                Some(farewell) => (farewell.reason, farewell.properties.as_properties()),
                None => (ReasonCode::Success, Properties::EMPTY),
            };
            let before = wire.output.len();
            self.machine.disconnect(reason, properties, &mut wire.output);
            self.note_sent(&wire.output, before);
        }
        if wire.has_output() {
            // The DISCONNECT of an error or of the user; a server that does not take it is not
            // waited for.
            let _ = wire.close(FAREWELL_PATIENCE).await;
        }
        ended
    }

    /// Writes CONNECT, with which an exchange begins if the client has a method for that.
    fn greet(&mut self, out: &mut Vec<u8>) -> Result<(), ConnectionError> {
        let data = self.conversation.begin()?;
        Ok(self.machine.connect_with(data.as_deref(), out)?)
    }

    /// Moves bytes, commands and events until the connection ends.
    async fn serve(
        &mut self,
        wire: &mut Wire,
        connect_deadline: Instant,
    ) -> Result<std::convert::Infallible, Ended> {
        let mut commands = Vec::new();
        loop {
            self.settle();
            let is_connected = self.machine.is_connected();
            let deadline = match is_connected {
                true => self.machine.deadline().map(|deadline| self.to_tokio(deadline)),
                false => Some(connect_deadline),
            };
            let has_room = wire.has_room();
            let may_read = self.backlog.is_empty() && has_room;
            tokio::select! {
                progress = wire.progress(may_read) => {
                    match progress? {
                        Progress::Written => {}
                        Progress::End => return Err(wire.lost().into()),
                        Progress::Read => self.receive(wire)?,
                    }
                }
                count = receive_commands(&mut self.commands, &mut commands), if has_room => {
                    let before = wire.output.len();
                    let obeyed = self.obey(&mut commands, count, &mut wire.output);
                    self.note_sent(&wire.output, before);
                    obeyed?;
                }
                answer = self.conversation.answer() => {
                    let answer = answer.map_err(ConnectionError::from)?;
                    let (now, before) = (self.now(), wire.output.len());
                    let written = self.machine.authenticate(answer.as_deref(), now, &mut wire.output);
                    written.map_err(|error| ConnectionError::from(AuthenticationError::new(error)))?;
                    self.note_sent(&wire.output, before);
                }
                () = deliver(&self.events, &mut self.backlog), if !self.backlog.is_empty() => {}
                () = self.events.closed(), if self.commands.is_none() => {
                    return Err(Ended::Stopped(None));
                }
                () = sleep_until(deadline.unwrap_or(self.start)), if deadline.is_some() => {
                    if !is_connected {
                        return Err(ConnectionError::TimedOut.into());
                    }
                    let now = self.now();
                    let before = wire.output.len();
                    self.machine.poll(now, &mut wire.output).map_err(ConnectionError::from)?;
                    self.note_sent(&wire.output, before);
                }
            }
        }
    }

    /// Takes every whole packet of the input.
    fn receive(&mut self, wire: &mut Wire) -> Result<(), Ended> {
        loop {
            let now = self.now();
            let (input, output) = wire.parts();
            let before = output.len();
            let received =
                self.machine.receive(input, now, output).map_err(ConnectionError::from)?;
            let Received::Packet { length, event } = received else {
                return Ok(());
            };
            if let Some(log) = &self.packet_log {
                let client_id = &self.machine.options().client_id;
                log.received(client_id, input.get(..length).unwrap_or_default());
            }
            let told = event.map_or(Ok(()), |event| self.tell(event));
            if let Err(Ended::Lost(ConnectionError::Authentication(_))) = &told {
                // Who is not who it should be is told nothing that waited for it.
                output.truncate(before);
                let reason = ReasonCode::UnspecifiedError;
                self.machine.disconnect(reason, Properties::EMPTY, output);
            }
            self.note_sent(output, before);
            wire.take(length);
            told?;
            self.settle();
        }
    }

    /// Turns an event of the machine into one for the user, or into the end of the connection.
    fn tell(&mut self, event: machine::Event<'_>) -> Result<(), Ended> {
        let event = match event {
            machine::Event::Authenticate { data } => {
                self.conversation.ask(data).map_err(ConnectionError::from)?;
                return Ok(());
            }
            machine::Event::Authenticated { data } => {
                debug!("authenticated anew");
                self.conversation.finish(data).map_err(ConnectionError::from)?;
                return Ok(());
            }
            machine::Event::Connected(connected) => {
                let data = connected.properties.authentication_data();
                self.conversation.finish(data).map_err(ConnectionError::from)?;
                debug!(session_present = connected.session_present, "connected");
                let session_present = connected.session_present;
                let properties = owned(connected.properties);
                if let Some(first) = self.first.take() {
                    // If nobody waits any more, the handles are gone, which is noticed elsewhere.
                    let _ = first.send(Ok(()));
                }
                let client_id = self.machine.options().client_id.as_str().into();
                Event::Connected { session_present, client_id, properties }
            }
            machine::Event::Message(message) => {
                debug!(topic = %message.topic, bytes = message.payload.len(), "message");
                Event::Message(message.into())
            }
            machine::Event::SubscriptionLost { reason } => Event::SubscriptionLost { reason },
            machine::Event::Refused { reason, .. } => {
                return Err(ConnectionError::Refused(reason).into());
            }
            machine::Event::Disconnected { reason, .. } => {
                return Err(ConnectionError::Disconnected(reason).into());
            }
            _ => return Ok(()),
        };
        self.backlog.push_back(event);
        Ok(())
    }

    /// Hands commands to the machine. `count` is 0 when no more will come.
    fn obey(
        &mut self,
        commands: &mut Vec<Command>,
        count: usize,
        out: &mut Vec<u8>,
    ) -> Result<(), Ended> {
        if count == 0 {
            self.commands = None;
        }
        let now = self.now();
        for command in commands.drain(..) {
            match command {
                Command::Publish(message, ticket) => {
                    self.machine.publish(message, ticket, now, out);
                }
                Command::Subscribe(subscribe, ticket) => {
                    self.machine.subscribe(subscribe, ticket, now, out);
                }
                Command::Unsubscribe(unsubscribe, ticket) => {
                    self.machine.unsubscribe(unsubscribe, ticket, now, out);
                }
                Command::Reauthenticate(reply) => self.reauthenticate(reply, out)?,
                Command::Disconnect(farewell) => return Err(Ended::Stopped(Some(farewell))),
            }
        }
        Ok(())
    }

    /// Begins to authenticate the client anew, unless that is under way.
    fn reauthenticate(
        &mut self,
        reply: oneshot::Sender<Result<(), RequestError>>,
        out: &mut Vec<u8>,
    ) -> Result<(), Ended> {
        let refusal = match () {
            () if !self.conversation.has_method() => RequestError::NoAuthentication,
            () if !self.machine.is_connected() => RequestError::NotAuthenticated,
            () => {
                let is_new = self.conversation.wait(reply);
                if is_new {
                    let data = self.conversation.begin().map_err(ConnectionError::from)?;
                    let now = self.now();
                    let written = self.machine.reauthenticate(data.as_deref(), now, out);
                    written.map_err(AuthenticationError::new).map_err(ConnectionError::from)?;
                }
                return Ok(());
            }
        };
        // Nobody has to wait.
        let _ = reply.send(Err(refusal));
        Ok(())
    }

    /// Tells those who wait how their requests ended.
    fn settle(&mut self) {
        while let Some(Completed { ticket, outcome }) = self.machine.completed() {
            // Nobody has to wait.
            let _ = ticket.reply.send(outcome);
        }
    }

    /// Waits for something without a connection: commands go to the machine, which keeps them.
    /// `Err` if the client is to end.
    async fn meanwhile<F: Future>(&mut self, future: F) -> Result<F::Output, Option<Farewell>> {
        tokio::pin!(future);
        let mut commands = Vec::new();
        // Nothing is written while the machine has no connection.
        let mut out = Vec::new();
        loop {
            tokio::select! {
                output = &mut future => return Ok(output),
                count = receive_commands(&mut self.commands, &mut commands) => {
                    if let Err(Ended::Stopped(farewell)) = self.obey(&mut commands, count, &mut out) {
                        return Err(farewell);
                    }
                    self.settle();
                }
                () = deliver(&self.events, &mut self.backlog), if !self.backlog.is_empty() => {}
                () = self.events.closed(), if self.commands.is_none() => return Err(None),
            }
        }
    }

    /// Shows the packets in `output` after `before` to whoever wants to see them.
    fn note_sent(&self, output: &[u8], before: usize) {
        if let Some(log) = &self.packet_log {
            let client_id = &self.machine.options().client_id;
            log.sent(client_id, output.get(before..).unwrap_or_default());
        }
    }

    fn now(&self) -> MachineInstant {
        let nanos = u64::try_from(self.start.elapsed().as_nanos()).unwrap_or(u64::MAX);
        MachineInstant::from_nanos(nanos)
    }

    fn to_tokio(&self, instant: MachineInstant) -> Instant {
        self.start + Duration::from_nanos(instant.as_nanos())
    }
}

/// Waits for commands; 0 when no more will come. Nothing is lost when the future is dropped.
async fn receive_commands(
    commands: &mut Option<mpsc::UnboundedReceiver<Command>>,
    into: &mut Vec<Command>,
) -> usize {
    match commands {
        Some(commands) => commands.recv_many(into, COMMANDS_PER_TURN).await,
        None => std::future::pending().await,
    }
}

/// Hands over the oldest event when there is room for it; all are dropped if nobody listens.
async fn deliver(events: &mpsc::Sender<Event>, backlog: &mut VecDeque<Event>) {
    match events.reserve().await {
        Ok(permit) => {
            if let Some(event) = backlog.pop_front() {
                permit.send(event);
            }
        }
        Err(_) => backlog.clear(),
    }
}

const COMMANDS_PER_TURN: usize = 64;
const FAREWELL_PATIENCE: Duration = Duration::from_secs(2);
