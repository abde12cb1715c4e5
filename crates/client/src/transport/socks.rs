//! The way through a SOCKS5 proxy (RFC 1928, RFC 1929).

use std::fmt;
use std::io;

use tokio::net::TcpStream;
use tokio_socks::Error;
use tokio_socks::tcp::Socks5Stream;

/// A SOCKS5 proxy, which is told the name of the server and resolves it.
#[derive(Clone)]
pub struct SocksProxy {
    host: Box<str>,
    port: u16,
    credentials: Option<(Box<str>, Box<str>)>,
}

impl SocksProxy {
    /// A proxy that asks nobody who he is.
    pub fn new(host: impl Into<Box<str>>, port: u16) -> Self {
        Self { host: host.into(), port, credentials: None }
    }

    /// Tells the proxy who connects.
    #[must_use]
    pub fn credentials(
        mut self,
        username: impl Into<Box<str>>,
        password: impl Into<Box<str>>,
    ) -> Self {
        self.credentials = Some((username.into(), password.into()));
        self
    }

    pub(crate) async fn connect(
        &self,
        host: &str,
        port: u16,
        local: Option<&str>,
    ) -> io::Result<TcpStream> {
        let proxy = super::tcp::connect(&self.host, self.port, local).await?;
        let through = match &self.credentials {
            None => Socks5Stream::connect_with_socket(proxy, (host, port)).await,
            Some((username, password)) => {
                let target = (host, port);
                Socks5Stream::connect_with_password_and_socket(proxy, target, username, password)
                    .await
            }
        };
        through.map(Socks5Stream::into_inner).map_err(io_error)
    }
}

/// Without the password.
impl fmt::Debug for SocksProxy {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let username = self.credentials.as_ref().map(|(username, _)| username);
        f.debug_struct("SocksProxy")
            .field("host", &self.host)
            .field("port", &self.port)
            .field("username", &username)
            .finish_non_exhaustive()
    }
}

fn io_error(error: Error) -> io::Error {
    match error {
        Error::Io(error) => error,
        Error::ConnectionRefused => io::Error::new(
            io::ErrorKind::ConnectionRefused,
            "the proxy was refused by the server; check the host and the port",
        ),
        error => io::Error::other(format!("the proxy says: {error}")),
    }
}
