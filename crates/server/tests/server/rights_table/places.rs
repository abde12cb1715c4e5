//! A broker for each source of users, and how its users prove who they are.

use std::collections::HashMap;
use std::fmt::Write;
use std::fs;
use std::net::{SocketAddr, TcpStream};
use std::num::{NonZeroU16, NonZeroU32};
use std::path::Path;
use std::time::{SystemTime, UNIX_EPOCH};

use base64::Engine;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use ferrymq_access::password::{Hash, Scheme};
use ferrymq_codec::{Version, Will};
use ferrymq_server::configuration::{Persona, Sources, read};
use ferrymq_server::{Bind, ServeOptions, Server};
use ferrymq_transport::tls;
use ring::hmac;
use serde_json::json;
use tempfile::TempDir;

use super::postgresql_cluster::Cluster;
use super::{Known, Right, connect, names, service};
use crate::peer::Peer;
use crate::transports::Certificates;
use crate::tunnel::Tunnel;

/// A broker whose users are known by one source.
pub(super) struct Place {
    known: Known,
    server: Option<Server>,
    /// What clients show, by their names.
    shown: HashMap<&'static str, tls::ClientSettings>,
    _directory: TempDir,
    _cluster: Option<Cluster>,
}

impl Known {
    /// Whether an ACL file says what its users may.
    pub(super) const fn has_acl_file(self) -> bool {
        matches!(self, Self::Files | Self::Certificates)
    }
}

impl Place {
    pub(super) fn open(known: Known, persona: Persona) -> Self {
        let directory = tempfile::tempdir().unwrap();
        let path = directory.path();
        let certificates = (known == Known::Certificates).then(Certificates::new);
        let cluster = (known == Known::PostgreSql).then(database_of_postgresql);
        let lines = match known {
            Known::Files => files(path),
            Known::Certificates => tls_lines(path, certificates.as_ref().unwrap()),
            Known::Tokens => tokens(path),
            Known::Service => format!("http_auth_url http://{}/auth\n", service::serve()),
            Known::Sqlite => database_of_sqlite(path),
            Known::PostgreSql => format!(
                "postgresql_url {}\npostgresql_acl_query SELECT permission, action, topic FROM \
                 mqtt_acl WHERE username = $1 ORDER BY id\n",
                cluster.as_ref().unwrap().local()
            ),
        };
        let file = path.join("broker.conf");
        fs::write(&file, format!("persistence false\nlistener 1883 127.0.0.1\n{lines}")).unwrap();
        let sources = Sources { persona, file: Some(file), ..Sources::default() };
        let configuration = read(&sources).unwrap_or_else(|rejected| panic!("{rejected}"));
        let mut options = configuration.serve_options(None).unwrap();
        // Wherever there is room: rules go by the name of the listener.
        options.listen[0].bind = Bind::from(SocketAddr::from(([127, 0, 0, 1], 0)));
        let options = ServeOptions { shards: NonZeroU16::new(2), ..options };
        let server = Some(Server::start(options).unwrap());
        let shown = certificates
            .iter()
            .flat_map(|certificates| names().map(|name| (name, settings_of(certificates, name))));
        Self { known, server, shown: shown.collect(), _directory: directory, _cluster: cluster }
    }

    /// Somebody with this right connects. The code of the answer is returned too.
    pub(super) fn knock(
        &self,
        right: Right,
        client_id: &str,
        version: Version,
        will: Option<Will<'_>>,
    ) -> (Peer, u8) {
        let address = self.server.as_ref().unwrap().addresses()[0];
        let socket = TcpStream::connect(address).unwrap();
        socket.set_nodelay(true).unwrap();
        let mut peer = match self.shown.get(right.name()) {
            None => Peer::over(socket),
            Some(tls) => Peer::over(Tunnel::open(socket, b"", Some(tls), false).unwrap()),
        };
        let token = token(right);
        let who: (Option<&str>, Option<&[u8]>) = match self.known {
            Known::Certificates => (None, None),
            Known::Tokens => (Some("bearer"), Some(token.as_bytes())),
            _ => (Some(right.name()), Some(b"secret")),
        };
        peer.send(&connect(version, client_id, who, will));
        let connack = peer.expect_kind(0x20);
        (peer, connack[3])
    }
}

impl Drop for Place {
    fn drop(&mut self) {
        if let Some(server) = self.server.take() {
            server.stop();
            server.join().expect("no part of the broker crashes");
        }
    }
}

/// A right as rules of which the first that fits decides: permission, action, topic.
pub(super) const fn rules(right: Right) -> &'static [(&'static str, &'static str, &'static str)] {
    match right {
        Right::None => &[],
        Right::Read => &[("allow", "subscribe", "t/#")],
        Right::Write => &[("allow", "publish", "t/#")],
        Right::ReadWrite => &[("allow", "all", "t/#")],
        Right::Deny => &[("deny", "all", "t/x"), ("allow", "all", "t/#")],
        Right::All => &[("allow", "all", "#")],
    }
}

