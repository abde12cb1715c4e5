//! The units of systemd, looked at by systemd.

use std::path::Path;
use std::process::Command;

use crate::command::House;

/// Every directive exists and has a value that it can have. The commands of a unit need not be
/// installed here.
pub(super) fn check(house: &House) -> Result<(), String> {
    let mut probe = Command::new("systemd-analyze");
    if !probe.arg("--version").output().is_ok_and(|output| output.status.success()) {
        println!("systemd-analyze is not installed: the units were NOT checked");
        return Ok(());
    }
    for unit in ["ferrymq.service", "mosquitto.service"] {
        let path = house.root.join("packaging/systemd").join(unit);
        let mut verify = Command::new("systemd-analyze");
        verify.args(["verify", "--man=no"]).arg(&path);
        let output = verify.output().map_err(|error| format!("{verify:?}: {error}"))?;
        let said = String::from_utf8_lossy(&output.stderr).into_owned();
        let complaints: Vec<&str> = complaints(&said, &path).collect();
        if !complaints.is_empty() {
            return Err(complaints.join("\n"));
        }
    }
    Ok(())
}

/// What is said of this unit: those of this machine are not ours.
fn complaints<'a>(said: &'a str, unit: &Path) -> impl Iterator<Item = &'a str> {
    let place = format!("{}:", unit.display());
    said.lines().filter(move |line| line.starts_with(&place))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn complaints_about_other_units_are_not_ours() {
        let said = "/lib/systemd/system/x.service:3: Unknown key name 'A' in section 'Unit'\n\
                    /p/y.service:7: Unknown key name 'B' in section 'Service', ignoring.\n\
                    y.service: Command /usr/bin/ferrymq is not executable: No such file\n";
        let found: Vec<&str> = complaints(said, Path::new("/p/y.service")).collect();
        assert_eq!(found.len(), 1);
        assert!(found[0].contains("'B'"));
    }
}
