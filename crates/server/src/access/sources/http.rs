//! A service that is asked by HTTP who somebody is.

use std::error::Error as _;
use std::fmt;
use std::hash::{Hash, Hasher};
use std::sync::{Arc, Mutex, PoisonError};

use bytes::Bytes;
use ferrymq_broker::{Asker, Peer, Principal};
use ferrymq_transport::tls::{ClientOptions, ClientSettings};
use http_body_util::{BodyExt, Full, Limited};
use hyper::header::{ACCEPT, CONTENT_TYPE, HeaderMap, HeaderName, HeaderValue};
use hyper::{Method, Request, Uri};
use hyper_rustls::{HttpsConnector, HttpsConnectorBuilder};
use hyper_util::client::legacy::connect::HttpConnector;
use hyper_util::client::legacy::{Client, Error};
use hyper_util::rt::TokioExecutor;
use ring::hmac;
use siphasher::sip::SipHasher13;
use tokio::time::Instant;
use zeroize::Zeroizing;

use super::error::SourceError;
use super::files;
use super::guard::{Guard, Trouble};
use super::http_answer::{Answer, Decided, understood};
use super::remembered::Remembered;
use super::rights::Granted;
use super::settings::{HttpFormat, HttpSettings};
use crate::access::login::Login;
use crate::access::source::{Checking, Outcome, Source};

/// A service that says who may come in.
pub(super) struct HttpService {
    client: Client<HttpsConnector<HttpConnector>, Full<Bytes>>,
    url: Uri,
    format: HttpFormat,
    headers: HeaderMap,
    guard: Guard,
    /// What was answered, by a keyed hash of all that was asked.
    answers: Mutex<Remembered<[u8; HASH_BYTES], Arc<Answer>>>,
    key: hmac::Key,
    stamp: u64,
}

const HASH_BYTES: usize = 32;
/// The longest answer.
const ANSWER_MAXIMUM_BYTES: usize = 256 * 1024;

impl HttpService {
    /// What is to be asked where; `None`: nothing.
    pub(super) fn new(settings: &HttpSettings) -> Result<Option<Self>, SourceError> {
        let Some(address) = &settings.url else {
            return Ok(None);
        };
        let url = url(address)?;
        let mut secret = [0; HASH_BYTES];
        getrandom::fill(&mut secret).map_err(|error| value("no chance: ", &error))?;
        let asking = &settings.asking;
        let client = Client::builder(TokioExecutor::new())
            .pool_max_idle_per_host(asking.concurrency)
            .build(connector(settings)?);
        let mut hasher = SipHasher13::new();
        ("http", address).hash(&mut hasher);
        Ok(Some(Self {
            client,
            guard: Guard::new(format!("the service at {}", without_query(&url)), asking),
            url,
            format: settings.format,
            headers: headers(settings)?,
            answers: Mutex::new(Remembered::new(asking.cache_lifetime, asking.cache_entries)),
            key: hmac::Key::new(hmac::HMAC_SHA256, &secret),
            stamp: hasher.finish(),
        }))
    }

    async fn outcome(&self, login: &Login) -> Outcome {
        let Some(fields) = fields(login) else {
            return Outcome::NotMine;
        };
        let key = self.hash(&fields);
        let remembered = self.answers().get(&key, Instant::now());
        let answer = match remembered {
            Some(answer) => answer,
            None => match self.guard.ask(self.ask(&fields)).await {
                Ok(answer) => {
                    let answer = Arc::new(answer);
                    self.answers().put(key, Arc::clone(&answer), Instant::now());
                    answer
                }
                Err(outcome) => return outcome,
            },
        };
        self.meaning(&answer, login)
    }

    /// Asks, and understands the answer.
    async fn ask(&self, fields: &[(&str, Zeroizing<String>)]) -> Result<Answer, Trouble> {
        let request = self.request(fields);
        let response = self.client.request(request).await.map_err(|error| unheard(&error))?;
        let (head, body) = response.into_parts();
        let body = Limited::new(body, ANSWER_MAXIMUM_BYTES).collect().await;
        let body = body.map_err(|error| Trouble::new(format!("its answer breaks off: {error}")))?;
        understood(head.status, &head.headers, &body.to_bytes())
    }

    fn request(&self, fields: &[(&str, Zeroizing<String>)]) -> Request<Full<Bytes>> {
        let pairs = fields.iter().map(|(name, value)| (*name, value.as_str()));
        let (kind, body) = match self.format {
            HttpFormat::Json => {
                let object: serde_json::Map<_, _> =
                    pairs.map(|(name, value)| (name.to_owned(), value.into())).collect();
                ("application/json", serde_json::Value::from(object).to_string())
            }
            HttpFormat::Form => {
                let body =
                    form_urlencoded::Serializer::new(String::new()).extend_pairs(pairs).finish();
                ("application/x-www-form-urlencoded", body)
            }
        };
        let mut request = Request::new(Full::new(Bytes::from(body)));
        *request.method_mut() = Method::POST;
        *request.uri_mut() = self.url.clone();
        let headers = request.headers_mut();
        headers.insert(ACCEPT, HeaderValue::from_static("application/json"));
        headers.insert(CONTENT_TYPE, HeaderValue::from_static(kind));
        headers.extend(self.headers.clone());
        request
    }

