//! Items as text: JSON, one item a line.

use std::io::{self, BufRead, Read, Write};

use thiserror::Error;

use super::item::{Export, FORMAT, Item, ItemError};

/// Reads items from text.
#[derive(Debug)]
pub struct ItemReader<R> {
    input: R,
    line: Vec<u8>,
    number: u64,
}

/// Writes items as text.
#[derive(Debug)]
pub struct ItemWriter<W> {
    output: W,
}

/// Why a line could not be read.
#[derive(Debug, Error)]
#[non_exhaustive]
pub enum LineError {
    /// The input cannot be read.
    #[error("line {line} cannot be read: {error}")]
    Io {
        /// The line, counted from 1.
        line: u64,
        /// The system's error.
        error: io::Error,
    },
    /// A line without an end.
    #[error("line {line} is longer than {MAX_LINE_BYTES} bytes; is this an export?")]
    TooLong {
        /// The line, counted from 1.
        line: u64,
    },
    /// The first line is something else.
    #[error(
        "this is no export of FerryMQ: its first line would be {{\"type\":\"export\",\"format\":1}}"
    )]
    NoExport,
    /// A second first line.
    #[error("line {line} begins another export; import one after the other")]
    SecondExport {
        /// The line, counted from 1.
        line: u64,
    },
    /// The line is no item.
    #[error("line {line} is no item of an export: {error}")]
    Json {
        /// The line, counted from 1.
        line: u64,
        /// What is wrong with it.
        error: serde_json::Error,
    },
    /// The item means nothing.
    #[error("line {line}: {error}")]
    Item {
        /// The line, counted from 1.
        line: u64,
        /// What is wrong with it.
        error: ItemError,
    },
}

impl<R: BufRead> ItemReader<R> {
    /// Reads from here.
    pub const fn new(input: R) -> Self {
        Self { input, line: Vec::new(), number: 0 }
    }

    /// The number of the line that was read last, counted from 1.
    pub const fn line(&self) -> u64 {
        self.number
    }

    /// The next item after the first line, which says only that the export begins. Empty lines are
    /// passed over.
    pub fn next_item(&mut self) -> Result<Option<Item>, LineError> {
        if self.number == 0 {
            match self.next_line() {
                Ok(Some(Item::Export(_))) => {}
                Ok(_) | Err(LineError::Json { .. } | LineError::TooLong { .. }) => {
                    return Err(LineError::NoExport);
                }
                Err(error) => return Err(error),
            }
        }
        match self.next_line()? {
            Some(Item::Export(_)) => Err(LineError::SecondExport { line: self.number }),
            item => Ok(item),
        }
    }

    fn next_line(&mut self) -> Result<Option<Item>, LineError> {
        loop {
            self.line.clear();
            // What a large line has taken is given back.
            self.line.shrink_to(KEPT_BYTES);
            self.number = self.number.saturating_add(1);
            let line = self.number;
            let limit = MAX_LINE_BYTES.saturating_add(1);
            self.input
                .by_ref()
                .take(limit)
                .read_until(b'\n', &mut self.line)
                .map_err(|error| LineError::Io { line, error })?;
            if self.line.is_empty() {
                return Ok(None);
            }
            if self.line.last() != Some(&b'\n')
                && u64::try_from(self.line.len()).is_ok_and(|length| length >= limit)
            {
                return Err(LineError::TooLong { line });
            }
            if self.line.iter().all(u8::is_ascii_whitespace) {
                continue;
            }
            let item: Item = serde_json::from_slice(&self.line)
                .map_err(|error| LineError::Json { line, error })?;
            item.check().map_err(|error| LineError::Item { line, error })?;
            return Ok(Some(item));
        }
    }
}

impl<W: Write> ItemWriter<W> {
    /// Writes the first line here.
    pub fn new(output: W) -> io::Result<Self> {
        let mut writer = Self { output };
        writer.write(&Item::Export(Export { format: FORMAT }))?;
        Ok(writer)
    }

    /// Writes an item.
    pub fn write(&mut self, item: &Item) -> io::Result<()> {
        serde_json::to_writer(&mut self.output, item)?;
        self.output.write_all(b"\n")
    }

    /// Hands everything on that was written.
    pub fn finish(mut self) -> io::Result<W> {
        self.output.flush()?;
        Ok(self.output)
    }
}

/// The most bytes of a line. The largest payload takes 512 MiB where each of its bytes needs a
/// backslash.
pub const MAX_LINE_BYTES: u64 = 1 << 30;
/// As much of a line's memory stays for the next one.
const KEPT_BYTES: usize = 1 << 20;

#[cfg(test)]
mod tests {
    use super::*;

