use std::convert::Infallible;
use std::net::SocketAddr;
use std::sync::Mutex;

use super::super::settings::{HttpFormat, HttpSettings, UserSettings, WithoutAnswer};
use bytes::Bytes;
use http_body_util::{BodyExt, Full};
use hyper::body::Incoming;
use hyper::server::conn::http1;
use hyper::service::service_fn;
use hyper::{Request, Response};
use hyper_util::rt::TokioIo;
use tokio::net::TcpListener;

use super::*;

/// A service that answers with what its test wants, and remembers what it was asked.
struct Service {
    address: SocketAddr,
    asked: Arc<Mutex<Vec<Asked>>>,
}

#[derive(Clone, Debug)]
struct Asked {
    kind: String,
    authorization: String,
    body: String,
}

type Reply = (u16, &'static str, String);

async fn service(reply: impl Fn(&str) -> Option<Reply> + Send + Sync + 'static) -> Service {
    serve(TcpListener::bind("127.0.0.1:0").await.unwrap(), reply)
}

/// `None` of `reply`: no answer, ever.
fn serve(
    listener: TcpListener,
    reply: impl Fn(&str) -> Option<Reply> + Send + Sync + 'static,
) -> Service {
    let address = listener.local_addr().unwrap();
    let asked = Arc::new(Mutex::new(Vec::new()));
    let (seen, reply) = (Arc::clone(&asked), Arc::new(reply));
    tokio::spawn(async move {
        loop {
            let (stream, _) = listener.accept().await.unwrap();
            let (seen, reply) = (Arc::clone(&seen), Arc::clone(&reply));
            let answer = service_fn(move |request: Request<Incoming>| {
                let (seen, reply) = (Arc::clone(&seen), Arc::clone(&reply));
                async move {
                    let (head, body) = request.into_parts();
                    let body = body.collect().await.unwrap().to_bytes();
                    let body = String::from_utf8(body.to_vec()).unwrap();
                    let header = |name: &str| {
                        let value = head.headers.get(name).map(|value| value.to_str().unwrap());
                        value.unwrap_or_default().to_owned()
                    };
                    let answer = reply(&body);
                    seen.lock().unwrap().push(Asked {
                        kind: header("content-type"),
                        authorization: header("authorization"),
                        body,
                    });
                    let Some((status, kind, body)) = answer else {
                        return std::future::pending().await;
                    };
                    let response = Response::builder().status(status).header("content-type", kind);
                    Ok::<_, Infallible>(response.body(Full::new(Bytes::from(body))).unwrap())
                }
            });
            tokio::spawn(http1::Builder::new().serve_connection(TokioIo::new(stream), answer));
        }
    });
    Service { address, asked }
}

impl Service {
    fn settings(&self, cache_lifetime: u64) -> HttpSettings {
        HttpSettings {
            url: Some(format!("http://{}/auth", self.address)),
            asking: asking(cache_lifetime),
            ..HttpSettings::default()
        }
    }

    fn asked(&self) -> Vec<Asked> {
        self.asked.lock().unwrap().clone()
    }
}

fn users(http: HttpSettings) -> Arc<dyn Source> {
    source(&UserSettings { http, ..UserSettings::default() })
}

fn json(text: &str) -> Reply {
    (200, "application/json", text.to_owned())
}

#[tokio::test]
async fn service_says_who_comes_in_and_what_it_may() {
    let service = service(|body| {
        let object: serde_json::Value = serde_json::from_str(body).unwrap();
        match object["username"].as_str() {
            Some("ann") => Some(json(
                r#"{"result":"allow","expire_at":4102444800,
                    "acl":[{"permission":"allow","action":"publish","topic":"up/${clientid}"}]}"#,
            )),
            Some("root") => Some(json(r#"{"result":"allow","is_superuser":true}"#)),
            Some("late") => Some(json(r#"{"result":"allow","expire_at":1}"#)),
            Some("other") => Some(json(r#"{"result":"ignore"}"#)),
            Some("plain") => Some((204, "text/plain", String::new())),
            Some("gone") => Some((500, "text/plain", String::new())),
            _ => Some((403, "text/plain", String::new())),
        }
    })
    .await;
    let users = users(service.settings(0));
    let ann = admitted(check(&*users, "ann", "secret").await);
    assert_eq!(may_publish(&ann, "up/lamp"), Some(true));
    assert_eq!(may_publish(&ann, "up/other"), Some(false));
    assert!(ann.expires.is_some());
    let root = admitted(check(&*users, "root", "x").await);
    assert_eq!(may_publish(&root, "anything"), Some(true));
    let plain = admitted(check(&*users, "plain", "x").await);
    assert_eq!(may_publish(&plain, "anything"), None, "others say what it may");
    assert!(matches!(check(&*users, "late", "x").await, Outcome::No));
    assert!(matches!(check(&*users, "other", "x").await, Outcome::NotMine));
    assert!(matches!(check(&*users, "eve", "x").await, Outcome::No));
    assert!(matches!(check(&*users, "gone", "x").await, Outcome::Unreachable));
    admitted(check(&*users, "ann", "secret").await);
    let binary = users.check(&login(Some("ann"), Some(b"\xff"), "lamp")).await;
    assert!(matches!(binary, Outcome::NotMine));
    let expected = serde_json::json!({
        "clientid": "lamp", "listener": "here", "peerhost": "127.0.0.1", "username": "ann",
        "password": "secret",
    });
    let first = service.asked().remove(0);
    assert_eq!(first.kind, "application/json");
    assert_eq!(serde_json::from_str::<serde_json::Value>(&first.body).unwrap(), expected);
}

#[tokio::test]
async fn question_may_be_a_form_and_have_lines_from_a_file() {
    let service = service(|_| Some((204, "text/plain", String::new()))).await;
    let directory = tempfile::tempdir().unwrap();
    let file = directory.path().join("headers");
    std::fs::write(&file, "Authorization: Bearer of a secret\n").unwrap();
    let http =
        HttpSettings { format: HttpFormat::Form, header_file: Some(file), ..service.settings(0) };
    admitted(check(&*users(http), "ann&b", "se=cret").await);
    let asked = service.asked().remove(0);
    assert_eq!(asked.kind, "application/x-www-form-urlencoded");
    assert_eq!(asked.authorization, "Bearer of a secret");
    assert_eq!(
        asked.body,
        "clientid=lamp&listener=here&peerhost=127.0.0.1&username=ann%26b&password=se%3Dcret"
    );
}

#[tokio::test]
async fn same_question_is_asked_once_and_another_password_is_another_question() {
    let service = service(|body| match body.contains("secret") {
        true => Some((204, "text/plain", String::new())),
        false => Some((401, "text/plain", String::new())),
    })
    .await;
    let users = users(service.settings(600));
    for _ in 0..3 {
        admitted(check(&*users, "ann", "secret").await);
        assert!(matches!(check(&*users, "ann", "wrong").await, Outcome::No));
    }
    assert_eq!(service.asked().len(), 2);
}

#[tokio::test]
async fn service_that_does_not_answer_is_not_waited_for() {
    let service = service(|body| match body.contains("slow") {
        true => None,
        false => Some((204, "text/plain", String::new())),
    })
    .await;
    let deny = users(service.settings(0));
    assert!(matches!(check(&*deny, "slow", "x").await, Outcome::Unreachable));
    admitted(check(&*deny, "ann", "x").await);
    let mut next = service.settings(0);
    next.asking.without_answer = WithoutAnswer::Next;
    assert!(matches!(check(&*users(next), "slow", "x").await, Outcome::NotMine));
}

#[tokio::test]
async fn service_that_is_away_is_there_again_when_it_is_back() {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let address = listener.local_addr().unwrap();
    drop(listener);
    let url = Some(format!("http://{address}/"));
    let users = users(HttpSettings { url, asking: asking(0), ..HttpSettings::default() });
    assert!(matches!(check(&*users, "ann", "x").await, Outcome::Unreachable));
    serve(TcpListener::bind(address).await.unwrap(), |_| Some((204, "text/plain", String::new())));
    admitted(check(&*users, "ann", "x").await);
}

#[test]
fn address_that_cannot_be_asked_is_refused() {
    for url in ["", "ftp://host/", "localhost:80", "/auth", "http://user:secret@host/"] {
        let http = HttpSettings { url: Some(url.to_owned()), ..HttpSettings::default() };
        let settings = UserSettings { http, ..UserSettings::default() };
        let error = refusal(&settings);
        assert!(error.to_string().starts_with("http_auth_url: "), "{error}");
        assert!(!error.to_string().contains("secret@"), "{error}");
    }
}
