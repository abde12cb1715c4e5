//! Servers as child processes: started on a free port, ended with the test.

use std::io::{BufRead, BufReader};
use std::net::SocketAddr;
use std::process::{Child, Command, Stdio};
use std::sync::mpsc;
use std::thread;
use std::time::Duration;

use ferrymq_conformance::{Outcome, Report, TcpTarget, allow_many_sockets, markdown, run, tables};

/// A server that is ended when dropped.
pub(crate) struct Server {
    child: Child,
    address: SocketAddr,
}

impl Server {
    /// Starts the command and waits until a line of its standard error names the address.
    pub(crate) fn start(
        mut command: Command,
        address: impl Fn(&str) -> Option<SocketAddr> + Send + 'static,
    ) -> Self {
        allow_many_sockets().expect("the limit can be raised up to the hard one");
        let mut child = command
            .stdin(Stdio::null())
            .stdout(Stdio::null())
            .stderr(Stdio::piped())
            .spawn()
            .unwrap_or_else(|error| panic!("{command:?} does not start: {error}"));
        let lines = BufReader::new(child.stderr.take().expect("standard error is piped")).lines();
        let (found, finding) = mpsc::channel();
        thread::spawn(move || {
            // The rest is read too, so that the server never waits for a reader.
            for line in lines.map_while(Result::ok) {
                if let Some(address) = address(&line) {
                    // After the first one nobody waits for it.
                    let _ = found.send(address);
                }
            }
        });
        match finding.recv_timeout(Duration::from_secs(30)) {
            Ok(address) => Self { child, address },
            Err(error) => {
                drop(child.kill());
                panic!("{command:?} is not listening: {error}");
            }
        }
    }

    /// Plays all rows and leaves the report beside the build.
    pub(crate) fn play(&self, name: &str) -> Vec<Outcome> {
        let address = self.address;
        let target = move || Box::new(TcpTarget::new(address)) as _;
        let outcomes = run(&tables(), "", 48, &target);
        let report = Report { name: name.to_owned(), outcomes: outcomes.clone() };
        let file = concat!(env!("CARGO_TARGET_TMPDIR"), "/conformance-").to_owned() + name + ".md";
        std::fs::write(&file, markdown(&[report])).expect("the report can be written");
        outcomes
    }
}

impl Drop for Server {
    fn drop(&mut self) {
        drop(self.child.kill());
        drop(self.child.wait());
    }
}
