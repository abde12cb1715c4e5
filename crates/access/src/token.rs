//! JSON Web Tokens as passwords: who made them, for whom, how long they hold, and what they allow
//! (RFC 7519).
//!
//! A token is believed if one of our keys signed it with an algorithm of that key; which algorithm
//! the token names does not change what a key is. Keys that a token brings along are not looked at.

mod error;
mod keys;
mod signatures;
mod template;
#[cfg(test)]
mod tests;

use jsonwebtoken::errors::ErrorKind;
use jsonwebtoken::{Header, Validation, decode, decode_header};
use serde_json::{Map, Value};

pub use self::error::TokenError;
pub use self::keys::{KEYS_MAXIMUM, KeyError, Keys, SECRET_MINIMUM_BYTES};
pub use self::template::{Template, TemplateError};
use crate::grants::{Grant, GrantError, Grants, rules_of_json, texts_of};
use crate::who::Who;

/// Which tokens are believed, and what is taken from them.
#[derive(Clone, Debug)]
pub struct TokenRules {
    /// The keys that they are signed with.
    pub keys: Keys,
    /// Who may have made them (`iss`); empty: anybody with a key.
    pub issuers: Vec<String>,
    /// For whom they must be made (`aud`), at least one of these; empty: this is not looked at.
    pub audiences: Vec<String>,
    /// By how many seconds the issuer's clock may differ from ours.
    pub leeway: u64,
    /// Whether a token must say when it expires.
    pub must_expire: bool,
    /// The user name of whoever has the token.
    pub username: Template,
    /// The client identifier that whoever has the token must have; none: any.
    pub client_id: Option<Template>,
    /// The claim with the topic filters to which may be published.
    pub publish_claim: Box<str>,
    /// The claim with the topic filters to which may be subscribed.
    pub subscribe_claim: Box<str>,
    /// The claim with rules, as [`rules_of_json`] reads them.
    pub acl_claim: Box<str>,
}

/// What a token says of who has it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Bearer {
    /// The user name.
    pub username: String,
    /// What it allows; none: it says nothing about that.
    pub grants: Option<Grants>,
    /// From which second after 1970 it holds no more, leeway included.
    pub expires: Option<u64>,
    /// Which key it is signed with: one of [`Keys::fingerprints`].
    pub key: u64,
}

impl Default for TokenRules {
    /// No keys: nothing is believed.
    fn default() -> Self {
        Self {
            keys: Keys::default(),
            issuers: Vec::new(),
            audiences: Vec::new(),
            leeway: LEEWAY_SECONDS,
            must_expire: true,
            username: Template::claim("sub"),
            client_id: None,
            publish_claim: Box::from("publish"),
            subscribe_claim: Box::from("subscribe"),
            acl_claim: Box::from("acl"),
        }
    }
}

/// Whether this has the form of a token, so that it is worth a closer look.
pub fn is_token(password: &[u8]) -> bool {
    decode_header(password).is_ok()
}

impl TokenRules {
    /// What a token says, if it can be believed at `now`, in seconds after 1970.
    ///
    /// # Errors
    ///
    /// Why it cannot.
    pub fn verify(&self, token: &[u8], client_id: &str, now: u64) -> Result<Bearer, TokenError> {
        let header = decode_header(token).map_err(|_| TokenError::NoToken)?;
        if header.crit.is_some() {
            return Err(TokenError::Critical);
        }
        let (claims, key) = self.claims(token, &header)?;
        let expires = self.lifetime(&claims, now)?;
        let username = self.username.fill(&claims)?;
        if username.is_empty() || username.len() > usize::from(u16::MAX) || username.contains('\0')
        {
            return Err(TokenError::Claim(Box::from("sub")));
        }
        if let Some(template) = &self.client_id
            && template.fill(&claims)? != client_id
        {
            return Err(TokenError::ClientId);
        }
        let who = Who { username: Some(&username), client_id };
        let grants = self.grants(&claims, who)?;
        Ok(Bearer { username, grants, expires, key })
    }

