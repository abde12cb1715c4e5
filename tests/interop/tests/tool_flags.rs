//! Flags of `pub` and `sub` that Debian's tools do not have, or that need something between them
//! and the broker: SOCKS5, `-A`, `--ws`, `--watch`, `--message-rate`, `--random-filter`.

use std::net::{IpAddr, Ipv4Addr};

use ferrymq_interop::{Broker, Certificates, PATIENCE, Peer, Program, Proxy, SocksRequest, Tools};

#[test]
fn tools_go_through_a_socks_proxy_which_resolves_the_name() {
    let (broker, proxy, tools) = (Broker::start(), Proxy::socks(None), Tools::new());
    let url = format!("socks5h://127.0.0.1:{}", proxy.port());
    let broker_port = broker.port().to_string();
    let way = ["--proxy", &url, "-h", "localhost", "-p", &broker_port];
    // Debian's tools are built without it.
    publish_and_print(&tools, &way);
    let asked = proxy.requests();
    assert_eq!(asked.len(), 2, "{asked:?}");
    for SocksRequest { host, port, .. } in asked {
        assert_eq!((host.as_str(), port), ("localhost", broker.port()));
    }
}

#[test]
fn socks_proxy_lets_in_who_has_its_password() {
    let (broker, tools) = (Broker::start(), Tools::new());
    let proxy = Proxy::socks(Some(("ferry", "pass word")));
    let broker_port = broker.port().to_string();
    let port = proxy.port();
    let url = format!("socks5h://ferry:pass%20word@127.0.0.1:{port}");
    publish_and_print(&tools, &["--proxy", &url, "-h", "127.0.0.1", "-p", &broker_port]);
    for account in ["ferry:wrong@", ""] {
        let url = format!("socks5h://{account}127.0.0.1:{port}");
        let words = ["--proxy", &url, "-p", &broker_port, "-t", "t", "-m", "x"];
        let refused = tools.run(Peer::FerryMq, "pub", &words, b"");
        assert!(!refused.status.success(), "{refused:?}");
        assert!(!refused.stderr.is_empty());
        let said = String::from_utf8_lossy(&refused.stderr).into_owned();
        assert!(!said.contains("wrong"), "a password is told: {said}");
    }
}

#[test]
fn tools_connect_from_the_address_of_their_choice() {
    let (broker, proxy, tools) = (Broker::start(), Proxy::socks(None), Tools::new());
    let url = format!("socks5h://127.0.0.1:{}", proxy.port());
    let broker_port = broker.port().to_string();
    let way = ["-A", "127.0.0.9", "--proxy", &url, "-h", "127.0.0.1", "-p", &broker_port];
    publish_and_print(&tools, &way);
    // The proxy sees from where they come.
    for SocksRequest { from, .. } in proxy.requests() {
        assert_eq!(from.ip(), IpAddr::V4(Ipv4Addr::new(127, 0, 0, 9)));
    }
}

#[test]
fn urls_name_websocket_and_secure_websocket() {
    let certificates = Certificates::new();
    let secure = format!("protocol websockets\n{}", certificates.directives());
    let (_broker, [plain, tls]) =
        Broker::start_of(Peer::FerryMq, ["protocol websockets\n", &secure]);
    let authority = certificates.trust().authority.expect("a client believes it");
    let authority = authority.to_str().expect("it is UTF-8");
    let tools = Tools::new();
    let urls = [format!("ws://localhost:{plain}/t/1"), format!("wss://localhost:{tls}/t/2")];
    let ways = [vec!["-L", &urls[0]], vec!["-L", &urls[1], "--cafile", authority]];
    for (way, letter) in ways.iter().zip([b'1', b'2']) {
        let payload = vec![letter; MEGABYTE];
        let words = [&way[..], &["-q", "1", "-r", "-s"]].concat();
        let sent = tools.run(Peer::FerryMq, "pub", &words, &payload);
        assert!(sent.status.success(), "{sent:?}");
        let words = [&way[..], &["-C", "1", "-N", "-W", "20"]].concat();
        let printed = tools.run(Peer::FerryMq, "sub", &words, b"");
        assert!(printed.status.success(), "{way:?}: {}", printed.status);
        assert!(printed.stdout == payload, "{way:?}: another payload came");
    }
}

