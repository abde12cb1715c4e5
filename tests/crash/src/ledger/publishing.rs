//! What clients publish, and to whom the broker then owes it.

use super::Ledger;
use super::publication::Publication;
use crate::event::{ClientNumber, MessageNumber};
use crate::history::Fault;
use crate::scene::Life;

impl Ledger {
    pub(super) fn publishing(&mut self, client: ClientNumber, number: MessageNumber) {
        let session = self.session(client);
        let mark = (session.connection, session.settled());
        let Some(publication) = self.publications.get_mut(&number) else {
            return;
        };
        publication.attempts += 1;
        publication.last_at = self.now;
        publication.mark = mark;
        if publication.attempts > 1 {
            return;
        }
        publication.first_moment = self.moment;
        publication.first_at = self.now;
        let message = publication.message;
        if message.retain {
            let kept = self.retained.entry(message.topic).or_default();
            kept.publishing(number, message.is_empty, message.expiry, self.now);
        }
    }

    pub(super) fn published(
        &mut self,
        client: ClientNumber,
        number: MessageNumber,
        matched: bool,
    ) -> Result<(), Fault> {
        self.acknowledged += 1;
        let Some(publication) = self.publications.get_mut(&number) else {
            return Ok(());
        };
        publication.closed = Some(self.moment);
        let publication = publication.clone();
        if publication.message.retain
            && let Some(kept) = self.retained.get_mut(&publication.message.topic)
        {
            kept.published(number);
        }
        let session = self.owe(number, &publication);
        if let Some(session) = session {
            if !matched {
                let text = format!("{number}: the broker says that nobody has subscribed to it");
                return Err(Fault::of(session, text).about(number));
            }
            let (connection, mark) = publication.mark;
            if self.session(client).connection == connection {
                // The answer waited for the record, and so for all that this client said before.
                self.confirm(client, mark);
            }
        }
        Ok(())
    }

    pub(super) fn refused(&mut self, number: MessageNumber) {
        if let Some(publication) = self.publications.get_mut(&number) {
            publication.closed = Some(self.moment);
            publication.refused = publication.attempts == 1;
        }
    }

    pub(super) fn abandoned(&mut self, number: MessageNumber) {
        if let Some(publication) = self.publications.get_mut(&number) {
            publication.closed = Some(self.moment);
        }
    }

    /// The message was taken over: notes who is owed it. Returns a session that is for sure.
    pub(super) fn owe(
        &mut self,
        number: MessageNumber,
        publication: &Publication,
    ) -> Option<ClientNumber> {
        let topic = publication.message.topic;
        let mut sure = None;
        for (index, session) in self.sessions.iter_mut().enumerate() {
            let mut certain = session.subscriptions.iter().filter(|(filter, subscription)| {
                self.scene.matches(**filter, topic)
                    && subscription.is_certain_since(publication.first_moment)
            });
            let Some((filter, _)) = certain.next().filter(|_| session.life != Life::Transient)
            else {
                continue;
            };
            if session.life == Life::Persistent {
                sure = Some(ClientNumber(index));
            }
            let receiver = match self.groups.get_mut(filter) {
                Some(group) => &mut group.receiver,
                None => &mut session.receiver,
            };
            if publication.is_owed() {
                receiver.owe(number);
            }
        }
        sure
    }
}
