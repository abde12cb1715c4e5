//! `ferrymq passwd`, and by its name `mosquitto_passwd`: users and passwords in a file.
//!
//! Flags, words and exit status are those of Mosquitto's tool; 2 if the two passwords that were
//! typed are not the same.

mod file;
mod typed;

use std::ffi::OsString;
use std::io::{self, Write as _};
use std::num::NonZeroU32;
use std::path::{Path, PathBuf};

use anyhow::{Context, anyhow, bail};
use clap::{Args, ValueEnum};
use ferrymq_access::password::{EditError, Edited, Hash, PasswordLines, Scheme};
use ferrymq_access::scram;

use crate::secret::Secret;

/// Users and passwords in a file.
#[derive(Args, Debug)]
#[expect(clippy::struct_excessive_bools, reason = "they are flags of Mosquitto's tool")]
#[command(override_usage = USAGE)]
pub(crate) struct PasswdArguments {
    /// Take the password from the command line, where others can see it
    #[arg(short = 'b', conflicts_with = "delete")]
    batch: bool,
    /// Begin a new file, in the place of one that is there; `-` is standard output
    #[arg(short = 'c', conflicts_with_all = ["delete", "update"])]
    create: bool,
    /// Delete the user
    #[arg(short = 'D', conflicts_with = "update")]
    delete: bool,
    /// How passwords are hashed. Mosquitto before 2.1 knows sha512-pbkdf2 only, and nobody but
    /// FerryMQ scram-sha-256
    #[arg(short = 'H', value_name = "HASH", default_value = "argon2id")]
    hash: HashName,
    /// How often sha512-pbkdf2 (without it: 1000) or scram-sha-256 is applied: more is slower to
    /// guess, and slower to log in
    #[arg(short = 'I', value_name = "ITERATIONS")]
    iterations: Option<NonZeroU32>,
    /// Hash all passwords of a file that are not hashed yet
    #[arg(short = 'U')]
    update: bool,
    /// The file, the user, and with -b the password. Without -b the password is typed, or the first
    /// line of standard input
    #[arg(
        value_name = "FILE USER PASSWORD",
        required = true,
        hide = true,
        trailing_var_arg = true,
        allow_hyphen_values = true
    )]
    words: Vec<OsString>,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
enum HashName {
    Argon2id,
    Sha512Pbkdf2,
    #[value(name = "scram-sha-256")]
    ScramSha256,
    /// Refused, with advice.
    #[value(hide = true)]
    Sha512,
}

/// What is to be done, with all that it needs.
enum Job {
    Create { file: PathBuf, user: String, password: Option<Secret> },
    Set { file: PathBuf, user: String, password: Option<Secret> },
    Delete { file: PathBuf, user: String },
    HashAll { file: PathBuf },
}

/// Does it. The exit status.
pub(crate) fn run(arguments: PasswdArguments) -> anyhow::Result<u8> {
    let scheme = arguments.scheme()?;
    match arguments.into_job()? {
        Job::Create { file, user, password } => {
            let Some(hash) = hash(scheme, password)? else {
                return Ok(DIFFERENT);
            };
            let mut lines = PasswordLines::default();
            lines.set(&user, &hash)?;
            if file.as_os_str() == "-" {
                io::stdout().write_all(lines.as_bytes()).context("cannot write")?;
            } else {
                file::write(&file, lines.as_bytes())?;
                say(&format!("Adding password for user {user}"));
            }
        }
        Job::Set { file, user, password } => {
            let mut lines = file::read(&file)?;
            let Some(hash) = hash(scheme, password)? else {
                return Ok(DIFFERENT);
            };
            let edited = lines.set(&user, &hash)?;
            file::write(&file, lines.as_bytes())?;
            let does = match edited {
                Edited::Updated => "Updating",
                Edited::Added => "Adding",
            };
            say(&format!("{does} password for user {user}"));
        }
        Job::Delete { file, user } => {
            let mut lines = file::read(&file)?;
            match lines.remove(&user) {
                Ok(()) => file::write(&file, lines.as_bytes())?,
                Err(EditError::UnknownUser(user)) => {
                    eprintln!("Warning: User {user} not found in password file.");
                    return Ok(1);
                }
                Err(error) => return Err(error.into()),
            }
        }
        Job::HashAll { file } => {
            let mut lines = file::read(&file)?;
            let hashed = lines.hash_all(|password| {
                let salt = salt(scheme)?;
                anyhow::Ok(Hash::make(scheme, password, &salt)?)
            });
            hashed.with_context(|| file.display().to_string())?;
            file::write(&file, lines.as_bytes())?;
        }
    }
    Ok(0)
}

