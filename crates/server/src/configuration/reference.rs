//! The page that lists all options.

use std::fmt::Write as _;

use super::option::{Group, OptionDefinition, Reload, State};
use super::persona::Persona;
use super::table::options;

/// The reference page, in Markdown.
pub fn reference() -> String {
    let mut page = HEAD.to_owned();
    let mut group = None;
    for option in options() {
        if group != Some(option.group()) {
            group = Some(option.group());
            page.push_str(introduction(option.group()));
            page.push_str(TABLE);
        }
        // Writing into a text cannot fail.
        let _ = writeln!(page, "{}", row(option));
    }
    page
}

fn row(option: &OptionDefinition) -> String {
    let names: Vec<String> =
        [option.name()].iter().chain(option.aliases()).map(|name| format!("`{name}`")).collect();
    let syntax = match option.kind().syntax() {
        syntax if syntax.is_empty() => String::new(),
        syntax => cell(&syntax),
    };
    let [ours, mosquitto] = [Persona::Ferrymq, Persona::Mosquitto].map(|persona| {
        let texts = option.default_of(persona);
        if texts.is_empty() { "–".to_owned() } else { cell(&texts.join(", ")) }
    });
    let default = if ours == mosquitto { ours } else { format!("{ours}; {mosquitto}") };
    let state = match option.state() {
        State::Works => match option.reload() {
            Reload::Live => "works".to_owned(),
            Reload::Restart => "works, after a start".to_owned(),
        },
        State::Accepted(why) => format!("changes nothing: {why}"),
        State::Later("") => "later".to_owned(),
        State::Later(why) => format!("later: {why}"),
        State::NotWithout(why) | State::Refused(why) => format!("no start: {why}"),
    };
    let advice = option
        .advice()
        .map_or_else(String::new, |advice| format!(" Out of date: {}.", cell(advice)));
    let ours = if option.is_ours() { " *" } else { "" };
    format!(
        "| {}{ours} | {syntax} | {default} | {}{advice} | {} |",
        names.join(", "),
        cell(option.about()),
        cell(&state)
    )
}

/// What would end a cell or begin a mark is escaped.
fn cell(text: &str) -> String {
    text.replace('|', "\\|").replace('<', "&lt;").replace('*', "\\*").replace('_', "\\_")
}

fn introduction(group: Group) -> &'static str {
    match group {
        Group::General => "\n## The broker\n",
        Group::Listeners => "\n## Listeners\n\nThese lines hold for the `listener` before them.\n",
        Group::Tls => "\n## TLS\n\nThese lines, too, hold for the `listener` before them.\n",
        Group::Security => "\n## Who may do what\n",
        Group::Users => {
            "\n## Users that are known elsewhere\n\nThese sources are asked after `password_file`, in \
             this order. [Sources of users](sources.md) has examples.\n"
        }
        Group::Limits => "\n## Limits\n",
        Group::Storage => "\n## What survives\n",
        Group::Logging => "\n## The log\n",
        Group::Bounds => {
            "\n## Further limits\n\nMosquitto has no word for these. [Limits](limits.md) says what \
             happens beyond them.\n"
        }
        Group::Bridges => "\n## Bridges\n\nThese lines hold for the `connection` before them.\n",
    }
}

const TABLE: &str = "\n| option | takes | default | does | state |\n|---|---|---|---|---|\n";

const HEAD: &str = "\
# Configuration

This page is written by `cargo xtask configuration-reference` from the definitions of the options.

`ferrymq serve -c FILE` reads a file in the language of `mosquitto.conf`: each line is a name, one space
and a value. A line whose first character is `#` is a comment; a `#` further on is not. Spaces may stand
before the name. `true` may be written as `1`, and `false` as `0`. Numbers are decimal, hexadecimal after
`0x`, and octal after `0`; sizes in bytes may end in `K`, `M` or `G`.

Each option that means something alone is also a flag and a variable of the environment:
`max_packet_size 64K` in a file is `--max-packet-size 64K` on the command line and
`FERRYMQ_MAX_PACKET_SIZE=64K` in the environment. A flag counts more than the environment, that more
than the file, and the file more than the default. What a flag or the environment says of listeners
holds for all of them. `-p` and `--bind` take the place of the listeners in the file.

| command | says |
|---|---|
| `ferrymq config check FILE` | everything that is wrong in a file, with file and line; its exit status is 1 if the broker would not start |
| `ferrymq config explain NAME -c FILE` | what an option is, who said so, and what it does |
| `ferrymq config diff OLD NEW` | what would change, and what of it only with a new start |

SIGHUP reads the file again. If anything in it is wrong, the broker says so and goes on as it was.

In the tables, an option with a star is FerryMQ's own. Where there are two defaults, the second one is
that of a broker that is invoked as `mosquitto`. The state *works* means that a change holds when the
file is read again, unless it says *after a start*. *no start* means that the broker refuses a file
with this line, and why.
";
