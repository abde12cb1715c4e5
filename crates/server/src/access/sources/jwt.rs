//! Tokens as passwords, or as the data of an Authentication Method.

use std::collections::HashSet;
use std::future::ready;
use std::hash::{Hash, Hasher};
use std::path::Path;
use std::sync::Arc;
use std::time::{Duration, SystemTime, UNIX_EPOCH};

use ferrymq_access::token::{Bearer, KeyError, Keys, Template, TokenError, TokenRules, is_token};
use ferrymq_broker::{Asker, Principal};
use siphasher::sip::SipHasher13;

use super::error::SourceError;
use super::files;
use super::rights::Granted;
use super::settings::JwtSettings;
use crate::access::login::Login;
use crate::access::source::{Checking, Exchange, Outcome, Source, Step, Stepping};

/// Believes tokens that one of its keys has signed.
#[derive(Debug)]
pub(super) struct Jwt {
    known: Arc<Known>,
    login: Option<Box<str>>,
    method: Box<str>,
}

#[derive(Debug)]
struct Known {
    rules: TokenRules,
    /// What tokens are stamped with: one stamp for each key, so that a key that is taken away takes
    /// its tokens along, and one that is added leaves all others alone.
    stamps: HashSet<u64>,
    /// What the stamps have in common: all that is asked of a token besides its key.
    seed: u64,
}

impl Jwt {
    /// Reads the keys; `None`: there are none, and no token is believed.
    pub(super) fn new(settings: &JwtSettings) -> Result<Option<Self>, SourceError> {
        let mut keys = Keys::default();
        for path in &settings.key_files {
            keys.extend(read(path, Keys::from_file)?);
        }
        if let Some(path) = &settings.secret_file {
            keys.extend(read(path, Keys::from_secret)?);
        }
        if keys.is_empty() {
            return Ok(None);
        }
        let template = |option, text: &str| {
            Template::parse(text).map_err(|source| SourceError::Template { option, source })
        };
        let client_id = settings.client_id.as_deref();
        let rules = TokenRules {
            keys,
            issuers: settings.issuers.clone(),
            audiences: settings.audiences.clone(),
            leeway: settings.leeway.as_secs(),
            must_expire: settings.must_expire,
            username: template("jwt_username", &settings.username)?,
            client_id: client_id.map(|text| template("jwt_client_id", text)).transpose()?,
            publish_claim: Box::from(settings.publish_claim.as_str()),
            subscribe_claim: Box::from(settings.subscribe_claim.as_str()),
            acl_claim: Box::from(settings.acl_claim.as_str()),
        };
        let seed = seed(settings);
        let stamps = rules.keys.fingerprints().map(|key| stamp(seed, key)).collect();
        Ok(Some(Self {
            known: Arc::new(Known { rules, stamps, seed }),
            login: settings.login.as_deref().map(Box::from),
            method: Box::from(settings.method.as_str()),
        }))
    }
}

impl Source for Jwt {
    fn check<'a>(&'a self, login: &'a Login) -> Checking<'a> {
        let is_meant = match &self.login {
            Some(name) => login.username.as_ref() == Some(name),
            None => true,
        };
        let token = login.password.as_ref().filter(|password| is_meant && is_token(password));
        Box::pin(ready(match token {
            Some(token) => self.known.verify(token, login),
            None => Outcome::NotMine,
        }))
    }

    fn exchange(&self, method: &str) -> Option<Box<dyn Exchange>> {
        let presented = || Box::new(Presented(Arc::clone(&self.known))) as Box<dyn Exchange>;
        (method == &*self.method).then(presented)
    }

    fn grants_rights(&self) -> bool {
        true
    }

    fn still_stands(&self, asker: &Asker<'_>) -> bool {
        asker.principal.is_some_and(|principal| self.known.stamps.contains(&principal.stamp))
    }
}

/// A token as Authentication Data: there is one step.
struct Presented(Arc<Known>);

impl Exchange for Presented {
    fn step<'a>(&'a mut self, login: &'a Login, data: Option<&'a [u8]>) -> Stepping<'a> {
        let outcome = self.0.verify(data.unwrap_or_default(), login);
        Box::pin(ready(match outcome {
            Outcome::Yes(principal) => Step::Yes(principal, None),
            // A method is asked for by name: nobody else can be meant.
            Outcome::NotMine => Step::Else(Outcome::No),
            other => Step::Else(other),
        }))
    }
}

impl Known {
    fn verify(&self, token: &[u8], login: &Login) -> Outcome {
        let now = SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or(Duration::ZERO);
        match self.rules.verify(token, &login.client_id, now.as_secs()) {
            Ok(bearer) => Outcome::Yes(self.principal(bearer, login)),
            Err(TokenError::NoToken) => Outcome::NotMine,
            Err(error) => {
                tracing::debug!("{login:?}: its token is not believed: {error}");
                Outcome::No
            }
        }
    }

    fn principal(&self, bearer: Bearer, login: &Login) -> Principal {
        Principal {
            username: Some(bearer.username.into()),
            rights: bearer.grants.map(|grants| Granted::Rules(grants).shared()),
            expires: bearer.expires.map(|end| login.time_at(end)),
            stamp: stamp(self.seed, bearer.key),
        }
    }
}

fn read(path: &Path, parse: fn(&[u8]) -> Result<Keys, KeyError>) -> Result<Keys, SourceError> {
    let file = files::read(path)?;
    parse(&file).map_err(|source| SourceError::Keys { path: path.to_owned(), source })
}

fn seed(settings: &JwtSettings) -> u64 {
    let mut hasher = SipHasher13::new();
    "jwt".hash(&mut hasher);
    (&settings.issuers, &settings.audiences, &settings.username).hash(&mut hasher);
    (&settings.client_id, settings.must_expire, &settings.login).hash(&mut hasher);
    (&settings.publish_claim, &settings.subscribe_claim, &settings.acl_claim).hash(&mut hasher);
    hasher.finish()
}

fn stamp(seed: u64, key: u64) -> u64 {
    let mut hasher = SipHasher13::new();
    (seed, key).hash(&mut hasher);
    hasher.finish()
}
