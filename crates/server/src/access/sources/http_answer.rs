//! What a service answers, in the form that users of EMQX know.

use ferrymq_access::{Grant, GrantError, Grants, Who, rules_of_json};
use hyper::StatusCode;
use hyper::header::{CONTENT_TYPE, HeaderMap};
use serde_json::{Map, Value};

use super::guard::Trouble;
use super::rights::Granted;
use crate::access::login::Login;

/// What a service has said of somebody.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Answer {
    pub(super) decided: Decided,
    is_superuser: bool,
    rules: Option<Vec<Grant>>,
    /// From which second after 1970 it holds no more.
    pub(super) expires: Option<u64>,
}

/// Whether somebody may come in.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Decided {
    Allow,
    Deny,
    /// Somebody else is to say.
    Ignore,
}

impl Answer {
    const fn only(decided: Decided) -> Self {
        Self { decided, is_superuser: false, rules: None, expires: None }
    }

    /// The rights that it gives to a client; `None`: it says nothing of them.
    pub(super) fn rights(&self, login: &Login) -> Result<Option<Granted>, GrantError> {
        if self.is_superuser {
            return Ok(Some(Granted::Everything));
        }
        let Some(rules) = &self.rules else {
            return Ok(None);
        };
        let who = Who { username: login.username.as_deref(), client_id: &login.client_id };
        Ok(Some(Granted::Rules(Grants::new(rules.clone(), who)?)))
    }
}

/// Understands an answer: 204 and 200 without JSON are a yes, 401 and 403 a no; JSON says it itself.
/// Everything else is no answer.
pub(super) fn understood(
    status: StatusCode,
    headers: &HeaderMap,
    body: &[u8],
) -> Result<Answer, Trouble> {
    match status {
        StatusCode::UNAUTHORIZED | StatusCode::FORBIDDEN => Ok(Answer::only(Decided::Deny)),
        StatusCode::OK if is_json(headers) => of_json(body),
        StatusCode::OK | StatusCode::NO_CONTENT => Ok(Answer::only(Decided::Allow)),
        _ => Err(Trouble::new(format!("it answers with status {status}"))),
    }
}

fn is_json(headers: &HeaderMap) -> bool {
    let kind = headers.get(CONTENT_TYPE).and_then(|kind| kind.to_str().ok()).unwrap_or_default();
    let kind = kind.split(';').next().unwrap_or_default().trim();
    kind.eq_ignore_ascii_case("application/json")
}

fn of_json(body: &[u8]) -> Result<Answer, Trouble> {
    let wrong = |words: &str| Trouble::new(format!("its answer cannot be used: {words}"));
    let answer: Map<String, Value> = serde_json::from_slice(body)
        .map_err(|error| wrong(&format!("it is no JSON object ({error})")))?;
    let decided = match answer.get("result").and_then(Value::as_str) {
        Some("allow") => Decided::Allow,
        Some("deny") => Decided::Deny,
        Some("ignore") => Decided::Ignore,
        _ => return Err(wrong("its result is none of allow, deny and ignore")),
    };
    let is_superuser = match answer.get("is_superuser") {
        None | Some(Value::Null) => false,
        Some(Value::Bool(is_superuser)) => *is_superuser,
        Some(_) => return Err(wrong("is_superuser is neither true nor false")),
    };
    let expires = match answer.get("expire_at") {
        None | Some(Value::Null) => None,
        Some(time) => Some(
            time.as_u64().ok_or_else(|| wrong("expire_at is no number of seconds after 1970"))?,
        ),
    };
    let rules = match answer.get("acl") {
        None | Some(Value::Null) => None,
        Some(rules) => {
            Some(rules_of_json(rules).map_err(|error| wrong(&format!("its acl: {error}")))?)
        }
    };
    Ok(Answer { decided, is_superuser, rules, expires })
}

#[cfg(test)]
mod tests {
    use hyper::header::HeaderValue;

    use super::*;

    fn answer(status: u16, kind: &'static str, body: &str) -> Result<Answer, String> {
        let mut headers = HeaderMap::new();
        headers.insert(CONTENT_TYPE, HeaderValue::from_static(kind));
        let status = StatusCode::from_u16(status).unwrap();
        understood(status, &headers, body.as_bytes()).map_err(|trouble| trouble.to_string())
    }

    #[test]
    fn status_and_json_decide() {
        const JSON: &str = "application/json; charset=utf-8";
        let rows = [
            (204, "text/plain", "", Ok(Decided::Allow)),
            (200, "text/plain", "ok", Ok(Decided::Allow)),
            (401, JSON, r#"{"result":"allow"}"#, Ok(Decided::Deny)),
            (403, "text/plain", "", Ok(Decided::Deny)),
            (200, JSON, r#"{"result":"allow"}"#, Ok(Decided::Allow)),
            (200, JSON, r#"{"result":"deny"}"#, Ok(Decided::Deny)),
            (200, JSON, r#"{"result":"ignore","more":1}"#, Ok(Decided::Ignore)),
            (
                200,
                JSON,
                "{}",
                Err("its answer cannot be used: its result is none of allow, deny and ignore"),
            ),
            (404, JSON, r#"{"result":"allow"}"#, Err("it answers with status 404 Not Found")),
            (302, "text/plain", "", Err("it answers with status 302 Found")),
            (
                200,
                JSON,
                r#"{"result":"allow","expire_at":"soon"}"#,
                Err("its answer cannot be used: expire_at is no number of seconds after 1970"),
            ),
        ];
        for (status, kind, body, expected) in rows {
            let found = answer(status, kind, body).map(|answer| answer.decided);
            let found = found.as_ref().map_err(String::as_str).copied();
            assert_eq!(found, expected, "{status} {body}");
        }
        assert!(answer(200, JSON, "[").is_err());
        assert!(answer(200, JSON, r#"{"result":"allow","acl":[{"permission":"x"}]}"#).is_err());
    }
}
