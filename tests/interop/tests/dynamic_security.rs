//! Dynamic security beside Debian's: each tool with each broker, and one file that moves between the
//! brokers.

use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;

use ferrymq_interop::{PATIENCE, Program, ferrymq, free_port, installed};
use tempfile::TempDir;

/// Whose program it is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Maker {
    FerryMq,
    Debian,
}

const MAKERS: [Maker; 2] = [Maker::FerryMq, Maker::Debian];

/// A broker with a file of dynamic security.
struct Site {
    program: Program,
    port: u16,
}

impl Site {
    fn start(maker: Maker, directory: &Path) -> Self {
        Self::start_with_password(maker, directory, None)
    }

    /// The same, with the password for an administrator of a file that is not there yet.
    fn start_with_password(maker: Maker, directory: &Path, password: Option<&str>) -> Self {
        let port = free_port();
        let file = directory.join("d.json");
        let plugin = plugin();
        let mut lines = format!(
            "listener {port} 127.0.0.1\nplugin {}\nplugin_opt_config_file {}\n",
            plugin.display(),
            file.display()
        );
        let (mut command, running) = match maker {
            Maker::FerryMq => {
                let mut command = Command::new(ferrymq());
                command.arg("serve").arg("--data").arg(directory.join("data"));
                (command, format!("listening on 127.0.0.1:{port}"))
            }
            Maker::Debian => {
                // As root it would become a user who cannot write the tests' files.
                lines.push_str("user root\n");
                (Command::new(installed("mosquitto")), " running".to_owned())
            }
        };
        let configuration = directory.join("broker.conf");
        fs::write(&configuration, lines).unwrap();
        command.envs(password.map(|password| ("MOSQUITTO_DYNSEC_PASSWORD", password)));
        let mut program = Program::start(command.arg("-c").arg(configuration));
        program.line_where(PATIENCE, |line| line.contains(&running));
        Self { program, port }
    }

    /// What a tool says when the administrator uses it.
    fn control(&self, tool: Maker, words: &str) -> Vec<String> {
        self.control_with_password("secret", tool, words)
    }

    fn control_with_password(&self, password: &str, tool: Maker, words: &str) -> Vec<String> {
        let mut command = match tool {
            Maker::FerryMq => {
                let mut command = Command::new(ferrymq());
                command.arg("ctl");
                command
            }
            Maker::Debian => Command::new(installed("mosquitto_ctrl")),
        };
        command.args(["-h", "127.0.0.1", "-p", &self.port.to_string()]);
        command.args(["-u", "admin", "-P", password]);
        command.arg("dynsec").args(words.split(' '));
        let (_, said) = Program::start(&mut command).finish(PATIENCE * 2);
        // Columns are of other widths in other versions.
        let joined = |line: String| line.split_whitespace().collect::<Vec<_>>().join(" ");
        let said = said.into_iter().map(|(_, line)| joined(line));
        // Debian's tool warns of passwords that are sent in plain text, on loopback too.
        let is_warning =
            |line: &str| line.starts_with("Warning:") || line.starts_with("This means");
        said.filter(|line| !line.is_empty() && !is_warning(line)).collect()
    }

    /// Whether a client may come in and publish to this topic.
    fn lets_publish(&self, username: &str, topic: &str) -> bool {
        let mut command = Command::new(ferrymq());
        command.args(["pub", "-V", "5", "-h", "127.0.0.1", "-p", &self.port.to_string()]);
        command.args(["-u", username, "-P", "pw", "-q", "1", "-t", topic, "-m", "ahoy"]);
        let (status, said) = Program::start(&mut command).finish(PATIENCE);
        status.success() && !said.iter().any(|(_, line)| line.contains("failed"))
    }

    fn stop(self) {
        self.program.terminate(PATIENCE);
    }
}

/// A directory with a file that one of the tools has made.
fn begin(tool: Maker) -> TempDir {
    let directory = tempfile::tempdir().unwrap();
    let file = directory.path().join("d.json");
    let mut command = match tool {
        Maker::FerryMq => {
            let mut command = Command::new(ferrymq());
            command.arg("ctl");
            command
        }
        Maker::Debian => Command::new(installed("mosquitto_ctrl")),
    };
    command.args(["dynsec", "init"]).arg(&file).args(["admin", "secret"]);
    Program::start(&mut command).finish(PATIENCE);
    assert!(file.exists(), "{tool:?} makes the file");
    directory
}

/// Debian's plugin, whose name is enough for us.
fn plugin() -> PathBuf {
    let places = fs::read_dir("/usr/lib").unwrap().filter_map(Result::ok);
    let mut files = places.map(|place| place.path().join("mosquitto_dynamic_security.so"));
    files.find(|path| path.exists()).expect("Debian's mosquitto is installed")
}

