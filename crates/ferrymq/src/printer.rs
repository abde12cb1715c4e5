//! Standard output as Mosquitto's clients write it: the payload, with `-v` after its topic, or what
//! `-F` says. An empty payload is nothing, and with `-v` the word `(null)`.

use std::collections::HashMap;
use std::hash::{BuildHasher, RandomState};
use std::io::{self, BufWriter, StdoutLock, Write};

use clap::Args;
use ferrymq_client::Message;

use crate::format::{Format, Moment, PrintError};

/// How messages are printed.
#[derive(Args, Debug)]
pub(crate) struct PrinterArguments {
    /// Print the topic before the message
    #[arg(short, long)]
    pub(crate) verbose: bool,
    /// Print no line break after a message
    #[arg(short = 'N')]
    pub(crate) no_line_break: bool,
    /// Print messages in this format, for example '%I %t %p'; see the documentation
    #[arg(short = 'F', value_name = "FORMAT", allow_hyphen_values = true, value_parser = Format::parse)]
    pub(crate) format: Option<Format>,
    /// Print JSON (%j and %J of -F) in lines that people can read
    #[arg(long)]
    pub(crate) pretty: bool,
}

/// Standard output.
pub(crate) struct Printer<'a> {
    out: BufWriter<StdoutLock<'static>>,
    arguments: &'a PrinterArguments,
    quiet: bool,
    /// How many of a million messages are printed.
    chance: u32,
    random: RandomState,
    /// How many messages there were, printed or not.
    pub(crate) seen: u64,
    watch: Option<Watch>,
}

/// `--watch`: each topic has a line of the screen.
#[derive(Default)]
struct Watch {
    lines: HashMap<String, usize>,
}

impl<'a> Printer<'a> {
    pub(crate) fn new(arguments: &'a PrinterArguments, quiet: bool) -> Self {
        Self {
            out: BufWriter::new(io::stdout().lock()),
            arguments,
            quiet,
            chance: MILLION,
            random: RandomState::new(),
            seen: 0,
            watch: None,
        }
    }

    /// Prints only so many of a hundred messages, chosen by chance.
    pub(crate) fn with_chance(mut self, percent: f64) -> Self {
        #[expect(
            clippy::cast_possible_truncation,
            clippy::cast_sign_loss,
            reason = "the command line allows 0.1 to 100"
        )]
        let chance = (percent / 100.0 * f64::from(MILLION)) as u32;
        self.chance = chance;
        self
    }

    /// Clears the screen, and gives each topic a line of it.
    pub(crate) fn watching(mut self, broker: &str) -> io::Result<Self> {
        writeln!(self.out, "\x1b[2J\x1b[1;1HBroker: {broker}")?;
        self.watch = Some(Watch::default());
        Ok(self)
    }

    /// Prints a message.
    pub(crate) fn print(&mut self, message: &Message) -> io::Result<()> {
        self.seen += 1;
        if self.chance < MILLION
            && self.random.hash_one(self.seen) % u64::from(MILLION) >= u64::from(self.chance)
        {
            return Ok(());
        }
        if let Some(watch) = &mut self.watch {
            let next = watch.lines.len() + FIRST_WATCHED_LINE;
            let line = *watch.lines.entry(message.topic.clone()).or_insert(next);
            // What was longer before is not to be seen behind it.
            write!(self.out, "\x1b[{line};1H\x1b[2K")?;
        }
        let result = match &self.arguments.format {
            Some(format) => self.formatted(format, message),
            None => write_message(&mut self.out, message, self.arguments),
        };
        if let Some(watch) = &self.watch {
            writeln!(self.out, "\x1b[{};1H", watch.lines.len() + FIRST_WATCHED_LINE - 1)?;
        }
        result
    }

    fn formatted(&mut self, format: &Format, message: &Message) -> io::Result<()> {
        let moment = Moment::now();
        match format.print(message, &moment, self.arguments.pretty, &mut self.out) {
            Ok(()) => {}
            Err(PrintError::Io(error)) => return Err(error),
            Err(error) if self.quiet => drop(error),
            Err(error) => eprintln!("{error}"),
        }
        if !self.arguments.no_line_break {
            self.out.write_all(b"\n")?;
        }
        Ok(())
    }

    /// Prints a line that is no message.
    pub(crate) fn line(&mut self, words: &str) -> io::Result<()> {
        writeln!(self.out, "{words}")
    }

    pub(crate) fn flush(&mut self) -> io::Result<()> {
        self.out.flush()
    }
}

fn write_message(
    out: &mut impl Write,
    message: &Message,
    arguments: &PrinterArguments,
) -> io::Result<()> {
    let PrinterArguments { verbose, no_line_break, .. } = *arguments;
    match (verbose, message.payload.is_empty()) {
        // Mosquitto's client does not print this either.
        (false, true) => return Ok(()),
        (true, true) if no_line_break => return Ok(()),
        (true, true) => write!(out, "{} (null)", message.topic)?,
        (true, false) => write!(out, "{} ", message.topic)?,
        (false, false) => {}
    }
    out.write_all(&message.payload)?;
    if !no_line_break {
        out.write_all(b"\n")?;
    }
    Ok(())
}

const MILLION: u32 = 1_000_000;
/// Below the name of the broker.
const FIRST_WATCHED_LINE: usize = 2;

#[cfg(test)]
mod tests {
    use ferrymq_client::{PropertyBuffer, QoS};

    use super::*;

    #[test]
    fn messages_are_written_as_mosquitto_sub_does() {
        let rows: [(&[u8], bool, bool, &[u8]); 7] = [
            (b"21.5", false, true, b"21.5\n"),
            (b"21.5", true, true, b"a/b 21.5\n"),
            (b"21.5", true, false, b"a/b 21.5"),
            (b"", false, true, b""),
            (b"", true, true, b"a/b (null)\n"),
            (b"", true, false, b""),
            (b"\xff\0\n", false, true, b"\xff\0\n\n"),
        ];
        for (payload, verbose, line_break, expected) in rows {
            let message = Message {
                topic: "a/b".into(),
                payload: payload.to_vec(),
                qos: QoS::AtMostOnce,
                retain: false,
                packet_id: None,
                dup: false,
                properties: PropertyBuffer::new(),
            };
            let arguments = PrinterArguments {
                verbose,
                no_line_break: !line_break,
                format: None,
                pretty: false,
            };
            let mut out = Vec::new();
            write_message(&mut out, &message, &arguments).unwrap();
            assert_eq!(out, expected, "{payload:?} {verbose} {line_break}");
        }
    }
}
