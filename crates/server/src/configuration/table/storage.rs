//! What survives.

use super::kinds::{INT, PATH, SWITCH, TEXT, bytes, seconds};
use crate::configuration::option::{Group, OptionDefinition, Section, State, global, noted};
use crate::configuration::value::Kind;

pub(super) const OPTIONS: &[OptionDefinition] = &[
    global("data", Group::Storage, PATH, |global| &mut global.data)
        .ours()
        .everyday()
        .at_start()
        .does(
            "The directory of what the broker keeps. Without it: ferrymq in persistence_location; \
             without that /var/lib/ferrymq for root, and for others ferrymq in the directory that \
             XDG_STATE_HOME names, or .local/state/ferrymq at home.",
        ),
    global("durability", Group::Storage, DURABILITY, |global| &mut global.durability)
        .ours()
        .everyday()
        .at_start()
        .does(
            "What an acknowledgement promises: that what it acknowledges survives the loss of \
             power, the end of the process, or nothing.",
        ),
    global("topic_durability", Group::Storage, Kind::Form("FILTER=MODE"), |global| {
        &mut global.topic_durability
    })
    .ours()
    .everyday()
    .several()
    .at_start()
    .does(
        "The same for the messages of some topics. May be given several times; the first filter \
         that matches decides.",
    ),
    global("sleepers", Group::Storage, Kind::Form("RULE"), |global| &mut global.sleepers)
        .ours()
        .everyday()
        .several()
        .at_start()
        .does(
            "Keeps the sessions of some clients although they do not ask for it, for example \
             client=phone-*,user=app,expiry=7d,messages=100000,bytes=64M,resume. May be given \
             several times; the first rule that matches holds.",
        ),
    global("persistence", Group::Storage, SWITCH, |global| &mut global.persistence)
        .also(&["retained_persistence"])
        .at_start()
        .does("Whether anything survives the broker. false is the same as durability none."),
    global("persistence_location", Group::Storage, PATH, |global| &mut global.persistence_location)
        .at_start()
        .does(
            "The directory of Mosquitto's data. Ours is in a directory ferrymq in it. Also \
             MOSQUITTO_PERSISTENCE_LOCATION in the environment.",
        ),
    global("persistence_file", Group::Storage, TEXT, |global| &mut global.persistence_file)
        .at_start()
        .does(
            "The name of Mosquitto's database in persistence_location. It is taken over once, \
             when the broker has no data of its own yet, and left as it is.",
        ),
    global("segment_bytes", Group::Storage, bytes(1, i64::MAX), |global| &mut global.segment_bytes)
        .ours()
        .at_start()
        .does("The size of a file of the broker's log. Without it: 64 MiB."),
    noted("autosave_interval", Group::Storage, seconds(INT), Section::Global)
        .state_is(State::Accepted("what must survive is always written at once"))
        .does("How often Mosquitto writes its database."),
    noted("autosave_on_changes", Group::Storage, SWITCH, Section::Global)
        .state_is(State::Accepted("what must survive is always written at once"))
        .does("Whether Mosquitto counts changes instead of seconds."),
];

const DURABILITY: Kind = Kind::Word(&["power", "process", "none"]);
