//! The page of the configuration's language, from the definitions of its options.

use ferrymq_server::configuration::{Group, OptionDefinition, Persona, Reload, State, options};
use roff::{Inline, Roff, bold, italic, roman};

use super::page::{Page, begin, see_also};
use crate::serve::flags::title;

/// `ferrymq.conf(5)`.
pub(super) fn page() -> Page {
    let mut roff = begin("ferrymq.conf", 5, "the configuration of the broker");
    roff.control("SH", ["DESCRIPTION"]);
    for (place, paragraph) in DESCRIPTION.iter().enumerate() {
        if place > 0 {
            roff.control("PP", []);
        }
        roff.text([roman(*paragraph)]);
    }
    let mut group = None;
    for option in options() {
        if group != Some(option.group()) {
            group = Some(option.group());
            roff.control("SH", [title(option.group()).to_uppercase().as_str()]);
            if let Some(words) = introduction(option.group()) {
                roff.text([roman(words)]);
            }
        }
        describe(&mut roff, option);
    }
    roff.control("SH", ["FILES"]);
    roff.control("TP", []);
    roff.text([italic("/etc/ferrymq/ferrymq.conf")]);
    roff.text([roman("What the broker reads that is started as a service.")]);
    see_also(
        &mut roff,
        &["ferrymq-serve(1)", "ferrymq-config(1)", "mosquitto(8)"].map(String::from),
    );
    Page::new("ferrymq.conf", 5, &roff)
}

fn describe(roff: &mut Roff, option: &OptionDefinition) {
    roff.control("TP", []);
    let mut line: Vec<Inline> = vec![bold(option.name())];
    let syntax = option.kind().syntax();
    if !syntax.is_empty() {
        line.extend([roman(" "), italic(syntax)]);
    }
    roff.text(line);
    roff.text([roman(option.about())]);
    for words in [defaults(option), names(option), state(option)].into_iter().flatten() {
        roff.control("IP", []);
        roff.text([roman(words)]);
    }
}

fn defaults(option: &OptionDefinition) -> Option<String> {
    let [ours, mosquitto] = [Persona::Ferrymq, Persona::Mosquitto].map(|persona| {
        let texts = option.default_of(persona);
        if texts.is_empty() { "nothing".to_owned() } else { texts.join(", ") }
    });
    match ours == mosquitto {
        true if ours == "nothing" => None,
        true => Some(format!("Default: {ours}.")),
        false => Some(format!("Default: {ours}; invoked as mosquitto: {mosquitto}.")),
    }
}

fn names(option: &OptionDefinition) -> Option<String> {
    let aliases = option.aliases();
    let also = (!aliases.is_empty()).then(|| format!("Also written as {}.", aliases.join(", ")));
    let advice = option.advice().map(|advice| format!("Out of date: {advice}."));
    let ours = option.is_ours().then(|| "Mosquitto does not know this option.".to_owned());
    let words: Vec<String> = [also, advice, ours].into_iter().flatten().collect();
    (!words.is_empty()).then(|| words.join(" "))
}

fn state(option: &OptionDefinition) -> Option<String> {
    match option.state() {
        State::Works => match option.reload() {
            Reload::Live => None,
            Reload::Restart => Some("A change holds when the broker is started again.".to_owned()),
        },
        State::Accepted(why) => Some(format!("This line changes nothing: {why}.")),
        State::Later("") => Some("This line does nothing yet.".to_owned()),
        State::Later(why) => Some(format!("This line does nothing yet: {why}.")),
        State::NotWithout(why) | State::Refused(why) => {
            Some(format!("The broker does not start with this line: {why}."))
        }
    }
}

const fn introduction(group: Group) -> Option<&'static str> {
    match group {
        Group::Listeners => Some("These lines hold for the listener before them."),
        Group::Tls => Some("These lines, too, hold for the listener before them."),
        Group::Bounds => Some("Mosquitto has no word for these."),
        Group::Bridges => Some("These lines hold for the connection before them."),
        Group::General
        | Group::Security
        | Group::Users
        | Group::Limits
        | Group::Storage
        | Group::Logging => None,
    }
}

const DESCRIPTION: &[&str] = &[
    "The file has the language of mosquitto.conf: each line is a name, one space and a value. A line \
     whose first character is # is a comment; a # further on is not. Spaces may stand before the \
     name. true may be written as 1, and false as 0. Numbers are decimal, hexadecimal after 0x, and \
     octal after 0; sizes in bytes may end in K, M or G.",
    "Each option that means something alone is also a flag of ferrymq serve and a variable of the \
     environment: max_packet_size 64K in the file is --max-packet-size 64K on the command line and \
     FERRYMQ_MAX_PACKET_SIZE=64K in the environment. A flag counts more than the environment, that \
     more than the file, and the file more than the default.",
    "ferrymq config check says what is wrong in a file, ferrymq config explain what an option does \
     and who has set it, and ferrymq config diff what would change. SIGHUP makes the broker read \
     its file again: what is said below holds at once unless it says otherwise, and a file with a \
     mistake changes nothing.",
];
