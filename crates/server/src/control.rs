//! The control plane: one thread with an async runtime, for everything that may take its time.
//! Questions come in through a channel, answers go out as letters; no client socket is here.

use std::future::Future;
use std::io;
use std::pin::Pin;
use std::sync::Arc;
use std::thread::{self, JoinHandle};
use std::time::Duration;

use ferrymq_broker::{
    Answer, Ask, ControlAnswer, ControlRequest, ControlResponse, Directory, Verdict,
};
use ferrymq_codec::ReasonCode;
use tokio::sync::mpsc;

use crate::clock::Clock;
use crate::mailbox::{Letter, Mailbox};
use crate::memory::MemoryWatch;

/// Where a turn hands the questions of access that its shard left open, and requests to the broker.
pub trait Control: Send + Sync {
    /// Takes a question. The answer comes as a letter, or never.
    fn ask(&self, ask: Ask);

    /// Takes a request that a client has published below `$CONTROL/`. The answer comes as a letter,
    /// or never.
    fn control(&self, request: ControlRequest);
}

/// Answers questions of access that cannot be answered at once.
pub trait Authority: Send + Sync + 'static {
    /// A broker begins that will ask this, and whose time is that of `clock`. Once who may do what
    /// changes, `changes` is to be told.
    ///
    /// # Errors
    ///
    /// The system does not give what is needed for answers.
    fn begin(&self, changes: AccessChanges, clock: Clock) -> io::Result<()> {
        let _ = (changes, clock);
        Ok(())
    }

    /// The verdict, in time.
    fn answer(&self, ask: Ask) -> Pin<Box<dyn Future<Output = Verdict> + Send>>;

    /// How many it does not listen to now because their logins have failed too often.
    fn bans(&self) -> usize {
        0
    }

    /// Does what a client has asked for below `$CONTROL/`, and says what it is told. What nobody
    /// knows is done without a word.
    fn control(
        &self,
        request: ControlRequest,
    ) -> Pin<Box<dyn Future<Output = Option<ControlResponse>> + Send>> {
        let _ = request;
        Box::pin(std::future::ready(None))
    }
}

/// Tells all shards of a broker that who may do what has changed.
pub struct AccessChanges(Box<dyn Fn() + Send + Sync>);

/// Nobody is there to answer: no.
#[derive(Clone, Copy, Debug, Default)]
pub struct Unavailable;

/// The sending end of the control plane. It ends when the last of these is dropped.
pub(crate) struct ControlPlane {
    errands: mpsc::UnboundedSender<Errand>,
}

/// What a shard waits for.
enum Errand {
    Ask(Box<Ask>),
    Control(Box<ControlRequest>),
}

impl ControlPlane {
    /// Starts the control plane on a thread of its own. It also measures how much memory the process
    /// has.
    pub(crate) fn start<S: Send + 'static, L: Send + 'static>(
        authority: Arc<dyn Authority>,
        post: Arc<[Mailbox<S, L>]>,
        directory: Arc<Directory>,
        memory: Arc<MemoryWatch>,
        interval: Duration,
        clock: Clock,
    ) -> io::Result<(Arc<Self>, JoinHandle<()>)> {
        let shards = Arc::clone(&post);
        let changes = AccessChanges(Box::new(move || {
            for mailbox in shards.iter() {
                mailbox.post(Letter::AccessChanged);
                mailbox.wake();
            }
        }));
        authority.begin(changes, clock)?;
        // Each connection has at most one question or request open, which bounds the channel.
        let (errands, mut incoming) = mpsc::unbounded_channel();
        let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build()?;
        let thread = thread::Builder::new().name("control".to_owned()).spawn(move || {
            runtime.block_on(async move {
                let metrics = Arc::clone(&directory);
                tokio::spawn(async move { memory.run(metrics.metrics(), interval).await });
                if !interval.is_zero() {
                    tokio::spawn(count_bans(Arc::clone(&authority), directory, interval));
                }
                while let Some(errand) = incoming.recv().await {
                    tokio::spawn(run(errand, Arc::clone(&authority), Arc::clone(&post)));
                }
            });
        })?;
        Ok((Arc::new(Self { errands }), thread))
    }

    fn send(&self, errand: Errand) {
        if self.errands.send(errand).is_err() {
            tracing::error!("the control plane has ended: a question stays open");
        }
    }
}

impl Control for ControlPlane {
    fn ask(&self, ask: Ask) {
        self.send(Errand::Ask(Box::new(ask)));
    }

    fn control(&self, request: ControlRequest) {
        self.send(Errand::Control(Box::new(request)));
    }
}

impl AccessChanges {
    /// Tells it. What a shard remembers is forgotten, and who may not stay is disconnected.
    pub fn tell(&self) {
        (self.0)();
    }
}

impl Authority for Unavailable {
    fn answer(&self, _ask: Ask) -> Pin<Box<dyn Future<Output = Verdict> + Send>> {
        Box::pin(std::future::ready(Verdict::Deny(ReasonCode::ServerUnavailable)))
    }
}

/// Says how many are not listened to, after each `interval`.
async fn count_bans(authority: Arc<dyn Authority>, directory: Arc<Directory>, interval: Duration) {
    loop {
        let bans = u64::try_from(authority.bans()).unwrap_or(u64::MAX);
        directory.metrics().set_login_bans(bans);
        tokio::time::sleep(interval).await;
    }
}

async fn run<S: Send, L: Send>(
    errand: Errand,
    authority: Arc<dyn Authority>,
    post: Arc<[Mailbox<S, L>]>,
) {
    let (shard, letter) = match errand {
        Errand::Ask(ask) => {
            let (shard, connection, request) = (ask.shard, ask.connection, ask.request);
            let verdict = authority.answer(*ask).await;
            (shard, Letter::Answer(Answer { connection, request, verdict }))
        }
        Errand::Control(control) => {
            let (shard, connection, request) = (control.shard, control.connection, control.request);
            let response = authority.control(*control).await;
            (shard, Letter::ControlAnswer(ControlAnswer { connection, request, response }))
        }
    };
    if let Some(mailbox) = post.get(shard.as_usize()) {
        mailbox.post(letter);
        mailbox.wake();
    }
}