impl PasswdArguments {
    fn scheme(&self) -> anyhow::Result<Scheme> {
        let scheme = match self.hash {
            HashName::Argon2id if self.iterations.is_some() => {
                bail!(
                    "-I is for sha512-pbkdf2 and scram-sha-256; argon2id has its cost from memory"
                )
            }
            HashName::Argon2id => Scheme::ARGON2ID,
            HashName::Sha512Pbkdf2 => Scheme::pbkdf2(self.iterations.unwrap_or(PBKDF2_ITERATIONS)),
            HashName::ScramSha256 => {
                Scheme::ScramSha256 { iterations: self.iterations.unwrap_or(SCRAM_ITERATIONS) }
            }
            HashName::Sha512 => bail!(
                "sha512 is too fast to keep passwords safe; choose argon2id, or sha512-pbkdf2 for \
                 Mosquitto before 2.1"
            ),
        };
        Ok(scheme)
    }

    fn into_job(self) -> anyhow::Result<Job> {
        let mut words = self.words.into_iter();
        let mut next = || words.next();
        let file = next().map(PathBuf::from).ok_or_else(missing)?;
        let is_flag = |file: &Path| file.as_os_str().as_encoded_bytes().starts_with(b"-");
        let is_output = self.create && file.as_os_str() == "-";
        if is_flag(&file) && !is_output {
            bail!(
                "{} is no flag of this command, and a file with that name is written ./{0}",
                file.display()
            );
        }
        let job = if self.update {
            Job::HashAll { file }
        } else {
            let user = next().ok_or_else(missing)?;
            let user = user.into_string().map_err(|_| anyhow!("a user name must be UTF-8"))?;
            let password = match self.batch {
                true => Some(Secret::from(next().ok_or_else(missing)?)),
                false => None,
            };
            match (self.create, self.delete) {
                (true, _) => Job::Create { file, user, password },
                (_, true) => Job::Delete { file, user },
                (false, false) => Job::Set { file, user, password },
            }
        };
        if next().is_some() {
            bail!("there is a word too many; usage: {USAGE}");
        }
        Ok(job)
    }
}

/// The hash of the password that was given, or is typed now; none if what was typed twice is not
/// the same.
fn hash(scheme: Scheme, given: Option<Secret>) -> anyhow::Result<Option<Hash>> {
    let Some(password) = given.map_or_else(typed::password, |given| Ok(Some(given)))? else {
        eprintln!("Error: Passwords do not match.");
        return Ok(None);
    };
    match password.as_bytes().len() {
        0 => bail!("Empty password."),
        1..=PASSWORD_LENGTH_MAXIMUM => {
            let salt = salt(scheme)?;
            Ok(Some(Hash::make(scheme, password.as_bytes(), &salt)?))
        }
        _ => bail!("Password must be less than 65536 characters long."),
    }
}

fn salt(scheme: Scheme) -> anyhow::Result<Vec<u8>> {
    let mut salt = vec![0; scheme.salt_length()];
    getrandom::fill(&mut salt).context("the system gives no random numbers")?;
    Ok(salt)
}

fn missing() -> anyhow::Error {
    anyhow!("password file, user name or password is missing; usage: {USAGE}")
}

/// Where the words cannot go, there is nobody to tell.
fn say(words: &str) {
    let _ = writeln!(io::stdout().lock(), "{words}");
}

const USAGE: &str = "ferrymq passwd [-H HASH] [-I ITERATIONS] [-c | -D] FILE USER\n       \
                     ferrymq passwd [-H HASH] [-I ITERATIONS] [-c] -b FILE USER PASSWORD\n       \
                     ferrymq passwd [-H HASH] [-I ITERATIONS] -U FILE";

/// As Mosquitto 2.1 has it, whose broker does nothing else while it checks a password.
const PBKDF2_ITERATIONS: NonZeroU32 = NonZeroU32::new(1_000).expect("not zero");

const SCRAM_ITERATIONS: NonZeroU32 = NonZeroU32::new(scram::ITERATIONS).expect("not zero");

/// What a CONNECT packet can hold.
const PASSWORD_LENGTH_MAXIMUM: usize = 65_535;

/// The exit status if what was typed twice is not the same.
const DIFFERENT: u8 = 2;
