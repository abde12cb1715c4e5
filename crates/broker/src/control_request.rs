//! Requests to the broker itself: what is published below `$CONTROL/` reaches no subscriber. It goes
//! out as a value, as questions of access do, and what comes back is sent to the client that asked.

use std::fmt;
use std::sync::Arc;

use ferrymq_codec::QoS;

use crate::access::Principal;
use crate::identity::{ConnectionId, ShardIndex};
use crate::listener_profile::ListenerProfile;
use crate::peer::Peer;

/// A message that a client has published below `$CONTROL/`. It was allowed to.
#[derive(Clone)]
pub struct ControlRequest {
    /// Where the answer must go.
    pub shard: ShardIndex,
    /// The connection that asks, and is not read from before the answer has come.
    pub connection: ConnectionId,
    /// Which request of this connection this is.
    pub request: u32,
    /// Where the connection comes from.
    pub peer: Peer,
    /// The client identifier.
    pub client_id: Box<str>,
    /// Who the client is.
    pub principal: Option<Arc<Principal>>,
    /// What holds for the connections of its listener.
    pub profile: Arc<ListenerProfile>,
    /// The topic.
    pub topic: Box<str>,
    /// The payload.
    pub payload: Box<[u8]>,
    /// The quality of service.
    pub qos: QoS,
    /// The Response Topic, as the client has said it.
    pub response_topic: Option<Box<str>>,
    /// The Correlation Data.
    pub correlation_data: Option<Box<[u8]>>,
}

/// Without what is asked for, which may be that somebody is given a password.
impl fmt::Debug for ControlRequest {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("ControlRequest")
            .field("shard", &self.shard)
            .field("connection", &self.connection)
            .field("request", &self.request)
            .field("peer", &self.peer)
            .field("client_id", &self.client_id)
            .field("principal", &self.principal)
            .field("topic", &self.topic)
            .finish_non_exhaustive()
    }
}

/// That a [`ControlRequest`] was done, or refused: the connection goes on.
#[derive(Clone, Debug)]
pub struct ControlAnswer {
    /// The connection that waits.
    pub connection: ConnectionId,
    /// Which request is answered.
    pub request: u32,
    /// What its client is told, if it has subscribed to it.
    pub response: Option<ControlResponse>,
}

/// A message to the client that has sent a [`ControlRequest`], and to nobody else.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ControlResponse {
    /// The topic, such as `$CONTROL/dynamic-security/v1/response`.
    pub topic: Box<str>,
    /// The payload.
    pub payload: Box<[u8]>,
}

/// Whether what is published to this topic is a request to the broker.
pub(crate) fn is_control(topic: &str) -> bool {
    topic.starts_with("$CONTROL/")
}
