//! Cases with their instructions per message, as they are kept in the tree.

use std::fmt;

/// Rows in the order of counting.
#[derive(Debug, Default, PartialEq, Eq)]
pub(crate) struct Table {
    rows: Vec<(String, u64)>,
}

impl Table {
    pub(crate) fn push(&mut self, case: &str, instructions: u64) {
        self.rows.push((case.to_owned(), instructions));
    }

    /// Reads what [`fmt::Display`] has written.
    pub(crate) fn parse(text: &str) -> Result<Self, String> {
        let mut table = Self::default();
        for line in text.lines().skip_while(|line| !line.starts_with("|---")).skip(1) {
            let cells: Vec<&str> = line.split('|').map(str::trim).collect();
            let ["", case, instructions, ""] = cells[..] else {
                return Err(format!("this is no row of a table: {line}"));
            };
            let instructions = instructions.parse().map_err(|error| format!("{line}: {error}"))?;
            table.push(case, instructions);
        }
        Ok(table)
    }

    /// Whether all is as it is expected to be. Fewer instructions are a reason to write
    /// them down, too: the next change is compared with them.
    pub(crate) fn compare(&self, expected: &Self) -> Result<(), String> {
        let cases = |table: &Self| -> Vec<String> {
            table.rows.iter().map(|(case, _)| case.clone()).collect()
        };
        if cases(self) != cases(expected) {
            return Err(format!("the table has other cases. {BLESS}"));
        }
        let moved: Vec<String> = std::iter::zip(&self.rows, &expected.rows)
            .filter(|((_, counted), (_, expected))| !is_within(TOLERANCE, *counted, *expected))
            .map(|((case, counted), (_, expected))| format!("{case}: {counted}, not {expected}"))
            .collect();
        if !moved.is_empty() {
            return Err(format!("instructions per message:\n{}\n{BLESS}", moved.join("\n")));
        }
        self.durability_is_free()?;
        self.rights_are_cheap()
    }

    /// What nobody asks to be kept costs the same, whatever is promised for the rest.
    fn durability_is_free(&self) -> Result<(), String> {
        for (case, with) in &self.rows {
            let Some(other) = case.strip_suffix("power") else { continue };
            let other = format!("{other}none");
            let without = self.rows.iter().find(|(case, _)| *case == other);
            if case.starts_with("clean session")
                && let Some((_, without)) = without
                && !is_within(FREE, *with, *without)
            {
                return Err(format!(
                    "{case}: {with} instructions, but without durability {without}"
                ));
            }
        }
        Ok(())
    }

    /// Who may do what is found out once for each client and topic, not for each message.
    fn rights_are_cheap(&self) -> Result<(), String> {
        for (case, with) in &self.rows {
            let Some((other, _)) = case.split_once(", ACL") else { continue };
            let without = self.rows.iter().find(|(case, _)| case == other);
            if let Some((_, without)) = without
                && with * 100 > without * (100 + CHEAP)
            {
                return Err(format!("{case}: {with} instructions, but without rights {without}"));
            }
        }
        Ok(())
    }
}

impl fmt::Display for Table {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        writeln!(
            f,
            "| 64 bytes from publisher to receiver; QoS 1, if not 0 | instructions per message |"
        )?;
        writeln!(f, "|---|---:|")?;
        self.rows.iter().try_for_each(|(case, count)| writeln!(f, "| {case} | {count} |"))
    }
}

fn is_within(percent: u64, one: u64, other: u64) -> bool {
    one.abs_diff(other) * 100 <= other * percent
}

/// What a compiler or a library may change without being asked, in percent.
const TOLERANCE: u64 = 3;

/// What durability may cost those who do not use it, in percent.
const FREE: u64 = 2;

/// What rights may cost, in percent.
const CHEAP: u64 = 3;

const BLESS: &str = "If it is meant to be so: `cargo run --release -p ferrymq-instructions -- bless`, \
                     and say in the commit what it buys.";

#[cfg(test)]
mod tests {
    use super::*;

    fn table(rows: &[(&str, u64)]) -> Table {
        let mut table = Table::default();
        for (case, count) in rows {
            table.push(case, *count);
        }
        table
    }

    #[test]
    fn what_is_written_is_read() {
        let written = table(&[("clean session, none", 1200), ("clean session, power", 1201)]);
        assert_eq!(Table::parse(&written.to_string()), Ok(written));
    }

    #[test]
    fn case_that_has_moved_is_named() {
        let expected = table(&[("one", 1000), ("two", 1000)]);
        assert_eq!(table(&[("one", 1030), ("two", 970)]).compare(&expected), Ok(()));
        let complaint = table(&[("one", 1000), ("two", 1031)]).compare(&expected).unwrap_err();
        assert!(complaint.contains("two: 1031, not 1000") && !complaint.contains("one:"));
        assert!(table(&[("one", 1000)]).compare(&expected).is_err());
    }

    #[test]
    fn durability_that_costs_those_who_do_not_use_it_is_a_complaint() {
        let rows = |with| table(&[("clean session, none", 1000), ("clean session, power", with)]);
        assert_eq!(rows(1020).compare(&rows(1020)), Ok(()));
        assert!(rows(1021).compare(&rows(1021)).is_err());
        let rows =
            table(&[("persistent session, none", 1000), ("persistent session, power", 2000)]);
        assert_eq!(rows.compare(&rows), Ok(()));
    }

    #[test]
    fn rights_that_are_asked_for_with_each_message_are_a_complaint() {
        let rows = |with| table(&[("alone", 1000), ("alone, ACL file", with)]);
        assert_eq!(rows(1030).compare(&rows(1030)), Ok(()));
        assert_eq!(rows(900).compare(&rows(900)), Ok(()));
        let complaint = rows(1031).compare(&rows(1031)).unwrap_err();
        assert!(complaint.contains("alone, ACL file: 1031"), "{complaint}");
    }
}
