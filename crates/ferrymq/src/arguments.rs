//! The command line: `ferrymq` alone serves, everything else is a subcommand.

use clap::{Parser, Subcommand};

use crate::acl::AclCommand;
use crate::certificate::CertificateCommand;
use crate::completions::CompletionsArguments;
use crate::config::ConfigCommand;
use crate::ctl::ControlArguments;
use crate::manual::ManualArguments;
use crate::passwd::PasswdArguments;
use crate::publish::PublishArguments;
use crate::request::RequestArguments;
use crate::serve::ServeArguments;
use crate::store::StoreCommand;
use crate::subscribe::SubscribeArguments;

/// An MQTT broker, and clients to try it with.
#[derive(Debug, Parser)]
#[command(name = "ferrymq", version, args_conflicts_with_subcommands = true)]
pub(crate) struct Arguments {
    #[command(subcommand)]
    command: Option<Command>,
    #[command(flatten)]
    serve: ServeArguments,
}

/// What to do.
#[derive(Debug, Subcommand)]
pub(crate) enum Command {
    /// Run the broker; the same as no subcommand at all
    Serve(ServeArguments),
    /// Look at a configuration: what is wrong, what an option does, what a change would do
    #[command(subcommand)]
    Config(ConfigCommand),
    /// Look at what the broker has kept, while it does not run
    #[command(subcommand)]
    Store(StoreCommand),
    /// Make certificates for TLS, with a small authority of one's own
    #[command(name = "cert", subcommand)]
    Certificate(CertificateCommand),
    /// Look at an ACL file: what it allows, because of which line, and what looks wrong
    #[command(subcommand)]
    Acl(AclCommand),
    /// Set, change and delete passwords in a password file
    #[command(display_name = "mosquitto_passwd")]
    Passwd(PasswdArguments),
    /// Publish messages on a topic
    #[command(name = "pub", display_name = "mosquitto_pub", disable_help_flag = true,
              disable_version_flag = true, args_override_self = true, version = CLIENT_VERSION)]
    Publish(Box<PublishArguments>),
    /// Subscribe to topics and print their messages
    #[command(name = "sub", display_name = "mosquitto_sub", disable_help_flag = true,
              disable_version_flag = true, args_override_self = true, version = CLIENT_VERSION)]
    Subscribe(Box<SubscribeArguments>),
    /// Publish a request, and print the response
    #[command(name = "rr", display_name = "mosquitto_rr", disable_help_flag = true,
              disable_version_flag = true, args_override_self = true, version = CLIENT_VERSION)]
    Request(Box<RequestArguments>),
    /// Administer a broker: clients, groups and roles of dynamic security
    #[command(name = "ctl", display_name = "mosquitto_ctrl", disable_help_flag = true,
              disable_version_flag = true, args_override_self = true, version = CLIENT_VERSION)]
    Control(Box<ControlArguments>),
    /// Write what a shell needs to complete this command line
    Completions(CompletionsArguments),
    /// Write the manual pages
    Manual(ManualArguments),
}

impl Arguments {
    pub(crate) fn into_command(self) -> Command {
        self.command.unwrap_or(Command::Serve(self.serve))
    }

    /// Whether errors are not to be printed.
    pub(crate) fn is_quiet(&self) -> bool {
        match &self.command {
            Some(Command::Publish(arguments)) => arguments.connection.quiet,
            Some(Command::Subscribe(arguments)) => arguments.connection.quiet,
            Some(Command::Request(arguments)) => arguments.connection.quiet,
            Some(Command::Control(arguments)) => arguments.connection.quiet,
            Some(
                Command::Serve(_)
                | Command::Config(_)
                | Command::Store(_)
                | Command::Certificate(_)
                | Command::Completions(_)
                | Command::Manual(_)
                | Command::Acl(_)
                | Command::Passwd(_),
            )
            | None => false,
        }
    }
}

/// What the clients say that they are: the version of Mosquitto's that they do as, and our own.
const CLIENT_VERSION: &str = concat!("version 2.1.2 (FerryMQ ", env!("CARGO_PKG_VERSION"), ")");

#[cfg(test)]
mod tests {
    use clap::CommandFactory;
    use clap::error::ErrorKind;

    use super::*;
    use crate::secret::Secret;

