//! Who may do what.

use super::kinds::{INT, PATH, SWITCH, TEXT, count};
use crate::configuration::option::{
    Beginning, Group, Loading, OptionDefinition, Section, State, Without, begins, global, listener,
    noted, security,
};
use crate::configuration::value::{Kind, Whole};

pub(super) const OPTIONS: &[OptionDefinition] = &[
    security("allow_anonymous", SWITCH, |security| &mut security.allow_anonymous).does(
        "Whether clients without a user name are let in. Without it: no, except where no listener \
         is configured and only this machine can connect.",
    ),
    listener("listener_allow_anonymous", Group::Security, SWITCH, Without::Mistake, |on| {
        &mut on.security.allow_anonymous
    })
    .does("The same for one listener."),
    security("password_file", PATH, |security| &mut security.password_file)
        .last_holds()
        .does("A file of users and their passwords, as `ferrymq passwd` writes it."),
    security("acl_file", PATH, |security| &mut security.acl_file)
        .last_holds()
        .does("A file that says who may publish and subscribe to what."),
    global("acl_check_subscribe", Group::Security, SWITCH, |global| {
        &mut global.acl_check_subscribe
    })
    .ours()
    .does(
        "Whether a subscription is refused if the rights allow nothing of what it asks for. If not, \
         it is granted, and what its client may not read never comes.",
    ),
    security("psk_file", PATH, |security| &mut security.psk_file)
        .last_holds()
        .state_is(State::NotWithout("the TLS library has no pre-shared keys; use certificates"))
        .does("A file of identities and their pre-shared keys."),
    security("allow_zero_length_clientid", SWITCH, |security| {
        &mut security.allow_zero_length_client_id
    })
    .does("Whether a client may leave its identifier to the broker. Without it: yes."),
    security("auto_id_prefix", Kind::Text(50), |security| &mut security.auto_id_prefix)
        .instead("write listener_auto_id_prefix after a listener")
        .does("What client identifiers begin with that the broker makes up. Mosquitto's: auto-."),
    listener("listener_auto_id_prefix", Group::Security, Kind::Text(50), Without::Mistake, |on| {
        &mut on.security.auto_id_prefix
    })
    .does("The same for one listener."),
    global("per_listener_settings", Group::Security, SWITCH, |global| {
        &mut global.per_listener_settings
    })
    .instead("use listener_allow_anonymous and listener_auto_id_prefix")
    .does(
        "Whether what is said of users holds for the listener before it alone. It must come \
         before all that.",
    ),
    global(
        "password_threads",
        Group::Security,
        Kind::Whole(Whole::of("threads", 1024).from(1)),
        |global| &mut global.password_threads,
    )
    .ours()
    .at_start()
    .does("How many threads check passwords. Without it: one for every two cores."),
    global(
        "logins_queued",
        Group::Security,
        Kind::Whole(Whole::of("logins", INT).from(1)),
        |global| &mut global.logins_queued,
    )
    .ours()
    .does(
        "How many logins may wait until their passwords are checked. Beyond that, the last of the \
         address leaves from which most wait: it is told that the server is busy.",
    ),
    global("client_login_failures", Group::Security, count("logins", INT), |global| {
        &mut global.login_limits.client_failures
    })
    .ours()
    .does(
        "How many logins of one client identifier and user name may fail from one address in a \
         login_window. The next ones are refused unseen for a while, login_ban. 0: no limit.",
    ),
    global("user_login_failures", Group::Security, count("logins", INT), |global| {
        &mut global.login_limits.user_failures
    })
    .ours()
    .does(
        "The same for all clients of one user name at one address, but for clients that have logged \
         in from there before. From other addresses the user can log in. 0: no limit.",
    ),
    global("address_login_failures", Group::Security, count("logins", INT), |global| {
        &mut global.login_limits.address_failures
    })
    .ours()
    .does(
        "The same for all clients of one address, or IPv6 network of 64 bits, but for clients that \
         have logged in from there before. Addresses of this machine have no such limit, since \
         proxies are there. 0: no limit.",
    ),
    global("login_window", Group::Security, WINDOW, |global| &mut global.login_limits.window)
        .ours()
        .does(
            "In how many seconds failed logins are counted, and for how long somebody must not fail \
             after a login_ban until it is forgotten.",
        ),
    global("login_ban", Group::Security, WINDOW, |global| &mut global.login_limits.ban)
        .ours()
        .does("For how long logins are refused unseen the first time. It doubles each time."),
    global("login_ban_maximum", Group::Security, WINDOW, |global| {
        &mut global.login_limits.ban_maximum
    })
    .ours()
    .does("For how long at most."),
    global("logins_remembered", Group::Security, Kind::Whole(Whole::of("logins", INT).from(1)), |global| {
        &mut global.login_limits.remembered
    })
    .ours()
    .does(
        "How many clients, users and addresses are remembered whose logins have failed, and how many \
         clients that got in. Where there are more, those are forgotten that would be first anyway.",
    ),
    global("check_retain_source", Group::Security, SWITCH, |global| {
        &mut global.check_retain_source
    })
    .state_is(State::Later(
        "a retained message does not say who has published it; publish an empty one in its place",
    ))
    .does("Sends a retained message only if who published it could still publish it."),
    global("clientid_prefixes", Group::Security, TEXT, |global| &mut global.clientid_prefixes)
        .last_holds()
        .instead("use an acl_file or use_username_as_clientid")
        .does("What all client identifiers must begin with."),
    begins("plugin", Group::Security, TEXT, Beginning::Plugin(Loading::Here))
        .also(&["auth_plugin"])
        .several()
        .does(
            "Does the work of one of Mosquitto's own plugins, known by the name of its file: \
             mosquitto_password_file, mosquitto_acl_file, mosquitto_dynamic_security, \
             mosquitto_persist_sqlite or mosquitto_sparkplug_aware. Any other is refused. With \
             per_listener_settings it is for the listener before it.",
        ),
    begins("global_plugin", Group::Security, TEXT, Beginning::Plugin(Loading::Everywhere))
        .several()
        .does("The same for all listeners."),
    begins("plugin_load", Group::Security, TEXT, Beginning::Plugin(Loading::Named))
        .several()
        .does("The same for the listeners that say `plugin_use`: a name, and the plugin."),
    noted("plugin_use", Group::Security, TEXT, Section::Listener)
        .several()
        .does("Uses a plugin that was loaded by `plugin_load`, for one listener."),
    noted("plugin_opt_*", Group::Security, TEXT, Section::Plugin)
        .several()
        .does("An option for the plugin before it, such as `plugin_opt_password_file`."),
    noted("auth_opt_*", Group::Security, TEXT, Section::Plugin).several().does("The same."),
    noted("auth_plugin_deny_special_chars", Group::Security, SWITCH, Section::Plugin)
        .state_is(State::Accepted("names with + or # never match a pattern"))
        .does("Asks the plugin nothing about names with + or #."),
];

/// Up to a day.
const WINDOW: Kind = Kind::Whole(Whole::of("seconds", 86_400).from(1));
