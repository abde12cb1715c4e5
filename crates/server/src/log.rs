//! The log of a broker as lines for those who read logs: people, supervisors and programs that wait
//! for certain words.
//!
//! Whoever says something puts a line into a queue and goes on; a thread of the log writes it. Where
//! it cannot write as fast, lines are left out, counted, and the count is logged: a slow disk or a
//! pipe that nobody reads holds up no client.

mod lines;
mod queue;
mod settings;
mod syslog;
mod words;
mod writer;

pub use self::lines::Log;
pub use self::settings::{LogDestination, LogSettings, LogType, LogTypes};
pub use self::words::ClientLog;
