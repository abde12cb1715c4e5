//! The broker as a whole, and its log.

use super::kinds::{PATH, SWITCH, TEXT, count, seconds};
use crate::configuration::option::{Beginning, Group, OptionDefinition, begins, global};
use crate::configuration::value::{Kind, Whole};

pub(super) const OPTIONS: &[OptionDefinition] = &[
    begins("include_dir", Group::General, PATH, Beginning::Files).several().does(
        "Reads the files of a directory whose names end in .conf, in the order of the alphabet, \
         capitals before small letters, as if they stood here. Lines about a listener hold for \
         listeners of the same file. Not in files that are included themselves.",
    ),
    global("user", Group::General, TEXT, |global| &mut global.user).at_start().does(
        "The user that the broker becomes when it was started by root and has opened its \
         listeners. Mosquitto's default is mosquitto or, if there is no such user, nobody.",
    ),
    global("pid_file", Group::General, PATH, |global| &mut global.pid_file)
        .at_start()
        .does("Writes the number of the process to this file, and removes it at the end."),
    global("shards", Group::General, Kind::Whole(Whole::of("threads", 1024).from(1)), |global| {
        &mut global.shards
    })
    .ours()
    .everyday()
    .at_start()
    .does("How many threads share the clients. Without it: one for each processor."),
    global("sys_interval", Group::General, seconds(65_535), |global| {
        &mut global.limits.sys_interval
    })
    .does("How often the topics under $SYS are published. 0: never."),
    global("enable_control_api", Group::General, SWITCH, |global| &mut global.enable_control_api)
        .does(
            "Answers listListeners and listPlugins on the topic $CONTROL/broker/v1, to those whose \
             rights let them publish there; where nobody says anything of rights that is everybody.",
        ),
];

pub(super) const LOGGING: &[OptionDefinition] = &[
    global("log_dest", Group::Logging, DESTINATION, |global| &mut global.log.destinations)
        .several()
        .does(
            "Where the log goes. May be given several times. none: nowhere. topic: the topics \
             under $SYS/broker/log. One file at most; it is opened again when the configuration \
             is reloaded. A broker that is not invoked as mosquitto, and that is told nothing of \
             the log, has a log of events on standard error, as RUST_LOG chooses.",
        ),
    global("log_type", Group::Logging, LOG_TYPE, |global| &mut global.log.types).several().does(
        "What is in the log. May be given several times. Without it: error, warning, notice and \
         information.",
    ),
    global("log_timestamp", Group::Logging, SWITCH, |global| &mut global.log.timestamp)
        .does("Whether a line of the log begins with the time."),
    global("log_timestamp_format", Group::Logging, TEXT, |global| &mut global.log.timestamp_format)
        .does(
            "How the time is written, as strftime takes it, for example %Y-%m-%dT%H:%M:%S. Without \
         it: seconds since 1970.",
        ),
    global("log_facility", Group::Logging, count("facility", 7), |global| &mut global.log.facility)
        .does("The facility of the system log: local0 to local7. Without it: daemon."),
    global("connection_messages", Group::Logging, SWITCH, |global| &mut global.connection_messages)
        .does("Whether the log tells who connects and who leaves."),
];

const DESTINATION: Kind = Kind::Form("none, stdout, stderr, syslog, topic, file PATH");
const LOG_TYPE: Kind = Kind::Word(&[
    "error",
    "warning",
    "notice",
    "information",
    "debug",
    "subscribe",
    "unsubscribe",
    "websockets",
    "internal",
    "none",
    "all",
]);