    fn meaning(&self, answer: &Answer, login: &Login) -> Outcome {
        match &answer.decided {
            Decided::Ignore => Outcome::NotMine,
            Decided::Deny => Outcome::No,
            Decided::Allow => {
                let expires = answer.expires.map(|end| login.time_at(end));
                if expires.is_some_and(|end| end <= login.now) {
                    return Outcome::No;
                }
                let rights = match answer.rights(login) {
                    Ok(rights) => rights.map(Granted::shared),
                    Err(error) => {
                        tracing::warn!("{:?}: {error}", self.guard);
                        return Outcome::No;
                    }
                };
                Outcome::Yes(Principal {
                    username: login.username.clone(),
                    rights,
                    expires,
                    stamp: self.stamp,
                })
            }
        }
    }

    fn hash(&self, fields: &[(&str, Zeroizing<String>)]) -> [u8; HASH_BYTES] {
        let mut context = hmac::Context::with_key(&self.key);
        for (name, value) in fields {
            context.update(name.as_bytes());
            context.update(&value.len().to_be_bytes());
            context.update(value.as_bytes());
        }
        context.sign().as_ref().try_into().unwrap_or([0; HASH_BYTES])
    }

    fn answers(&self) -> std::sync::MutexGuard<'_, Remembered<[u8; HASH_BYTES], Arc<Answer>>> {
        self.answers.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Source for HttpService {
    fn check<'a>(&'a self, login: &'a Login) -> Checking<'a> {
        Box::pin(self.outcome(login))
    }

    fn grants_rights(&self) -> bool {
        true
    }

    fn still_stands(&self, asker: &Asker<'_>) -> bool {
        asker.principal.is_some_and(|principal| principal.stamp == self.stamp)
    }
}

impl fmt::Debug for HttpService {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("HttpService").field("guard", &self.guard).finish_non_exhaustive()
    }
}

/// What the service is told of a client; `None`: the password is no text, so that it cannot be told.
fn fields(login: &Login) -> Option<Vec<(&'static str, Zeroizing<String>)>> {
    let text = |text: &str| Zeroizing::new(text.to_owned());
    let mut fields =
        vec![("clientid", text(&login.client_id)), ("listener", text(&login.profile.name))];
    if let Peer::Inet(address) = login.peer {
        fields.push(("peerhost", text(&address.ip().to_canonical().to_string())));
    }
    if let Some(username) = &login.username {
        fields.push(("username", text(username)));
    }
    if let Some(password) = &login.password {
        fields.push(("password", text(std::str::from_utf8(password).ok()?)));
    }
    Some(fields)
}

fn url(text: &str) -> Result<Uri, SourceError> {
    let url: Uri = text.parse().map_err(|error| value("", &error))?;
    let authority = url.authority().map_or("", |authority| authority.as_str());
    let words = match url.scheme_str() {
        Some("http" | "https") if authority.contains('@') => {
            "a password does not belong here, where many can read it; write a line \
             Authorization: Basic … into a file, and that into http_auth_header_file"
        }
        Some("http" | "https") if !authority.is_empty() => return Ok(url),
        _ => "write it as http://host/path or https://host/path",
    };
    Err(SourceError::Value { option: URL, words: Box::from(words) })
}

fn without_query(url: &Uri) -> String {
    let authority = url.authority().map_or("", |authority| authority.as_str());
    format!("{}://{authority}{}", url.scheme_str().unwrap_or_default(), url.path())
}

fn connector(settings: &HttpSettings) -> Result<HttpsConnector<HttpConnector>, SourceError> {
    let options = ClientOptions {
        ca_file: settings.cafile.clone(),
        certificate: settings.certfile.clone(),
        key: settings.keyfile.clone(),
        ..ClientOptions::default()
    };
    let tls = ClientSettings::load(&options)
        .map_err(|source| SourceError::Tls { option: URL, source })?;
    let mut connector = HttpConnector::new();
    connector.enforce_http(false);
    connector.set_connect_timeout(Some(settings.asking.timeout));
    connector.set_nodelay(true);
    Ok(HttpsConnectorBuilder::new()
        .with_tls_config(tls.rustls().as_ref().clone())
        .https_or_http()
        .enable_http1()
        .wrap_connector(connector))
}

/// The lines that are in the head of each question.
fn headers(settings: &HttpSettings) -> Result<HeaderMap, SourceError> {
    let file = settings.header_file.as_deref().map(files::read_text).transpose()?;
    let of_file = file.as_ref().map_or("", |text| text.as_str()).lines();
    let of_file = of_file.map(|line| ("http_auth_header_file", line));
    let given = settings.headers.iter().map(|line| ("http_auth_header", line.as_str()));
    let mut headers = HeaderMap::new();
    for (option, line) in given.chain(of_file).filter(|(_, line)| !line.trim().is_empty()) {
        let parsed = line.split_once(':').and_then(|(name, value)| {
            let name = HeaderName::from_bytes(name.trim().as_bytes()).ok()?;
            let mut value = HeaderValue::from_str(value.trim()).ok()?;
            value.set_sensitive(true);
            Some((name, value))
        });
        let (name, value) = parsed.ok_or_else(|| SourceError::Value {
            option,
            words: Box::from("a line is written Name: value"),
        })?;
        headers.append(name, value);
    }
    Ok(headers)
}

fn unheard(error: &Error) -> Trouble {
    let mut words = error.to_string();
    let mut cause = error.source();
    while let Some(error) = cause {
        words = format!("{words}: {error}");
        cause = error.source();
    }
    Trouble::new(words)
}

fn value(before: &str, error: &dyn fmt::Display) -> SourceError {
    SourceError::Value { option: URL, words: format!("{before}{error}").into() }
}

const URL: &str = "http_auth_url";
