//! Who the process is: its user, its number in a file, the rights of the files that it makes, and
//! whether it is in the background.

use std::env;
use std::fs;
use std::io::{self, Read, Write};
use std::os::unix::fs::OpenOptionsExt;
use std::path::Path;
use std::process::{Child, Command, Stdio};

use anyhow::{Context, anyhow, bail};
use nix::unistd::{Gid, Uid, User, setgid, setgroups, setuid};

/// The user that root is to become.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Owner {
    /// The user; `None`: it stays root.
    user: Option<Uid>,
    group: Option<Gid>,
    /// The groups besides.
    groups: Vec<Gid>,
}

impl Owner {
    /// The user whom the configuration names, or the numbers in `PUID` and `PGID`, which come first;
    /// `None` if there is nothing to change. The second value is a warning.
    pub(super) fn find(name: Option<&str>) -> anyhow::Result<(Option<Self>, Option<String>)> {
        if !Uid::effective().is_root()
            || env::var("SNAP_NAME").is_ok_and(|name| name == "mosquitto")
        {
            return Ok((None, None));
        }
        let (user, group) = (number("PUID")?, number("PGID")?);
        if user.is_some() || group.is_some() {
            let user = user.filter(|user| *user != 0).map(Uid::from_raw);
            let group = group.filter(|group| *group != 0).map(Gid::from_raw);
            let warning = user.is_none().then(|| AS_ROOT.to_owned());
            return Ok((Some(Self { user, group, groups: group.into_iter().collect() }), warning));
        }
        match name {
            None | Some("root") => Ok((None, Some(AS_ROOT.to_owned()))),
            Some(name) => Self::named(name).map(|(owner, warning)| (Some(owner), warning)),
        }
    }

    fn named(name: &str) -> anyhow::Result<(Self, Option<String>)> {
        if let Some(user) = User::from_name(name).context("the users cannot be read")? {
            return Ok((Self::of(&user)?, None));
        }
        if name != "mosquitto" {
            bail!("Unable to drop privileges to '{name}' because this user does not exist.");
        }
        let nobody = User::from_name("nobody").context("the users cannot be read")?;
        let nobody = nobody.ok_or_else(|| anyhow!("Unable to drop privileges to 'nobody'."))?;
        let warning = "Warning: Unable to drop privileges to 'mosquitto' because this user does not \
                       exist. Trying 'nobody' instead.";
        Ok((Self::of(&nobody)?, Some(warning.to_owned())))
    }

    fn of(user: &User) -> anyhow::Result<Self> {
        let groups = groups_of(&user.name, user.gid)?;
        Ok(Self { user: Some(user.uid), group: Some(user.gid), groups })
    }

    /// Gives a file or directory to this user.
    pub(super) fn give(&self, path: &Path) -> io::Result<()> {
        let (user, group) = (self.user.map(Uid::as_raw), self.group.map(Gid::as_raw));
        std::os::unix::fs::lchown(path, user, group)
    }

    /// Becomes this user, in all threads and for ever.
    pub(super) fn become_it(&self) -> io::Result<()> {
        let words = |what: &'static str| {
            move |error: nix::Error| {
                io::Error::other(format!(
                    "Error setting {what} whilst dropping privileges: {error}."
                ))
            }
        };
        setgroups(&self.groups).map_err(words("groups"))?;
        if let Some(group) = self.group {
            setgid(group).map_err(words("gid"))?;
        }
        if let Some(user) = self.user {
            setuid(user).map_err(words("uid"))?;
        }
        Ok(())
    }
}

/// The groups of a user: that of the user's entry, and those whose entries name the user.
fn groups_of(name: &str, first: Gid) -> anyhow::Result<Vec<Gid>> {
    let name = std::ffi::CString::new(name).context("the name of a user has a zero byte")?;
    let mut groups =
        nix::unistd::getgrouplist(&name, first).context("the groups cannot be read")?;
    groups.dedup();
    Ok(groups)
}

