//! A connection with the bytes that have arrived and are not yet packets, and the bytes that are
//! packets and have not yet left. Both are bounded. Between them and the socket are the layers of
//! the connection, if it has any.

use std::io::{self, IoSlice};
use std::time::Duration;

use ferrymq_transport::{Layer, TransportError};
use tokio::io::{AsyncReadExt, AsyncWriteExt, ReadHalf, WriteHalf, split};
use tokio::time::timeout;

use crate::error::ConnectionError;
use crate::transport::{ClientStack, Stream};

pub(crate) struct Wire {
    reader: ReadHalf<Box<dyn Stream>>,
    writer: WriteHalf<Box<dyn Stream>>,
    input: Vec<u8>,
    taken: usize,
    /// What is to be written.
    pub(crate) output: Vec<u8>,
    layers: Option<Layers>,
    /// How much has left of what is to leave next: of the output, or of what the layers made of it.
    written: usize,
}

/// What stands between the packets and the socket.
struct Layers {
    stack: Box<ClientStack>,
    /// Bytes of the socket that the stack has not seen.
    arrived: Vec<u8>,
    /// Bytes of the stack that the socket has not taken.
    leaving: Vec<u8>,
}

impl Wire {
    /// A wire over a new connection. `leaving` is what the stack says first.
    pub(crate) fn new(
        stream: Box<dyn Stream>,
        stack: Option<Box<ClientStack>>,
        leaving: Vec<u8>,
    ) -> Self {
        let (reader, writer) = split(stream);
        let layers = stack.map(|stack| Layers { stack, arrived: Vec::new(), leaving });
        let (input, output) = (Vec::new(), Vec::new());
        Self { reader, writer, input, taken: 0, output, layers, written: 0 }
    }

    /// The bytes that have arrived and are not done with, and what is to be written.
    pub(crate) fn parts(&mut self) -> (&[u8], &mut Vec<u8>) {
        (self.input.get(self.taken..).unwrap_or_default(), &mut self.output)
    }

    /// The first `length` bytes of the input are done with.
    pub(crate) const fn take(&mut self, length: usize) {
        self.taken += length;
    }

    /// Whether something has not left yet.
    pub(crate) fn has_output(&self) -> bool {
        !self.output.is_empty()
            || self.layers.as_ref().is_some_and(|layers| !layers.leaving.is_empty())
    }

    /// Whether more may be asked of the connection before something leaves.
    pub(crate) const fn has_room(&self) -> bool {
        self.output.len() < OUTPUT_MAXIMUM_BYTES
    }

    /// Reads what there is; returns how much, and 0 at the end of the stream. Nothing is lost when
    /// the future is dropped.
    async fn read(
        reader: &mut ReadHalf<Box<dyn Stream>>,
        input: &mut Vec<u8>,
    ) -> io::Result<usize> {
        // In steps, so that a header alone cannot make us reserve its packet.
        input.reserve(INPUT_STEP_BYTES);
        reader.read_buf(input).await
    }

    /// Waits until something was read or written.
    pub(crate) async fn progress(&mut self, may_read: bool) -> Result<Progress, ConnectionError> {
        self.input.drain(..self.taken);
        self.taken = 0;
        self.wrap();
        let Self { reader, writer, input, output, layers, written, .. } = self;
        let (arrived, leaving) = match layers {
            None => (&mut *input, output),
            Some(layers) if layers.stack.has_ended() => return Ok(Progress::End),
            Some(layers) => (&mut layers.arrived, &mut layers.leaving),
        };
        tokio::select! {
            read = Self::read(reader, arrived), if may_read => {
                match read {
                    Ok(0) => return Ok(Progress::End),
                    Ok(_) => {}
                    // Who does not understand a handshake may close without having read all of it.
                    Err(error) if error.kind() == io::ErrorKind::ConnectionReset
                        && layers.as_ref().is_some_and(|layers| !layers.stack.is_open()) =>
                    {
                        return Ok(Progress::End);
                    }
                    Err(error) => return Err(error.into()),
                }
                if let Some(layers) = layers {
                    layers.unwrap(input)?;
                }
                Ok(Progress::Read)
            }
            length = writer.write(leaving.get(*written..).unwrap_or_default()), if !leaving.is_empty() => {
                *written += moved(length?)?;
                if *written >= leaving.len() {
                    leaving.clear();
                    *written = 0;
                }
                Ok(Progress::Written)
            }
            else => std::future::pending().await,
        }
    }

