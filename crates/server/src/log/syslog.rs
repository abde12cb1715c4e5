//! The log of the system, where there is one.

use super::settings::LogType;

/// Says who we are.
#[cfg(unix)]
pub(super) fn open() {
    use nix::syslog::{Facility, LogFlags, openlog};

    #[cfg(target_os = "linux")]
    let name = c"mosquitto";
    #[cfg(not(target_os = "linux"))]
    let name = "mosquitto";
    // It fails for no name that is a constant.
    let _ = openlog(Some(name), LogFlags::LOG_PID | LogFlags::LOG_CONS, Facility::LOG_DAEMON);
}

/// Writes a line there.
#[cfg(unix)]
pub(super) fn write(facility: Option<u8>, kind: LogType, line: &str) {
    use nix::syslog::{Facility, Priority, Severity, syslog};

    let severity = match kind {
        LogType::Error => Severity::LOG_ERR,
        LogType::Warning => Severity::LOG_WARNING,
        LogType::Notice | LogType::Subscribe | LogType::Unsubscribe => Severity::LOG_NOTICE,
        LogType::Information => Severity::LOG_INFO,
        LogType::Debug | LogType::Websockets | LogType::Internal => Severity::LOG_DEBUG,
    };
    let facility = match facility {
        Some(0) => Facility::LOG_LOCAL0,
        Some(1) => Facility::LOG_LOCAL1,
        Some(2) => Facility::LOG_LOCAL2,
        Some(3) => Facility::LOG_LOCAL3,
        Some(4) => Facility::LOG_LOCAL4,
        Some(5) => Facility::LOG_LOCAL5,
        Some(6) => Facility::LOG_LOCAL6,
        Some(7) => Facility::LOG_LOCAL7,
        _ => Facility::LOG_DAEMON,
    };
    // It fails for a line with a zero byte, and there is none: such bytes are written in words.
    let _ = syslog(Priority::new(severity, facility), line);
}

#[cfg(not(unix))]
pub(super) fn open() {}

#[cfg(not(unix))]
pub(super) fn write(_facility: Option<u8>, _kind: LogType, _line: &str) {}
