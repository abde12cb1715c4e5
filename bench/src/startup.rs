//! How long a site waits for its broker: three listeners, ten thousand users, their rights.

use std::fmt::Write;
use std::fs;
use std::path::Path;
use std::time::Instant;

use anyhow::Result;
use tempfile::TempDir;

use crate::rounds::{Common, run_rounds};
use crate::sample::Sample;
use crate::subject::{Subject, free_port};
use crate::transports::Authority;

/// Measures how long FerryMQ and Mosquitto take from their start until they listen.
pub(crate) fn run(common: &Common) -> Result<()> {
    let ferrymq = common.ferrymq()?;
    let site = Site::new(&ferrymq)?;
    let mut subjects = vec![Subject::FerryMq(ferrymq)];
    if common.mosquitto.is_file() {
        subjects.push(Subject::Mosquitto(common.mosquitto.clone()));
    }
    run_rounds(common, &subjects, |subject| {
        let directives = site.directives()?;
        let start = Instant::now();
        let running = subject.start_with(&directives, common.broker_core)?;
        let elapsed = start.elapsed();
        let cpu = running.cpu_time()?;
        let sample = |quantity, value| Sample {
            case: "start with 10,000 users, 20,003 rules and 3 listeners".to_owned(),
            quantity,
            subject: subject.name(),
            value,
        };
        Ok(vec![
            sample("until it listens, ms", elapsed.as_secs_f64() * 1e3),
            sample("broker CPU until then, ms", cpu.as_secs_f64() * 1e3),
        ])
    })
}

/// The files of a site's configuration.
struct Site {
    place: TempDir,
    authority: Authority,
}

impl Site {
    fn new(ferrymq: &Path) -> Result<Self> {
        let (place, authority) = (TempDir::new()?, Authority::new(ferrymq)?);
        let (mut users, mut rules) = (String::new(), String::from("topic read news/#\n"));
        for number in 0..USERS {
            // In base64: a salt of 12 octets and a hash of 64. No password has it.
            writeln!(users, "user-{number}:$7$1000${number:016}${number:085}A==")?;
            let part = number % PARTS;
            writeln!(rules, "user user-{number}\ntopic read site/{part}/#")?;
            writeln!(rules, "topic write site/{part}/device/{number}/up")?;
        }
        rules.push_str("pattern readwrite devices/%u/#\npattern write state/%c\n");
        fs::write(place.path().join("passwords"), users)?;
        fs::write(place.path().join("acl"), rules)?;
        fs::create_dir(place.path().join("conf.d"))?;
        Ok(Self { place, authority })
    }

    /// What is said beside the first listener. The others are at ports that are free now.
    fn directives(&self) -> Result<String> {
        let place = self.place.path();
        let secure = self.authority.directives();
        for (name, more) in [("secure", secure.as_str()), ("web", "protocol websockets\n")] {
            let file = place.join("conf.d").join(name).with_extension("conf");
            fs::write(file, format!("listener {} 127.0.0.1\n{more}", free_port()?))?;
        }
        let place = place.display();
        Ok(format!(
            "password_file {place}/passwords\nacl_file {place}/acl\ninclude_dir {place}/conf.d\n"
        ))
    }
}

const USERS: u32 = 10_000;

/// Into so many parts they are divided.
const PARTS: u32 = 50;
