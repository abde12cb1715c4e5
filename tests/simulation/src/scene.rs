//! What all parts of a run share: the clock, the agenda, the network, the model, the trace.

use ferrymq_protocol::time::Instant;

use crate::agenda::{Agenda, Business, Occasion, after};
use crate::model::Model;
use crate::options::Options;
use crate::random::Random;
use crate::trace::Trace;
use crate::wire::Wire;

/// The scene of a run.
#[derive(Debug)]
pub(crate) struct Scene {
    pub(crate) now: Instant,
    /// Counts everything that happens, and so orders what happens at the same time.
    pub(crate) step: u64,
    pub(crate) phase: Phase,
    pub(crate) agenda: Agenda,
    pub(crate) wire: Wire,
    pub(crate) model: Model,
    pub(crate) trace: Trace,
    pub(crate) random: Random,
    pub(crate) options: Options,
    pub(crate) failure: Option<(Option<usize>, String)>,
    /// When a client last sent or received more than a ping.
    pub(crate) last_activity: Instant,
}

/// How far a run has come.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) enum Phase {
    /// Faults happen, and clients do what they like.
    Chaos,
    /// Nothing goes wrong any more. Clients with persistent sessions connect and get what they are
    /// owed.
    Drain,
    /// All sessions are ended by their clients.
    Leave,
}

impl Scene {
    pub(crate) fn plan(&mut self, delay_us: usize, occasion: Occasion) {
        self.agenda.plan(after(self.now, delay_us), occasion);
    }

    /// The same for the broker as it lives now, until so much later.
    pub(crate) fn plan_in_life(&mut self, latest_us: usize, business: Business) {
        let delay = self.random.between(0, latest_us);
        self.plan(delay, Occasion::InLife(self.model.crashes, business));
    }

    /// Notes an event of a client.
    pub(crate) fn note(&mut self, client: usize, event: &str) {
        self.step += 1;
        self.trace.note(client, self.step, self.now, event);
    }

    /// Something is not as it must be. The first such finding ends the run.
    pub(crate) fn fail(&mut self, client: Option<usize>, finding: String) {
        if self.failure.is_none() {
            self.failure = Some((client, finding));
        }
    }
}
