//! `ferrymq cert`: a small authority of one's own, so that nobody has to switch verification off.

mod authority;
mod write;

use std::env;
use std::fmt::Write as _;
use std::io::{self, Write as _};
use std::net::IpAddr;
use std::path::{Path, PathBuf};

use anyhow::bail;
use clap::{Args, Subcommand};

use self::authority::{Authority, Days, NAME_CHARACTERS_MAXIMUM, Purpose};
use self::write::Pair;

/// Which certificate to make.
#[derive(Debug, Subcommand)]
pub(crate) enum CertificateCommand {
    /// Make an authority: ca.crt, which everybody may have, and ca.key, which nobody may
    Ca(CaArguments),
    /// Make a certificate for a broker, signed by the authority
    Server(ServerArguments),
    /// Make a certificate for a client, signed by the authority
    Client(ClientArguments),
}

/// Make an authority.
#[derive(Args, Debug)]
pub(crate) struct CaArguments {
    /// The directory for ca.crt and ca.key; made if it is not there
    #[arg(long, value_name = "DIR", default_value = ".")]
    out: PathBuf,
    /// What the authority is called [default: FerryMQ CA]
    #[arg(long, default_value = "FerryMQ CA", hide_default_value = true)]
    name: String,
    /// For how many days it can be trusted
    #[arg(long, default_value = "3650")]
    days: Days,
    /// Replace an authority: nothing that it has signed will be believed
    #[arg(long)]
    force: bool,
}

/// Make a certificate for a broker.
#[derive(Args, Debug)]
pub(crate) struct ServerArguments {
    #[command(flatten)]
    common: SignedArguments,
    /// Every name and address by which clients connect, such as localhost or 192.0.2.7
    #[arg(required = true, value_name = "HOST")]
    hosts: Vec<String>,
}

/// Make a certificate for a client.
#[derive(Args, Debug)]
pub(crate) struct ClientArguments {
    #[command(flatten)]
    common: SignedArguments,
    /// Who the client is; its user name where the broker takes that from certificates
    name: String,
}

/// What certificates for brokers and for clients have in common.
#[derive(Args, Debug)]
struct SignedArguments {
    /// The directory of the authority's ca.crt and ca.key
    #[arg(long, value_name = "DIR", default_value = ".")]
    ca: PathBuf,
    /// The directory for certificate and key; that of the authority if nothing is said
    #[arg(long, value_name = "DIR")]
    out: Option<PathBuf>,
    /// For how many days it is valid
    #[arg(long, default_value = "825")]
    days: Days,
    /// Replace a certificate and its key
    #[arg(long)]
    force: bool,
}

impl SignedArguments {
    fn out(&self) -> &Path {
        self.out.as_deref().unwrap_or(&self.ca)
    }
}

/// Makes it, and says on standard output what to do with it.
pub(crate) fn run(command: &CertificateCommand) -> anyhow::Result<u8> {
    let words = match command {
        CertificateCommand::Ca(arguments) => ca(arguments)?,
        CertificateCommand::Server(arguments) => server(arguments)?,
        CertificateCommand::Client(arguments) => client(arguments)?,
    };
    // Whoever does not listen any more has heard enough.
    let _ = io::stdout().write_all(words.as_bytes());
    Ok(0)
}

fn ca(arguments: &CaArguments) -> anyhow::Result<String> {
    check_name(&arguments.name)?;
    let pair = Pair::new(&arguments.out, "ca");
    pair.check(arguments.force)?;
    let (certificate, key) = authority::make(&arguments.name, arguments.days)?;
    pair.write(&certificate, &key, arguments.force)?;
    let directory = shown(&arguments.out);
    Ok(format!(
        "{}  for every client and broker: whom to trust\n\
         {}  stays here: who has it can make certificates that all of them believe\n\n\
         Next, a certificate for the broker, with every name that clients use for it:\n\
         \n  ferrymq cert server --ca {directory} localhost\n",
        shown(&pair.certificate),
        shown(&pair.key),
    ))
}

