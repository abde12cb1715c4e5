//! Where the broker keeps its data if nobody says where.

use std::env;
use std::path::PathBuf;

/// Where data is kept if nobody says where.
#[cfg(unix)]
pub(crate) fn directory() -> Option<PathBuf> {
    if rustix::process::geteuid().is_root() {
        return Some(PathBuf::from("/var/lib/ferrymq"));
    }
    user_directory(env::var_os("XDG_STATE_HOME").map(PathBuf::from), env::home_dir())
}

#[cfg(not(unix))]
pub(crate) fn directory() -> Option<PathBuf> {
    user_directory(env::var_os("LOCALAPPDATA").map(PathBuf::from), env::home_dir())
}

/// Relative paths in `XDG_STATE_HOME` are invalid and to be ignored, says the specification of it.
fn user_directory(state: Option<PathBuf>, home: Option<PathBuf>) -> Option<PathBuf> {
    state
        .filter(|path| path.is_absolute())
        .or_else(|| home.filter(|path| path.is_absolute()).map(|home| home.join(".local/state")))
        .map(|state| state.join("ferrymq"))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn data_of_a_user_lies_where_the_desktop_specification_says() {
        let path = |text: &str| Some(PathBuf::from(text));
        let rows = [
            (path("/state"), path("/u/x"), path("/state/ferrymq")),
            (path("state"), path("/u/x"), path("/u/x/.local/state/ferrymq")),
            (None, path("/u/x"), path("/u/x/.local/state/ferrymq")),
            (None, path(""), None),
            (None, None, None),
        ];
        for (state, home, expected) in rows {
            assert_eq!(user_directory(state.clone(), home.clone()), expected, "{state:?} {home:?}");
        }
    }
}
