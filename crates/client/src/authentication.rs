//! Enhanced authentication (section 4.12): how the client proves who it is and, where the method
//! demands it, the server too.

use std::error::Error;
use std::fmt;

/// An Authentication Method of MQTT 5.0, and what the client needs for it.
pub trait Authentication: fmt::Debug + Send + Sync + 'static {
    /// The name of the method.
    fn method(&self) -> &str;

    /// Begins an exchange: one for each connection, and one whenever the client authenticates itself
    /// anew.
    fn begin(&self) -> Box<dyn Exchange>;
}

/// One exchange of an [`Authentication`]. An error ends the connection for good.
pub trait Exchange: Send + 'static {
    /// The Authentication Data with which the client begins; empty: none.
    fn first(&mut self) -> Result<Vec<u8>, AuthenticationError>;

    /// The answer to data of the server. It may take long: it is called on a thread for that.
    fn answer(&mut self, data: &[u8]) -> Result<Vec<u8>, AuthenticationError>;

    /// The server has accepted the client, and says this with it; empty: nothing. Where the method is
    /// mutual, this is where the server must have proved who it is: nothing was sent to it so far but
    /// what came from here.
    fn finish(&mut self, data: &[u8]) -> Result<(), AuthenticationError>;
}

/// Why the client, or the server, could not prove who it is.
#[derive(Debug)]
pub struct AuthenticationError(Box<dyn Error + Send + Sync>);

impl AuthenticationError {
    /// An error with this cause, which is a sentence or an error of its own.
    pub fn new(cause: impl Into<Box<dyn Error + Send + Sync>>) -> Self {
        Self(cause.into())
    }
}

impl fmt::Display for AuthenticationError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.fmt(f)
    }
}

impl Error for AuthenticationError {
    fn source(&self) -> Option<&(dyn Error + 'static)> {
        self.0.source()
    }
}
