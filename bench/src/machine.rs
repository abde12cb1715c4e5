//! What the numbers were measured on: enough to compare, nothing to identify.

use std::fs;

use serde_json::{Value, json};

/// Processor, memory, kernel, and how busy others keep it: to be asked before the
/// run, which is a load itself.
pub(crate) fn describe() -> Value {
    let processor = field("/proc/cpuinfo", "model name");
    let memory = field("/proc/meminfo", "MemTotal");
    let kernel = fs::read_to_string("/proc/sys/kernel/osrelease").ok();
    // Not what this process may use: it may be kept on one core.
    let cores = fs::read_to_string("/proc/cpuinfo")
        .map(|text| text.lines().filter(|line| line.starts_with("processor")).count())
        .ok();
    let load = fs::read_to_string("/proc/loadavg").ok();
    let load = load.as_deref().and_then(|text| text.split(' ').next());
    json!({
        "processor": processor,
        "cores": cores,
        "memory": memory,
        "kernel": kernel.map(|text| text.trim().to_owned()),
        "load before": load,
    })
}

fn field(path: &str, name: &str) -> Option<String> {
    let text = fs::read_to_string(path).ok()?;
    let line = text.lines().find(|line| line.starts_with(name))?;
    Some(line.split_once(':')?.1.trim().to_owned())
}
