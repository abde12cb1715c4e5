//! A run: rounds of load, each ended by SIGKILL, and now and then everybody gets what is owed.

use std::fmt;
use std::path::PathBuf;
use std::time::{Duration, Instant};

use ferrymq_transport::tls::ClientSettings;
use mio::{Events, Poll};
use tempfile::TempDir;

use crate::behaviour::Mood;
use crate::broker::{Broker, BrokerOptions};
use crate::client::{Client, Phase, World};
use crate::event::{ClientNumber, Event};
use crate::history::Fault;
use crate::ledger::Ledger;
use crate::persona::{self, Role};
use crate::random::Random;
use crate::way::{Certificate, Transport, Way};

/// What a run is like.
#[derive(Clone, Debug)]
pub struct RunOptions {
    /// Chooses everything else.
    pub seed: u64,
    /// How many times the broker is killed under load.
    pub rounds: u64,
    /// `power` or `process`.
    pub durability: String,
    /// The length of a segment of the log, if not the default.
    pub segment_bytes: Option<u64>,
    /// Where the data directory is made, if not where the system has temporary files.
    pub place: Option<PathBuf>,
    /// The broker is not killed: a run of which nothing but the load is left.
    pub is_spared: bool,
    /// Says after each round what it was.
    pub is_verbose: bool,
}

/// What a run has done.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Report {
    /// Kills under load.
    pub kills: u64,
    /// How many of these were under load that came by TLS or WebSocket.
    pub layered_kills: u64,
    /// Kills while the broker started.
    pub early_kills: u64,
    /// Times that everybody has got what was owed.
    pub settlements: u64,
    /// Publications that were acknowledged.
    pub acknowledged: u64,
    /// Messages received.
    pub received: u64,
}

/// Why a run has failed, with the history of those whom it concerns.
#[derive(Debug)]
pub struct Failure {
    text: String,
}

/// Plays a run.
///
/// # Errors
///
/// What the broker has done that it must not do.
pub fn run(options: &RunOptions) -> Result<Report, Failure> {
    let mut run = Run::new(options);
    let outcome = run.play();
    outcome.map_err(|faults| run.failure(&faults))?;
    run.report.acknowledged = run.ledger.acknowledged();
    run.report.received = run.ledger.received();
    Ok(run.report)
}

struct Run {
    options: RunOptions,
    random: Random,
    ledger: Ledger,
    clients: Vec<Client>,
    poll: Poll,
    begin: Instant,
    broker_options: BrokerOptions,
    /// What clients need to believe the broker's certificate.
    trust: ClientSettings,
    broker: Option<Broker>,
    way: Option<Way>,
    report: Report,
    /// Removes the data directory at the end.
    _directory: TempDir,
}

type Faults = Vec<Fault>;

impl Run {
    fn new(options: &RunOptions) -> Self {
        let mut random = Random::new(options.seed);
        let (scene, personas) = persona::cast(&mut random);
        let clients = scene.clients().zip(personas);
        let clients = clients.map(|(number, persona)| Client::new(number, persona)).collect();
        let directory = match &options.place {
            Some(place) => TempDir::new_in(place),
            None => TempDir::new(),
        };
        let directory = directory.expect("temporary files can be made");
        let mut broker_options = BrokerOptions::new(&directory.path().join("data"));
        broker_options.durability.clone_from(&options.durability);
        broker_options.segment_bytes = options.segment_bytes;
        let certificate = Certificate::make(&directory.path().join("certificates"));
        let trust = certificate.trust();
        broker_options.certificate = Some(certificate);
        Self {
            options: options.clone(),
            random,
            ledger: Ledger::new(scene),
            clients,
            poll: Poll::new().expect("the system has a poller"),
            begin: Instant::now(),
            broker_options,
            trust,
            broker: None,
            way: None,
            report: Report::default(),
            _directory: directory,
        }
    }

    fn play(&mut self) -> Result<(), Faults> {
        let mut until_settlement = self.random.between(1, 6);
        for round in 0..self.options.rounds {
            self.start()?;
            self.load()?;
            until_settlement -= 1;
            if until_settlement == 0 {
                self.settle(false)?;
                until_settlement = self.random.between(1, 6);
            }
            if !self.options.is_spared {
                self.stop()?;
            }
            if self.options.is_verbose {
                self.tell(round);
            }
        }
        self.start()?;
        self.settle(true)?;
        self.stop()
    }

    /// Starts a broker, often with another number of shards or another transport, sometimes after
    /// killing one that had not come so far.
    fn start(&mut self) -> Result<(), Faults> {
        if self.broker.is_some() {
            return Ok(());
        }
        while self.random.per_mille(150) {
            self.choose_shards();
            let mut broker = Broker::start(&self.broker_options);
            broker.listen_for(Duration::from_micros(self.random.magnitude(17)));
            broker.kill();
            self.report.early_kills += 1;
        }
        self.choose_shards();
        self.choose_transport();
        let mut broker = Broker::start(&self.broker_options);
        let port = broker.port().map_err(|text| vec![fault_of_broker(&text)])?;
        self.broker = Some(broker);
        let (transport, trust) = (self.broker_options.transport, self.trust.clone());
        self.way = Some(Way { port, transport, trust });
        self.note(Event::Started)
    }