/// Every command of Debian's tool, and what a tool says of it, without what is always said.
const COMMANDS: &[(&str, &[&str])] = &[
    ("createRole r", &[]),
    ("createRole r", &["createRole: Error: Role already exists"]),
    ("addRoleACL r publishClientSend quay/# allow 5", &[]),
    ("addRoleACL r publishClientSend quay/x deny 7", &[]),
    ("addRoleACL r subscribeLiteral quay/+ allow", &[]),
    ("removeRoleACL r subscribeLiteral quay/+", &[]),
    ("removeRoleACL r subscribeLiteral quay/+", &["removeRoleACL: Error: ACL not found"]),
    ("createRole other", &[]),
    ("createClient kim -p pw", &[]),
    ("createClient kim -p pw", &["createClient: Error: Client already exists"]),
    ("createClient lee -c lee-id -p pw", &[]),
    ("addClientRole kim r 3", &[]),
    ("addClientRole kim other", &[]),
    ("removeClientRole kim other", &[]),
    ("addClientRole kim no", &["addClientRole: Error: Role not found"]),
    ("createGroup g", &[]),
    ("createGroup guests", &[]),
    ("createGroup gone", &[]),
    ("deleteGroup gone", &[]),
    ("addGroupRole g other 2", &[]),
    ("addGroupRole guests r", &[]),
    ("removeGroupRole guests r", &[]),
    ("addGroupClient g kim 4", &[]),
    ("addGroupClient g lee", &[]),
    ("removeGroupClient g lee", &[]),
    ("setAnonymousGroup guests", &[]),
    ("getAnonymousGroup", &["guests"]),
    ("setClientId kim kim-id", &[]),
    (
        "getClient kim",
        &["Username: kim", "Clientid: kim-id", "Roles: r (priority: 3)", "Groups: g (priority: 4)"],
    ),
    ("setClientId kim", &[]),
    ("setClientPassword lee pw", &[]),
    ("getClient lee", &["Username: lee", "Clientid: lee-id"]),
    ("getClient no", &["getClient: Error: Client not found"]),
    ("getGroup g", &["Groupname: g", "Roles: other (priority: 2)", "Clients: kim"]),
    ("deleteClient lee", &[]),
    ("listClients", &["admin", "kim"]),
    ("listClients 1 1", &["kim"]),
    ("listGroups", &["g", "guests"]),
    ("listRoles", &["admin", "other", "r"]),
    (
        "getRole r",
        &[
            "Rolename: r",
            "ACLs: publishClientSend : deny : quay/x (priority: 7)",
            "publishClientSend : allow : quay/# (priority: 5)",
        ],
    ),
    (
        "getDefaultACLAccess",
        &[
            "publishClientSend : deny",
            "publishClientReceive : allow",
            "subscribe : deny",
            "unsubscribe : allow",
        ],
    ),
];

#[test]
fn each_tool_administers_each_broker() {
    for (broker, tool) in MAKERS.into_iter().flat_map(|broker| MAKERS.map(|tool| (broker, tool))) {
        let directory = begin(tool);
        let site = Site::start(broker, directory.path());
        let nothing: &[&str] = &[];
        for (words, expected) in COMMANDS {
            let said = site.control(tool, words);
            let said: Vec<_> = said.iter().map(|line| line.trim_end_matches('.')).collect();
            assert_eq!(said, *expected, "{tool:?} with the broker of {broker:?}: {words}");
        }
        // Debian's tool asks for this in words that Debian's own plugin does not look for.
        if (tool, broker) != (Maker::Debian, Maker::Debian) {
            assert_eq!(site.control(tool, "setDefaultACLAccess subscribe allow"), nothing);
            let said = site.control(tool, "getDefaultACLAccess");
            assert!(said.contains(&"subscribe : allow".to_owned()), "{broker:?}: {said:?}");
        }
        let may = |topic| site.lets_publish("kim", topic);
        assert_eq!(["quay/1", "quay/x", "other"].map(may), [true, false, false]);
        assert_eq!(site.control(tool, "disableClient kim"), nothing);
        assert!(!may("quay/1"));
        assert_eq!(site.control(tool, "enableClient kim"), nothing);
        assert!(may("quay/1"));
        assert_eq!(site.control(tool, "deleteRole r"), nothing);
        assert!(!may("quay/1"));
        site.stop();
    }
}

#[test]
fn one_file_moves_between_the_brokers() {
    let directory = begin(Maker::FerryMq);
    let rounds = [Maker::Debian, Maker::FerryMq, Maker::Debian, Maker::FerryMq];
    for (round, broker) in rounds.into_iter().enumerate() {
        let site = Site::start(broker, directory.path());
        for earlier in 0..round {
            assert!(site.lets_publish(&format!("c{earlier}"), "quay/1"), "{earlier} in {round}");
        }
        if round == 0 {
            site.control(Maker::Debian, "createRole r");
            site.control(Maker::Debian, "addRoleACL r publishClientSend quay/# allow");
        }
        let nothing: &[&str] = &[];
        let tool = MAKERS[round % 2];
        assert_eq!(site.control(tool, &format!("createClient c{round} -p pw")), nothing);
        assert_eq!(site.control(tool, &format!("addClientRole c{round} r")), nothing);
        assert!(site.lets_publish(&format!("c{round}"), "quay/1"), "{round}");
        site.stop();
    }
}

#[test]
fn file_of_a_first_start_is_taken_by_debians_broker() {
    const PASSWORD: &str = "a long password";
    let directory = tempfile::tempdir().unwrap();
    Site::start_with_password(Maker::FerryMq, directory.path(), Some(PASSWORD)).stop();
    let site = Site::start(Maker::Debian, directory.path());
    let ask = |words| site.control_with_password(PASSWORD, Maker::Debian, words);
    assert_eq!(ask("listClients"), ["admin"]);
    assert_eq!(ask("getAnonymousGroup"), ["unauthenticated"]);
    let expected = ["Username: admin", "Clientid:", "Roles: super-admin (priority: -1)"];
    assert_eq!(ask("getClient admin")[..3], expected);
    let nothing: &[&str] = &[];
    assert_eq!(ask("createClient kim -p pw"), nothing);
    assert_eq!(ask("addClientRole kim client"), nothing);
    assert!(site.lets_publish("kim", "quay"));
    site.stop();
}
