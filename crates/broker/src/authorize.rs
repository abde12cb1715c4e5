//! Asking who may do what, for the packets of a connection, and what follows when the rules change.

use ferrymq_codec::ReasonCode;
use ferrymq_protocol::time::Instant;

use crate::access::{Access, Answer, Ask, AskedQuestion, Asker, Question, Verdict};
use crate::cause::Cause;
use crate::connection::{Connection, Phase};
use crate::effects::Effects;
use crate::identity::ConnectionId;
use crate::shard::Shard;

impl Shard {
    /// Takes the answer to a question of access.
    pub fn answered(&mut self, answer: Answer) {
        let Some(connection) = self.connections.get_mut(answer.connection) else {
            return;
        };
        let Some(question) = &mut connection.question else {
            return;
        };
        if question.open == Some(answer.request) {
            question.open = None;
            match question.asked {
                Some(nth) => question.verdicts.push((nth, answer.verdict)),
                None => connection.question = None,
            }
            self.effects.readable.push(answer.connection);
        }
    }

    /// Asks somebody else from now on, as after [`Self::access_changed`].
    pub fn set_access(&mut self, access: Box<dyn Access>, now: Instant) {
        self.access = access;
        self.access_changed(now);
    }

    /// Who may do what has changed: verdicts that were remembered are forgotten, and the connection
    /// of each client that may not stay ends. Subscriptions stay.
    pub fn access_changed(&mut self, now: Instant) {
        self.is_open = self.access.is_open();
        for id in self.connections.ids() {
            self.ask_anew(id);
            if !self.still_stands(id) {
                self.end(id, Cause::Denied(ReasonCode::NotAuthorized), now);
            }
        }
    }

    /// Whoever waits for an answer, or has got one that was not acted on, is asked about by the rules
    /// that hold now: what the former ones said lets nobody in. A request goes on.
    fn ask_anew(&mut self, id: ConnectionId) {
        if let Some(connection) = self.connections.get_mut(id)
            && connection.question.take_if(|question| question.asked.is_some()).is_some()
        {
            self.effects.readable.push(id);
        }
    }

    fn still_stands(&mut self, id: ConnectionId) -> bool {
        let Some(connection) = self.connections.get(id) else {
            return true;
        };
        // Whoever is being let in is asked about by the rules that hold now.
        let Some(session) = connection.session.and_then(|slot| self.sessions.get(slot as usize))
        else {
            return true;
        };
        self.access.still_stands(&asker(connection, &session.client_id, &self.effects))
    }

    /// Asks whether a client may do something. `None`: the answer will come later, and the packet
    /// is to be parked. `nth` tells the questions of one packet apart.
    pub(crate) fn ask(
        &mut self,
        id: ConnectionId,
        client_id: &str,
        nth: usize,
        question: &Question<'_>,
        now: Instant,
    ) -> Option<Verdict> {
        let connection = self.connections.get(id)?;
        if let Some(known) = &connection.question
            && let Ok(place) = known.verdicts.binary_search_by_key(&nth, |(asked, _)| *asked)
            && let Some((_, verdict)) = known.verdicts.get(place)
        {
            return Some(verdict.clone());
        }
        let asker = asker(connection, client_id, &self.effects);
        if let Some(verdict) = self.access.decide(&asker, question) {
            return Some(verdict);
        }
        let request = self.next_request;
        let ask = Ask {
            shard: self.index,
            connection: id,
            request,
            peer: asker.peer,
            client_id: Box::from(client_id),
            username: asker.username.map(Box::from),
            principal: asker.principal.and_then(|_| connection.principal.clone()),
            profile: asker.profile.clone(),
            question: AskedQuestion::from(question),
        };
        self.effects.asks.push(ask);
        self.next_request = request.wrapping_add(1);
        let deadline = now.saturating_add(self.limits.answer_timeout);
        if let Some(connection) = self.connections.get_mut(id) {
            let known = connection.question.get_or_insert_default();
            known.open = Some(request);
            known.asked = Some(nth);
            known.deadline = deadline;
        }
        self.arm_connection(id, deadline);
        None
    }

    /// The same for a client with a session, which may do everything where nobody needs to be asked.
    pub(crate) fn ask_of_session(
        &mut self,
        id: ConnectionId,
        slot: u32,
        nth: usize,
        question: &Question<'_>,
        now: Instant,
    ) -> Option<Verdict> {
        if self.is_open {
            return Some(Verdict::YES);
        }
        // Taken out for the time of the question, so that its client identifier can be lent.
        let client_id = std::mem::take(&mut self.sessions.get_mut(slot as usize)?.client_id);
        let verdict = self.ask(id, &client_id, nth, question, now);
        if let Some(session) = self.sessions.get_mut(slot as usize) {
            session.client_id = client_id;
        }
        verdict
    }

    /// The number of the next question, which no other question of the connection has.
    pub(crate) const fn next_request(&mut self) -> u32 {
        let request = self.next_request;
        self.next_request = request.wrapping_add(1);
        request
    }
}

/// Who asks, over this connection.
fn asker<'a>(connection: &'a Connection, client_id: &'a str, effects: &'a Effects) -> Asker<'a> {
    let principal = connection.principal.as_deref();
    Asker {
        peer: connection.peer,
        client_id,
        username: principal.and_then(|principal| principal.username.as_deref()),
        principal: principal.filter(|_| connection.phase == Phase::Open),
        profile: &effects.profiles.terms(connection.profile).profile,
    }
}
