//! What is printed is read back, and nothing that can be read breaks anything.

use proptest::prelude::*;
use proptest::sample::select;

use super::super::option::{Place, Section};
use super::super::{Configuration, Kind, OptionDefinition, Persona, State, options, parse};

/// Lines of options of one section that mean something together.
fn line(section: Part) -> impl Strategy<Value = String> {
    let known: Vec<&'static OptionDefinition> =
        options().filter(|option| Part::of(option) == Some(section)).collect();
    (select(known), any::<u32>(), "[a-z/]{1,8}( [a-z]{1,3})?").prop_map(|(option, number, word)| {
        format!("{} {}\n", option.name(), value(option, number, &word))
    })
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Part {
    Broker,
    Listener,
    Bridge,
}

impl Part {
    fn of(option: &OptionDefinition) -> Option<Self> {
        if matches!(option.state(), State::NotWithout(_) | State::Refused(_)) {
            return None;
        }
        match option.place {
            Place::Global(_) | Place::Security(_) | Place::Noted(Section::Global) => {
                Some(Self::Broker)
            }
            Place::Listener(..) | Place::Noted(Section::Listener) => Some(Self::Listener),
            Place::Noted(Section::Bridge) => Some(Self::Bridge),
            Place::Noted(Section::Plugin) | Place::Begins(_) => None,
        }
    }
}

fn value(option: &OptionDefinition, number: u32, word: &str) -> String {
    match option.kind() {
        Kind::Switch => number.is_multiple_of(2).to_string(),
        Kind::Whole(whole) => {
            let span = u64::try_from(whole.most - whole.least.max(0)).unwrap().saturating_add(1);
            (whole.least + i64::try_from(u64::from(number) % span).unwrap()).to_string()
        }
        Kind::Word(words) => words[number as usize % words.len()].to_owned(),
        Kind::Text(_) | Kind::Path | Kind::Anything => word.to_owned(),
        Kind::Form(_) => {
            let forms: &[&str] = match option.name() {
                "accept_protocol_versions" => &["3", "4,5", "3 5"],
                "log_dest" => &["none", "stdout", "topic", "syslog"],
                "persistent_client_expiration" => &["3d", "90s", "2y", "3600s"],
                "topic_durability" => &["a/#=none", "b=process"],
                "sleepers" => &["client=a*,expiry=90s", "user=u,resume,bytes=1K,expiry=never"],
                _ => &["a", "b c"],
            };
            forms[number as usize % forms.len()].to_owned()
        }
    }
}

fn file() -> impl Strategy<Value = String> {
    let lines = |part, most| prop::collection::vec(line(part), 0..most).prop_map(|it| it.concat());
    let listener =
        (any::<u16>(), lines(Part::Listener, 6), "[a-z]{1,5}").prop_map(|(port, lines, host)| {
            match port % 3 {
                0 => format!("listener 0 /run/{host}\n{lines}"),
                1 => format!("listener {} {host}\n{lines}", port.max(1)),
                _ => format!("listener {}\n{lines}", port.max(1)),
            }
        });
    let bridge = (lines(Part::Bridge, 6), "[a-z]{1,5}")
        .prop_map(|(lines, name)| format!("connection {name}\n{lines}"));
    (
        lines(Part::Broker, 20),
        prop::collection::vec(listener, 0..4),
        prop::collection::vec(bridge, 0..3),
    )
        .prop_map(|(broker, listeners, bridges)| {
            format!("{broker}{}{}", listeners.concat(), bridges.concat())
        })
}

fn personas() -> impl Strategy<Value = Persona> {
    prop_oneof![Just(Persona::Ferrymq), Just(Persona::Mosquitto)]
}

fn same(one: &Configuration, other: &Configuration) {
    let differences: Vec<String> = one.differences(other).iter().map(ToString::to_string).collect();
    assert_eq!(differences, Vec::<String>::new(), "{one}");
}

proptest! {
    #[test]
    fn what_is_printed_is_read_back(persona in personas(), text in file()) {
        // Lines may be given twice, or not go together.
        let Ok(read) = parse(persona, text.as_bytes()) else { return Ok(()) };
        let printed = read.to_string();
        let again = parse(persona, printed.as_bytes())
            .unwrap_or_else(|rejected| panic!("{text}\n---\n{printed}\n---\n{rejected}"));
        same(&read, &again);
        prop_assert_eq!(printed, again.to_string());
    }

    #[test]
    fn bytes_of_any_kind_are_a_configuration_or_mistakes(
        bytes in prop::collection::vec(any::<u8>(), 0..400),
    ) {
        let _ = parse(Persona::Mosquitto, &bytes);
    }

    #[test]
    fn lines_of_any_kind_are_a_configuration_or_mistakes(
        lines in prop::collection::vec(
            (select(options().map(OptionDefinition::name).collect::<Vec<_>>()), "[ -~\t]{0,20}"),
            0..30,
        ),
    ) {
        let lines: Vec<String> = lines.iter().map(|(name, rest)| format!("{name} {rest}")).collect();
        let text = lines.join("\n");
        if let Err(rejected) = parse(Persona::Ferrymq, text.as_bytes()) {
            prop_assert!(rejected.mistakes().count() > 0);
        }
    }
}