/// A number of a user or group that the environment names.
fn number(variable: &str) -> anyhow::Result<Option<u32>> {
    let Ok(word) = env::var(variable) else {
        return Ok(None);
    };
    let number = word.parse::<i32>().ok().and_then(|number| u32::try_from(number).ok());
    number.map(Some).ok_or_else(|| anyhow!("{variable} not a valid ID '{word}'"))
}

/// Sets the rights that new files do not get, if the environment names them as `UMASK_SET`.
pub(super) fn set_umask() -> anyhow::Result<()> {
    let Ok(word) = env::var("UMASK_SET") else {
        return Ok(());
    };
    let mask = u32::from_str_radix(&word, 8)
        .map_err(|_| anyhow!("UMASK_SET environment variable not a valid octal number."))?;
    if mask > 0o777 {
        bail!("UMASK_SET environment variable out of range.");
    }
    rustix::process::umask(rustix::fs::Mode::from_raw_mode(mask));
    Ok(())
}

/// The file that holds the number of the process. It is removed with this.
pub(super) struct PidFile(std::path::PathBuf);

impl PidFile {
    /// Writes it.
    pub(super) fn write(path: &Path, owner: Option<&Owner>) -> anyhow::Result<Self> {
        // A link could lead to a file that only root may write.
        let mut options = fs::OpenOptions::new();
        options.write(true).create(true).truncate(true).custom_flags(nix::libc::O_NOFOLLOW);
        let written = options.open(path).and_then(|mut file| {
            file.write_all(std::process::id().to_string().as_bytes())?;
            owner.map_or(Ok(()), |owner| owner.give(path))
        });
        written
            .map_err(|error| anyhow!("Unable to write pid file. ({}: {error})", path.display()))?;
        Ok(Self(path.to_owned()))
    }
}

impl Drop for PidFile {
    fn drop(&mut self) {
        // The directory may belong to root, whom we are no more.
        let _ = fs::remove_file(&self.0);
    }
}

/// Runs the same command line in the background, and waits until its broker runs: then the status is
/// 0. If it does not come to run, the status is its own.
///
/// The process is started anew instead of being split, because a split process with threads is
/// hardly worth anything, and because that needs nothing but the standard library.
pub(super) fn go_into_background() -> anyhow::Result<u8> {
    let program =
        env::current_exe().context("cannot find the program to start in the background")?;
    let mut words = env::args_os();
    let mut command = Command::new(program);
    if let Some(name) = words.next() {
        std::os::unix::process::CommandExt::arg0(&mut command, name);
    }
    let mut child = command
        .args(words)
        .env(IN_BACKGROUND, "1")
        .stdin(Stdio::null())
        .stdout(Stdio::piped())
        .spawn()
        .context("cannot start in the background")?;
    if runs(&mut child) {
        return Ok(0);
    }
    let status = child.wait().context("cannot wait for the broker")?;
    Ok(status.code().and_then(|code| u8::try_from(code).ok()).unwrap_or(1))
}

fn runs(child: &mut Child) -> bool {
    child.stdout.take().is_some_and(|mut stdout| stdout.read_exact(&mut [0]).is_ok())
}

/// Whether this process was started to be in the background. If so it leaves its terminal.
pub(super) fn is_in_background() -> bool {
    let is_so = env::var_os(IN_BACKGROUND).is_some();
    if is_so && let Err(error) = rustix::process::setsid() {
        tracing::debug!(%error, "this process leads a session already");
    }
    is_so
}

/// Tells who waits for it that the broker runs, and lets go of the terminal.
pub(super) fn stay_in_background() -> io::Result<()> {
    io::stdout().write_all(b"\n").and_then(|()| io::stdout().flush())?;
    let nothing = fs::OpenOptions::new().write(true).open("/dev/null")?;
    rustix::stdio::dup2_stdout(&nothing)?;
    rustix::stdio::dup2_stderr(&nothing)?;
    Ok(())
}

/// The variable of the environment that tells a process that it is in the background.
const IN_BACKGROUND: &str = "FERRYMQ_IN_BACKGROUND";
const AS_ROOT: &str = "Warning: Mosquitto should not be run as root/administrator.";