    fn read(text: &str) -> Result<Vec<Item>, LineError> {
        let mut reader = ItemReader::new(text.as_bytes());
        let mut items = Vec::new();
        while let Some(item) = reader.next_item()? {
            items.push(item);
        }
        Ok(items)
    }

    /// What is said about the second line.
    fn complaint(line: &str) -> String {
        let text = format!("{{\"type\":\"export\",\"format\":1}}\n{line}\n");
        read(&text).expect_err(line).to_string()
    }

    #[test]
    fn items_are_the_same_after_writing() {
        let text = include_str!("../../tests/fixtures/every_item.ndjson");
        let items = read(text).unwrap();
        let mut writer = ItemWriter::new(Vec::new()).unwrap();
        for item in &items {
            writer.write(item).unwrap();
        }
        assert_eq!(String::from_utf8(writer.finish().unwrap()).unwrap(), text);
    }

    #[test]
    fn empty_lines_and_the_last_line_without_an_end_are_allowed() {
        let text = "{\"type\":\"export\",\"format\":1}\r\n\n  \n\
                    {\"type\":\"session\",\"client_id\":\"c\",\"session_expiry_interval\":1}";
        assert_eq!(read(text).unwrap().len(), 1);
    }

    #[test]
    fn any_byte_may_be_wrong() {
        let text = include_bytes!("../../tests/fixtures/every_item.ndjson");
        for place in 0..text.len() {
            for wrong in [0, b'"', b'{', b'9', b'\\', b'\n', 0xFF] {
                let mut bytes = text.to_vec();
                bytes[place] = wrong;
                let mut reader = ItemReader::new(&bytes[..]);
                while let Ok(Some(item)) = reader.next_item() {
                    item.check().expect("what was read is valid");
                }
            }
        }
    }

    #[test]
    fn other_files_are_no_export() {
        for text in ["", "hello\n", "[1]\n", "\0\u{1}", "{\"type\":\"will\"}\n"] {
            assert!(matches!(read(text), Err(LineError::NoExport)), "{text:?}");
        }
        let later = read("{\"type\":\"export\",\"format\":2}\n").unwrap_err().to_string();
        assert!(later.contains("format 2") && later.contains("export again"), "{later}");
    }

    #[test]
    fn wrong_lines_are_named() {
        let rows = [
            ("{", "line 2 is no item of an export: EOF"),
            ("{\"type\":\"sesion\"}", "unknown variant `sesion`"),
            ("{\"type\":\"export\",\"format\":1}", "line 2 begins another export"),
            (
                "{\"type\":\"session\",\"client_id\":\"c\",\"session_expiry\":1}",
                "unknown field `session_expiry`",
            ),
            (
                "{\"type\":\"session\",\"client_id\":\"\",\"session_expiry_interval\":1}",
                "line 2: the client_id is empty",
            ),
            (
                "{\"type\":\"session\",\"client_id\":\"c\",\"session_expiry_interval\":1,\
                 \"received\":[0]}",
                "expected a nonzero u16",
            ),
            (
                "{\"type\":\"subscription\",\"client_id\":\"c\",\"filter\":\"a/#/b\",\"qos\":1}",
                "the filter \"a/#/b\" is not valid",
            ),
            (
                "{\"type\":\"subscription\",\"client_id\":\"c\",\"filter\":\"a\",\"qos\":3}",
                "there is no quality of service 3",
            ),
            (
                "{\"type\":\"subscription\",\"client_id\":\"c\",\"filter\":\"$share/g/a\",\
                 \"qos\":1,\"no_local\":true}",
                "no_local",
            ),
            (
                "{\"type\":\"retained\",\"topic\":\"a/+\",\"qos\":1,\"payload\":\"\"}",
                "the topic \"a/+\" is not valid",
            ),
            (
                "{\"type\":\"message\",\"topic\":\"a\",\"qos\":1,\"payload\":\"\",\
                 \"receivers\":[]}",
                "a message needs receivers",
            ),
            (
                "{\"type\":\"message\",\"topic\":\"a\",\"qos\":1,\"payload\":\"\",\
                 \"receivers\":[{\"client_id\":\"c\",\"qos\":0}]}",
                "a receiver's qos is 1 or 2",
            ),
            (
                "{\"type\":\"message\",\"topic\":\"a\",\"qos\":1,\"payload\":\"\",\
                 \"receivers\":[{\"client_id\":\"c\",\"qos\":1,\"packet_id\":1}]}",
                "both packet_id and sent",
            ),
        ];
        for (line, words) in rows {
            let complaint = complaint(line);
            assert!(complaint.contains(words), "{line}: {complaint}");
        }
    }
}
