//! Files, the environment and flags together.

use std::fs;
use std::path::Path;

use tempfile::TempDir;

use super::super::{Endpoint, Origin, Persona, Sources, option, options, read, reference};

fn directory(files: &[(&str, &str)]) -> TempDir {
    let directory = tempfile::tempdir().unwrap();
    for (name, text) in files {
        let path = directory.path().join(name);
        fs::create_dir_all(path.parent().unwrap()).unwrap();
        fs::write(path, text.replace("DIR", directory.path().to_str().unwrap())).unwrap();
    }
    directory
}

fn sources(directory: &TempDir) -> Sources {
    Sources {
        persona: Persona::Mosquitto,
        file: Some(directory.path().join("main.conf")),
        ..Sources::default()
    }
}

fn texts(pairs: &[(&str, &str)]) -> Vec<(String, String)> {
    pairs.iter().map(|(name, value)| ((*name).to_owned(), (*value).to_owned())).collect()
}

/// The last one who said something of this option of the broker.
fn origin(directory: &TempDir, name: &str) -> String {
    let held = read(&sources(directory)).unwrap().held(option(name).unwrap());
    let root = format!("{}/", directory.path().display());
    held[0].origins.last().map(Origin::to_string).unwrap_or_default().replace(&root, "")
}

#[test]
fn files_of_a_directory_are_read_in_the_order_of_the_alphabet() {
    let directory = directory(&[
        ("main.conf", "sys_interval 1\ninclude_dir DIR/d\nmax_keepalive 1\n"),
        ("d/b.conf", "sys_interval 2\n"),
        ("d/A.conf", "sys_interval 3\nmax_queued_messages 3\nmax_keepalive 3\n"),
        ("d/a.conf", "sys_interval 4\nmax_queued_messages 4\n"),
        ("d/0.conf", "max_queued_messages 5\n"),
        ("d/z.txt", "nonsense\n"),
        ("d/.conf", "nonsense\n"),
    ]);
    assert_eq!(origin(&directory, "sys_interval"), "d/b.conf:1");
    assert_eq!(origin(&directory, "max_queued_messages"), "d/a.conf:2");
    assert_eq!(origin(&directory, "max_keepalive"), "main.conf:3");
}

#[test]
fn lines_about_a_listener_do_not_reach_into_other_files() {
    let directory = directory(&[
        ("main.conf", "listener 1883\ninclude_dir DIR/d\nmount_point m/\n"),
        ("d/a.conf", "mount_point a/\n"),
    ]);
    let rejected = read(&sources(&directory)).unwrap_err().to_string();
    let expected = "d/a.conf:1: mount_point: write the line of its listener before it";
    assert!(rejected.ends_with(expected) && rejected.lines().count() == 1, "{rejected}");
}

#[test]
fn files_that_are_included_include_none() {
    let directory = directory(&[
        ("main.conf", "include_dir DIR/d\ninclude_dir DIR/missing\n"),
        ("d/a.conf", "include_dir DIR/d\nnonsense\n"),
    ]);
    let rejected = read(&sources(&directory)).unwrap_err();
    let places: Vec<String> = rejected
        .mistakes()
        .map(|mistake| mistake.origin.to_string().replace(directory.path().to_str().unwrap(), ""))
        .collect();
    assert_eq!(places, ["/d/a.conf:1", "/d/a.conf:2", "/main.conf:2"], "{rejected}");
}

#[test]
fn file_that_cannot_be_read_is_named() {
    for file in ["/nowhere/ferrymq.conf", "/"] {
        let sources = Sources { file: Some(Path::new(file).to_owned()), ..Sources::default() };
        let rejected = read(&sources).unwrap_err().to_string();
        assert!(rejected.starts_with(&format!("{file}: it cannot be read: ")), "{rejected}");
    }
}

