//! Dynamic security: users and rights that administrators change through the broker.
//!
//! What holds is a [`Model`] that nobody changes: a command makes another one, which takes its place
//! once it is in the file. Commands are carried out one after the other, and a reload that reads the
//! file waits for them.

use std::env;
use std::fmt;
use std::fs;
use std::io;
use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError, RwLock};

use ferrymq_access::dynamic_security::{
    Login as Known, MAXIMUM_FILE_BYTES, Model, PASSWORD_ITERATIONS, random_password,
};
use ferrymq_access::password::{Hash, Scheme};
use ferrymq_access::{Action, Mistake, Who};
use ferrymq_broker::{Asker, Principal};
use zeroize::Zeroizing;

use super::login::Login;
use super::rights::{RightsSource, Ruling};
use super::source::{Checking, Outcome, Source};
use crate::bounded_file;
use crate::private_file::{self, Mode};

/// Where dynamic security is administered.
pub(crate) const DYNAMIC_SECURITY: &str = "$CONTROL/dynamic-security/v1";

/// Where dynamic security is kept.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct DynamicSecuritySettings {
    /// The file. It is made if there is none.
    pub file: PathBuf,
    /// The file with the password that the administrator begins with, if the file is made.
    pub password_init_file: Option<PathBuf>,
}

/// A file of dynamic security, and all that is in it.
pub(super) struct DynamicSecurity {
    path: PathBuf,
    /// After a reload it is that of the one before.
    shared: RwLock<Arc<Shared>>,
}

struct Shared {
    model: RwLock<Arc<Model>>,
    /// Held by whoever changes the model. What was made because there was no file, until there is.
    first: Mutex<Option<First>>,
}

/// What is to be kept of a file that was made.
struct First {
    /// Lines of names and passwords, if they were made up.
    passwords: Option<Zeroizing<String>>,
}

impl DynamicSecurity {
    /// Reads the file, or makes what it begins with, which is kept by [`DynamicSecurity::begin`].
    pub(super) fn open(settings: &DynamicSecuritySettings) -> Result<Self, Vec<Mistake>> {
        let path = &settings.file;
        let name = path.display().to_string();
        let (model, first) = match bounded_file::read(path, MAXIMUM_FILE_BYTES) {
            Ok(bytes) => (parse(&name, &bytes).map_err(|mistake| vec![mistake])?, None),
            Err(error) if error.kind() == io::ErrorKind::NotFound => {
                let (model, first) = make(settings).map_err(|words| wrong(&name, words))?;
                (model, Some(first))
            }
            Err(error) => return Err(wrong(&name, format!("it cannot be read: {error}"))),
        };
        let model = RwLock::new(Arc::new(model));
        let shared = RwLock::new(Arc::new(Shared { model, first: Mutex::new(first) }));
        Ok(Self { path: path.clone(), shared })
    }

    /// Writes a file that was made, and beside it the passwords that were made up.
    pub(super) fn begin(&self) -> io::Result<()> {
        let shared = self.shared();
        let mut first = shared.changing();
        let Some(made) = &*first else {
            return Ok(());
        };
        let path = self.path.display();
        tracing::info!("there is no {path}: dynamic security begins with a new one");
        if let Some(passwords) = &made.passwords {
            let mut beside = self.path.clone().into_os_string();
            beside.push(".pw");
            let beside = PathBuf::from(beside);
            private_file::replace(&beside, passwords.as_bytes(), Mode::Private)?;
            tracing::info!("the passwords of its users are in {}", beside.display());
        }
        self.keep(&shared.model())?;
        *first = None;
        Ok(())
    }

    /// Goes on with what the one before this has, which is of the same file. The file is read again;
    /// if it cannot be, what was known still holds.
    pub(super) fn follow(&self, before: &Self) {
        let shared = before.shared();
        let changing = shared.changing();
        let name = self.path.display().to_string();
        let read = bounded_file::read(&self.path, MAXIMUM_FILE_BYTES).map_err(|error| {
            Mistake::new(&name, 0, format!("it cannot be read, and stays as it was: {error}"))
        });
        match read.and_then(|bytes| parse(&name, &bytes)) {
            Ok(mut model) => {
                model.follow(&shared.model());
                shared.set(model);
            }
            Err(mistake) => tracing::error!("{mistake}"),
        }
        drop(changing);
        *self.shared.write().unwrap_or_else(PoisonError::into_inner) = shared;
    }

    /// Whether this is of the same file.
    pub(super) fn is_of(&self, other: &Self) -> bool {
        self.path == other.path
    }

    /// Carries out what an administrator asks for. What he is told, and whether anything has
    /// changed. It takes its time.
    pub(super) fn execute(&self, request: &[u8], who: Who<'_>) -> (Vec<u8>, bool) {
        let shared = self.shared();
        let changing = shared.changing();
        let mut model = Model::clone(&shared.model());
        let executed = model.execute(request, who, &mut make_hash);
        if executed.is_changed
            && let Err(error) = self.keep(&model)
        {
            let path = self.path.display();
            tracing::error!("{path} cannot be written, so that nothing was changed: {error}");
            return (executed.response_if_not_kept(), false);
        }
        for line in &executed.lines {
            tracing::info!("{line}");
        }
        if executed.is_changed {
            shared.set(model);
        }
        drop(changing);
        (executed.response(), executed.is_changed)
    }

    /// Writes the file.
    fn keep(&self, model: &Model) -> io::Result<()> {
        let bytes = model.to_json();
        bounded_file::fits(&bytes, MAXIMUM_FILE_BYTES)?;
        private_file::replace(&self.path, &bytes, Mode::Private)
    }

