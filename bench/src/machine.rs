//! What the numbers were measured on: enough to compare, nothing to identify.

use std::fs;
use std::process::Command;

use serde_json::{Value, json};

/// Processor, memory, kernel, and the commit that was measured.
pub(crate) fn describe() -> Value {
    let processor = field("/proc/cpuinfo", "model name");
    let memory = field("/proc/meminfo", "MemTotal");
    let kernel = fs::read_to_string("/proc/sys/kernel/osrelease").ok();
    // Not what this process may use: it may be kept on one core.
    let cores = fs::read_to_string("/proc/cpuinfo")
        .map(|text| text.lines().filter(|line| line.starts_with("processor")).count())
        .ok();
    let commit = Command::new("git").args(["rev-parse", "--short=12", "HEAD"]).output().ok();
    let commit = commit
        .filter(|output| output.status.success())
        .and_then(|output| String::from_utf8(output.stdout).ok());
    json!({
        "processor": processor,
        "cores": cores,
        "memory": memory,
        "kernel": kernel.map(|text| text.trim().to_owned()),
        "commit": commit.map(|text| text.trim().to_owned()),
    })
}

fn field(path: &str, name: &str) -> Option<String> {
    let text = fs::read_to_string(path).ok()?;
    let line = text.lines().find(|line| line.starts_with(name))?;
    Some(line.split_once(':')?.1.trim().to_owned())
}