/// Each topic has a line of the screen, which its next message overwrites.
#[test]
fn watch_shows_each_topic_on_its_line() {
    let (broker, tools) = (Broker::start(), Tools::new());
    for flag in ["-w", "--watch"] {
        let mut watcher = subscriber(&tools, &broker, &[flag, "-v", "-C", "3", "-t", "w/#"]);
        for (topic, text) in [("w/a", "one"), ("w/b", "two"), ("w/a", "three")] {
            publish(&tools, &broker, &["-t", topic, "-m", text]);
        }
        let [one, two, three] = ["w/a one", "w/b two", "w/a three"].map(|message| {
            let line = watcher.line_where(PATIENCE, |line| line.ends_with(message));
            // The last thing before the message is where it stands.
            let place = line.strip_suffix(message).expect("it ends so");
            place.rsplit_once(";1H").expect("the cursor is placed").0.to_owned()
        });
        assert_eq!(one, three);
        assert_ne!(one, two);
        assert!(watcher.finish(PATIENCE).0.success());
    }
}

/// The messages are counted, each second anew, and not printed; a second in which none came has a
/// line, too. The words are those of `mosquitto_sub` 2.1.
#[test]
fn message_rate_counts_what_has_come() {
    let (broker, tools) = (Broker::start(), Tools::new());
    let mut counter = subscriber(&tools, &broker, &["--message-rate", "-t", "count"]);
    publish(&tools, &broker, &["-t", "count", "-m", "x", "--repeat", "10"]);
    let number = |line: &str| line.strip_suffix(" msgs/s")?.parse::<u32>().ok();
    let mut counted = 0;
    let mut next = || counter.line_where(PATIENCE, |line| number(line).is_some());
    while counted < 10 {
        counted += number(&next()).expect("it was chosen for that");
    }
    assert_eq!(counted, 10);
    assert_eq!(next(), "0 msgs/s");
}

#[test]
fn random_filter_prints_some_and_counts_all() {
    let (broker, tools) = (Broker::start(), Tools::new());
    for (percent, can_be) in [("100", 200..=200), ("50", 1..=199)] {
        let words = ["--random-filter", percent, "-C", "200", "-q", "1", "-t", "chance"];
        let receiver = subscriber(&tools, &broker, &words);
        let many = ["-t", "chance", "-q", "1", "-m", "by chance", "--repeat", "200"];
        publish(&tools, &broker, &many);
        let (status, said) = receiver.finish(PATIENCE);
        assert!(status.success(), "{said:?}");
        let printed = said.iter().filter(|(_, line)| line == "by chance").count();
        assert!(can_be.contains(&printed), "{percent} percent of 200 are {printed}");
    }
}

/// One message there and back, both by this way.
fn publish_and_print(tools: &Tools, way: &[&str]) {
    let words = [way, &["-t", "there", "-q", "1", "-r", "-m", "and back"]].concat();
    let sent = tools.run(Peer::FerryMq, "pub", &words, b"");
    assert!(sent.status.success(), "{sent:?}");
    let words = [way, &["-t", "there", "-C", "1", "-W", "20"]].concat();
    let printed = tools.run(Peer::FerryMq, "sub", &words, b"");
    assert_eq!(printed.stdout, b"and back\n", "{printed:?}");
}

/// A subscriber of ours, when the broker has acknowledged its subscription.
fn subscriber(tools: &Tools, broker: &Broker, more: &[&str]) -> Program {
    let mut command = tools.command(Peer::FerryMq, "sub");
    command.args(["-d", "-p", &broker.port().to_string()]).args(more);
    let mut subscriber = Program::start(&mut command);
    subscriber.line_where(PATIENCE, |line| line.starts_with("Subscribed"));
    subscriber
}

fn publish(tools: &Tools, broker: &Broker, more: &[&str]) {
    let port = broker.port().to_string();
    let sent = tools.run(Peer::FerryMq, "pub", &[&["-p", &port], more].concat(), b"");
    assert!(sent.status.success(), "{sent:?}");
}

const MEGABYTE: usize = 1 << 20;
