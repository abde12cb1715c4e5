//! Where users are known: files, databases, other services. A chain of sources is asked in order.

use std::fmt;
use std::future::Future;
use std::pin::Pin;

use ferrymq_broker::{Asker, Principal};

use super::login::Login;

/// Somebody who knows users. It is asked on the control plane, where waiting costs nobody anything
/// and computing costs everybody: what takes long to compute belongs on the threads for passwords.
pub trait Source: fmt::Debug + Send + Sync + 'static {
    /// Whether this is one of its users, and has proved it.
    fn check<'a>(&'a self, login: &'a Login) -> Checking<'a>;

    /// Begins an exchange of AUTH packets by this Authentication Method; `None`: it knows no such
    /// method.
    fn exchange(&self, method: &str) -> Option<Box<dyn Exchange>> {
        let _ = method;
        None
    }

    /// Whether those whom it lets in may have rights of their own. If not, and nobody else says
    /// anything of rights, no question about messages is asked at all.
    fn grants_rights(&self) -> bool;

    /// Whether it would let this client in again with what it has proved, as far as it knows without
    /// asking anybody. Looked at when the configuration was read again. It knows its own by
    /// [`Principal::stamp`]: no two sources, and no two versions of a credential, give the same.
    fn still_stands(&self, asker: &Asker<'_>) -> bool;
}

/// An exchange of AUTH packets (section 4.12), of one connection.
pub trait Exchange: Send {
    /// The client has said this: the data of CONNECT or AUTH, which `login` does not hold.
    fn step<'a>(&'a mut self, login: &'a Login, data: Option<&'a [u8]>) -> Stepping<'a>;
}

/// A [`Source::check`] that is under way.
pub type Checking<'a> = Pin<Box<dyn Future<Output = Outcome> + Send + 'a>>;

/// An [`Exchange::step`] that is under way.
pub type Stepping<'a> = Pin<Box<dyn Future<Output = Step> + Send + 'a>>;

/// What a source says of somebody.
#[derive(Debug)]
pub enum Outcome {
    /// It is this one.
    Yes(Principal),
    /// It is not who it says it is. Nobody else is asked.
    No,
    /// Not known here: the next source is asked, and after the last it is a no.
    NotMine,
    /// It could not be found out in time. Nobody else is asked, and the client is told to come again.
    Unreachable,
    /// Too many wait already. The same.
    Busy,
}

/// What follows in an exchange.
#[derive(Debug)]
pub enum Step {
    /// The client is to answer this data.
    Continue(Box<[u8]>),
    /// It is this one; the data ends the exchange.
    Yes(Principal, Option<Box<[u8]>>),
    /// No, as for [`Source::check`].
    Else(Outcome),
}
