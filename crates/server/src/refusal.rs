//! What clients are told while the broker starts: come again later.
//!
//! It is a broker without sessions that lets nobody in, on the same listeners as the one that is
//! about to start, so that a long start is answered in the client's own protocol and with all the
//! limits that strangers meet later too.

use std::io;
use std::sync::Arc;
use std::thread::{self, JoinHandle};
use std::time::Duration;

use ferrymq_broker::{
    Access, Ask, Asker, ControlRequest, Directory, Limits, Question, Shard, ShardIndex,
    ShardOptions, Verdict,
};
use ferrymq_codec::ReasonCode;
use ferrymq_protocol::time::Instant;

use crate::acceptor::Admission;
use crate::clock::Clock;
use crate::control::Control;
use crate::listeners::Listeners;
use crate::mailbox::{Letter, Mailbox};
use crate::memory_store::MemoryStore;
use crate::mio_network::{MioMailbox, MioNetwork};
use crate::network::Network;
use crate::socket_limits::SocketLimits;
use crate::turn::{Turn, TurnParts};

/// A thread that refuses every client.
pub(crate) struct Refusal {
    post: Arc<[MioMailbox]>,
    thread: Option<JoinHandle<()>>,
}

impl Refusal {
    /// Begins to refuse those who come to these listeners.
    pub(crate) fn start(
        listeners: &Listeners,
        limits: &Arc<Limits>,
        sockets: SocketLimits,
        admission: Arc<Admission>,
    ) -> io::Result<Self> {
        let (network, waker) = MioNetwork::new(Clock::start(Instant::ZERO))?;
        let post: Arc<[MioMailbox]> = Arc::new([Mailbox::new(waker)]);
        let limits = Arc::new(Limits { sys_interval: Duration::ZERO, ..Limits::clone(limits) });
        let shard = Shard::new(ShardOptions {
            index: ShardIndex(0),
            limits: Arc::clone(&limits),
            directory: Arc::new(Directory::new(1, random()?)),
            access: Box::new(NobodyYet),
            now: network.now(),
            seed: random()?,
            first_record: 1,
        });
        let mut turn = Turn::new(TurnParts {
            network,
            shard,
            index: ShardIndex(0),
            listeners: listeners.share()?,
            post: Arc::clone(&post),
            store: Arc::new(MemoryStore::new(1)),
            control: Arc::new(NobodyYet),
            admission,
            limits,
            sockets,
        });
        let thread = thread::Builder::new()
            .name("refusal".to_owned())
            .spawn(move || while turn.run_once() {})?;
        Ok(Self { post, thread: Some(thread) })
    }

    /// Leaves the listeners to others. Those who were refused last may still read that: the thread
    /// ends when they have.
    pub(crate) fn stop(mut self) -> Option<JoinHandle<()>> {
        self.thread.take()
    }
}

impl Drop for Refusal {
    fn drop(&mut self) {
        for mailbox in self.post.iter() {
            mailbox.post(Letter::ShutDown);
            mailbox.wake();
        }
    }
}

fn random() -> io::Result<u64> {
    getrandom::u64().map_err(io::Error::other)
}

struct NobodyYet;

impl Access for NobodyYet {
    fn decide(&mut self, _asker: &Asker<'_>, _question: &Question<'_>) -> Option<Verdict> {
        Some(Verdict::Deny(ReasonCode::ServerUnavailable))
    }
}

impl Control for NobodyYet {
    fn ask(&self, _ask: Ask) {
        // Every question was answered at once.
    }

    fn control(&self, _request: ControlRequest) {
        // Nobody was let in.
    }
}

#[cfg(test)]
mod tests {
    use std::io::{Read, Write};
    use std::net::TcpStream;
    use std::time::Duration;

    use super::*;
    use crate::config::{Bind, Listener};

    #[test]
    fn whoever_comes_too_early_is_told_so_in_its_own_words() {
        let wanted = vec![Listener::new(Bind::Loopback { port: 0 })];
        let listeners = Listeners::default().change(wanted, 16).unwrap();
        let address = listeners.addresses()[0];
        let admission = Arc::new(Admission::new(16));
        let (limits, sockets) = (Arc::new(Limits::default()), SocketLimits::default());
        let refusal = Refusal::start(&listeners, &limits, sockets, admission).unwrap();
        let rows: [(&[u8], &[u8]); 2] = [
            (b"\x10\x0d\0\x04MQTT\x04\x02\0\x3c\0\x01a", &[0x20, 2, 0, 3]),
            (b"\x10\x0e\0\x04MQTT\x05\x02\0\x3c\0\0\x01a", &[0x20, 3, 0, 0x88, 0]),
        ];
        for (connect, answer) in rows {
            let mut socket = TcpStream::connect(address).unwrap();
            socket.set_read_timeout(Some(Duration::from_secs(20))).unwrap();
            socket.write_all(connect).unwrap();
            let mut received = Vec::new();
            socket.read_to_end(&mut received).unwrap();
            assert_eq!(received, answer);
        }
        refusal.stop().expect("it was started").join().expect("it does not crash");
        // From now on they are somebody else's.
        let waiting = TcpStream::connect(address).unwrap();
        let (mut network, _) = MioNetwork::new(Clock::start(Instant::ZERO)).unwrap();
        let entrance = &mut listeners.share().unwrap()[0];
        // It was accepted by nobody else, so that it waits already.
        let (_, peer) = network.accept(&mut entrance.listener).unwrap();
        assert_eq!(peer.to_string(), waiting.local_addr().unwrap().to_string());
    }
}
