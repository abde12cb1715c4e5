//! A connection with the bytes that have arrived and are not yet packets, and the bytes that are
//! packets and have not yet left. Both are bounded.

use std::io;
use std::time::Duration;

use tokio::io::{AsyncReadExt, AsyncWriteExt, ReadHalf, WriteHalf, split};
use tokio::time::timeout;

use crate::transport::Stream;

pub(crate) struct Wire {
    reader: ReadHalf<Box<dyn Stream>>,
    writer: WriteHalf<Box<dyn Stream>>,
    input: Vec<u8>,
    taken: usize,
    /// What is to be written.
    pub(crate) output: Vec<u8>,
    written: usize,
}

impl Wire {
    pub(crate) fn new(stream: Box<dyn Stream>) -> Self {
        let (reader, writer) = split(stream);
        Self { reader, writer, input: Vec::new(), taken: 0, output: Vec::new(), written: 0 }
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
    pub(crate) const fn has_output(&self) -> bool {
        !self.output.is_empty()
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
    pub(crate) async fn progress(&mut self, may_read: bool) -> io::Result<Progress> {
        self.input.drain(..self.taken);
        self.taken = 0;
        let Self { reader, writer, input, output, written, .. } = self;
        tokio::select! {
            read = Self::read(reader, input), if may_read => Ok(match read? {
                0 => Progress::End,
                _ => Progress::Read,
            }),
            length = writer.write(output.get(*written..).unwrap_or_default()), if !output.is_empty() => {
                *written += moved(length?)?;
                if *written >= output.len() {
                    output.clear();
                    *written = 0;
                }
                Ok(Progress::Written)
            }
            else => std::future::pending().await,
        }
    }

    /// Writes what is left, says that nothing follows, and waits until the server has seen it. To
    /// close at once could throw away bytes that are still on their way to it. Gives up when
    /// nothing moves for as long as `patience`.
    pub(crate) async fn close(mut self, patience: Duration) -> io::Result<()> {
        while let Some(rest @ [_, ..]) = self.output.get(self.written..) {
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