    fn parse(line: &str) -> Result<Command, clap::Error> {
        Arguments::try_parse_from(line.split(' ')).map(Arguments::into_command)
    }

    fn subscribe(line: &str) -> SubscribeArguments {
        match parse(line) {
            Ok(Command::Subscribe(arguments)) => *arguments,
            other => panic!("{line}: {other:?}"),
        }
    }

    fn publish(line: &str) -> PublishArguments {
        match parse(line) {
            Ok(Command::Publish(arguments)) => *arguments,
            other => panic!("{line}: {other:?}"),
        }
    }

    #[test]
    fn definition_is_consistent() {
        Arguments::command().debug_assert();
    }

    #[test]
    fn no_subcommand_serves_with_the_same_flags() {
        for line in ["ferrymq -p 1884 -v", "ferrymq serve -p 1884 -v"] {
            let Ok(Command::Serve(arguments)) = parse(line) else {
                panic!("{line} does not serve");
            };
            assert_eq!(arguments.port, Some(1884), "{line}");
            assert!(arguments.verbose, "{line}");
            assert_eq!(arguments.bind, Vec::<std::net::IpAddr>::new(), "{line}");
        }
    }

    #[test]
    fn h_is_the_host_and_help_is_spelled_out() {
        assert_eq!(
            subscribe("ferrymq sub -h broker -t a").connection.network.broker().to_string(),
            "broker:1883"
        );
        assert_eq!(
            publish("ferrymq pub -h broker -t a -n").connection.network.broker().to_string(),
            "broker:1883"
        );
        for line in ["ferrymq sub --help", "ferrymq pub --help", "ferrymq --help"] {
            assert_eq!(parse(line).unwrap_err().kind(), ErrorKind::DisplayHelp, "{line}");
        }
    }

    #[test]
    fn values_may_look_like_flags() {
        let arguments = publish("ferrymq pub -t -a -m -5 -P -secret");
        assert_eq!(arguments.topic.as_deref(), Some("-a"));
        assert_eq!(arguments.payload.message.as_deref(), Some("-5".as_ref()));
        assert_eq!(arguments.connection.password, Some(Secret::new("-secret")));
    }

    #[test]
    fn topics_add_up_and_other_flags_are_overridden() {
        let arguments = subscribe("ferrymq sub -t a -t b/# -T b/c -q 1 -q 2 -p 1 -p 1884");
        assert_eq!(arguments.topics, ["a", "b/#"]);
        assert_eq!(arguments.filter_out, ["b/c"]);
        assert_eq!(arguments.qos, 2);
        assert_eq!(arguments.connection.network.broker().to_string(), "localhost:1884");
    }

    #[test]
    fn one_source_of_messages_is_needed() {
        let rows = [
            ("ferrymq pub -t a", ErrorKind::MissingRequiredArgument),
            ("ferrymq pub -m x", ErrorKind::MissingRequiredArgument),
            ("ferrymq pub -t a -m x -n", ErrorKind::ArgumentConflict),
            ("ferrymq pub -t a -l -f file", ErrorKind::ArgumentConflict),
            ("ferrymq pub -t a -l --repeat 2", ErrorKind::ArgumentConflict),
            ("ferrymq sub -v", ErrorKind::MissingRequiredArgument),
            ("ferrymq sub -t a -q 3", ErrorKind::ValueValidation),
            ("ferrymq sub -t a -V 4", ErrorKind::InvalidValue),
            ("ferrymq sub -t a -p 0", ErrorKind::ValueValidation),
            ("ferrymq sub -t a -i x -I y", ErrorKind::ArgumentConflict),
            ("ferrymq sub -t a --will-retain", ErrorKind::MissingRequiredArgument),
        ];
        for (line, kind) in rows {
            assert_eq!(parse(line).unwrap_err().kind(), kind, "{line}");
        }
    }

    #[test]
    fn unknown_word_is_named_with_the_nearest_known_one() {
        let rows = [
            ("ferrymq sub -t a --verbos", "--verbose"),
            ("ferrymq pub -t a --mesage x", "--message"),
            ("ferrymq sud -t a", "sub"),
        ];
        for (line, nearest) in rows {
            let words = parse(line).unwrap_err().to_string();
            assert!(words.contains(nearest), "{line}: {words}");
        }
    }
}
