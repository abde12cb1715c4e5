//! Messages of clients that are connected, at a fixed rate, while others log in faster than their
//! passwords can be checked: every second login is right, and no two are of one client.
//!
//! The rate is open loop: a message is due when it is due, however late the one before it comes, and
//! its latency counts from there.

use std::collections::VecDeque;
use std::fs;
use std::path::Path;
use std::process::Command;
use std::sync::atomic::{AtomicBool, Ordering};
use std::thread;
use std::time::{Duration, Instant};

use anyhow::{Context, Result, ensure};
use hdrhistogram::Histogram;

use crate::sample::Sample;
use crate::subject::{Running, Subject};
use crate::wire::{self, Link, PUBLISH};

/// Measures a fresh broker: alone, then with logins.
pub(crate) fn measure(
    subject: &Subject,
    ferrymq: &Path,
    duration: Duration,
    core: Option<u32>,
) -> Result<Vec<Sample>> {
    let directory = tempfile::tempdir()?;
    let users = directory.path().join("users");
    make_users(ferrymq, &users)?;
    let directives = format!("password_file {}\n", users.display());
    let running = subject.start_with(&directives, core)?;
    messages(&running, WARM_UP, 0)?;
    let alone = messages(&running, duration, 0)?;
    let ended = AtomicBool::new(false);
    let (with_logins, logins) = thread::scope(|scope| -> Result<_> {
        let logins = scope.spawn(|| log_in(running.port(), &ended));
        // By then there are as many as can wait.
        thread::sleep(QUEUE_FILLS);
        let measured = messages(&running, duration, 1);
        ended.store(true, Ordering::Relaxed);
        let logins = logins.join().expect("whoever logs in does not panic")?;
        Ok((measured?, logins))
    })?;
    let sample = |case: &str, quantity, value| Sample {
        case: case.to_owned(),
        quantity,
        subject: subject.name(),
        value,
    };
    let microseconds =
        |latency: &Histogram<u64>, quantile| latency.value_at_quantile(quantile) as f64 / 1000.0;
    let mut samples = Vec::new();
    for (case, latency) in [(ALONE, &alone), (WITH_LOGINS, &with_logins)] {
        samples.push(sample(case, "latency p50, µs", microseconds(latency, 0.5)));
        samples.push(sample(case, "latency p99, µs", microseconds(latency, 0.99)));
    }
    let ratio = |quantile| microseconds(&with_logins, quantile) / microseconds(&alone, quantile);
    samples.push(sample(WITH_LOGINS, "p50 by that without logins", ratio(0.5)));
    samples.push(sample(WITH_LOGINS, "p99 by that without logins", ratio(0.99)));
    samples.push(sample(WITH_LOGINS, "logins per second", logins));
    Ok(samples)
}

fn make_users(ferrymq: &Path, users: &Path) -> Result<()> {
    let made = Command::new(ferrymq)
        .args(["passwd", "-H", "argon2id", "-c", "-b"])
        .arg(users)
        .args([USER, PASSWORD])
        .status()?;
    ensure!(made.success(), "{} makes no password file", ferrymq.display());
    ensure!(fs::read_to_string(users)?.contains("$argon2id$"), "the file has another hash");
    Ok(())
}

/// How late messages come.
fn messages(running: &Running, duration: Duration, run: u32) -> Result<Histogram<u64>> {
    let topic = format!("bench/logins/{run}");
    let mut subscriber = Link::mqtt(running.port(), &format!("subscriber-{run}"))?;
    subscriber.subscribe(&topic, 0)?;
    let mut publisher = Link::mqtt(running.port(), &format!("publisher-{run}"))?;
    let packet = wire::publish(&topic, 0, 0, &[b'x'; 64]);
    let count = u32::try_from(duration.as_nanos() / INTERVAL.as_nanos())?;
    let start = Instant::now();
    let mut latency = Histogram::new_with_bounds(1, LONGEST, 3)?;
    thread::scope(|scope| -> Result<()> {
        let sender = scope.spawn(move || -> Result<()> {
            let mut sent = 0;
            while sent < count {
                let due = start.elapsed().as_nanos() / INTERVAL.as_nanos() + 1;
                let due = u32::try_from(due)?.min(count);
                publisher.write(&packet.repeat((due - sent) as usize))?;
                sent = due;
                thread::sleep((INTERVAL * sent).saturating_sub(start.elapsed()));
            }
            Ok(())
        });
        // One publisher's messages of QoS 0 come in their order, so their numbers need not be read.
        for number in 0..count {
            let (kind, _) = subscriber.packet()?;
            ensure!(kind == PUBLISH, "packet type {kind:#x} came for a message");
            let late = start.elapsed().saturating_sub(INTERVAL * number);
            latency.saturating_record(u64::try_from(late.as_nanos())?);
        }
        sender.join().expect("the sender does not panic")
    })?;
    Ok(latency)
}

/// Logs in until it has ended, and closes what has waited for long. How many logins a second.
fn log_in(port: u16, ended: &AtomicBool) -> Result<f64> {
    let start = Instant::now();
    let mut open = VecDeque::new();
    let mut number = 0_u32;
    while !ended.load(Ordering::Relaxed) {
        while LOGIN_INTERVAL * number <= start.elapsed() {
            // Each has a name of its own: one that fails again and again would not be listened to.
            let (user, password) = match number.is_multiple_of(2) {
                true => (USER.to_owned(), PASSWORD),
                false => (format!("stranger-{number}"), "guessed"),
            };
            let mut link = Link::raw(port).context("no more connections")?;
            link.write(&wire::log_in(&format!("login-{number}"), &user, password))?;
            open.push_back((start.elapsed(), link));
            number += 1;
        }
        while open.front().is_some_and(|(since, _)| start.elapsed() > *since + LOGIN_PATIENCE) {
            open.pop_front();
        }
        thread::sleep(Duration::from_millis(1));
    }
    Ok(f64::from(number) / start.elapsed().as_secs_f64())
}

const ALONE: &str = "p2p, QoS 0, 10,000 a second";
const WITH_LOGINS: &str = "p2p, QoS 0, 10,000 a second, 1,000 logins a second";
const INTERVAL: Duration = Duration::from_micros(100);
const LOGIN_INTERVAL: Duration = Duration::from_millis(1);
const LOGIN_PATIENCE: Duration = Duration::from_secs(2);
const QUEUE_FILLS: Duration = Duration::from_secs(2);
const WARM_UP: Duration = Duration::from_millis(500);
/// No message comes this late, in nanoseconds.
const LONGEST: u64 = 60_000_000_000;
const USER: &str = "anna";
const PASSWORD: &str = "correct";
