//! Who may do what.

use super::kinds::{PATH, SWITCH, TEXT};
use crate::configuration::option::{
    Beginning, Group, OptionDefinition, Section, State, Without, begins, global, listener, noted,
    security,
};
use crate::configuration::value::Kind;

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
        .state_is(State::NotWithout(USERS))
        .does("A file of users and their passwords."),
    security("acl_file", PATH, |security| &mut security.acl_file)
        .last_holds()
        .state_is(State::NotWithout(USERS))
        .does("A file that says who may publish and subscribe to what."),
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
    global("check_retain_source", Group::Security, SWITCH, |global| {
        &mut global.check_retain_source
    })
    .state_is(State::Accepted("nobody's right to publish can be taken away yet"))
    .does("Sends a retained message only if who published it could still publish it."),
    global("clientid_prefixes", Group::Security, TEXT, |global| &mut global.clientid_prefixes)
        .last_holds()
        .state_is(State::NotWithout(USERS))
        .instead("use an acl_file or use_username_as_clientid")
        .does("What all client identifiers must begin with."),
    begins("plugin", Group::Security, TEXT, Beginning::Plugin)
        .also(&["auth_plugin", "global_plugin"])
        .several()
        .state_is(State::NotWithout(PLUGINS))
        .does("Loads a plugin of Mosquitto."),
    begins("plugin_load", Group::Security, TEXT, Beginning::Plugin)
        .several()
        .state_is(State::NotWithout(PLUGINS))
        .does("Loads a plugin of Mosquitto and gives it a name."),
    noted("plugin_use", Group::Security, TEXT, Section::Listener)
        .state_is(State::NotWithout(PLUGINS))
        .does("Uses a plugin that was loaded, for one listener."),
    noted("plugin_opt_*", Group::Security, TEXT, Section::Plugin)
        .several()
        .state_is(State::Later("it is for a plugin"))
        .does("An option for the plugin before it."),
    noted("auth_opt_*", Group::Security, TEXT, Section::Plugin)
        .several()
        .state_is(State::Later("it is for a plugin"))
        .does("The same."),
    noted("auth_plugin_deny_special_chars", Group::Security, SWITCH, Section::Plugin)
        .state_is(State::Accepted("names with + or # never match a pattern"))
        .does("Asks the plugin nothing about names with + or #."),
];

const USERS: &str = "users and their rights cannot be checked yet, and without them everybody could \
                     come in; go on with Mosquitto for this, or take the line out";
const PLUGINS: &str = "Mosquitto's plugins cannot be loaded, and without this one everybody might \
                       come in; go on with Mosquitto for this, or take the line out";
