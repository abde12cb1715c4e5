//! Every normative statement of MQTT that can be observed at a server.
//!
//! Each statement of MQTT 3.1.1 and 5.0 has a row: a scene that shows whether a server keeps it,
//! or the reason why it is not checked here. The rows speak raw bytes through a [`Target`] and know
//! nothing of the server behind it.
//!
//! [`run`] plays the rows, [`markdown`] writes down what was found, and [`known`] holds what is
//! known to differ at other servers.

mod checks;
mod hostile;
pub mod known;
mod peer;
mod property;
mod report;
mod row;
mod run;
mod scene;
mod tcp;
mod transport;
mod v31;
mod v311;
mod v5;
mod verdict;
mod wire;

pub use report::{Report, markdown};
pub use row::{Check, Row, Table};
pub use run::{Finding, Outcome, run};
pub use scene::Scene;
pub use tcp::TcpTarget;
pub use transport::{Received, Target, Wire};
pub use verdict::{Failure, Verdict};
pub use wire::Version;

/// All tables: hostile input first, because some of it takes longest.
pub fn tables() -> Vec<Table> {
    [&hostile::TABLES[..], &v5::TABLES, &v311::TABLES, &v31::TABLES].concat()
}
