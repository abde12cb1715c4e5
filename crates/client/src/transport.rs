//! The byte streams that MQTT can run over. Above this module nobody knows which one it is.

use std::io;

use tokio::io::{AsyncRead, AsyncWrite};
use tokio::net::TcpStream;

/// A connection of bytes in both directions.
pub(crate) trait Stream: AsyncRead + AsyncWrite + Send + Unpin {}

impl<S: AsyncRead + AsyncWrite + Send + Unpin> Stream for S {}

/// Where the server is.
#[derive(Clone, Debug)]
pub(crate) struct Address {
    pub(crate) host: Box<str>,
    pub(crate) port: u16,
}

impl Address {
    /// Connects to the first of the name's addresses that accepts.
    pub(crate) async fn open(&self) -> io::Result<Box<dyn Stream>> {
        let stream = TcpStream::connect((&*self.host, self.port)).await?;
        // Packets are written in batches, so there is nothing to wait for.
        stream.set_nodelay(true)?;
        Ok(Box::new(stream))
    }
}