    fn choose_shards(&mut self) {
        if self.random.per_mille(400) {
            let shards = self.random.between(1, 4);
            self.broker_options.shards = u16::try_from(shards).unwrap_or(1);
        }
    }

    /// Half of the time it is plain TCP.
    fn choose_transport(&mut self) {
        const CHOICE: [Transport; 6] = [
            Transport::Tcp,
            Transport::Tcp,
            Transport::Tcp,
            Transport::Tls,
            Transport::WebSocket,
            Transport::SecureWebSocket,
        ];
        self.broker_options.transport = self.random.pick(&CHOICE).unwrap_or_default();
    }

    /// Load until some time has passed, or just when some publication is acknowledged.
    fn load(&mut self) -> Result<(), Faults> {
        let mood = Mood::any(&mut self.random);
        let acknowledgements = self.ledger.acknowledged() + self.random.magnitude(14);
        let end = self.now() + Duration::from_millis(self.random.between(20, 1500));
        while self.now() < end && self.ledger.acknowledged() < acknowledgements {
            self.turn(Some(&mood))?;
        }
        Ok(())
    }

    /// Every client does something.
    fn turn(&mut self, mood: Option<&Mood>) -> Result<(), Faults> {
        let mut events = Events::with_capacity(64);
        // Clients that wait for their time are looked at often enough.
        let outcome = self.poll.poll(&mut events, Some(Duration::from_millis(1)));
        if let Err(error) = outcome
            && error.kind() != std::io::ErrorKind::Interrupted
        {
            panic!("the poller has failed: {error}");
        }
        let now = self.begin.elapsed();
        self.ledger.look(now);
        let registry = self.poll.registry();
        let mut world = World { ledger: &mut self.ledger, registry, now, way: self.way.as_ref() };
        for client in &mut self.clients {
            let outcome = client.read(&mut world, false).and_then(|()| match mood {
                Some(mood) => client.act(&mut world, mood, &mut self.random),
                None => Ok(()),
            });
            outcome.map_err(|fault| vec![fault])?;
            client.flush();
        }
        self.check_broker()
    }

    fn check_broker(&mut self) -> Result<(), Faults> {
        let Some(broker) = &mut self.broker else {
            return Ok(());
        };
        match broker.has_ended() {
            Some(status) => {
                let text = format!("the broker has ended by itself: {status}");
                Err(vec![fault_of_broker(&text)])
            }
            None => Ok(()),
        }
    }

    /// Ends the broker: nearly always by SIGKILL. What it has sent before is read.
    fn stop(&mut self) -> Result<(), Faults> {
        let Some(mut broker) = self.broker.take() else {
            return Ok(());
        };
        let is_layered = self.way.take().is_some_and(|way| way.transport != Transport::Tcp);
        let in_good_order = self.random.per_mille(80);
        if in_good_order {
            broker.ask_to_end();
            let status = broker.end().map_err(|text| vec![fault_of_broker(&text)])?;
            if !status.success() {
                let text = format!("the broker ended with {status}\n{}", broker.words());
                return Err(vec![fault_of_broker(&text)]);
            }
        } else {
            broker.kill();
            self.report.kills += 1;
            self.report.layered_kills += u64::from(is_layered);
        }
        let now = self.now();
        let registry = self.poll.registry();
        let mut world = World { ledger: &mut self.ledger, registry, now, way: None };
        for client in &mut self.clients {
            while client.connection.is_some() {
                client.read(&mut world, true).map_err(|fault| vec![fault])?;
            }
            if client.phase == Phase::Away(now + crate::client::PAUSE) {
                // They do not all come back at once.
                let pause = Duration::from_millis(self.random.below(300));
                client.phase = Phase::Away(now + pause);
            }
        }
        self.note(if in_good_order { Event::Terminated } else { Event::Killed })
    }

    /// The load ends, everybody connects and must get what is owed, and nothing else. Sleepers take
    /// part only if they are woken.
    fn settle(&mut self, wakes_sleepers: bool) -> Result<(), Faults> {
        let takes_part = |client: &Client| match client.persona.role {
            Role::Reader => false,
            Role::Sleeper => wakes_sleepers,
            Role::Regular | Role::Discarder => true,
        };
        let everybody: Vec<ClientNumber> = self
            .clients
            .iter()
            .filter(|client| takes_part(client))
            .map(|client| client.number)
            .collect();
        let is_nothing_owed = |ledger: &mut Ledger| ledger.owed(&everybody) == 0;
        self.settle_until(&everybody, is_nothing_owed)?;
        for _ in 0..2 {
            // Behind this message stands nothing in the line of its session, not even a second copy.
            self.with_each(&everybody, Client::write_to_itself)?;
            self.settle_until(&everybody, is_nothing_owed)?;
        }
        self.with_each(&everybody, Client::confirm)?;
        self.settle_until(&everybody, |_| true)?;
        self.read_retained()?;
        self.ledger.close(&everybody);
        self.report.settlements += 1;
        Ok(())
    }