    fn model(&self) -> Arc<Model> {
        self.shared().model()
    }

    fn shared(&self) -> Arc<Shared> {
        Arc::clone(&self.shared.read().unwrap_or_else(PoisonError::into_inner))
    }
}

impl Shared {
    fn model(&self) -> Arc<Model> {
        Arc::clone(&self.model.read().unwrap_or_else(PoisonError::into_inner))
    }

    fn set(&self, model: Model) {
        *self.model.write().unwrap_or_else(PoisonError::into_inner) = Arc::new(model);
    }

    fn changing(&self) -> MutexGuard<'_, Option<First>> {
        self.first.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// Without users and passwords.
impl fmt::Debug for DynamicSecurity {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("DynamicSecurity").field("path", &self.path).finish_non_exhaustive()
    }
}

impl Source for DynamicSecurity {
    fn check<'a>(&'a self, login: &'a Login) -> Checking<'a> {
        Box::pin(async move {
            let (Some(username), Some(password)) = (&login.username, login.password.clone()) else {
                return Outcome::NotMine;
            };
            let model = self.model();
            let who = Who { username: Some(username), client_id: &login.client_id };
            // Who may not come in anyway waits as long as others: nobody learns which names there are.
            let (otherwise, hash, stamp) = match model.login(who) {
                Known::Verify(hash, stamp) => (Outcome::No, Some(hash), Some(stamp)),
                Known::Refused => (Outcome::No, model.any_password(), None),
                Known::Unknown => (Outcome::NotMine, model.any_password(), None),
            };
            let Some(hash) = hash.cloned() else {
                return otherwise;
            };
            match (login.compute(move || hash.verify(&password)).await, stamp) {
                (Err(_), _) => Outcome::Busy,
                (Ok(true), Some(stamp)) => {
                    let username = Some(username.clone());
                    Outcome::Yes(Principal { username, stamp, ..Principal::default() })
                }
                (Ok(_), _) => otherwise,
            }
        })
    }

    fn grants_rights(&self) -> bool {
        false
    }

    fn still_stands(&self, asker: &Asker<'_>) -> bool {
        let who = who(asker);
        let stands = |principal: &Principal| self.model().stands(who, principal.stamp);
        who.username.is_some() && asker.principal.is_some_and(stands)
    }
}

impl RightsSource for DynamicSecurity {
    fn decide(&self, asker: &Asker<'_>, action: Action, topic: &str) -> Option<Ruling> {
        let model = self.model();
        let decision = model.decide(who(asker), action, topic);
        match decision.rule {
            Some(_) if decision.allowed => Some(Ruling::Allowed),
            Some(rule) => Some(Ruling::Denied(Some(rule.to_string()))),
            None => None,
        }
    }
}

fn who<'a>(asker: &Asker<'a>) -> Who<'a> {
    Who { username: asker.username, client_id: asker.client_id }
}

fn parse(name: &str, bytes: &[u8]) -> Result<Model, Mistake> {
    // Mosquitto takes an empty file for one in which nobody is.
    if bytes.is_empty() {
        return Ok(Model::new());
    }
    let (model, mistakes) = Model::parse(name, bytes)?;
    for mistake in mistakes {
        tracing::warn!("{mistake}");
    }
    Ok(model)
}

/// What a file begins with, and what is to be kept beside it.
fn make(settings: &DynamicSecuritySettings) -> Result<(Model, First), String> {
    let given = match &settings.password_init_file {
        Some(path) => Some(password_in(path)?),
        None => match env::var(PASSWORD) {
            Ok(password) if password.len() >= LEAST_PASSWORD => Some(Zeroizing::new(password)),
            Ok(_) => {
                return Err(format!(
                    "there is no such file, and to begin with one {PASSWORD} must have \
                     {LEAST_PASSWORD} characters or more"
                ));
            }
            Err(_) => None,
        },
    };
    let hash = |password: &str| make_hash(password.as_bytes()).ok_or_else(no_chance);
    if let Some(password) = given {
        return Ok((Model::first(hash(&password)?, None), First { passwords: None }));
    }
    let random = || random_password(getrandom::fill).map(Zeroizing::new).map_err(|_| no_chance());
    let (admin, demo) = (random()?, random()?);
    let lines = Zeroizing::new(format!("admin {}\ndemoclient {}\n", *admin, *demo));
    let model = Model::first(hash(&admin)?, Some(hash(&demo)?));
    Ok((model, First { passwords: Some(lines) }))
}

/// The first line of a file.
fn password_in(path: &Path) -> Result<Zeroizing<String>, String> {
    let name = path.display();
    let text = fs::read_to_string(path);
    let text = text.map_err(|error| {
        format!("there is no such file, and {name} with its first password cannot be read: {error}")
    })?;
    let text = Zeroizing::new(text);
    match text.lines().next().map(str::trim_end) {
        None | Some("") => Err(format!("there is no such file, and no password in {name}")),
        Some(password) => Ok(Zeroizing::new(password.to_owned())),
    }
}

fn make_hash(password: &[u8]) -> Option<Hash> {
    let scheme = Scheme::pbkdf2(PASSWORD_ITERATIONS);
    let mut salt = vec![0; scheme.salt_length()];
    getrandom::fill(&mut salt).ok()?;
    Hash::make(scheme, password, &salt).ok()
}

fn no_chance() -> String {
    "the system gives no random numbers".to_owned()
}

fn wrong(file: &str, words: String) -> Vec<Mistake> {
    vec![Mistake::new(file, 0, words)]
}

const PASSWORD: &str = "MOSQUITTO_DYNSEC_PASSWORD";
const LEAST_PASSWORD: usize = 12;