#[test]
fn flag_counts_more_than_environment_and_that_more_than_file_and_default() {
    let file = "max_keepalive 1\nmax_queued_messages 1\nsys_interval 1\nlog_type debug\n\
                log_type error\nlistener 1884\nmax_connections 1\n";
    let directory = directory(&[("main.conf", file)]);
    let mut sources = sources(&directory);
    sources.environment = texts(&[
        ("FERRYMQ_MAX_KEEPALIVE", "2"),
        ("FERRYMQ_MAX_QUEUED_MESSAGES", "2"),
        ("FERRYMQ_LOG_TYPE", "notice"),
        ("FERRYMQ_MAX_CONNECTIONS", "2"),
        ("FERRYMQ_PORT", "tcp://10.0.0.1:1883"),
        ("FERRYMQ_SOMETHING_ELSE", "2"),
    ]);
    sources.flags = texts(&[("max_keepalive", "3"), ("max_qos", "1")]);
    let configuration = read(&sources).unwrap();
    let expected = [
        ("max_keepalive", "3", "--max-keepalive"),
        ("max_queued_messages", "2", "FERRYMQ_MAX_QUEUED_MESSAGES"),
        ("sys_interval", "1", "main.conf:3"),
        ("log_type", "notice", "FERRYMQ_LOG_TYPE"),
        ("max_connections", "2", "FERRYMQ_MAX_CONNECTIONS"),
        ("max_qos", "1", "--max-qos"),
        ("max_packet_size", "2000000", ""),
    ];
    for (name, text, said_by) in expected {
        let held = configuration.held(option(name).unwrap());
        let [held] = held.as_slice() else { panic!("{name}: {held:?}") };
        assert_eq!(held.texts, [text], "{name}");
        let origins: Vec<String> = held.origins.iter().map(Origin::to_string).collect();
        assert!(origins.iter().all(|origin| origin.ends_with(said_by)), "{name}: {origins:?}");
        assert_eq!(origins.is_empty(), said_by.is_empty(), "{name}: {origins:?}");
    }
}

#[test]
fn mistake_of_a_flag_or_a_variable_names_it() {
    let sources = Sources {
        environment: texts(&[("FERRYMQ_SHARDS", "0")]),
        flags: texts(&[("max_qos", "3")]),
        ..Sources::default()
    };
    let expected = "FERRYMQ_SHARDS: shards: 0 is out of range; it takes threads from 1 to 1024\n\
                    --max-qos: max_qos: 3 is out of range; it takes quality of service from 0 to 2";
    assert_eq!(read(&sources).unwrap_err().to_string(), expected);
}

#[test]
fn command_line_says_where_to_listen_whatever_the_file_says() {
    let directory = directory(&[("main.conf", "listener 1884\ncertfile a\nkeyfile b\n")]);
    let mut sources = sources(&directory);
    sources.endpoints = vec![Endpoint::Loopback { port: 7 }];
    sources.local_ports = vec![8];
    let configuration = read(&sources).unwrap();
    assert!(configuration.is_local);
    assert_eq!(configuration.listeners[0].endpoint, Endpoint::Loopback { port: 7 });
    assert_eq!(configuration.listeners[0].tls.certfile, None);
    sources.endpoints.clear();
    assert!(!read(&sources).unwrap().is_local);
    sources.file = None;
    let configuration = read(&sources).unwrap();
    assert_eq!(configuration.listeners[0].endpoint, Endpoint::Loopback { port: 8 });
}

#[test]
fn reference_page_is_what_the_definitions_say() {
    let page = include_str!("../../../../../docs/src/configuration.md");
    let written = reference();
    for (number, (found, expected)) in page.lines().zip(written.lines()).enumerate() {
        assert_eq!(found, expected, "line {}; run cargo xtask configuration-reference", number + 1);
    }
    assert_eq!(page.len(), written.len(), "run cargo xtask configuration-reference");
    assert!(options().all(|option| page.contains(&format!("`{}`", option.name()))));
}
