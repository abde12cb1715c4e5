//! What a configuration says of who may do what, and the files that it names, made into a policy.

use std::collections::HashMap;
use std::collections::hash_map::Entry;
use std::hash::Hash;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::Duration;

use ferrymq_access::Mistake;
use ferrymq_access::acl::{self, AclFile, Rules};
use ferrymq_access::password::{self, PasswordFile};

use super::acl_file::AclFileRights;
use super::broker_control::BrokerControl;
use super::dynamic_security::{DynamicSecurity, DynamicSecuritySettings};
use super::login_limits::LoginLimits;
use super::password_file::PasswordFileSource;
use super::policy::{Door, Policy};
use super::rights::RightsSource;
use super::source::Source;
use super::sources::UserSettings;
use crate::bounded_file;

/// What a configuration says of who may do what.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct PolicySettings {
    /// What holds at each listener.
    pub doors: Vec<DoorSettings>,
    /// What all client identifiers begin with.
    pub client_id_prefix: Option<Box<str>>,
    /// Whether ACL files are asked when somebody subscribes.
    pub acl_check_subscribe: bool,
    /// What the broker tells of itself to those who may ask it; `None`: nothing.
    pub broker_control: Option<BrokerControl>,
    /// How many passwords may wait to be checked.
    pub logins_queued: usize,
    /// How long one of them may wait.
    pub patience: Duration,
    /// How many logins may fail.
    pub login_limits: LoginLimits,
}

/// What holds at one listener.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct DoorSettings {
    /// The name of the listener.
    pub listener: Box<str>,
    /// Whether those are let in who prove nothing.
    pub allow_anonymous: bool,
    /// Files of users and their passwords.
    pub password_files: Vec<PathBuf>,
    /// Files of rights.
    pub acl_files: Vec<PathBuf>,
    /// Users that are known elsewhere.
    pub users: UserSettings,
    /// Where what administrators change is kept.
    pub dynamic_security: Option<DynamicSecuritySettings>,
}

/// Files that cannot be used: everything that is wrong, each with its place.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("{}", lines(.0))]
pub struct PolicyError(pub Vec<Mistake>);

impl PolicySettings {
    /// The files on which it depends, but for those that the broker itself writes.
    pub fn files(&self) -> Vec<PathBuf> {
        let files =
            self.doors.iter().flat_map(|door| door.password_files.iter().chain(&door.acl_files));
        let mut files: Vec<PathBuf> = files.cloned().collect();
        files.extend(self.doors.iter().flat_map(|door| door.users.files()));
        files.sort_unstable();
        files.dedup();
        files
    }

    /// Reads the files and makes a policy of them.
    ///
    /// # Errors
    ///
    /// [`PolicyError`]: everything that is wrong in all of them.
    pub fn load(&self) -> Result<Policy, PolicyError> {
        let mut mistakes = Vec::new();
        let mut users = Once::default();
        let mut others = Once::default();
        let mut rights = Once::default();
        let mut dynamic = Once::default();
        let mut doors = HashMap::new();
        for door in &self.doors {
            let sources = door.password_files.iter().filter_map(|path| {
                users.get(path, || keep_mistakes(read_users(path), &mut mistakes))
            });
            let mut sources: Vec<_> = sources.collect();
            let dynamic_security = door.dynamic_security.as_ref().and_then(|settings| {
                let open = || DynamicSecurity::open(settings).map(Arc::new);
                dynamic.get(&settings.file, || keep_mistakes(open(), &mut mistakes))
            });
            if let Some(security) = &dynamic_security {
                sources.push(Arc::<DynamicSecurity>::clone(security));
            }
            let elsewhere = || keep_mistakes(read_elsewhere(&door.users), &mut mistakes);
            sources.extend(others.get(&door.users, elsewhere).into_iter().flatten());
            let rights = door.acl_files.iter().filter_map(|path| {
                let read = || read_rights(path, self.acl_check_subscribe);
                rights.get(path, || keep_mistakes(read(), &mut mistakes))
            });
            let mut rights: Vec<_> = rights.collect();
            if let Some(security) = &dynamic_security {
                rights.push(Arc::<DynamicSecurity>::clone(security));
            }
            let allow_anonymous = door.allow_anonymous;
            let made = Door { allow_anonymous, sources, rights, dynamic_security };
            doors.insert(door.listener.clone(), made);
        }
        if !mistakes.is_empty() {
            return Err(PolicyError(mistakes));
        }
        Ok(Policy {
            doors,
            client_id_prefix: self.client_id_prefix.clone(),
            broker_control: self.broker_control.clone().map(Arc::new),
            logins_queued: self.logins_queued,
            patience: self.patience,
            login_limits: self.login_limits,
        })
    }
}

/// What was made of each file, so that it is read once however many listeners name it.
struct Once<K, T>(HashMap<K, Option<T>>);

impl<K, T> Default for Once<K, T> {
    fn default() -> Self {
        Self(HashMap::new())
    }
}

impl<K: Clone + Eq + Hash, T: Clone> Once<K, T> {
    fn get(&mut self, key: &K, make: impl FnOnce() -> Option<T>) -> Option<T> {
        match self.0.entry(key.clone()) {
            Entry::Occupied(known) => known.get().clone(),
            Entry::Vacant(place) => place.insert(make()).clone(),
        }
    }
}

fn keep_mistakes<T>(read: Result<T, Vec<Mistake>>, mistakes: &mut Vec<Mistake>) -> Option<T> {
    read.map_err(|found| mistakes.extend(found)).ok()
}

fn read_users(path: &Path) -> Result<Arc<dyn Source>, Vec<Mistake>> {
    let (name, bytes) = read(path, password::MAXIMUM_FILE_BYTES)?;
    warn_of_readers(path);
    Ok(Arc::new(PasswordFileSource::new(PasswordFile::parse(&name, &bytes)?)))
}

fn read_elsewhere(users: &UserSettings) -> Result<Vec<Arc<dyn Source>>, Vec<Mistake>> {
    users.sources().map_err(|error| {
        let (place, words) = error.place_and_words();
        vec![Mistake::new(&place, 0, words)]
    })
}

fn read_rights(path: &Path, checks_subscribe: bool) -> Result<Arc<dyn RightsSource>, Vec<Mistake>> {
    let (name, bytes) = read(path, acl::MAXIMUM_FILE_BYTES)?;
    let rules = Rules::new(&AclFile::parse(&name, &bytes)?);
    Ok(Arc::new(AclFileRights::new(rules, checks_subscribe)))
}

/// A file, and what it is called in mistakes.
fn read(path: &Path, maximum_bytes: u64) -> Result<(String, Vec<u8>), Vec<Mistake>> {
    let name = path.display().to_string();
    match bounded_file::read(path, maximum_bytes) {
        Ok(bytes) => Ok((name, bytes)),
        Err(error) => Err(vec![Mistake::new(&name, 0, format!("it cannot be read: {error}"))]),
    }
}

/// Whoever can read the hashes can try passwords at leisure.
#[cfg(unix)]
fn warn_of_readers(path: &Path) {
    use std::os::unix::fs::PermissionsExt;
    let mode = std::fs::metadata(path).map(|metadata| metadata.permissions().mode());
    if mode.is_ok_and(|mode| mode & 0o004 != 0) {
        tracing::warn!("{} can be read by everybody; write chmod 0600 {0}", path.display());
    }
}

#[cfg(not(unix))]
const fn warn_of_readers(_path: &Path) {}

fn lines(mistakes: &[Mistake]) -> String {
    let lines: Vec<String> = mistakes.iter().map(Mistake::to_string).collect();
    lines.join("\n")
}
