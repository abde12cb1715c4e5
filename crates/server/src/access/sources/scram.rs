//! SCRAM-SHA-256 as an Authentication Method, for users of a password file.

use std::future::ready;
use std::sync::Arc;

use ferrymq_access::password::PasswordFile;
use ferrymq_access::scram::{Decoy, METHOD, NONCE_BYTES, ScramError, Server};
use ferrymq_broker::Principal;

use crate::access::login::Login;
use crate::access::source::{Exchange, Outcome, Step, Stepping};

/// One exchange: the client says who it is, is challenged, and proves it.
pub(crate) struct ScramExchange {
    users: Arc<PasswordFile>,
    decoy: Arc<Decoy>,
    begun: Option<Server>,
}

impl ScramExchange {
    /// The exchange of a client that asks for this method; `None`: it asks for another one.
    pub(crate) fn begin(
        method: &str,
        users: &Arc<PasswordFile>,
        decoy: &Arc<Decoy>,
    ) -> Option<Self> {
        (method == METHOD).then(|| Self {
            users: Arc::clone(users),
            decoy: Arc::clone(decoy),
            begun: None,
        })
    }

    fn next(&mut self, data: &[u8]) -> Result<Step, ScramError> {
        let Some(server) = self.begun.take() else {
            let mut chance = [0; NONCE_BYTES];
            if getrandom::fill(&mut chance).is_err() {
                return Ok(Step::Else(Outcome::Unreachable));
            }
            let find = |name: &str| self.users.scram_keys(name);
            let (server, challenge) = Server::begin(data, chance, &self.decoy, find)?;
            self.begun = Some(server);
            return Ok(Step::Continue(challenge.into()));
        };
        let username = Box::<str>::from(server.username());
        let last = server.finish(data)?;
        let stamp = self.users.stamp(&username).unwrap_or_default();
        let principal = Principal { stamp, ..Principal::named(&username) };
        Ok(Step::Yes(principal, Some(last.into())))
    }
}

impl Exchange for ScramExchange {
    fn step<'a>(&'a mut self, login: &'a Login, data: Option<&'a [u8]>) -> Stepping<'a> {
        Box::pin(ready(self.next(data.unwrap_or_default()).unwrap_or_else(|error| {
            tracing::debug!("client {:?} is not let in by {METHOD}: {error}", login.client_id);
            Step::Else(Outcome::No)
        })))
    }
}
