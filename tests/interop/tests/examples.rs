//! The commands and programs that introductions to MQTT print, as they print them:
//! with Debian's clients, with `ferrymq pub` and `ferrymq sub`, and with MQTT.js.
//!
//! They name `localhost` and no port, and so they run one after the other, on port
//! 1883. Where that is taken, the port is added to what is printed.
//!
//! A subscriber that prints nothing until it hears something cannot tell when it
//! has subscribed. So its first message is published until it is heard.

use std::net::TcpListener;
use std::path::Path;
use std::process::Command;
use std::sync::{Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant};
use std::{env, fs};

use ferrymq_interop::{Broker, PATIENCE, Program, Source, ferrymq, free_port, nodejs_modules};

#[test]
fn mosquitto_commands() {
    commands("mosquitto_pub", "mosquitto_sub");
}

#[test]
fn ferrymq_commands() {
    commands("ferrymq pub", "ferrymq sub");
}

#[test]
fn each_others_commands() {
    commands("mosquitto_pub", "ferrymq sub");
    commands("ferrymq pub", "mosquitto_sub");
}

#[test]
fn mqttjs_publisher_and_subscriber() {
    let printed = Printed::new();
    let mut subscriber = printed.script("subscriber.js");
    assert_eq!(subscriber.next_stdout(PATIENCE), "브로커에 연결되었습니다!");
    assert_eq!(subscriber.next_stdout(PATIENCE), "온도 주제를 구독했습니다.");
    let publish = || {
        let (status, said) = printed.script("publisher.js").finish(PATIENCE);
        assert!(status.success(), "{said:?}");
        let said: Vec<&str> = said.iter().map(|(_, line)| line.as_str()).collect();
        assert_eq!(said, ["브로커에 연결되었습니다!", "온도 데이터를 발행했습니다."]);
    };
    let first = until_heard(&mut subscriber, publish);
    assert_eq!(first, "주제: home/temperature");
    assert_eq!(subscriber.next_stdout(PATIENCE), "메시지: 25.5°C");

    // Too hot: with a client of another project.
    printed.succeed(r#"mosquitto_pub -h localhost -t "home/temperature" -m "30.5""#);
    subscriber.line_where(PATIENCE, |line| line == "메시지: 30.5");
    assert_eq!(subscriber.next_stdout(PATIENCE), "⚠️ 온도가 너무 높습니다!");
}

/// Overlapping subscriptions of one client may bring a message once or twice.
#[test]
fn mqttjs_wildcards() {
    let printed = Printed::new();
    let mut subscriber = printed.script("wildcards.js");
    until_heard(&mut subscriber, || {
        printed.succeed(r#"mosquitto_pub -h localhost -t "home/ready" -m "?""#);
    });
    for topic in ["home", "home/temperature", "home/livingroom/temperature", "home/a/b/c"] {
        printed.succeed(&format!(r#"mosquitto_pub -h localhost -t "{topic}" -m "25.5""#));
        let line = subscriber.line_where(PATIENCE, |line| line.starts_with(&format!("{topic}: ")));
        assert_eq!(line, format!("{topic}: 25.5"));
    }
}

#[test]
fn mqttjs_quality_of_service() {
    let printed = Printed::new();
    let mut program = printed.script("quality.js");
    assert_eq!(program.next_stdout(PATIENCE), "home/temperature: 25.5°C (QoS 1)");
}

#[test]
fn mqttjs_news() {
    let printed = Printed::new();
    let mut program = printed.script("news.js");
    assert_eq!(program.next_stdout(PATIENCE), "새로운 뉴스: 새로운 AI 기술 발표");
}

#[test]
fn mqttjs_smart_home() {
    let printed = Printed::new();
    let mut program = printed.script("smart_home.js");
    let line = program.next_stdout(PATIENCE);
    let degrees: f64 = line.strip_prefix("온도: ").unwrap().parse().unwrap();
    assert!((20.0..30.0).contains(&degrees), "{line}");
}

#[test]
fn mqttjs_chat() {
    let printed = Printed::new();
    let mut program = printed.script("chat.js");
    assert_eq!(program.next_stdout(PATIENCE), "사용자명: 안녕하세요!");
}

#[test]
fn mqttjs_sensor_network() {
    let printed = Printed::new();
    let mut collector = printed.script("sensors.js");
    for (sensor, value) in
        [("light", "340"), ("temperature", "21.5"), ("humidity", "60%"), ("pressure", "1013")]
    {
        let publish =
            format!(r#"mosquitto_pub -h localhost -q 1 -t "sensor/{sensor}" -m "{value}""#);
        until_heard(&mut collector, || printed.succeed(&publish));
        collector.line_where(PATIENCE, |line| line == format!("{sensor} = {value}"));
    }
}

/// What both tool sets are shown doing, with every mix of the two.
fn commands(publisher: &str, subscriber: &str) {
    let printed = Printed::new();
    let publish = |rest: &str| printed.succeed(&format!("{publisher} -h localhost {rest}"));
    let subscribe = |rest: &str| printed.shell(&format!("{subscriber} -h localhost {rest}"));

    let mut one = subscribe(r#"-t "home/temperature""#);
    let heard = until_heard(&mut one, || publish(r#"-t "home/temperature" -m "25.5""#));
    assert_eq!(heard, "25.5");
    publish(r#"-t "home/humidity" -m "60%""#);
    publish(r#"-t "home/temperature" -m "25.5°C""#);
    one.line_where(PATIENCE, |line| line == "25.5°C");

    // One level, and only one.
    let mut rooms = subscribe(r#"-t "home/+/temperature""#);
    until_heard(&mut rooms, || publish(r#"-t "home/hall/temperature" -m "ready""#));
    publish(r#"-t "home/temperature" -m "too few levels""#);
    publish(r#"-t "home/kitchen/oven/temperature" -m "too many levels""#);
    publish(r#"-t "home/livingroom/temperature" -m "21""#);
    assert_eq!(after(&mut rooms, "ready"), "21");

    // All levels below, and the one above them.
    let mut all = subscribe(r#"-v -t "home/#""#);
    until_heard(&mut all, || publish(r#"-t "home/ready" -m "?""#));
    publish(r#"-t "house" -m "elsewhere""#);
    publish(r#"-t "home" -m "here""#);
    publish(r#"-t "home/kitchen/humidity" -m "60%""#);
    assert_eq!(after(&mut all, "home/ready ?"), "home here");
    assert_eq!(all.next_stdout(PATIENCE), "home/kitchen/humidity 60%");

    for qos in 0..=2 {
        let mut assured = subscribe(&format!(r#"-q {qos} -t "food/breakfast""#));
        let egg = || publish(&format!(r#"-q {qos} -t "food/breakfast" -m "계란""#));
        assert_eq!(until_heard(&mut assured, egg), "계란");
    }

    // Retained: whoever comes later hears the last one, and `-C 1` ends with it.
    publish(r#"-r -t "B/다리/온도" -m "31°C""#);
    let (status, said) = subscribe(r#"-v -C 1 -t "B/다리/#""#).finish(PATIENCE);
    assert!(status.success(), "{said:?}");
    assert_eq!(said, [(Source::Stdout, "B/다리/온도 31°C".to_owned())]);
}

/// The first line of `subscriber`, for which `publish` is repeated.
fn until_heard(subscriber: &mut Program, publish: impl Fn()) -> String {
    let deadline = Instant::now() + PATIENCE;
    while Instant::now() < deadline {
        publish();
        if let Some(line) = subscriber.stdout_within(Duration::from_millis(300)) {
            return line;
        }
    }
    panic!("nothing was heard of what was published");
}

/// The next line that differs from what may have been published repeatedly.
fn after(subscriber: &mut Program, repeated: &str) -> String {
    loop {
        let line = subscriber.next_stdout(PATIENCE);
        if line != repeated {
            return line;
        }
    }
}

/// A broker where printed examples look for it.
struct Printed {
    port: u16,
    _broker: Broker,
    /// There is only one port 1883.
    _alone: MutexGuard<'static, ()>,
}

impl Printed {
    fn new() -> Self {
        static ALONE: Mutex<()> = Mutex::new(());
        // The port is free again also after a test that failed.
        let alone = ALONE.lock().unwrap_or_else(PoisonError::into_inner);
        let usual_is_free = TcpListener::bind(("127.0.0.1", USUAL_PORT)).is_ok();
        let port = if usual_is_free { USUAL_PORT } else { free_port() };
        Self { port, _broker: Broker::start_on(port), _alone: alone }
    }

    /// Starts a printed command line.
    fn shell(&self, line: &str) -> Program {
        let line = match self.port {
            USUAL_PORT => line.to_owned(),
            port => line.replace("-h localhost", &format!("-h localhost -p {port}")),
        };
        let mut command = Command::new("sh");
        // `exec`, so that the program ends with its handle.
        command.args(["-c", &format!("exec {line}")]);
        if line.starts_with("ferrymq") {
            let binary = ferrymq();
            let place = binary.parent().expect("a binary lies in a directory");
            let path = env::var("PATH").expect("there is a PATH");
            command.env("PATH", format!("{}:{path}", place.display()));
        }
        Program::start(&mut command)
    }

    /// Runs a printed command line to its end.
    fn succeed(&self, line: &str) {
        let (status, said) = self.shell(line).finish(PATIENCE);
        assert!(status.success(), "{line}: {status}, {said:?}");
    }

    /// Starts a printed program.
    fn script(&self, name: &str) -> Program {
        let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("examples").join(name);
        let text = fs::read_to_string(&path).expect("the example is in the tree");
        let text = match self.port {
            USUAL_PORT => text,
            port => text.replace("mqtt://localhost", &format!("mqtt://localhost:{port}")),
        };
        let mut command = Command::new("node");
        command.env("NODE_PATH", nodejs_modules()).args(["-e", &text]);
        Program::start(&mut command)
    }
}

/// The default port of everything that speaks MQTT.
const USUAL_PORT: u16 = 1883;
