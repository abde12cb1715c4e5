//! Mosquitto's own plugins, and who may come in by them.

use std::path::PathBuf;

use super::super::{Persona, Weight, parse};
use super::{mistakes, right};
use crate::access::DoorSettings;
use crate::access::sources::UserSettings;

fn door(listener: &str, users: &[&str], rights: &[&str]) -> DoorSettings {
    let paths = |names: &[&str]| names.iter().map(PathBuf::from).collect();
    DoorSettings {
        listener: Box::from(listener),
        allow_anonymous: false,
        password_files: paths(users),
        acl_files: paths(rights),
        users: UserSettings::default(),
        dynamic_security: None,
    }
}

#[test]
fn plugins_do_what_options_do_for_whom_they_are_meant() {
    let rows = [
        (
            "plugin /usr/lib/mosquitto_password_file.so\nplugin_opt_password_file /p q\nlistener 1\n\
             listener 2\nacl_file /a\n",
            [door("1", &["/p q"], &["/a"]), door("2", &["/p q"], &["/a"])],
        ),
        (
            "per_listener_settings true\nglobal_plugin mosquitto_acl_file.so\nauth_opt_acl_file /a\n\
             listener 1\nauth_plugin /x/mosquitto_password_file.so\nplugin_opt_password_file /p\n\
             listener 2\npassword_file /q\n",
            [door("1", &["/p"], &["/a"]), door("2", &["/q"], &["/a"])],
        ),
        (
            "plugin_load users mosquitto_password_file.so\nplugin_opt_password_file /p\n\
             plugin_load rights mosquitto_acl_file.so\nplugin_opt_acl_file /a\nlistener 1\n\
             plugin_use users\nlistener 2\nplugin_use users\nplugin_use rights\n",
            [door("1", &["/p"], &[]), door("2", &["/p"], &["/a"])],
        ),
    ];
    for (text, doors) in rows {
        let configuration = right(text);
        let warnings = configuration.remarks.iter().filter(|it| it.weight > Weight::Notice);
        assert_eq!(warnings.count(), 0, "{text}");
        assert_eq!(configuration.policy().doors, doors, "{text}");
        let printed = configuration.to_string();
        let again = parse(Persona::Mosquitto, printed.as_bytes())
            .unwrap_or_else(|rejected| panic!("{printed}\n{rejected}"));
        assert_eq!(again.policy().doors, doors, "{printed}");
        assert_eq!(again.to_string(), printed);
    }
}

#[test]
fn plugins_that_cannot_work_are_mistakes() {
    let rows = [
        (
            "plugin /opt/go-auth.so\n",
            "1: plugin: /opt/go-auth.so cannot be loaded: it is a program",
        ),
        ("plugin_opt_x y\n", "1: plugin_opt_x: write the line of its plugin before it"),
        (
            "plugin mosquitto_acl_file.so\n",
            "1: mosquitto_acl_file: it needs a file; write plugin_opt_acl_file FILE after it",
        ),
        (
            "plugin mosquitto_acl_file.so\nplugin_opt_acl_file a\nplugin_opt_file /p\n",
            "3: plugin_opt_*: mosquitto_acl_file has no option \"file\"; there is acl_file",
        ),
        (
            "per_listener_settings true\nplugin mosquitto_acl_file.so\n",
            "2: plugin: write the line of its listener before it, or write global_plugin",
        ),
        ("listener 1\nplugin_use a\n", "2: plugin_use: there is no plugin \"a\"; load it before"),
        (
            "plugin_load mosquitto_acl_file.so\n",
            "1: plugin_load: a name and the path of the plugin",
        ),
    ];
    for (text, expected) in rows {
        let found = mistakes(text);
        assert!(matches!(&found[..], [only] if only.starts_with(expected)), "{text}{found:#?}");
    }
}

#[test]
fn what_a_plugin_does_not_do_is_said() {
    let text = "listener 1\nallow_anonymous true\nplugin mosquitto_persist_sqlite.so\n\
                plugin_opt_db_file /d\nplugin mosquitto_sparkplug_aware.so\n\
                plugin_load a mosquitto_password_file.so\nplugin_opt_password_file /p\n";
    let remarks: Vec<String> = right(text).remarks.iter().map(ToString::to_string).collect();
    assert_eq!(remarks.len(), 3, "{remarks:#?}");
    assert!(remarks[0].contains("nothing is kept in SQLite"), "{remarks:#?}");
    assert!(remarks[1].contains("certificates of Sparkplug are not kept"), "{remarks:#?}");
    assert!(
        remarks[2].contains("no listener uses it; write plugin_use a after one"),
        "{remarks:#?}"
    );
}
