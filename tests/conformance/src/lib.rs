//! Every normative statement of MQTT that can be observed at a server.
//!
//! Each statement of MQTT 3.1.1 and 5.0 has a row: a scene that shows whether a server keeps it,
//! or the reason why it is not checked here. The rows speak raw bytes through a [`Target`] and know
//! nothing of the server behind it.
//!
//! [`run()`] plays the rows, [`markdown`] writes down what was found, and [`known`] holds what is
//! known to differ at other servers.

mod checks;
mod field;
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
pub use tcp::{TcpTarget, allow_many_sockets};
pub use transport::{Received, Target, Wire};
pub use verdict::{Failure, Verdict};
pub use wire::Version;

/// All tables: hostile input first, because some of it takes longest.
pub fn tables() -> Vec<Table> {
    [&hostile::TABLES[..], &v5::TABLES, &v311::TABLES, &v31::TABLES].concat()
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeMap;

    use super::*;

    /// The numbers of the statements of each section.
    fn statements(version: Version) -> BTreeMap<String, Vec<u32>> {
        let mut sections: BTreeMap<String, Vec<u32>> = BTreeMap::new();
        let tables = tables().into_iter().filter(|table| table.version == version);
        for row in tables.flat_map(|table| table.rows) {
            if let Some((section, number)) = row.id.strip_prefix("MQTT-").and_then(split) {
                sections.entry(section).or_default().push(number);
            }
        }
        sections
    }

    fn split(id: &str) -> Option<(String, u32)> {
        let (section, number) = id.rsplit_once('-')?;
        Some((section.to_owned(), number.parse().ok()?))
    }

    fn assert_complete(version: Version, count: usize) {
        let sections = statements(version);
        for (section, numbers) in &sections {
            // The specification of 5.0 has no 2.2.1-1.
            let first = if section == "2.2.1" { 2 } else { 1 };
            let expected: Vec<u32> = (first..).take(numbers.len()).collect();
            assert_eq!(numbers, &expected, "section {section}");
        }
        assert_eq!(sections.values().map(Vec::len).sum::<usize>(), count);
    }

    #[test]
    fn every_statement_of_3_1_1_has_one_row() {
        assert_complete(Version::V3_1_1, 141);
    }

    #[test]
    fn every_statement_of_5_0_has_one_row() {
        assert_complete(Version::V5_0, 251);
    }

    #[test]
    fn names_of_rows_are_unique() {
        let tables = tables();
        let mut names: Vec<String> =
            tables.iter().flat_map(|table| table.rows.iter().map(|row| table.name(row))).collect();
        let all = names.len();
        names.sort();
        names.dedup();
        assert_eq!(names.len(), all);
    }
}