const RIGHTS: &str = "user read\ntopic read t/#\nuser write\ntopic write t/#\nuser readwrite\n\
                      topic readwrite t/#\nuser deny\ntopic t/#\ntopic deny t/x\nuser all\ntopic #\n";

/// `secret`. So few iterations are for tests alone.
fn hash() -> String {
    let scheme = Scheme::pbkdf2(NonZeroU32::new(2).unwrap());
    Hash::make(scheme, b"secret", b"a salt of 16 by").unwrap().to_text().to_string()
}

fn acl_file(path: &Path) -> String {
    let rights = path.join("rights");
    fs::write(&rights, RIGHTS).unwrap();
    format!("acl_file {}\n", rights.display())
}

fn files(path: &Path) -> String {
    let (users, hash) = (path.join("users"), hash());
    let mut lines = String::new();
    for name in names() {
        writeln!(lines, "{name}:{hash}").unwrap();
    }
    fs::write(&users, lines).unwrap();
    format!("password_file {}\n{}", users.display(), acl_file(path))
}

fn tls_lines(path: &Path, certificates: &Certificates) -> String {
    let (certificate, key) = certificates.of_server();
    let authority = certificates.authority();
    let mut lines = acl_file(path);
    for (option, file) in [("cafile", &*authority), ("certfile", certificate), ("keyfile", key)] {
        writeln!(lines, "{option} {}", file.display()).unwrap();
    }
    lines + "require_certificate true\nuse_identity_as_username true\n"
}

/// What a client shows that is called so.
fn settings_of(certificates: &Certificates, name: &str) -> tls::ClientSettings {
    let (certificate, key) = certificates.of_another(name);
    let options = tls::ClientOptions {
        ca_file: Some(certificates.authority()),
        certificate: Some(certificate),
        key: Some(key),
        ..tls::ClientOptions::default()
    };
    tls::ClientSettings::load(&options).unwrap()
}

const SECRET: &str = "a secret of more than thirty-two bytes";

fn tokens(path: &Path) -> String {
    let file = path.join("secret");
    fs::write(&file, SECRET).unwrap();
    format!("jwt_secret_file {}\n", file.display())
}

/// A token that gives this right and holds for an hour.
fn token(right: Right) -> String {
    let now = SystemTime::now().duration_since(UNIX_EPOCH).unwrap().as_secs();
    let rules = rules(right).iter();
    let rules = rules.map(|(permission, action, topic)| {
        json!({ "permission": permission, "action": action, "topic": topic })
    });
    let rules: Vec<_> = rules.collect();
    let claims = json!({ "sub": right.name(), "exp": now + 3600, "acl": rules }).to_string();
    let parts = [r#"{"alg":"HS256"}"#, &claims].map(|part| URL_SAFE_NO_PAD.encode(part));
    let text = parts.join(".");
    let key = hmac::Key::new(hmac::HMAC_SHA256, SECRET.as_bytes());
    format!("{text}.{}", URL_SAFE_NO_PAD.encode(hmac::sign(&key, text.as_bytes())))
}

/// Statements that make a database of users and rights.
fn statements(number: &str) -> String {
    let hash = hash();
    let mut statements = format!(
        "CREATE TABLE mqtt_user (username text PRIMARY KEY, password_hash text, is_superuser \
         boolean); CREATE TABLE mqtt_acl (id {number}, username text, permission text, action text, \
         topic text);"
    );
    for right in Right::TESTED.into_iter().chain([Right::All]) {
        let name = right.name();
        write!(statements, "INSERT INTO mqtt_user VALUES ('{name}', '{hash}', false);").unwrap();
        for (permission, action, topic) in rules(right) {
            write!(
                statements,
                "INSERT INTO mqtt_acl (username, permission, action, topic) VALUES ('{name}', \
                 '{permission}', '{action}', '{topic}');"
            )
            .unwrap();
        }
    }
    statements
}

fn database_of_sqlite(path: &Path) -> String {
    let file = path.join("users.db");
    let database = rusqlite::Connection::open(&file).unwrap();
    database.execute_batch(&statements("INTEGER PRIMARY KEY")).unwrap();
    format!(
        "sqlite_file {}\nsqlite_acl_query SELECT permission, action, topic FROM mqtt_acl WHERE \
         username = ?1 ORDER BY id\n",
        file.display()
    )
}

fn database_of_postgresql() -> Cluster {
    let certificate = rcgen::generate_simple_self_signed(["localhost".to_owned()]).unwrap();
    let cluster = Cluster::start(&certificate.cert.pem(), &certificate.signing_key.serialize_pem());
    cluster.execute(&statements("serial"));
    cluster
}
