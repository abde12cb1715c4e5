//! How much memory the process has, for `$SYS`.

use std::fs;

/// Bytes of memory that the process has in use, where the system says so.
pub(crate) fn resident_bytes() -> Option<u64> {
    parse(&fs::read_to_string("/proc/self/status").ok()?)
}

/// The line of `/proc/self/status` about memory that is in use, in bytes.
fn parse(status: &str) -> Option<u64> {
    let line = status.lines().find_map(|line| line.strip_prefix("VmRSS:"))?;
    let kibibytes: u64 = line.trim().strip_suffix("kB")?.trim().parse().ok()?;
    kibibytes.checked_mul(1024)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn memory_in_use_is_found_among_other_lines() {
        let status = "Name:\tferrymq\nVmPeak:\t  9000 kB\nVmRSS:\t    5120 kB\nThreads:\t3\n";
        assert_eq!(parse(status), Some(5120 * 1024));
        assert_eq!(parse("VmRSS:\t many kB\n"), None);
        assert_eq!(parse(""), None);
    }

    #[cfg(target_os = "linux")]
    #[test]
    fn process_has_some_memory() {
        assert!(resident_bytes().is_some_and(|bytes| bytes > 0));
    }
}
