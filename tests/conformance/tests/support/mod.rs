//! Servers as child processes: started on a free port, ended with the test.

use std::fs;
use std::io::{BufRead, BufReader};
use std::net::{SocketAddr, TcpListener};
use std::path::Path;
use std::process::{Child, Command, Stdio};
use std::sync::mpsc;
use std::thread;
use std::time::Duration;

use ferrymq_conformance::{Outcome, Report, TcpTarget, allow_many_sockets, markdown, run, tables};

/// A server that is ended when dropped.
pub(crate) struct Server {
    child: Child,
    address: SocketAddr,
    websocket: SocketAddr,
}

impl Server {
    /// Starts the command with a file that asks for a listener of each kind on loopback, and waits
    /// until a line of its standard error has the words that are made of the second one's port.
    pub(crate) fn start(mut command: Command, ready: impl Fn(u16) -> String) -> Self {
        allow_many_sockets().expect("the limit can be raised up to the hard one");
        let [address, websocket] = [free_address(), free_address()];
        let configuration = Path::new(env!("CARGO_TARGET_TMPDIR"))
            .join(format!("conformance-{}.conf", address.port()));
        let lines = format!(
            "allow_anonymous true\nlistener {} 127.0.0.1\nlistener {} 127.0.0.1\nprotocol websockets\n",
            address.port(),
            websocket.port()
        );
        fs::write(&configuration, lines).expect("the configuration can be written");
        let mut child = command
            .arg("-c")
            .arg(configuration)
            .stdin(Stdio::null())
            .stdout(Stdio::null())
            .stderr(Stdio::piped())
            .spawn()
            .unwrap_or_else(|error| panic!("{command:?} does not start: {error}"));
        let lines = BufReader::new(child.stderr.take().expect("standard error is piped")).lines();
        let (found, finding) = mpsc::channel();
        let ready = ready(websocket.port());
        thread::spawn(move || {
            // The rest is read too, so that the server never waits for a reader.
            for line in lines.map_while(Result::ok) {
                if line.contains(&ready) {
                    // After the first one nobody waits for it.
                    let _ = found.send(());
                }
            }
        });
        match finding.recv_timeout(Duration::from_secs(30)) {
            Ok(()) => Self { child, address, websocket },
            Err(error) => {
                drop(child.kill());
                panic!("{command:?} is not listening: {error}");
            }
        }
    }

    /// Plays all rows and leaves the report beside the build.
    pub(crate) fn play(&self, name: &str) -> Vec<Outcome> {
        let target = TcpTarget::new(self.address).with_websocket(Some(self.websocket));
        let target = move || Box::new(target) as _;
        let outcomes = run(&tables(), "", 48, &target);
        let report = Report { name: name.to_owned(), outcomes: outcomes.clone() };
        let file = concat!(env!("CARGO_TARGET_TMPDIR"), "/conformance-").to_owned() + name + ".md";
        fs::write(&file, markdown(&[report])).expect("the report can be written");
        outcomes
    }
}

impl Drop for Server {
    fn drop(&mut self) {
        drop(self.child.kill());
        drop(self.child.wait());
    }
}

/// Not every server can be asked to choose a port itself.
fn free_address() -> SocketAddr {
    let listener = TcpListener::bind(("127.0.0.1", 0)).expect("a port is free");
    listener.local_addr().expect("it is bound")
}
