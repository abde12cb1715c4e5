//! Who wants something.

/// Who wants something: all that files can know about a connection.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct Who<'a> {
    /// The user name, as it was accepted; none for a client that is anonymous.
    pub username: Option<&'a str>,
    /// The Client Identifier.
    pub client_id: &'a str,
}
