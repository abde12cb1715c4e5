//! Signals of the system, as what they mean to a broker.

use std::io;
use std::sync::mpsc::Sender;
use std::thread::{self, JoinHandle};

use ferrymq_server::Stop;
#[cfg(unix)]
use signal_hook::consts::{SIGHUP, SIGUSR1, SIGUSR2};
use signal_hook::consts::{SIGINT, SIGTERM};
use signal_hook::iterator::Handle;

/// What somebody outside wants.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Signal {
    /// Read the configuration again.
    Reload,
    /// Keep what is in memory.
    Save,
    /// Say who subscribes to what.
    Tree,
    /// Open the files of the log anew.
    Reopen,
    /// End.
    End,
}

/// A thread that waits for signals. Those that it knows have their default no more.
pub(super) struct Signals {
    handle: Handle,
    thread: JoinHandle<()>,
}

impl Signals {
    /// Sends what signals mean to `events`. The first that is to end the broker does so at once; the
    /// second ends the process if `second_is_urgent`.
    pub(super) fn watch(
        events: Sender<Signal>,
        stop: Stop,
        second_is_urgent: bool,
    ) -> io::Result<Self> {
        let mut signals = signal_hook::iterator::Signals::new(numbers())?;
        let handle = signals.handle();
        let thread = thread::Builder::new().name("signals".to_owned()).spawn(move || {
            let mut ending = false;
            for number in signals.forever() {
                let meaning = meaning(number);
                if meaning == Signal::End {
                    if ending && second_is_urgent {
                        std::process::exit(1);
                    }
                    if !ending {
                        tracing::info!("shutting down");
                    }
                    ending = true;
                    stop.stop();
                }
                // Whoever does not listen any more is about to end.
                let _ = events.send(meaning);
            }
        })?;
        Ok(Self { handle, thread })
    }

    /// Ends the thread.
    pub(super) fn close(self) {
        self.handle.close();
        // It has nothing to tell, and a panic in it has been printed.
        let _ = self.thread.join();
    }
}

fn numbers() -> Vec<i32> {
    let mut numbers = vec![SIGINT, SIGTERM];
    #[cfg(unix)]
    numbers.extend([SIGHUP, SIGUSR1, SIGUSR2]);
    #[cfg(target_os = "linux")]
    numbers.push(nix::libc::SIGRTMIN());
    numbers
}

fn meaning(number: i32) -> Signal {
    match number {
        #[cfg(unix)]
        SIGHUP => Signal::Reload,
        #[cfg(unix)]
        SIGUSR1 => Signal::Save,
        #[cfg(unix)]
        SIGUSR2 => Signal::Tree,
        SIGINT | SIGTERM => Signal::End,
        _ => Signal::Reopen,
    }
}
