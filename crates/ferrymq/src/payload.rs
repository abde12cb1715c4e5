//! The flags that say what is published, and the messages that they mean.

use std::ffi::OsString;
use std::io::Read;
use std::path::PathBuf;

use anyhow::{Context, bail};
use clap::Args;
use tokio::io::{AsyncBufReadExt, AsyncReadExt, BufReader, Stdin, stdin};

/// What is published. Exactly one of these is needed.
#[derive(Args, Debug)]
#[command(group = clap::ArgGroup::new("payload").required(true))]
pub(crate) struct PayloadArguments {
    /// The message
    #[arg(short, long, group = "payload", allow_hyphen_values = true)]
    pub(crate) message: Option<OsString>,
    /// The contents of a file are the message
    #[arg(short, long, group = "payload", allow_hyphen_values = true)]
    file: Option<PathBuf>,
    /// Every line of standard input is a message
    #[arg(short = 'l', long, group = "payload")]
    stdin_line: bool,
    /// All of standard input is the message
    #[arg(short = 's', long, group = "payload")]
    stdin_file: bool,
    /// The message is empty
    #[arg(short, long, group = "payload")]
    null_message: bool,
}

/// What is to be published.
pub(crate) enum Payloads {
    One(Vec<u8>),
    Lines(Lines),
}

impl PayloadArguments {
    /// What is to be published; a single message is read before anything is sent.
    pub(crate) fn read(&self) -> anyhow::Result<Payloads> {
        let payload = if let Some(message) = &self.message {
            message.as_encoded_bytes().to_vec()
        } else if let Some(path) = &self.file {
            std::fs::read(path).with_context(|| format!("cannot read {}", path.display()))?
        } else if self.stdin_file {
            let mut payload = Vec::new();
            std::io::stdin()
                .take(MAX_PAYLOAD_BYTES.saturating_add(1))
                .read_to_end(&mut payload)
                .context("cannot read standard input")?;
            payload
        } else if self.null_message {
            Vec::new()
        } else {
            return Ok(Payloads::Lines(Lines::new()));
        };
        check_length(&payload)?;
        Ok(Payloads::One(payload))
    }
}

/// The lines of standard input.
pub(crate) struct Lines(BufReader<Stdin>);

impl Lines {
    fn new() -> Self {
        Self(BufReader::new(stdin()))
    }

    /// The next line, without its end.
    pub(crate) async fn next(&mut self) -> anyhow::Result<Option<Vec<u8>>> {
        let mut line = Vec::new();
        let mut limited = (&mut self.0).take(MAX_PAYLOAD_BYTES.saturating_add(1));
        let length = limited.read_until(b'\n', &mut line).await;
        if length.context("cannot read standard input")? == 0 {
            return Ok(None);
        }
        if line.last() == Some(&b'\n') {
            line.pop();
        }
        check_length(&line)?;
        Ok(Some(line))
    }
}

fn check_length(payload: &[u8]) -> anyhow::Result<()> {
    if payload.len() as u64 > MAX_PAYLOAD_BYTES {
        bail!("the message is longer than the {MAX_PAYLOAD_BYTES} bytes that MQTT allows");
    }
    Ok(())
}

const MAX_PAYLOAD_BYTES: u64 = 268_435_455;
