//! Questions of access and requests to the broker, answered from outside.

use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};

use ferrymq_broker::{
    Access, Answer, Ask, Asker, ControlAnswer, ControlRequest, ControlResponse, Identity, Question,
    Verdict,
};

use super::{Client, Connecting, World};

/// An access that leaves every question for later, except those with which nobody can wait.
pub(crate) struct AskLater;

impl Access for AskLater {
    fn decide(&mut self, _asker: &Asker<'_>, question: &Question<'_>) -> Option<Verdict> {
        matches!(question, Question::Receive { .. }).then_some(Verdict::YES)
    }
}

impl World {
    /// A certificate has said who the peer of a new connection is.
    pub(crate) fn identify(&mut self, client: Client, common_name: &str) {
        let (peer, name) = (&self.clients[client.0], Some(Box::from(common_name)));
        self.shards[peer.shard]
            .identify(peer.id, Identity { common_name: name, ..Identity::default() });
    }

    pub(crate) fn answer(&mut self, ask: &Ask, verdict: Verdict) {
        let answer = Answer { connection: ask.connection, request: ask.request, verdict };
        self.shards[ask.shard.as_usize()].answered(answer);
        self.settle();
    }

    /// Who may do what changes, after the last answers have come and before anybody has acted on
    /// them.
    pub(crate) fn access_changed(&mut self, answers: &[(&Ask, Verdict)]) {
        for (ask, verdict) in answers {
            let (connection, request) = (ask.connection, ask.request);
            let answer = Answer { connection, request, verdict: verdict.clone() };
            self.shards[ask.shard.as_usize()].answered(answer);
        }
        for shard in &mut self.shards {
            shard.access_changed(self.now);
        }
        self.settle();
    }

    /// A request to the broker was done; this is what its client is told.
    pub(crate) fn respond(&mut self, to: &ControlRequest, response: Option<(&str, &str)>) {
        let response = response.map(|(topic, payload)| ControlResponse {
            topic: Box::from(topic),
            payload: Box::from(payload.as_bytes()),
        });
        let (connection, request) = (to.connection, to.request);
        self.shards[to.shard.as_usize()]
            .answer_control(ControlAnswer { connection, request, response }, self.now);
        self.settle();
    }
}

/// An access that a function decides for.
pub(crate) struct Judge {
    pub(crate) decide: fn(&Asker<'_>, &Question<'_>) -> Option<Verdict>,
    /// Whether its verdicts may be remembered.
    pub(crate) lasts: bool,
    /// Who may stay when this is asked from now on.
    pub(crate) stands: fn(&Asker<'_>) -> bool,
    /// How often it was asked.
    pub(crate) asked: Arc<AtomicUsize>,
}

impl Judge {
    pub(crate) fn new(decide: fn(&Asker<'_>, &Question<'_>) -> Option<Verdict>) -> Self {
        Self { decide, lasts: true, stands: |_| true, asked: Arc::default() }
    }
}

impl Access for Judge {
    fn decide(&mut self, asker: &Asker<'_>, question: &Question<'_>) -> Option<Verdict> {
        self.asked.fetch_add(1, Ordering::Relaxed);
        (self.decide)(asker, question)
    }

    fn lasts(&self, _asker: &Asker<'_>, _question: &Question<'_>) -> bool {
        self.lasts
    }

    fn still_stands(&mut self, asker: &Asker<'_>) -> bool {
        (self.stands)(asker)
    }
}

impl World {
    /// Somebody else decides from now on.
    pub(crate) fn set_access(&mut self, make: impl Fn() -> Judge) {
        for shard in &mut self.shards {
            shard.set_access(Box::new(make()), self.now);
        }
        self.settle();
    }

    /// A client that comes back to its session.
    pub(crate) fn connect_again(
        &mut self,
        client_id: &str,
        with: impl FnOnce(&mut Connecting),
    ) -> Client {
        let mut connecting = Connecting::default();
        with(&mut connecting);
        let client = self.open(0, connecting.version);
        self.send_connect(client, client_id, &connecting);
        client
    }
}
