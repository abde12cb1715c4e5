//! Routes that a shard has walked to, by topic, so that it need not walk again.

use std::sync::Arc;

use foldhash::fast::FixedState;
use hashbrown::HashMap;

use crate::directory::{Directory, SubscriptionState};
use crate::limits::Limits;
use crate::route::Route;

/// Routes with the states of the subscriptions that they were made in.
pub(crate) struct RouteCache {
    routes: HashMap<Arc<str>, (SubscriptionState, Arc<Route>), FixedState>,
    /// About how much memory they take: a route to many sessions takes much.
    bytes: usize,
}

impl RouteCache {
    pub(crate) fn new(hasher: FixedState) -> Self {
        Self { routes: HashMap::with_hasher(hasher), bytes: 0 }
    }

    /// The route of a topic, unless the subscriptions have changed since it was made.
    pub(crate) fn get(&self, topic: &str, directory: &Directory) -> Option<&Arc<Route>> {
        let (state, route) = self.routes.get(topic)?;
        directory.is_current(*state).then_some(route)
    }

    pub(crate) fn insert(&mut self, state: SubscriptionState, route: &Arc<Route>, limits: &Limits) {
        if let Some((_, old)) = self.routes.remove(&route.topic) {
            self.bytes -= old.weight();
        }
        let weight = route.weight();
        if self.routes.len() >= limits.routes || self.bytes + weight > limits.route_bytes {
            // Forgetting all is cheap, and what is in use comes back at once.
            self.routes.clear();
            self.bytes = 0;
        }
        self.bytes += weight;
        self.routes.insert(Arc::clone(&route.topic), (state, Arc::clone(route)));
    }
}
