//! What the kernel says about a process, and what it lets us ask of one.

use std::fs;
use std::path::Path;
use std::process::{Command, Stdio};
use std::time::Duration;

use anyhow::{Context, Result, ensure};

/// User and system time of all threads. The scheduler counts it in nanoseconds,
/// where `/proc/PID/stat` has ticks of ten milliseconds.
pub(crate) fn cpu_time(pid: u32) -> Result<Duration> {
    let mut nanoseconds = 0;
    for thread in fs::read_dir(format!("/proc/{pid}/task"))? {
        let text = fs::read_to_string(thread?.path().join("schedstat"))?;
        let run = text.split(' ').next().context("schedstat begins with the run time")?;
        nanoseconds += run.parse::<u64>()?;
    }
    Ok(Duration::from_nanos(nanoseconds))
}

/// Resident memory.
pub(crate) fn resident_bytes(pid: u32) -> Result<u64> {
    let text = fs::read_to_string(format!("/proc/{pid}/smaps_rollup"))?;
    let line = text.lines().find_map(|line| line.strip_prefix("Rss:"));
    let kilobytes = line.context("smaps_rollup names Rss")?.trim().trim_end_matches(" kB");
    Ok(kilobytes.parse::<u64>()? * 1024)
}

/// What the process has made the kernel write to disks, in whole pages.
pub(crate) fn written_bytes(pid: u32) -> Result<u64> {
    let text = fs::read_to_string(format!("/proc/{pid}/io"))?;
    let line = text.lines().find_map(|line| line.strip_prefix("write_bytes:"));
    Ok(line.context("io names write_bytes")?.trim().parse()?)
}

/// Asks a process to end.
pub(crate) fn terminate(pid: u32) -> Result<()> {
    let asked = Command::new("kill").args(["-TERM", &pid.to_string()]).status()?;
    ensure!(asked.success(), "kill: {asked}");
    Ok(())
}

/// Lets this process, and the children it starts from now on, open `files`.
pub(crate) fn raise_file_limit(files: u32) -> Result<()> {
    let limits = fs::read_to_string("/proc/self/limits")?;
    let line = limits.lines().find_map(|line| line.strip_prefix("Max open files"));
    let soft = line.and_then(|line| line.split_whitespace().next());
    if soft.and_then(|soft| soft.parse().ok()).is_some_and(|soft: u32| soft >= files) {
        return Ok(());
    }
    let limit = format!("--nofile={files}:{files}");
    let raised = Command::new("prlimit")
        .args(["--pid", &std::process::id().to_string(), &limit])
        .status()
        .context("prlimit (of util-linux) is needed to open so many connections")?;
    ensure!(raised.success(), "the system does not allow {files} open files");
    Ok(())
}

/// Keeps this process on a core.
pub(crate) fn pin_self(core: u32) -> Result<()> {
    let pid = std::process::id().to_string();
    let pinned = Command::new("taskset")
        .args(["--all-tasks", "--cpu-list", "--pid", &core.to_string(), &pid])
        .stdout(Stdio::null())
        .status()
        .context("pinning needs taskset (of util-linux)")?;
    ensure!(pinned.success(), "taskset: {pinned}");
    Ok(())
}

/// A command for a program, kept on `core` where there is one.
pub(crate) fn command_on(core: Option<u32>, program: &Path) -> Command {
    let Some(core) = core else { return Command::new(program) };
    let mut command = Command::new("taskset");
    command.args(["--cpu-list", &core.to_string()]).arg(program);
    command
}
