//! Every option takes what it should and refuses what it should not.

use super::super::option::{Beginning, Place, Section};
use super::super::{Group, Kind, OptionDefinition, Persona, State, options, parse};

/// What options with a form of their own take and refuse.
const FORMS: &[(&str, &[&str], &[&str])] = &[
    (
        "listener",
        &["1884", "1884 127.0.0.1", "1884 ::1", "1884 example.org", "0 /run/a", "1884 # x", "0x7"],
        &["65536", "-1", "a", "0", "0 # x", "1884x"],
    ),
    ("accept_protocol_versions", &["3", "3,4", "5, 4 , 3", "4 5", "4 # x"], &["2", "3.1", "3;4"]),
    (
        "log_dest",
        &["none", "stdout", "stdout unbuffered", "stderr", "syslog", "topic", "file /a b"],
        &["file", "dlt", "android", "Stdout"],
    ),
    (
        "persistent_client_expiration",
        &["1s", "2h", "3d", "4w", "5m", "6y", "1d # x"],
        &["0d", "1", "d", "-1d", "1.5d", "1D", "99999999999999999999y"],
    ),
    ("topic_durability", &["a/#=none", "a=b=power"], &["a", "a=sometimes", "=power", "a/#/b=none"]),
    (
        "sleepers",
        &["client=a*,expiry=7d", "user=u,resume", "client=*,bytes=64M,messages=5,expiry=never"],
        &["client=a", "expiry=7d", "client=a,expiry=7", "client=a,expiry=1d,expiry=1d"],
    ),
    ("restart_timeout", &["5", "5 30", "5 30 60"], &[]),
    ("bridge_tcp_keepalive", &["60 5 3"], &[]),
    ("topic", &["#", "# out 2 l/ r/", "\"\" in 0 a b"], &[]),
];

fn right_and_wrong(option: &OptionDefinition) -> (Vec<String>, Vec<String>) {
    let texts = |texts: &[&str]| texts.iter().map(|text| (*text).to_owned()).collect();
    match option.kind() {
        Kind::Switch => (
            texts(&["true", "false", "1", "0", "true  x", "false # x"]),
            texts(&["yes", "True", "2"]),
        ),
        Kind::Whole(whole) => {
            let mut wrong: Vec<String> = texts(&["a", "1.5", "1x", "=5", "99999999999999999999"]);
            if whole.most < i64::MAX {
                wrong.push((whole.most + 1).to_string());
            }
            let below = (whole.least - 1).to_string();
            let mut right = vec![whole.least.to_string(), whole.most.to_string()];
            if whole.is_raised {
                right.push(below);
            } else {
                wrong.push(below);
            }
            (right, wrong)
        }
        Kind::Word(words) => (texts(words), texts(&["nonsense", "\"", "TRUE"])),
        Kind::Text(most) => (vec!["a".to_owned(), "a b".to_owned()], vec!["a".repeat(most + 1)]),
        Kind::Path => (texts(&["/a b", "a"]), Vec::new()),
        Kind::Anything => (texts(&["a b", ""]), Vec::new()),
        Kind::Form(_) => {
            let row = FORMS.iter().find(|(name, ..)| *name == option.name());
            let (_, right, wrong) = row.unwrap_or_else(|| panic!("{option:?} has no row"));
            (texts(right), texts(wrong))
        }
    }
}

/// The lines that must stand before it.
fn before(option: &OptionDefinition) -> &'static str {
    match option.place {
        Place::Listener(..) if option.group() == Group::Tls => {
            "listener 1883\ncertfile c\nkeyfile k\ncafile a\n"
        }
        Place::Listener(..) => "listener 1883\n",
        Place::Noted(Section::Bridge) => "connection b\n",
        _ => "",
    }
}

#[test]
fn every_option_takes_and_refuses_what_it_should() {
    for option in options() {
        let name = option.name().replace('*', "key");
        // A directory and a plugin must be there as well; they have tests of their own.
        let is_of_plugins = matches!(
            option.place,
            Place::Noted(Section::Plugin) | Place::Begins(Beginning::Plugin(_))
        );
        if is_of_plugins || ["include_dir", "plugin_use"].contains(&&*name) {
            continue;
        }
        let starts = !matches!(option.state(), State::NotWithout(_) | State::Refused(_));
        let (right, mut wrong) = right_and_wrong(option);
        if option.kind() != Kind::Anything {
            wrong.push(String::new());
        }
        for name in [name.as_str()].into_iter().chain(option.aliases().iter().copied()) {
            let read = |value: &str| {
                let text = format!("{}{name} {value}\n", before(option));
                parse(Persona::Mosquitto, text.as_bytes()).map_err(|rejected| rejected.to_string())
            };
            for value in &right {
                let found = read(value);
                assert_eq!(found.is_ok(), starts, "{name} {value}: {found:?}");
            }
            for value in &wrong {
                let found = read(value).map(|_| ()).expect_err(&format!("{name} {value}"));
                assert!(found.contains(name), "{name} {value}: {found}");
            }
        }
    }
}

#[test]
fn every_option_says_what_it_does_and_has_one_name() {
    let mut names = std::collections::HashSet::new();
    for option in options() {
        assert!(option.about().ends_with('.'), "{option:?}: {:?}", option.about());
        for name in [option.name()].iter().chain(option.aliases()) {
            assert!(names.insert(*name), "{name} is there twice");
        }
    }
}

#[test]
fn defaults_can_be_read() {
    for persona in [Persona::Ferrymq, Persona::Mosquitto] {
        for option in options().filter(|option| option.state() == State::Works) {
            for text in option.default_of(persona) {
                let line = format!("{}{} {text}\n", before(option), option.name());
                let found = parse(persona, line.as_bytes()).map(|_| ());
                assert_eq!(found.map_err(|rejected| rejected.to_string()), Ok(()), "{line}");
            }
        }
    }
}
