//! Access rules that leave questions for later, and a control plane that answers them late or
//! never. Topics that are forbidden are so for everybody and always, and some clients lose rights that
//! they had.

use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use ferrymq_broker::{
    Access, Answer, Ask, AskedQuestion, Asker, ControlRequest, Question, ShardIndex, Verdict,
};
use ferrymq_codec::ReasonCode;
use ferrymq_server::Control;

use crate::options::AccessFaults;
use crate::random::{PerMille, Random};

/// What all shards and the control plane share.
#[derive(Debug)]
pub(crate) struct LateAccess {
    state: Mutex<State>,
}

#[derive(Debug)]
struct State {
    faults: AccessFaults,
    random: Random,
    asks: Vec<Option<Ask>>,
    planned: usize,
    lost: Vec<LostRight>,
}

/// What a client may not do any more.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct LostRight {
    pub(crate) client_id: String,
    pub(crate) right: Right,
    pub(crate) topic: String,
}

/// What a client may do with a topic's messages.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Right {
    Publish,
    Receive,
}

/// The access rules of one shard.
#[derive(Debug)]
pub(crate) struct Rules(pub(crate) Arc<LateAccess>);

impl LateAccess {
    pub(crate) const fn new(faults: AccessFaults, random: Random, lost: Vec<LostRight>) -> Self {
        Self { state: Mutex::new(State { faults, random, asks: Vec::new(), planned: 0, lost }) }
    }

    /// A client loses a right. The shards are to be told.
    pub(crate) fn take_right(&self, lost: LostRight) {
        self.lock().lost.push(lost);
    }

    /// From now on everything is answered at once.
    pub(crate) fn heal(&self) {
        self.lock().faults = AccessFaults { late: PerMille(0), lost: PerMille(0) };
    }

    /// The questions that were asked since the last call.
    pub(crate) fn take_asked(&self) -> std::ops::Range<usize> {
        let mut state = self.lock();
        let end = state.asks.len();
        std::mem::replace(&mut state.planned, end)..end
    }

    /// The answer to a question, and where it goes; `None`: there will be none.
    pub(crate) fn answer(&self, number: usize) -> Option<(ShardIndex, Answer)> {
        let mut state = self.lock();
        let ask = state.asks.get_mut(number).and_then(Option::take)?;
        // A publisher whose version knows no reason codes cannot be told that nobody answered.
        let may_be_lost = !matches!(ask.question, AskedQuestion::Publish { .. });
        let lost = state.faults.lost;
        if may_be_lost && state.random.chance(lost) {
            return None;
        }
        let verdict = state.verdict(&ask.client_id, &ask.question.as_question());
        let answer = Answer { connection: ask.connection, request: ask.request, verdict };
        Some((ask.shard, answer))
    }

    fn lock(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl State {
    fn verdict(&self, client_id: &str, question: &Question<'_>) -> Verdict {
        let (right, topic) = match question {
            Question::Publish { topic, .. } if topic.starts_with(FORBIDDEN) => return DENIED,
            Question::Publish { topic, .. } => (Right::Publish, *topic),
            Question::Receive { topic } => (Right::Receive, *topic),
            _ => return Verdict::YES,
        };
        let is_this = |lost: &LostRight| {
            lost.right == right && lost.topic == topic && lost.client_id == client_id
        };
        if self.lost.iter().any(is_this) { DENIED } else { Verdict::YES }
    }
}

impl Access for Rules {
    fn decide(&mut self, asker: &Asker<'_>, question: &Question<'_>) -> Option<Verdict> {
        let mut state = self.0.lock();
        let late = state.faults.late;
        // Nobody could wait for an answer about what is received: none would be a no.
        if !matches!(question, Question::Receive { .. }) && state.random.chance(late) {
            return None;
        }
        Some(state.verdict(asker.client_id, question))
    }

    fn lasts(&self, _asker: &Asker<'_>, _question: &Question<'_>) -> bool {
        true
    }
}

impl Control for LateAccess {
    fn ask(&self, ask: Ask) {
        self.lock().asks.push(Some(ask));
    }

    fn control(&self, request: ControlRequest) {
        panic!("no client asks the broker for anything: {request:?}");
    }
}

/// How topics begin that nobody may publish to.
pub(crate) const FORBIDDEN: &str = "t/forbidden";
const DENIED: Verdict = Verdict::Deny(ReasonCode::NotAuthorized);
