//! What is still owed, and what can be forgotten once nothing is.

use std::collections::HashSet;

use ferrymq_codec::QoS;

use super::retained::RetainedTopic;
use super::session::Session;
use super::will::WillState;
use super::{Group, Ledger};
use crate::event::{ClientNumber, FilterNumber, MessageNumber};
use crate::history::Fault;

impl Ledger {
    /// How many messages must still come to one of these clients or to a shared group. Wills that
    /// are due by now are owed from now on.
    pub fn owed(&mut self, clients: &[ClientNumber]) -> usize {
        self.owe_wills();
        let sessions = clients.iter().filter_map(|client| self.sessions.get(client.0));
        let to_sessions: usize = sessions.map(|session| session.receiver.owed.len()).sum();
        let to_groups: usize = self.groups.values().map(|group| self.owed_to(group).count()).sum();
        to_sessions + to_groups
    }

    /// A fault for each message that [`Self::owed`] counts, the oldest first.
    pub fn missing(&self, clients: &[ClientNumber]) -> Vec<Fault> {
        let mut missing = Vec::new();
        for client in clients {
            let owed = self.sessions.get(client.0).map(|session| &session.receiver.owed);
            for message in owed.into_iter().flatten() {
                missing.push(self.lost_message(&client.to_string(), &[*client], *message));
            }
        }
        for (filter, group) in &self.groups {
            let members = self.members(*filter);
            for message in self.owed_to(group) {
                missing.push(self.lost_message(self.scene.filter(*filter), &members, message));
            }
        }
        missing.sort_by_key(|fault| fault.message);
        missing
    }

    /// These clients have got all that they are owed, and the broker has kept every
    /// acknowledgement of theirs: nothing that they have received may come to them again.
    pub fn close(&mut self, clients: &[ClientNumber]) {
        let wills: HashSet<MessageNumber> = self.wills.iter().map(|will| will.message).collect();
        for client in clients {
            if let Some(session) = self.sessions.get_mut(client.0) {
                session.receiver.forget_receipts(|message| wills.contains(&message));
                for subscription in session.subscriptions.values_mut() {
                    subscription.forget_the_past();
                }
            }
        }
        let filters: Vec<FilterNumber> = self.groups.keys().copied().collect();
        for filter in filters {
            if self.members(filter).iter().all(|member| clients.contains(member))
                && let Some(group) = self.groups.get_mut(&filter)
            {
                group.receiver.reset();
            }
        }
        let now = self.now;
        self.wills.retain(|will| !will.is_over(now));
        for kept in self.retained.values_mut() {
            kept.forget_the_past();
        }
        self.forget_publications(clients);
    }

    /// Forgets the messages that nobody may get any more, if these clients have got theirs.
    fn forget_publications(&mut self, settled: &[ClientNumber]) {
        let sessions = self.sessions.iter().flat_map(|session| session.receiver.mentioned());
        let groups = self.groups.values().flat_map(|group| group.receiver.mentioned());
        let retained = self.retained.values().flat_map(RetainedTopic::mentioned);
        let wills = self.wills.iter().map(|will| will.message);
        let needed: HashSet<MessageNumber> =
            sessions.chain(groups).chain(retained).chain(wills).collect();
        let others = self.scene.clients().zip(&self.sessions);
        let others = others.filter(|(client, _)| !settled.contains(client));
        let others: Vec<&Session> = others.map(|(_, session)| session).collect();
        let scene = &self.scene;
        self.publications.retain(|number, publication| {
            let is_open = publication.closed.is_none() && !publication.is_will();
            let may_come = |session: &&Session| session.may_receive(publication, scene);
            is_open || needed.contains(number) || others.iter().any(may_come)
        });
    }

    fn owe_wills(&mut self) {
        let due = self.wills.iter_mut().filter(|will| will.is_due(self.now));
        let due: Vec<MessageNumber> = due
            .map(|will| {
                will.state = WillState::Published;
                will.message
            })
            .collect();
        for number in due {
            if let Some(publication) = self.publications.get(&number).cloned() {
                self.owe(number, &publication);
            }
        }
    }

    /// What a group must still get. A QoS 2 message that was sent to a member stays with it, even
    /// if its session ends [MQTT-4.8.2-5].
    fn owed_to<'a>(&'a self, group: &'a Group) -> impl Iterator<Item = MessageNumber> + 'a {
        let is_excused = move |message: &MessageNumber| {
            self.publications.get(message).is_none_or(|publication| {
                publication.message.qos == QoS::ExactlyOnce && publication.first_moment < group.left
            })
        };
        group.receiver.owed.iter().copied().filter(move |message| !is_excused(message))
    }

    fn members(&self, filter: FilterNumber) -> Vec<ClientNumber> {
        let sessions = self.scene.clients().zip(&self.sessions);
        sessions
            .filter(|(_, session)| session.subscriptions.contains_key(&filter))
            .map(|(client, _)| client)
            .collect()
    }

    fn lost_message(&self, whom: &str, clients: &[ClientNumber], message: MessageNumber) -> Fault {
        let publisher =
            self.publications.get(&message).map(|publication| publication.message.publisher);
        let mut clients = clients.to_vec();
        clients.extend(publisher);
        let text = format!("{message} was promised to {whom} and never came");
        Fault { text, clients, message: Some(message) }
    }
}
