//! The pages of the program, of its subcommands, and of the links that are a subcommand.

use clap::Command;
use clap_mangen::Man;
use roff::{Roff, roman};

use super::page::{MANUAL, Page, SOURCE, see_also};
use crate::mosquitto::TOOLS;

/// A page for each command that is not hidden, from the program down, and one for each link.
pub(super) fn pages(program: Command) -> Vec<Page> {
    let mut pages = Vec::new();
    for (link, subcommand) in TOOLS {
        let tool = program.find_subcommand(subcommand).expect("links are named after subcommands");
        let others = [format!("ferrymq-{subcommand}(1)"), "mosquitto(8)".to_owned()];
        pages.push(page(tool.clone().bin_name(*link).display_name(*link), &others));
    }
    below(
        program.bin_name("ferrymq").display_name("ferrymq"),
        &["ferrymq.conf(5)".to_owned()],
        &mut pages,
    );
    pages
}

/// The page of a command, and those of the commands below it.
fn below(command: Command, others: &[String], pages: &mut Vec<Page>) {
    let name = command.get_display_name().unwrap_or_default().to_owned();
    let line = command.get_bin_name().unwrap_or_default().to_owned();
    let named = |below: Command| {
        let own = below.get_name().to_owned();
        below.bin_name(format!("{line} {own}")).display_name(format!("{name}-{own}"))
    };
    let command = command.disable_help_subcommand(true).mut_subcommands(named);
    let above = [format!("{name}(1)")];
    for below_it in command.get_subcommands().filter(|command| !command.is_hide_set()) {
        below(below_it.clone(), &above, pages);
    }
    pages.push(page(command, others));
}

fn page(command: Command, others: &[String]) -> Page {
    let name = command.get_display_name().unwrap_or_default().to_owned();
    let is_client =
        TOOLS.iter().any(|(link, tool)| name == *link || name == format!("ferrymq-{tool}"));
    let mut others = others.to_vec();
    others.extend(
        command
            .get_subcommands()
            .filter(|below| !below.is_hide_set())
            .filter_map(|below| Some(format!("{}(1)", below.get_display_name()?))),
    );
    let mut text = Vec::new();
    let man = Man::new(brief(command)).title(&name).source(SOURCE).manual(MANUAL);
    man.render(&mut text).expect("writing into memory does not fail");
    let mut text = String::from_utf8(text).expect("pages are text");
    let mut end = Roff::new();
    if is_client {
        end.control("SH", ["EXIT STATUS"]);
        end.text([roman(EXIT_STATUS)]);
    }
    see_also(&mut end, &others);
    text.push_str(&end.render());
    Page { name, section: 1, text }
}

/// A command line with many flags has a synopsis that nobody can read, and the program itself has the
/// flags of the broker, which have a page of their own.
fn brief(command: Command) -> Command {
    let usage = format!("{} [OPTIONS]", command.get_bin_name().unwrap_or_default());
    let command = match command.has_subcommands() {
        true => command.mut_args(|flag| {
            let is_of_the_broker = flag.get_help_heading().is_some();
            flag.hide(is_of_the_broker)
        }),
        false => command,
    };
    let flags = command.get_arguments().filter(|flag| !flag.is_hide_set()).count();
    if flags > FLAGS_OF_A_SYNOPSIS { command.override_usage(usage) } else { command }
}

const FLAGS_OF_A_SYNOPSIS: usize = 12;

const EXIT_STATUS: &str = "0: done. 7: the connection was lost without a word. 27: the time of -W has \
    passed. The reason code of the broker: the connection was refused. 1: everything else; standard \
    error says what.";
