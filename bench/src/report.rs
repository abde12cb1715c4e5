//! A run as two files: JSON with every sample, Markdown with the medians.

use std::fmt::Write;
use std::fs;
use std::path::{Path, PathBuf};
use std::time::{SystemTime, UNIX_EPOCH};

use anyhow::Result;
use serde_json::{Value, json};

use crate::sample::{Sample, median};

/// Everything that one run found.
#[derive(Debug)]
pub(crate) struct Report {
    rounds: u32,
    /// Of the load generator and of the brokers.
    cores: [Option<u32>; 2],
    seconds_since_epoch: u64,
    machine: Value,
    subjects: Vec<Description>,
    samples: Vec<Sample>,
}

/// Name, version and configuration of who was measured.
pub(crate) type Description = (&'static str, Option<String>, &'static str);

impl Report {
    pub(crate) fn new(
        machine: Value,
        subjects: Vec<Description>,
        rounds: u32,
        cores: [Option<u32>; 2],
        samples: Vec<Sample>,
    ) -> Self {
        let since_epoch = SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default();
        Self {
            rounds,
            cores,
            seconds_since_epoch: since_epoch.as_secs(),
            machine,
            subjects,
            samples,
        }
    }

    /// Writes both files, named after date and time; returns the Markdown's path.
    pub(crate) fn write(&self, directory: &Path) -> Result<PathBuf> {
        fs::create_dir_all(directory)?;
        let (date, seconds) = (self.date(), self.seconds_since_epoch % 86_400);
        let time = format!("{:02}{:02}{:02}", seconds / 3600, seconds / 60 % 60, seconds % 60);
        let stem = directory.join(format!("{date}-{time}"));
        let path = stem.with_extension("md");
        fs::write(stem.with_extension("json"), format!("{:#}\n", self.json()))?;
        fs::write(&path, self.markdown()?)?;
        Ok(path)
    }

    fn json(&self) -> Value {
        let subjects: Vec<Value> = self
            .subjects
            .iter()
            .map(|(name, version, configuration)| {
                json!({"name": name, "version": version, "configuration": configuration})
            })
            .collect();
        let samples: Vec<Value> = self
            .cells()
            .iter()
            .flat_map(|(case, quantity)| {
                self.subjects.iter().filter_map(move |(subject, _, _)| {
                    let values = self.values(case, quantity, subject);
                    (!values.is_empty()).then(|| {
                        json!({
                            "case": case, "quantity": quantity, "subject": subject,
                            "median": median(values.clone()), "rounds": values,
                        })
                    })
                })
            })
            .collect();
        json!({
            "date": self.date(),
            "machine": self.machine,
            "rounds": self.rounds,
            "load_core": self.cores[0],
            "broker_core": self.cores[1],
            "subjects": subjects,
            "samples": samples,
        })
    }

    fn markdown(&self) -> Result<String> {
        let mut text = format!("# Measured on {}\n\n", self.date());
        for name in ["processor", "cores", "memory", "kernel", "load before"] {
            writeln!(text, "- {name}: {}", self.machine[name].to_string().trim_matches('"'))?;
        }
        writeln!(text, "- medians of {} rounds", self.rounds)?;
        for (who, core) in ["load generator", "brokers"].iter().zip(self.cores) {
            if let Some(core) = core {
                writeln!(text, "- {who} on core {core}")?;
            }
        }
        for (name, version, _) in &self.subjects {
            if let Some(version) = version {
                writeln!(text, "- {name}: {version}")?;
            }
        }
        let (first, others) = self.subjects.split_first().expect("FerryMQ is always measured");
        write!(text, "\n| case | quantity | {}", first.0)?;
        for (name, _, _) in others {
            write!(text, " | {name} | {name} / {}", first.0)?;
        }
        writeln!(text, " |\n|---|---|{}", "---:|".repeat(1 + 2 * others.len()))?;
        for (case, quantity) in self.cells() {
            let value = |subject| median(self.values(case, quantity, subject));
            let own = value(first.0);
            write!(text, "| {case} | {quantity} | {}", number(own))?;
            for (name, _, _) in others {
                let other = value(name);
                let ratio = other.zip(own).map(|(other, own)| other / own);
                write!(text, " | {} | {}", number(other), number(ratio))?;
            }
            writeln!(text, " |")?;
        }
        Ok(text)
    }

    /// The rows: each case and quantity once, in the order of measuring.
    fn cells(&self) -> Vec<(&str, &'static str)> {
        let mut cells = Vec::new();
        for sample in &self.samples {
            let cell = (sample.case.as_str(), sample.quantity);
            if !cells.contains(&cell) {
                cells.push(cell);
            }
        }
        cells
    }

    fn values(&self, case: &str, quantity: &str, subject: &str) -> Vec<f64> {
        self.samples
            .iter()
            .filter(|sample| {
                (sample.case.as_str(), sample.quantity, sample.subject) == (case, quantity, subject)
            })
            .map(|sample| sample.value)
            .collect()
    }

    fn date(&self) -> String {
        let (year, month, day) = civil_date(self.seconds_since_epoch / 86_400);
        format!("{year}-{month:02}-{day:02}")
    }
}

fn number(value: Option<f64>) -> String {
    match value {
        None => "–".to_owned(),
        Some(value) if value >= 100.0 => format!("{value:.0}"),
        Some(value) if value >= 10.0 => format!("{value:.1}"),
        Some(value) => format!("{value:.2}"),
    }
}

/// Year, month and day of a day since 1970, UTC.
fn civil_date(mut day: u64) -> (u64, u64, u64) {
    let is_leap = |year: u64| {
        year.is_multiple_of(4) && (!year.is_multiple_of(100) || year.is_multiple_of(400))
    };
    let mut year = 1970;
    while day >= 365 + u64::from(is_leap(year)) {
        day -= 365 + u64::from(is_leap(year));
        year += 1;
    }
    let february = 28 + u64::from(is_leap(year));
    let mut month = 1;
    for length in [31, february, 31, 30, 31, 30, 31, 31, 30, 31, 30, 31] {
        if day < length {
            break;
        }
        day -= length;
        month += 1;
    }
    (year, month, day + 1)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn days_become_dates() {
        assert_eq!(civil_date(0), (1970, 1, 1));
        assert_eq!(civil_date(11_016), (2000, 2, 29));
        assert_eq!(civil_date(11_017), (2000, 3, 1));
        assert_eq!(civil_date(20_453), (2025, 12, 31));
    }
}
