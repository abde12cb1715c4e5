//! What the program says where there is no log yet, and which version it claims.

use std::io::{self, Write};
use std::time::{SystemTime, UNIX_EPOCH};

use ferrymq_server::LogType;
use ferrymq_server::configuration::{Origin, Remark, Weight};

/// What is to be said about a configuration, in Mosquitto's form: what, and where it was found.
pub(super) fn words_of(remarks: &[Remark]) -> impl Iterator<Item = (LogType, String)> {
    remarks.iter().flat_map(|remark| {
        let Remark { origin, weight, words } = remark;
        match weight {
            Weight::Notice => vec![(LogType::Information, format!("{origin}: {words}."))],
            Weight::Warning => vec![(LogType::Warning, format!("Warning: {origin}: {words}."))],
            Weight::Mistake => {
                if matches!(origin, Origin::File { line: 0, .. }) {
                    let words = format!("Error: Unable to open config file {origin}. ({words})");
                    return vec![(LogType::Error, words)];
                }
                let place = format!("Error found at {origin}.");
                vec![(LogType::Error, format!("Error: {words}.")), (LogType::Error, place)]
            }
        }
    })
}

/// Writes to standard output.
pub(super) fn show(words: &str) {
    // Where the words cannot go, there is nobody to tell.
    let _ = io::stdout().write_all(words.as_bytes());
}

/// Writes a line of the log where there is no log yet.
pub(super) fn complain(words: &str) {
    let seconds = SystemTime::now().duration_since(UNIX_EPOCH).map_or(0, |since| since.as_secs());
    eprintln!("{seconds}: {words}");
}

/// What `--version` shows.
pub(super) fn version() -> String {
    format!("mosquitto version {VERSION}\n\n{OURS}\n")
}

/// What `-h` shows.
pub(crate) fn usage() -> String {
    format!(
        "mosquitto version {VERSION}

{OURS}
It is a broker for MQTT v5.0, v3.1.1 and v3.1.

Usage: mosquitto [-c config_file] [-d] [-h] [-p port] [-q] [-v] [--test-config]
                 [--tls-keylog file] [--version]

 -c : read the configuration from this file.
 -d : go into the background once the broker runs.
 -h : show these words.
 -p : listen on this port of this machine; may be given several times.
      Nothing but a configuration file that names a listener counts more.
 -q : log nothing, whatever the configuration file says.
 -v : log everything, whatever the configuration file says.
 --test-config : say whether the configuration file can be used, and end.
 --tls-keylog : write the secrets of TLS connections to this file, for those
                who look at them with Wireshark.
 --version : show the version, and end.

"
    )
}

/// The version of Mosquitto that scripts find. Ours is in the line after it.
pub(super) const VERSION: &str = ferrymq_server::configuration::MOSQUITTO_VERSION;
pub(super) const OURS: &str =
    concat!("This is FerryMQ ", env!("CARGO_PKG_VERSION"), ", invoked by the name of Mosquitto.");
