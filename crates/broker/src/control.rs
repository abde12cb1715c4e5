//! Requests to the broker, below `$CONTROL/`, and their answers.
//!
//! A request is acknowledged when it is taken, not when it is done. Its connection is not read from
//! until then, so that each has one under way at most, and they are done in their order.

use std::sync::Arc;

use ferrymq_codec::{Properties, Publish, QoS, TopicName};
use ferrymq_protocol::time::Instant;

use crate::connection::OpenQuestion;
use crate::control_request::{ControlAnswer, ControlRequest, ControlResponse};
use crate::identity::{ConnectionId, SessionNumber, SessionRef};
use crate::message::{Parcel, Publication};
use crate::shard::Shard;

impl Shard {
    /// The requests to the broker since the last call.
    pub fn take_controls(&mut self) -> Vec<ControlRequest> {
        std::mem::take(&mut self.effects.controls)
    }

    /// Takes the answer to a request to the broker. Who has left meanwhile is not told.
    pub fn answer_control(&mut self, answer: ControlAnswer, now: Instant) {
        let ControlAnswer { connection: id, request, response } = answer;
        let Some(connection) = self.connections.get_mut(id) else {
            return;
        };
        if connection.question.as_ref().is_none_or(|question| question.open != Some(request)) {
            return;
        }
        connection.question = None;
        self.effects.readable.push(id);
        if let (Some(response), Some(place)) = (response, self.place_of(id)) {
            self.respond(place, &response, now);
        }
    }

    /// Takes a client's request, which is answered later.
    pub(crate) fn control(
        &mut self,
        id: ConnectionId,
        publish: &Publish<'_>,
        topic: TopicName<'_>,
        now: Instant,
    ) {
        let client_id = self.client_id_of(id);
        let Some(profile) = self.profile(id).map(Arc::clone) else {
            return;
        };
        let request = self.next_request();
        let deadline = now.saturating_add(self.limits.answer_timeout);
        let Some(connection) = self.connections.get_mut(id) else {
            return;
        };
        let properties = &publish.properties;
        self.effects.controls.push(ControlRequest {
            shard: self.index,
            connection: id,
            request,
            peer: connection.peer,
            client_id,
            principal: connection.principal.clone(),
            profile,
            topic: Box::from(topic.as_str()),
            payload: Box::from(publish.payload),
            qos: publish.delivery.qos(),
            response_topic: properties.response_topic().map(|topic| Box::from(topic.as_str())),
            correlation_data: properties.correlation_data().map(Box::from),
        });
        let question =
            OpenQuestion { open: Some(request), asked: None, deadline, verdicts: Vec::new() };
        connection.question = Some(Box::new(question));
        self.arm_connection(id, deadline);
    }

    /// Sends a client the response to its request, as its own subscriptions ask for it.
    fn respond(&mut self, place: SessionRef, response: &ControlResponse, now: Instant) {
        let Ok(topic) = TopicName::parse(&response.topic) else {
            return;
        };
        let publication = Publication {
            topic,
            properties: Properties::EMPTY,
            payload: &response.payload,
            qos: QoS::AtLeastOnce,
            retain: false,
            expires: Instant::FAR_FUTURE,
            publisher: SessionNumber::BROKER,
        };
        let route = self.route(topic);
        let mut parcel = Parcel::borrowed(publication, &route.topic, None);
        for target in route.local.targets.iter().filter(|target| target.session == place) {
            if self.may_receive(place, &route.topic) {
                self.deliver_to(target, &mut parcel, None, None, now);
            } else {
                self.withhold(target, &parcel, None);
            }
        }
    }
}
