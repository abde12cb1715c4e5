//! Connections that begin and end, and what that means for sessions and wills.

use super::Ledger;
use super::session::Existence;
use super::will::{Will, WillState};
use crate::event::{ClientNumber, MessageNumber};
use crate::history::Fault;

impl Ledger {
    pub(super) fn connecting(
        &mut self,
        client: ClientNumber,
        clean_start: bool,
        will: Option<MessageNumber>,
    ) {
        let now = self.now;
        let session = self.session(client);
        session.connecting(clean_start, now);
        session.will = will;
        if clean_start {
            self.member_may_leave(client);
        }
        let Some(message) = will else {
            return;
        };
        let Some(publication) = self.publications.get_mut(&message) else {
            return;
        };
        publication.first_moment = self.moment;
        publication.first_at = now;
        publication.last_at = now;
        let delay = publication.message.will_delay.unwrap_or_default();
        let state = WillState::May;
        self.wills.push(Will { client, message, delay, state, confirmed: false });
    }

    pub(super) fn connected(
        &mut self,
        client: ClientNumber,
        session_present: bool,
    ) -> Result<(), Fault> {
        let now = self.now;
        let begin = self.session(client).connecting_at;
        let newest = self.session(client).will;
        for will in self.wills.iter_mut().filter(|will| will.client == client) {
            will.returned(begin, now);
            if Some(will.message) == newest && will.state == WillState::May {
                will.state = WillState::Armed;
            }
        }
        if !session_present {
            self.member_may_leave(client);
        }
        let outcome = self.session(client).connected(session_present, now);
        outcome.map_err(|text| Fault::of(client, format!("{client}: {text}")))
    }

    pub(super) fn disconnecting(&mut self, client: ClientNumber, ends_session: bool) {
        if ends_session {
            self.session(client).may_end();
            self.member_may_leave(client);
        }
        self.change_will(client, WillState::Armed, WillState::May);
        // Remembered, so that the end of the connection is not taken for the loss of it.
        self.session(client).is_ended_by_client = ends_session;
    }

    pub(super) fn disconnected(&mut self, client: ClientNumber) {
        let now = self.now;
        self.change_will(client, WillState::May, WillState::Cancelled(now));
        let session = self.session(client);
        session.closed(now);
        if session.is_ended_by_client {
            session.existence = Existence::GoneSince(now);
        }
    }

    pub(super) fn lost(&mut self, client: ClientNumber) {
        let now = self.now;
        self.session(client).closed(now);
        for will in self.wills.iter_mut().filter(|will| will.client == client) {
            will.lost(now);
        }
    }

    pub(super) fn killed(&mut self) {
        let now = self.now;
        for session in &mut self.sessions {
            session.killed(now);
        }
        for will in &mut self.wills {
            will.killed(now);
        }
    }

    /// A session that may have ended takes with it what was sent to it with QoS 2.
    fn member_may_leave(&mut self, client: ClientNumber) {
        let Some(session) = self.sessions.get(client.0) else {
            return;
        };
        for (filter, group) in &mut self.groups {
            if session.subscriptions.contains_key(filter) {
                group.left = self.moment;
            }
        }
    }

    /// Changes the state of the will of this connection.
    fn change_will(&mut self, client: ClientNumber, from: WillState, to: WillState) {
        let newest = self.session(client).will;
        for will in self.wills.iter_mut().filter(|will| Some(will.message) == newest) {
            if will.state == from {
                will.state = to;
            }
        }
    }
}
