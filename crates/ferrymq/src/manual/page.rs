//! A manual page, and what all of them begin and end with.

use roff::{Roff, roman};

/// A manual page.
pub(super) struct Page {
    pub(super) name: String,
    pub(super) section: u8,
    pub(super) text: String,
}

impl Page {
    pub(super) fn new(name: &str, section: u8, text: &Roff) -> Self {
        Self { name: name.to_owned(), section, text: text.render() }
    }
}

/// A page with its title and its name, as readers of all pages look for it.
pub(super) fn begin(name: &str, section: u8, about: &str) -> Roff {
    let mut roff = Roff::new();
    let section = section.to_string();
    roff.control("TH", [name, &section, "", SOURCE, MANUAL]);
    roff.control("SH", ["NAME"]);
    roff.text([roman(format!("{name} - {about}"))]);
    roff
}

/// What else to read.
pub(super) fn see_also(roff: &mut Roff, pages: &[String]) {
    roff.control("SH", ["SEE ALSO"]);
    roff.text([roman(pages.join(", "))]);
}

/// What stands below each page.
pub(super) const SOURCE: &str = concat!("FerryMQ ", env!("CARGO_PKG_VERSION"));
/// What stands above each page.
pub(super) const MANUAL: &str = "FerryMQ";