    fn settle_until(
        &mut self,
        everybody: &[ClientNumber],
        mut is_enough: impl FnMut(&mut Ledger) -> bool,
    ) -> Result<(), Faults> {
        let deadline = self.now() + PATIENCE;
        loop {
            self.turn(None)?;
            self.with_each(everybody, Client::settle)?;
            let mut taking_part =
                self.clients.iter().filter(|client| everybody.contains(&client.number));
            if taking_part.all(Client::is_idle) && is_enough(&mut self.ledger) {
                return Ok(());
            }
            if self.now() > deadline {
                let mut missing = self.ledger.missing(everybody);
                let open = self
                    .clients
                    .iter()
                    .filter(|client| everybody.contains(&client.number) && !client.is_idle());
                missing.extend(open.map(|client| Fault {
                    text: format!("does not come to an end: {}", client.open_matters()),
                    clients: vec![client.number],
                    message: None,
                }));
                return Err(missing);
            }
        }
    }

    /// A new client must find what is retained.
    fn read_retained(&mut self) -> Result<(), Faults> {
        let is_reader = |client: &&Client| client.persona.role == Role::Reader;
        let Some(reader) = self.clients.iter().find(is_reader).map(|client| client.number) else {
            return Ok(());
        };
        let times = |run: &Self| run.clients.iter().map(|client| client.times_read).sum::<u64>();
        // One that reads already has begun before the end of the load.
        for _ in 0..2 {
            let before = times(self);
            let deadline = self.now() + PATIENCE;
            while times(self) == before {
                self.turn(None)?;
                self.with_each(&[reader], |client, world| match client.phase {
                    Phase::Away(_) => client.connect(world, true),
                    _ => client.settle(world),
                })?;
                if self.now() > deadline {
                    return Err(vec![Fault::of(reader, "retained messages cannot be read")]);
                }
            }
        }
        Ok(())
    }

    fn with_each(
        &mut self,
        numbers: &[ClientNumber],
        mut act: impl FnMut(&mut Client, &mut World<'_>) -> Result<(), Fault>,
    ) -> Result<(), Faults> {
        let now = self.begin.elapsed();
        let registry = self.poll.registry();
        let mut world = World { ledger: &mut self.ledger, registry, now, way: self.way.as_ref() };
        for client in &mut self.clients {
            if numbers.contains(&client.number) {
                act(client, &mut world).map_err(|fault| vec![fault])?;
                client.flush();
            }
        }
        Ok(())
    }

    fn note(&mut self, event: Event) -> Result<(), Faults> {
        let now = self.now();
        self.ledger.note(now, event).map_err(|fault| vec![fault])
    }

    fn now(&self) -> Duration {
        self.begin.elapsed()
    }

    #[expect(clippy::print_stderr, reason = "who asks for every round wants to see it")]
    fn tell(&self, round: u64) {
        let (acknowledged, received) = (self.ledger.acknowledged(), self.ledger.received());
        let now = self.now().as_secs_f64();
        eprintln!("{now:>9.3} round {round}: {acknowledged} acknowledged, {received} received");
    }

    /// The first faults with their histories, and the last words of the broker.
    fn failure(&mut self, faults: &[Fault]) -> Failure {
        let options = &self.options;
        let head = format!("seed {}: {} faults ({options:?})", options.seed, faults.len());
        let mut parts = vec![head];
        for fault in faults.iter().take(SHOWN) {
            parts.push(format!("\n{}", fault.text));
            if let Some(message) = fault.message.and_then(|number| self.ledger.message(number)) {
                let topic = self.ledger.scene().topic(message.topic);
                parts.push(format!("{message:?}, which is {topic}"));
            }
            parts.push(self.ledger.history_of(fault));
        }
        if let Some(broker) = &mut self.broker {
            parts.push(format!("The broker said:\n{}", broker.words()));
        }
        Failure { text: parts.join("\n") }
    }
}

impl fmt::Display for Failure {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.text)
    }
}

fn fault_of_broker(text: &str) -> Fault {
    Fault { text: text.to_owned(), clients: Vec::new(), message: None }
}

/// How long everybody may take to get what is owed.
const PATIENCE: Duration = Duration::from_secs(30);

/// How many faults are shown with their histories.
const SHOWN: usize = 3;
