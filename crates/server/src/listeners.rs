//! All listeners of a broker: what was bound, and on which terms.

use std::io;
use std::net::SocketAddr;
use std::sync::{Arc, OnceLock};

use ferrymq_broker::{Directory, ListenerProfile, PaceLimits, Rate};
use ferrymq_transport::websocket;

use crate::acceptor::{Admission, Entrance, Places, Terms};
use crate::config::{Bind, Listener};
use crate::http_api::Answers;
use crate::listen::{self, ListenError, SharedPorts, SharedSocket};
use crate::mio_network::MioListener;

/// The listeners of a broker.
#[derive(Default)]
pub(crate) struct Listeners {
    bound: Vec<Bound>,
    /// What those who ask over HTTP are told of, once there is a broker.
    directory: Arc<OnceLock<Arc<Directory>>>,
}

#[derive(Debug)]
struct Bound {
    bind: Bind,
    no_delay: bool,
    maximum_connections: Option<usize>,
    connections_per_second: u64,
    pace: PaceLimits,
    sockets: Arc<[SharedSocket]>,
    terms: Arc<Terms>,
}

impl Listeners {
    /// The listeners that are wanted: those that are there already go on, and the others are bound.
    /// If one cannot be bound, nothing has changed.
    pub(crate) fn change(&self, wanted: Vec<Listener>, backlog: u16) -> Result<Self, ListenError> {
        let mut leaving: Vec<&Bound> = self.bound.iter().collect();
        let mut pairs = Vec::new();
        for listener in wanted {
            let known = leaving.iter().position(|old| old.bind == listener.bind);
            pairs.push((listener, known.map(|at| leaving.swap_remove(at))));
        }
        // Who leaves makes room for who comes, such as when a port is opened to other machines that
        // this one alone had before.
        let ports = SharedPorts::new(leaving.iter().flat_map(|bound| &*bound.sockets));
        let mut bound = Vec::new();
        for (listener, known) in pairs {
            let sockets = match known {
                Some(known) => Arc::clone(&known.sockets),
                None => listen::bind(&listener.bind, backlog, &ports)?.into(),
            };
            let before = known.map(|known| &*known.terms);
            bound.push(Bound::new(listener, sockets, before, &self.directory));
        }
        Ok(Self { bound, directory: Arc::clone(&self.directory) })
    }

    /// There is a broker now.
    pub(crate) fn tell_of(&self, directory: &Arc<Directory>) {
        self.directory.get_or_init(|| Arc::clone(directory));
    }

    /// Gives each listener as many places as it is to have now, and the pace at which its clients
    /// may come and send: also those who are there.
    pub(crate) fn set_limits(&self) {
        for bound in &self.bound {
            bound.terms.rate.set(bound.connections_per_second);
            bound.terms.profile.pace.set_limits(bound.pace);
            if let (Some(places), Some(limit)) = (bound.places(), bound.maximum_connections) {
                places.set_limit(limit);
            }
        }
    }

    /// Makes the terms known to those who count connections.
    pub(crate) fn introduce_to(&self, admission: &Admission) {
        for bound in &self.bound {
            admission.introduce(&bound.terms);
        }
    }

    /// All of them once more, for another poller.
    pub(crate) fn share(&self) -> io::Result<Vec<Entrance<MioListener>>> {
        let mut entrances = Vec::new();
        for bound in &self.bound {
            for socket in &*bound.sockets {
                let listener = socket.share(bound.no_delay)?;
                entrances.push(Entrance { listener, terms: Arc::clone(&bound.terms) });
            }
        }
        Ok(entrances)
    }

    /// The addresses of those that have one.
    pub(crate) fn addresses(&self) -> Vec<SocketAddr> {
        self.sockets().filter_map(SharedSocket::address).collect()
    }

    /// Says where connections are accepted.
    pub(crate) fn log(&self) {
        for socket in self.sockets() {
            tracing::info!("listening on {socket}");
        }
    }

    fn sockets(&self) -> impl Iterator<Item = &SharedSocket> {
        self.bound.iter().flat_map(|bound| &*bound.sockets)
    }
}

impl Bound {
    /// `before` are the terms of the listener that was there before: what those who came on them share
    /// is shared with those who come now.
    fn new(
        listener: Listener,
        sockets: Arc<[SharedSocket]>,
        before: Option<&Terms>,
        directory: &Arc<OnceLock<Arc<Directory>>>,
    ) -> Self {
        let Listener {
            bind,
            mut profile,
            maximum_connections,
            connections_per_second,
            mut transport,
            api,
            no_delay,
        } = listener;
        if let Some(about) = api {
            let http =
                transport.websocket.take().map_or_else(Default::default, Arc::unwrap_or_clone);
            let answers = Answers { about, directory: Arc::clone(directory) };
            let http = websocket::ServerSettings { api: Some(Arc::new(answers)), ..http };
            transport.websocket = Some(Arc::new(http));
        }
        if profile.port == 0 {
            let address = sockets.iter().find_map(SharedSocket::address);
            profile.port = address.map_or(0, |address| address.port());
        }
        let known = before.and_then(|terms| terms.places.as_ref());
        let places = maximum_connections
            .map(|limit| known.map_or_else(|| Arc::new(Places::new(limit)), Arc::clone));
        let known = before.map(|terms| &terms.rate);
        let rate = known.map_or_else(|| Arc::new(Rate::new(connections_per_second)), Arc::clone);
        let pace = profile.pace.limits();
        if let Some(before) = before {
            profile.pace = Arc::clone(&before.profile.pace);
        }
        let profile = Arc::<ListenerProfile>::new(profile);
        let terms = Arc::new(Terms { profile, places, rate, transport });
        Self { bind, no_delay, maximum_connections, connections_per_second, pace, sockets, terms }
    }

    fn places(&self) -> Option<&Arc<Places>> {
        self.terms.places.as_ref()
    }
}
