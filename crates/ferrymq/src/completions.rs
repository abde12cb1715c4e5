//! `ferrymq completions`: what a shell needs to complete the command line.

use std::io::{self, Write as _};

use clap::Command;
use clap_complete::Shell;

/// Which shell.
#[derive(clap::Args, Debug)]
pub(crate) struct CompletionsArguments {
    /// The shell
    shell: Shell,
}

/// Writes the completions of a command line to standard output.
pub(crate) fn run(arguments: &CompletionsArguments, mut command: Command) -> anyhow::Result<u8> {
    let mut text = Vec::new();
    clap_complete::generate(arguments.shell, &mut command, "ferrymq", &mut text);
    if arguments.shell == Shell::Fish {
        text = without_points(&String::from_utf8(text)?).into_bytes();
    }
    io::stdout().write_all(&text)?;
    Ok(0)
}

/// fish reads flags to find the subcommand. A flag with a point in its name, such as that of the
/// ciphers of TLS 1.3, is none to it, and it would read no flag at all.
fn without_points(script: &str) -> String {
    let mut text = String::with_capacity(script.len());
    for line in script.lines() {
        match line.strip_prefix(FLAGS) {
            Some(flags) => {
                let words: Vec<&str> =
                    flags.split(' ').filter(|word| !word.contains('.')).collect();
                text.push_str(FLAGS);
                text.push_str(&words.join(" "));
            }
            None => text.push_str(line),
        }
        text.push('\n');
    }
    text
}

/// How a line begins that lists flags, each with a `=` if it takes a value.
const FLAGS: &str = "    string join \\n ";

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn flags_with_a_point_are_left_out_where_fish_reads_flags() {
        let script = "    string join \\n p/port= ciphers-tls1.3= v\ncomplete -l ciphers-tls1.3\n";
        let expected = "    string join \\n p/port= v\ncomplete -l ciphers-tls1.3\n";
        assert_eq!(without_points(script), expected);
    }
}
