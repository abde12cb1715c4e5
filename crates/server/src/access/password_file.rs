//! A password file as a source of users.

use std::sync::{Arc, OnceLock};

use ferrymq_access::password::{Check, PasswordFile};
use ferrymq_access::scram::Decoy;
use ferrymq_broker::{Asker, Principal};

use super::login::Login;
use super::source::{Checking, Exchange, Outcome, Source};
use super::sources::ScramExchange;

/// The users of a password file.
#[derive(Debug)]
pub(super) struct PasswordFileSource {
    file: Arc<PasswordFile>,
    /// For users that are not there, or cannot be asked by SCRAM.
    decoy: Arc<Decoy>,
}

impl PasswordFileSource {
    pub(super) fn new(file: PasswordFile) -> Self {
        let decoy = Decoy::new(decoy_secret(), file.any_scram_keys().as_ref());
        Self { file: Arc::new(file), decoy: Arc::new(decoy) }
    }
}

impl Source for PasswordFileSource {
    fn check<'a>(&'a self, login: &'a Login) -> Checking<'a> {
        Box::pin(async move {
            let Some(username) = login.username.clone() else {
                return Outcome::NotMine;
            };
            // Whether there is such a user is not told by the time that this takes.
            let Some(password) = login.password.clone() else {
                return Outcome::NotMine;
            };
            let (file, name) = (Arc::clone(&self.file), username.clone());
            match login.compute(move || file.check(&name, &password)).await {
                Ok(Check::Right { stamp }) => {
                    let username = Some(username);
                    Outcome::Yes(Principal { username, stamp, ..Principal::default() })
                }
                Ok(Check::WrongPassword) => Outcome::No,
                Ok(Check::UnknownUser) => Outcome::NotMine,
                Err(_) => Outcome::Busy,
            }
        })
    }

    fn exchange(&self, method: &str) -> Option<Box<dyn Exchange>> {
        // Where nobody has keys for it, nobody can come in by it.
        self.file.any_scram_keys()?;
        let exchange = ScramExchange::begin(method, &self.file, &self.decoy)?;
        Some(Box::new(exchange))
    }

    fn grants_rights(&self) -> bool {
        false
    }

    fn still_stands(&self, asker: &Asker<'_>) -> bool {
        let stamp = asker.username.and_then(|username| self.file.stamp(username));
        stamp.is_some_and(|stamp| asker.principal.is_some_and(|it| it.stamp == stamp))
    }
}

/// The same for the life of the process: a file that is read again must not tell who is made up.
fn decoy_secret() -> [u8; 32] {
    static SECRET: OnceLock<[u8; 32]> = OnceLock::new();
    *SECRET.get_or_init(|| {
        let mut secret = [0; 32];
        // Without chance, decoys could be told from users, and nothing else is lost.
        if let Err(error) = getrandom::fill(&mut secret) {
            tracing::warn!("the system gives no chance: {error}");
        }
        secret
    })
}
