//! SCRAM-SHA-256: both sides prove that they know a password, and neither says it.

use std::fmt;
use std::sync::Arc;

use ferrymq_scram::{Client, METHOD, NONCE_BYTES};
use zeroize::Zeroizing;

use crate::authentication::{Authentication, AuthenticationError, Exchange};

/// The method `SCRAM-SHA-256` (RFC 7677): the client proves that it knows a password, which it does not
/// send, and the server that it knows what belongs to it.
#[derive(Clone)]
pub struct Scram {
    username: Box<str>,
    password: Arc<Zeroizing<Vec<u8>>>,
}

impl Scram {
    /// The user with this password.
    pub fn new(username: impl Into<Box<str>>, password: impl Into<Vec<u8>>) -> Self {
        Self { username: username.into(), password: Arc::new(Zeroizing::new(password.into())) }
    }
}

/// Without the password.
impl fmt::Debug for Scram {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Scram").field("username", &self.username).finish_non_exhaustive()
    }
}

impl Authentication for Scram {
    fn method(&self) -> &str {
        METHOD
    }

    fn begin(&self) -> Box<dyn Exchange> {
        Box::new(ScramExchange { user: self.clone(), begun: None })
    }
}

struct ScramExchange {
    user: Scram,
    begun: Option<Client>,
}

impl ScramExchange {
    fn begun(&mut self) -> Result<&mut Client, AuthenticationError> {
        self.begun.as_mut().ok_or_else(|| AuthenticationError::new("the exchange has not begun"))
    }
}

impl Exchange for ScramExchange {
    fn first(&mut self) -> Result<Vec<u8>, AuthenticationError> {
        let mut chance = [0; NONCE_BYTES];
        getrandom::fill(&mut chance).map_err(AuthenticationError::new)?;
        let client = Client::new(&self.user.username, &self.user.password, chance)
            .map_err(AuthenticationError::new)?;
        Ok(self.begun.insert(client).first())
    }

    fn answer(&mut self, data: &[u8]) -> Result<Vec<u8>, AuthenticationError> {
        self.begun()?.answer(data).map_err(AuthenticationError::new)
    }

    fn finish(&mut self, data: &[u8]) -> Result<(), AuthenticationError> {
        self.begun()?.finish(data).map_err(AuthenticationError::new)
    }
}
