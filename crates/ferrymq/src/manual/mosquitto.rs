//! The pages of the broker that is invoked by the name of Mosquitto.

use roff::{Roff, roman};

use super::page::{Page, begin, see_also};
use crate::mosquitto::words::usage;
use crate::mosquitto::{NAME, TOOLS};

/// `mosquitto(8)`, and `mosquitto.conf(5)`, which is the page of our language.
pub(super) fn pages() -> Vec<Page> {
    let alias = Page {
        name: format!("{NAME}.conf"),
        section: 5,
        text: ".so man5/ferrymq.conf.5\n".to_owned(),
    };
    vec![broker(), alias]
}

fn broker() -> Page {
    let mut roff = begin(NAME, 8, "FerryMQ by the name of an MQTT broker that many know");
    roff.control("SH", ["SYNOPSIS"]);
    roff.text([roman(format!("{NAME} [OPTIONS]"))]);
    roff.control("SH", ["DESCRIPTION"]);
    roff.text([roman(
        "A link to the program ferrymq by this name has the flags, defaults, log lines, signals and \
         exit statuses of Mosquitto, and reads its configuration.",
    )]);
    roff.control("PP", []);
    verbatim(&mut roff, &usage());
    let mut others = vec![format!("{NAME}.conf(5)"), "ferrymq(1)".to_owned()];
    others.extend(TOOLS.iter().map(|(link, _)| format!("{link}(1)")));
    see_also(&mut roff, &others);
    Page::new(NAME, 8, &roff)
}

/// Text whose lines stay as they are.
fn verbatim(roff: &mut Roff, text: &str) {
    roff.control("nf", []);
    for line in text.trim_end().lines() {
        roff.text([roman(line)]);
    }
    roff.control("fi", []);
}
