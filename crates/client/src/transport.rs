//! The way to the server: what a client opens, and the layers that it puts on it.

mod socks;
mod tcp;

use std::io;
use std::path::PathBuf;

use ferrymq_transport::{Layer, Stack, TransportError, tls, websocket};
use tokio::io::{AsyncRead, AsyncWrite};

pub use self::socks::SocksProxy;

/// How a server is reached: by TCP, perhaps through a proxy, or by a Unix socket; and whether with
/// TLS, as WebSocket, or both.
///
/// ```
/// use ferrymq_client::{Client, Transport};
///
/// # fn example() -> Result<(), Box<dyn std::error::Error>> {
/// let browserlike = Transport::tcp("broker.example", 80).websocket("/mqtt")?;
/// let local = Transport::unix("/run/mosquitto.sock");
/// let builder = Client::builder("", 0).transport(browserlike);
/// # Ok(())
/// # }
/// ```
#[must_use = "it is given to `Builder::transport`"]
#[derive(Clone, Debug)]
pub struct Transport {
    endpoint: Endpoint,
    tls: Option<tls::ClientSettings>,
    websocket: Option<websocket::ClientSettings>,
}

#[derive(Clone, Debug)]
enum Endpoint {
    Tcp { host: Box<str>, port: u16, local: Option<Box<str>>, proxy: Option<SocksProxy> },
    Unix(PathBuf),
}

impl Transport {
    /// TCP to a host name (or address) and port.
    pub fn tcp(host: impl Into<Box<str>>, port: u16) -> Self {
        let endpoint = Endpoint::Tcp { host: host.into(), port, local: None, proxy: None };
        Self { endpoint, tls: None, websocket: None }
    }

    /// The Unix socket at this path.
    pub fn unix(path: impl Into<PathBuf>) -> Self {
        Self { endpoint: Endpoint::Unix(path.into()), tls: None, websocket: None }
    }

    /// Connects from this local address, or from the address of this name. A Unix socket has none.
    pub fn local_address(mut self, address: impl Into<Box<str>>) -> Self {
        if let Endpoint::Tcp { local, .. } = &mut self.endpoint {
            *local = Some(address.into());
        }
        self
    }

    /// Goes through a SOCKS5 proxy, which also resolves the name of the server. A Unix socket has
    /// none.
    pub fn socks_proxy(mut self, through: SocksProxy) -> Self {
        if let Endpoint::Tcp { proxy, .. } = &mut self.endpoint {
            *proxy = Some(through);
        }
        self
    }

    /// Speaks TLS. The certificate of the server must be for the host that is connected to.
    pub fn tls(mut self, settings: tls::ClientSettings) -> Self {
        self.tls = Some(settings);
        self
    }

    /// Speaks WebSocket, and asks for this path.
    ///
    /// # Errors
    ///
    /// The host or the path has no place in a request.
    pub fn websocket(mut self, path: &str) -> Result<Self, TransportError> {
        let host = match &self.endpoint {
            Endpoint::Tcp { host, port, .. } if host.contains(':') => format!("[{host}]:{port}"),
            Endpoint::Tcp { host, port, .. } => format!("{host}:{port}"),
            Endpoint::Unix(_) => "localhost".to_owned(),
        };
        self.websocket = Some(websocket::ClientSettings::new(&host, path)?);
        Ok(self)
    }

    /// Connects to the first of the name's addresses that accepts.
    pub(crate) async fn open(&self) -> io::Result<Box<dyn Stream>> {
        match &self.endpoint {
            Endpoint::Tcp { host, port, local, proxy } => {
                let stream = match proxy {
                    Some(proxy) => proxy.connect(host, *port, local.as_deref()).await?,
                    None => tcp::connect(host, *port, local.as_deref()).await?,
                };
                // Packets are written in batches, so there is nothing to wait for.
                stream.set_nodelay(true)?;
                Ok(Box::new(stream))
            }
            Endpoint::Unix(path) => unix(path).await,
        }
    }

    /// The layers of a new connection, and what is to be sent first; `None` if it is plain.
    pub(crate) fn layers(
        &self,
        below: &mut Vec<u8>,
    ) -> Result<Option<Box<ClientStack>>, TransportError> {
        if self.tls.is_none() && self.websocket.is_none() {
            return Ok(None);
        }
        let tls = match &self.tls {
            Some(settings) => Some(tls::ClientLayer::new(settings, self.host(), below)?),
            None => None,
        };
        let mut first_words = Vec::new();
        let websocket = match &self.websocket {
            Some(settings) => {
                let mut layer = websocket::ClientLayer::new(settings, &seed()?);
                layer.receive(&[], &mut Vec::new(), &mut first_words)?;
                Some(layer)
            }
            None => None,
        };
        let mut stack = Stack::client(tls, websocket, first_words);
        stack.receive(&[], &mut Vec::new(), below)?;
        Ok(Some(Box::new(stack)))
    }

    /// The name that a certificate must be for.
    fn host(&self) -> &str {
        match &self.endpoint {
            Endpoint::Tcp { host, .. } => host,
            Endpoint::Unix(_) => "localhost",
        }
    }
}

/// The layers of a client's connection.
pub(crate) type ClientStack = Stack<tls::ClientLayer, websocket::ClientLayer>;

/// A connection of bytes in both directions.
pub(crate) trait Stream: AsyncRead + AsyncWrite + Send + Unpin {}

impl<S: AsyncRead + AsyncWrite + Send + Unpin> Stream for S {}

#[cfg(unix)]
async fn unix(path: &std::path::Path) -> io::Result<Box<dyn Stream>> {
    Ok(Box::new(tokio::net::UnixStream::connect(path).await?))
}

#[cfg(not(unix))]
async fn unix(_: &std::path::Path) -> io::Result<Box<dyn Stream>> {
    Err(io::Error::new(io::ErrorKind::Unsupported, "this system has no Unix sockets"))
}

/// What nobody else knows, for the masks of WebSocket frames.
fn seed() -> Result<[u8; 16], TransportError> {
    let mut seed = [0; 16];
    getrandom::fill(&mut seed).map_err(|error| TransportError::Protocol {
        protocol: "WebSocket",
        reason: format!("the operating system gives no random bytes: {error}"),
    })?;
    Ok(seed)
}
