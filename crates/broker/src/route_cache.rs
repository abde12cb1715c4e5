//! Routes that a shard has walked to, by topic, so that it need not walk again.

use std::sync::Arc;

use foldhash::fast::FixedState;
use hashbrown::HashMap;

use crate::limits::Limits;
use crate::route::Route;

/// Routes with the versions that they were made at.
pub(crate) struct RouteCache {
    routes: HashMap<Arc<str>, (u64, Arc<Route>), FixedState>,
    /// About how much memory they take: a route to many sessions takes much.
    bytes: usize,
}

impl RouteCache {
    pub(crate) fn new(hasher: FixedState) -> Self {
        Self { routes: HashMap::with_hasher(hasher), bytes: 0 }
    }

    /// The route of a topic, unless the subscriptions have changed since it was made.
    pub(crate) fn get(&self, topic: &str, version: u64) -> Option<&Arc<Route>> {
        let (known, route) = self.routes.get(topic)?;
        (*known == version).then_some(route)
    }

    pub(crate) fn insert(&mut self, version: u64, route: &Arc<Route>, limits: &Limits) {
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
        self.routes.insert(Arc::clone(&route.topic), (version, Arc::clone(route)));
    }
}