    /// Why there is no connection any more that the server has closed: in the middle of a handshake,
    /// it may be that nobody there speaks what we speak.
    pub(crate) fn lost(&self) -> ConnectionError {
        let stack = self.layers.as_ref().map(|layers| &layers.stack);
        match stack.filter(|stack| !stack.is_open() && !stack.has_ended()) {
            None => ConnectionError::Closed,
            Some(stack) if stack.is_costly() => {
                ConnectionError::Transport(TransportError::Protocol {
                    protocol: "TLS",
                    reason:
                        "the server closed the connection before it was secure. Check that this \
                         port speaks TLS"
                            .to_owned(),
                })
            }
            Some(_) => ConnectionError::Transport(TransportError::Protocol {
                protocol: "WebSocket",
                reason: "the server closed the connection instead of an answer. Check that this \
                         port speaks WebSocket"
                    .to_owned(),
            }),
        }
    }

    /// Hands the output to the layers, when they can take it.
    fn wrap(&mut self) {
        if let Some(Layers { stack, leaving, .. }) = &mut self.layers
            && !self.output.is_empty()
            && stack.is_open()
            && leaving.len() < LEAVING_MAXIMUM_BYTES
        {
            stack.send(&[IoSlice::new(&self.output)], leaving);
            self.output.clear();
        }
    }

    /// Writes what is left, says that nothing follows, and waits until the server has seen it. To
    /// close at once could throw away bytes that are still on their way to it. Gives up when
    /// nothing moves for as long as `patience`.
    pub(crate) async fn close(mut self, patience: Duration) -> io::Result<()> {
        let mut last = std::mem::take(&mut self.output);
        if let Some(Layers { stack, leaving, .. }) = &mut self.layers {
            if stack.is_open() {
                if !last.is_empty() {
                    stack.send(&[IoSlice::new(&last)], leaving);
                }
                stack.close(leaving);
            }
            last = std::mem::take(leaving);
        }
        while let Some(rest @ [_, ..]) = last.get(self.written..) {
            self.written += moved(timeout(patience, self.writer.write(rest)).await??)?;
        }
        timeout(patience, self.writer.shutdown()).await??;
        let end = async {
            let mut rest = [0; 4096];
            while self.reader.read(&mut rest).await? > 0 {}
            Ok(())
        };
        timeout(patience, end).await?
    }
}

impl Layers {
    /// Adds what the bytes that have arrived mean to the input.
    fn unwrap(&mut self, input: &mut Vec<u8>) -> Result<(), ConnectionError> {
        let Self { stack, arrived, leaving } = self;
        let result = stack.receive(arrived, input, leaving);
        arrived.clear();
        Ok(result?)
    }
}

/// A stream that takes nothing would be asked for ever.
fn moved(length: usize) -> io::Result<usize> {
    if length == 0 {
        return Err(io::ErrorKind::WriteZero.into());
    }
    Ok(length)
}

/// What a wire has done.
pub(crate) enum Progress {
    Read,
    Written,
    End,
}

const INPUT_STEP_BYTES: usize = 16 * 1024;
const OUTPUT_MAXIMUM_BYTES: usize = 256 * 1024;
/// How much may wait that the layers have made: the rest waits where it is counted as output.
const LEAVING_MAXIMUM_BYTES: usize = 64 * 1024;