fn server(arguments: &ServerArguments) -> anyhow::Result<String> {
    for host in &arguments.hosts {
        check_host(host)?;
    }
    let common = &arguments.common;
    let pair = Pair::new(common.out(), "server");
    pair.check(common.force)?;
    let authority = Authority::read(&common.ca)?;
    let (certificate, key) = authority.sign(&Purpose::Server(&arguments.hosts), common.days)?;
    pair.write(&certificate, &key, common.force)?;
    let host = arguments.hosts.first().map_or("localhost", String::as_str);
    let (file, ca) = (shown(&pair.certificate), shown(&authority.certificate));
    let mut words =
        format!("{file} and {} are for {}\n", shown(&pair.key), arguments.hosts.join(", "));
    write!(
        words,
        "\nThe broker, in its mosquitto.conf (its user must be able to read the key, and nobody else):\n\n\
         \x20 listener 8883\n  certfile {file}\n  keyfile {key}\n\
         \nClients:\n\n  ferrymq sub -h {host} -p 8883 --cafile {ca} -t '#'\n\
         \x20 mosquitto_sub -h {host} -p 8883 --cafile {ca} -t '#'\n\
         \x20 mqtt.connect('mqtts://{url}:8883', {{ ca: fs.readFileSync('{ca}') }})  // MQTT.js\n",
        key = shown(&pair.key),
        url = in_url(host),
    )?;
    Ok(words)
}

fn client(arguments: &ClientArguments) -> anyhow::Result<String> {
    let name = &arguments.name;
    check_name(name)?;
    if name.contains(['/', '\\']) || name.starts_with('.') || ["ca", "server"].contains(&&**name) {
        bail!(
            "`{name}` cannot be the name of the client's files; choose a name without slashes, which \
             does not begin with a dot and is not `ca` or `server`"
        );
    }
    let common = &arguments.common;
    let pair = Pair::new(common.out(), name);
    pair.check(common.force)?;
    let authority = Authority::read(&common.ca)?;
    let (certificate, key) = authority.sign(&Purpose::Client(name), common.days)?;
    pair.write(&certificate, &key, common.force)?;
    let (file, key) = (shown(&pair.certificate), shown(&pair.key));
    let ca = shown(&authority.certificate);
    Ok(format!(
        "{file} and {key} are for {name}\n\
         \nThe broker, in its mosquitto.conf, if only clients with a certificate may connect, and their \
         names are to be their user names:\n\
         \n  cafile {ca}\n  require_certificate true\n  use_identity_as_username true\n\
         \nThe client:\n\n  ferrymq sub -h HOST -p 8883 --cafile {ca} --cert {file} --key {key} -t '#'\n\
         \x20 mosquitto_sub -h HOST -p 8883 --cafile {ca} --cert {file} --key {key} -t '#'\n"
    ))
}

fn check_name(name: &str) -> anyhow::Result<()> {
    let is_plain = !name.trim().is_empty() && !name.chars().any(char::is_control);
    if !is_plain || name.chars().count() > NAME_CHARACTERS_MAXIMUM {
        bail!(
            "`{}` cannot be a name in a certificate; it must have 1 to {NAME_CHARACTERS_MAXIMUM} \
             characters, none of them a control character",
            name.escape_debug()
        );
    }
    Ok(())
}

fn check_host(host: &str) -> anyhow::Result<()> {
    let labels = |name: &str| {
        name.len() <= 253
            && name.split('.').all(|label| {
                (1..=63).contains(&label.len())
                    && label
                        .bytes()
                        .all(|byte| byte.is_ascii_alphanumeric() || b"-_".contains(&byte))
            })
    };
    if host.parse::<IpAddr>().is_err() && !labels(host.strip_prefix("*.").unwrap_or(host)) {
        bail!(
            "`{}` is neither a host name nor an IP address; give the name alone, without scheme, port \
             or path, and letters outside of ASCII in their xn-- form",
            host.escape_debug()
        );
    }
    Ok(())
}

/// A path that is right from any directory: what is said here is copied into other files.
fn shown(path: &Path) -> String {
    let whole = env::current_dir().map_or_else(|_| path.into(), |here| here.join(path));
    // `here/./ca.crt` is how nobody writes it.
    let plain: PathBuf = whole.components().collect();
    plain.display().to_string()
}

fn in_url(host: &str) -> String {
    match host.contains(':') {
        true => format!("[{host}]"),
        false => host.to_owned(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn hosts_are_names_and_addresses() {
        for host in
            ["localhost", "broker.example.org", "192.0.2.7", "::1", "*.example.org", "my_host"]
        {
            assert!(check_host(host).is_ok(), "{host}");
        }
        for host in ["", "mqtts://localhost", "localhost:8883", "a b", "a..b", "bücher.de", "a.*.b"]
        {
            assert!(check_host(host).is_err(), "{host}");
        }
    }

    #[test]
    fn names_are_short_and_plain() {
        for name in ["meter 7", "Ålesund", &"x".repeat(64)] {
            assert!(check_name(name).is_ok(), "{name}");
        }
        for name in ["", "  ", "a\nb", &"x".repeat(65)] {
            assert!(check_name(name).is_err(), "{name}");
        }
    }
}
