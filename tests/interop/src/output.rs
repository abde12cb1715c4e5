//! A child process whose lines are events: one thread per pipe reads them, so
//! that waiting has a bound. The child ends with its handle.

use std::io::{BufRead, BufReader, Read, Write};
use std::process::{Child, ChildStdin, Command, ExitStatus, Stdio};
use std::sync::mpsc::{Receiver, RecvTimeoutError, Sender, channel};
use std::thread;
use std::time::{Duration, Instant};

/// Which pipe a line came from.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Source {
    /// Standard output.
    Stdout,
    /// Standard error.
    Stderr,
}

/// A running program.
#[derive(Debug)]
pub struct Program {
    name: String,
    child: Child,
    stdin: Option<ChildStdin>,
    lines: Receiver<(Source, String)>,
}

impl Program {
    /// Starts `command` with all three pipes.
    ///
    /// # Panics
    /// When the program cannot be started.
    pub fn start(command: &mut Command) -> Self {
        let name = command.get_program().to_string_lossy().into_owned();
        let mut child = command
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .stderr(Stdio::piped())
            .spawn()
            .unwrap_or_else(|error| panic!("cannot start {name}: {error}"));
        let (sender, lines) = channel();
        let stdout = child.stdout.take().expect("the pipe was asked for");
        let stderr = child.stderr.take().expect("the pipe was asked for");
        read_lines(stdout, Source::Stdout, sender.clone());
        read_lines(stderr, Source::Stderr, sender);
        let stdin = child.stdin.take();
        Self { name, child, stdin, lines }
    }

    /// Writes to the program's standard input. A program that is gone is noticed
    /// where its lines are read, together with its last words.
    pub fn write(&mut self, bytes: &[u8]) {
        if let Some(stdin) = &mut self.stdin
            && stdin.write_all(bytes).is_err()
        {
            self.stdin = None;
        }
    }

    /// Ends the program's standard input.
    pub fn end_input(&mut self) {
        self.stdin = None;
    }

    /// The next line, or nothing when the program has closed both pipes.
    ///
    /// # Panics
    /// When `deadline` passes.
    pub fn line(&mut self, deadline: Instant) -> Option<(Source, String)> {
        self.line_before(deadline)
            .unwrap_or_else(|| panic!("{} kept silent for too long", self.name))
    }

    /// The next line: nothing when `deadline` passes first, an inner nothing when
    /// the program has closed both pipes.
    #[expect(clippy::option_option, reason = "two ends: of the time, of the program")]
    pub(crate) fn line_before(&mut self, deadline: Instant) -> Option<Option<(Source, String)>> {
        match self.lines.recv_timeout(deadline.saturating_duration_since(Instant::now())) {
            Ok(line) => Some(Some(line)),
            Err(RecvTimeoutError::Disconnected) => Some(None),
            Err(RecvTimeoutError::Timeout) => None,
        }
    }

    /// Reads on until a line of either pipe satisfies `wanted`, and returns it.
    ///
    /// # Panics
    /// When `within` passes, or the program ends first.
    pub fn line_where(&mut self, within: Duration, wanted: impl Fn(&str) -> bool) -> String {
        let deadline = Instant::now() + within;
        let mut said = Vec::new();
        while let Some((_, line)) = self.line(deadline) {
            if wanted(&line) {
                return line;
            }
            said.push(line);
        }
        panic!("{} ended without the expected line; it said:\n{}", self.name, said.join("\n"));
    }

    /// The next line of standard output.
    ///
    /// # Panics
    /// When `within` passes, or the program ends first.
    pub fn next_stdout(&mut self, within: Duration) -> String {
        self.stdout_within(within)
            .unwrap_or_else(|| panic!("{} kept silent for too long", self.name))
    }

    /// The next line of standard output, or nothing when `within` passes first.
    ///
    /// # Panics
    /// When the program ends first.
    pub fn stdout_within(&mut self, within: Duration) -> Option<String> {
        let deadline = Instant::now() + within;
        let mut complaints = Vec::new();
        loop {
            match self.line_before(deadline)? {
                Some((Source::Stdout, line)) => return Some(line),
                Some((Source::Stderr, line)) => complaints.push(line),
                None => panic!("{} ended; it said:\n{}", self.name, complaints.join("\n")),
            }
        }
    }

    /// Waits for the end and returns the status with everything not read yet.
    ///
    /// # Panics
    /// When `within` passes.
    pub fn finish(mut self, within: Duration) -> (ExitStatus, Vec<(Source, String)>) {
        self.end_input();
        let deadline = Instant::now() + within;
        let mut rest = Vec::new();
        while let Some(line) = self.line(deadline) {
            rest.push(line);
        }
        let status = self.child.wait().expect("a child can be waited for");
        (status, rest)
    }

    /// Asks the program to end as an operator would, and waits for it.
    ///
    /// # Panics
    /// When `within` passes.
    pub fn terminate(self, within: Duration) -> ExitStatus {
        let pid = self.child.id().to_string();
        let sent = Command::new("kill").arg(pid).status().expect("kill is everywhere");
        assert!(sent.success(), "{} had ended already", self.name);
        self.finish(within).0
    }

    /// Ends the program at once; the system closes its sockets.
    pub fn kill(mut self) {
        self.end();
    }

    fn end(&mut self) {
        // Both fail only for a child that has been waited for already.
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

impl Drop for Program {
    fn drop(&mut self) {
        self.end();
    }
}

fn read_lines(pipe: impl Read + Send + 'static, source: Source, lines: Sender<(Source, String)>) {
    thread::spawn(move || {
        let mut reader = BufReader::with_capacity(1 << 16, pipe);
        loop {
            let mut line = Vec::new();
            match reader.read_until(b'\n', &mut line) {
                Ok(0) | Err(_) => return,
                Ok(_) => {}
            }
            let line = String::from_utf8_lossy(&line);
            if lines.send((source, line.trim_end_matches('\n').to_owned())).is_err() {
                return;
            }
        }
    });
}
