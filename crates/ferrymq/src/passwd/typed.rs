//! A password that is typed, or comes from another program.

use std::ffi::OsString;
use std::io::{self, BufRead, IsTerminal};

use anyhow::Context;
use zeroize::Zeroizing;

use crate::secret::Secret;

/// Asks for a password twice, without showing it. From another program the second line may be left
/// out. None if they are not the same.
pub(super) fn password() -> anyhow::Result<Option<Secret>> {
    let (first, second) = if io::stdin().is_terminal() {
        let ask = |words| {
            let typed = rpassword::prompt_password(words).map(Zeroizing::new);
            typed.context("cannot ask for the password on the terminal")
        };
        (ask("Password: ")?, Some(ask("Reenter password: ")?))
    } else {
        let mut input = io::stdin().lock();
        let first = line(&mut input)?.context("there is no password on standard input")?;
        (first, line(&mut input)?)
    };
    let is_same = second.is_none_or(|second| second == first);
    Ok(is_same.then(|| Secret::new(OsString::from(first.as_str()))))
}

fn line(input: &mut impl BufRead) -> anyhow::Result<Option<Zeroizing<String>>> {
    let mut line = Zeroizing::new(String::with_capacity(LINE_CAPACITY));
    let length =
        input.read_line(&mut line).context("cannot read the password from standard input")?;
    let text = line.trim_end_matches(['\r', '\n']).len();
    line.truncate(text);
    Ok((length > 0).then_some(line))
}

/// So that a usual password is not left behind by a string that grows.
const LINE_CAPACITY: usize = 1_024;
