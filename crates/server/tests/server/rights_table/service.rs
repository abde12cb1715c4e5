//! A service that is asked over HTTP who its users are.

use std::io::{BufRead, BufReader, Read, Write};
use std::net::{SocketAddr, TcpListener, TcpStream};
use std::thread;

use serde_json::{Value, json};

use super::Right;
use super::places::rules;

/// Begins to serve; the thread ends with the test.
pub(super) fn serve() -> SocketAddr {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let address = listener.local_addr().unwrap();
    thread::spawn(move || {
        for stream in listener.incoming() {
            thread::spawn(move || answer(stream.unwrap()));
        }
    });
    address
}

/// Answers one question.
fn answer(stream: TcpStream) {
    let mut reader = BufReader::new(stream);
    let mut length = 0;
    let mut line = String::new();
    while reader.read_line(&mut line).unwrap() > 2 {
        if let Some(value) = line.to_ascii_lowercase().strip_prefix("content-length:") {
            length = value.trim().parse().unwrap();
        }
        line.clear();
    }
    let mut question = vec![0; length];
    reader.read_exact(&mut question).unwrap();
    let question: Value = serde_json::from_slice(&question).unwrap();
    let right = Right::TESTED.into_iter().chain([Right::All]);
    let right = right.into_iter().find(|right| right.name() == question["username"]);
    let answer = match right.filter(|_| question["password"] == "secret") {
        None => json!({ "result": "deny" }),
        Some(right) => {
            let rule = |(permission, action, topic): (&str, &str, &str)| json!({ "permission": permission, "action": action, "topic": topic });
            let rules: Vec<Value> = rules(right).iter().copied().map(rule).collect();
            json!({ "result": "allow", "acl": rules })
        }
    };
    let answer = answer.to_string();
    write!(
        reader.get_mut(),
        "HTTP/1.1 200 OK\r\nContent-Type: application/json\r\nConnection: close\r\n\
         Content-Length: {}\r\n\r\n{answer}",
        answer.len()
    )
    .unwrap();
}