    /// The claims, if one of our keys signed them, and which.
    fn claims(
        &self,
        token: &[u8],
        header: &Header,
    ) -> Result<(Map<String, Value>, u64), TokenError> {
        signatures::install();
        let validation = self.validation(header);
        let mut reason = TokenError::Key;
        for key in self.keys.of(header.kid.as_deref(), header.alg) {
            match decode(token, &key.decoding, &validation) {
                Ok(token) => return Ok((token.claims, key.fingerprint)),
                Err(error) => reason = refusal(error.into_kind()),
            }
            if reason != TokenError::Signature {
                break;
            }
        }
        Err(reason)
    }

    /// What the library looks at. Times are ours: it would look at a clock.
    fn validation(&self, header: &Header) -> Validation {
        let mut validation = Validation::new(header.alg);
        let mut required = Vec::new();
        validation.validate_exp = false;
        validation.validate_nbf = false;
        if !self.issuers.is_empty() {
            validation.set_issuer(&self.issuers);
            required.push("iss");
        }
        validation.validate_aud = !self.audiences.is_empty();
        if validation.validate_aud {
            validation.set_audience(&self.audiences);
            required.push("aud");
        }
        validation.set_required_spec_claims(&required);
        validation
    }

    /// Until when it holds, if it holds now [RFC 7519, sections 4.1.4 and 4.1.5].
    fn lifetime(&self, claims: &Map<String, Value>, now: u64) -> Result<Option<u64>, TokenError> {
        if seconds(claims, "nbf")?.is_some_and(|begin| begin > now.saturating_add(self.leeway)) {
            return Err(TokenError::Early);
        }
        let end = seconds(claims, "exp")?.map(|end| end.saturating_add(self.leeway));
        match end {
            Some(end) if end <= now => Err(TokenError::Expired),
            None if self.must_expire => Err(TokenError::Without(Box::from("exp"))),
            end => Ok(end),
        }
    }

    /// What it allows, if it says so.
    fn grants(
        &self,
        claims: &Map<String, Value>,
        who: Who<'_>,
    ) -> Result<Option<Grants>, TokenError> {
        let mut rules = None::<Vec<Grant>>;
        let lists = [(&self.publish_claim, "publish"), (&self.subscribe_claim, "subscribe")];
        for (name, action) in lists {
            if let Some(value) = claims.get(&**name) {
                let found = texts_of(value).and_then(|filters| {
                    filters.iter().map(|filter| Grant::new("allow", action, filter)).collect()
                });
                let found: Vec<_> = found.map_err(|error| unusable(name, error))?;
                rules.get_or_insert_default().extend(found);
            }
        }
        if let Some(value) = claims.get(&*self.acl_claim) {
            let found = rules_of_json(value).map_err(|error| unusable(&self.acl_claim, error))?;
            rules.get_or_insert_default().splice(0..0, found);
        }
        let grants = rules.map(|rules| Grants::new(rules, who));
        grants.transpose().map_err(|error| unusable(&self.acl_claim, error))
    }
}

fn unusable(claim: &str, error: GrantError) -> TokenError {
    TokenError::Grants { claim: Box::from(claim), error }
}

fn refusal(kind: ErrorKind) -> TokenError {
    match kind {
        ErrorKind::InvalidIssuer => TokenError::Issuer,
        ErrorKind::InvalidAudience => TokenError::Audience,
        ErrorKind::MissingRequiredClaim(claim) => TokenError::Without(claim.into()),
        ErrorKind::Json(_)
        | ErrorKind::Utf8(_)
        | ErrorKind::Base64(_)
        | ErrorKind::InvalidToken => TokenError::NoToken,
        _ => TokenError::Signature,
    }
}

/// A time in seconds after 1970; parts of a second are left out.
fn seconds(claims: &Map<String, Value>, name: &str) -> Result<Option<u64>, TokenError> {
    let Some(value) = claims.get(name) else {
        return Ok(None);
    };
    let text = match value {
        Value::Number(number) => number.to_string(),
        _ => return Err(TokenError::Claim(Box::from(name))),
    };
    let whole = text.split_once('.').map_or(&*text, |(whole, _)| whole);
    // A number with an exponent is a time that nobody lives to see.
    whole.parse().map(Some).map_err(|_| TokenError::Claim(Box::from(name)))
}

/// By how many seconds clocks may differ where nobody says another number.
pub const LEEWAY_SECONDS: u64 = 30;
