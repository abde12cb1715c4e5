//! The control plane: one thread with an async runtime, for everything that may take its time.
//! Questions come in through a channel, answers go out as letters; no client socket is here.

use std::future::Future;
use std::io;
use std::pin::Pin;
use std::sync::Arc;
use std::thread::{self, JoinHandle};
use std::time::Duration;

use ferrymq_broker::{Answer, Ask, Directory, Verdict};
use ferrymq_codec::ReasonCode;
use tokio::sync::mpsc;

use crate::mailbox::{Letter, Mailbox};
use crate::memory;

/// Where a turn hands the questions of access that its shard left open.
pub trait Control: Send + Sync {
    /// Takes a question. The answer comes as a letter, or never.
    fn ask(&self, ask: Ask);
}

/// Answers questions of access that cannot be answered at once.
pub trait Authority: Send + Sync + 'static {
    /// The verdict, in time.
    fn answer(&self, ask: Ask) -> Pin<Box<dyn Future<Output = Verdict> + Send>>;
}

/// Nobody is there to answer: no.
#[derive(Clone, Copy, Debug, Default)]
pub struct Unavailable;

/// The sending end of the control plane. It ends when the last of these is dropped.
pub(crate) struct ControlPlane {
    asks: mpsc::UnboundedSender<Ask>,
}

impl ControlPlane {
    /// Starts the control plane on a thread of its own. It also says from time to time how much
    /// memory the process has, unless that is never.
    pub(crate) fn start<S: Send + 'static, L: Send + 'static>(
        authority: Arc<dyn Authority>,
        post: Arc<[Mailbox<S, L>]>,
        directory: Arc<Directory>,
        each: Duration,
    ) -> io::Result<(Arc<Self>, JoinHandle<()>)> {
        // Each connection has at most one question open, which bounds the channel.
        let (asks, mut incoming) = mpsc::unbounded_channel::<Ask>();
        let runtime = tokio::runtime::Builder::new_current_thread().enable_time().build()?;
        let thread = thread::Builder::new().name("control".to_owned()).spawn(move || {
            runtime.block_on(async move {
                if !each.is_zero() {
                    tokio::spawn(measure_memory(directory, each));
                }
                while let Some(ask) = incoming.recv().await {
                    tokio::spawn(answer(Arc::clone(&authority), Arc::clone(&post), ask));
                }
            });
        })?;
        Ok((Arc::new(Self { asks }), thread))
    }
}

impl Control for ControlPlane {
    fn ask(&self, ask: Ask) {
        if self.asks.send(ask).is_err() {
            tracing::error!("the control plane has ended: a question of access stays open");
        }
    }
}

impl Authority for Unavailable {
    fn answer(&self, _ask: Ask) -> Pin<Box<dyn Future<Output = Verdict> + Send>> {
        Box::pin(std::future::ready(Verdict::Deny(ReasonCode::ServerUnavailable)))
    }
}

/// Says how much memory the process has, as long as the runtime runs.
async fn measure_memory(directory: Arc<Directory>, each: Duration) {
    let mut ticks = tokio::time::interval(each);
    // Where the system does not say it once, it never will.
    while let Some(bytes) = memory::resident_bytes() {
        ticks.tick().await;
        directory.metrics().set_heap(bytes);
    }
}

async fn answer<S: Send, L: Send>(
    authority: Arc<dyn Authority>,
    post: Arc<[Mailbox<S, L>]>,
    ask: Ask,
) {
    let (shard, connection, request) = (ask.shard, ask.connection, ask.request);
    let verdict = authority.answer(ask).await;
    if let Some(mailbox) = post.get(shard.as_usize()) {
        mailbox.post(Letter::Answer(Answer { connection, request, verdict }));
        mailbox.wake();
    }
}
