//! What a configuration says of users that are known elsewhere.

use std::path::PathBuf;
use std::time::Duration;

/// Where users are known besides files, in the order in which these are asked.
#[derive(Clone, Debug, Default, PartialEq, Eq, Hash)]
pub struct UserSettings {
    /// Tokens.
    pub jwt: JwtSettings,
    /// A service that is asked by HTTP.
    pub http: HttpSettings,
    /// A PostgreSQL database.
    pub postgresql: PostgresqlSettings,
    /// An SQLite database.
    pub sqlite: SqliteSettings,
}

/// Which tokens are believed. Without keys and secret: none.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct JwtSettings {
    /// Files of public keys.
    pub key_files: Vec<PathBuf>,
    /// The file of a secret.
    pub secret_file: Option<PathBuf>,
    /// Who may have made them.
    pub issuers: Vec<String>,
    /// For whom they must be made.
    pub audiences: Vec<String>,
    /// By how much clocks may differ.
    pub leeway: Duration,
    /// Whether they must say when they expire.
    pub must_expire: bool,
    /// The template of the user name.
    pub username: String,
    /// The template of the client identifier.
    pub client_id: Option<String>,
    /// The claim with filters to publish to.
    pub publish_claim: String,
    /// The claim with filters to subscribe to.
    pub subscribe_claim: String,
    /// The claim with rules.
    pub acl_claim: String,
    /// The user name in CONNECT of those whose password is a token; none: any.
    pub login: Option<String>,
    /// The Authentication Method.
    pub method: String,
}

/// How a service is asked by HTTP. Without an address: not at all.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct HttpSettings {
    /// Its address.
    pub url: Option<String>,
    /// How questions are written.
    pub format: HttpFormat,
    /// Lines of the head of each question.
    pub headers: Vec<String>,
    /// A file of such lines.
    pub header_file: Option<PathBuf>,
    /// The authorities that are believed.
    pub cafile: Option<PathBuf>,
    /// Our certificate.
    pub certfile: Option<PathBuf>,
    /// Its key.
    pub keyfile: Option<PathBuf>,
    /// How it is asked.
    pub asking: Asking,
}

/// How questions are written.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash)]
pub enum HttpFormat {
    /// As a JSON object.
    #[default]
    Json,
    /// As a form.
    Form,
}

/// How a PostgreSQL database is asked. Without an address: not at all.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct PostgresqlSettings {
    /// Where it is.
    pub url: Option<String>,
    /// The file of the password.
    pub password_file: Option<PathBuf>,
    /// The authorities that are believed.
    pub cafile: Option<PathBuf>,
    /// What is asked of a user.
    pub query: String,
    /// What is asked of its rights.
    pub acl_query: Option<String>,
    /// How it is asked.
    pub asking: Asking,
}

/// How an SQLite database is asked. Without a file: not at all.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct SqliteSettings {
    /// The file.
    pub file: Option<PathBuf>,
    /// What is asked of a user.
    pub query: String,
    /// What is asked of its rights.
    pub acl_query: Option<String>,
    /// How it is asked.
    pub asking: Asking,
}

/// How somebody is asked who may be slow, or away.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct Asking {
    /// How long an answer may take.
    pub timeout: Duration,
    /// How many questions may be open at a time.
    pub concurrency: usize,
    /// How long an answer is remembered; zero: not at all.
    pub cache_lifetime: Duration,
    /// How many answers are remembered.
    pub cache_entries: usize,
    /// What holds for whoever comes while there is no answer.
    pub without_answer: WithoutAnswer,
}

/// What holds for whoever comes while there is no answer.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash)]
pub enum WithoutAnswer {
    /// It is told to come again later.
    #[default]
    Deny,
    /// The next source is asked.
    Next,
}

impl Default for JwtSettings {
    fn default() -> Self {
        Self {
            key_files: Vec::new(),
            secret_file: None,
            issuers: Vec::new(),
            audiences: Vec::new(),
            leeway: Duration::from_secs(ferrymq_access::token::LEEWAY_SECONDS),
            must_expire: true,
            username: "%{sub}".to_owned(),
            client_id: None,
            publish_claim: "publish".to_owned(),
            subscribe_claim: "subscribe".to_owned(),
            acl_claim: "acl".to_owned(),
            login: None,
            method: "JWT".to_owned(),
        }
    }
}

impl Default for HttpSettings {
    fn default() -> Self {
        Self {
            url: None,
            format: HttpFormat::Json,
            headers: Vec::new(),
            header_file: None,
            cafile: None,
            certfile: None,
            keyfile: None,
            asking: Asking { concurrency: 32, ..Asking::default() },
        }
    }
}

impl Default for PostgresqlSettings {
    fn default() -> Self {
        Self {
            url: None,
            password_file: None,
            cafile: None,
            query: QUERY.replace("?1", "$1"),
            acl_query: None,
            asking: Asking::default(),
        }
    }
}

impl Default for SqliteSettings {
    fn default() -> Self {
        Self {
            file: None,
            query: QUERY.to_owned(),
            acl_query: None,
            asking: Asking { concurrency: 1, ..Asking::default() },
        }
    }
}

impl Default for Asking {
    fn default() -> Self {
        Self {
            timeout: Duration::from_secs(5),
            concurrency: 4,
            cache_lifetime: Duration::from_secs(10),
            cache_entries: 10_000,
            without_answer: WithoutAnswer::Deny,
        }
    }
}

const QUERY: &str = "SELECT password_hash, is_superuser FROM mqtt_user WHERE username = ?1";
