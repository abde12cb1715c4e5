//! `ferrymq acl`: what an ACL file allows, because of which line, and what in it looks wrong.

use std::io::{self, Write as _};
use std::path::{Path, PathBuf};

use anyhow::{Context, bail};
use clap::{Args, Subcommand, ValueEnum};
use ferrymq_access::acl::{self, AclFile, Rule, Rules, Scope, Type};
use ferrymq_access::password::{self, PasswordFile};
use ferrymq_access::{Action, Mistake, RuleRef, Who};
use ferrymq_client::{TopicFilter, TopicName};
use ferrymq_server::bounded_file;

/// Look at an ACL file.
#[derive(Debug, Subcommand)]
pub(crate) enum AclCommand {
    /// Say whether a client may do something, and which line says so. The exit status is 1 if it
    /// may not
    Check(CheckArguments),
    /// Say who may publish to a topic and receive from it, and which lines say so
    Explain(ExplainArguments),
    /// Say what in the file has no effect, or another than it seems. The exit status is 1 if there
    /// is something
    Lint(LintArguments),
}

/// Who wants to do what.
#[derive(Args, Debug)]
pub(crate) struct CheckArguments {
    /// The ACL file
    file: PathBuf,
    #[command(flatten)]
    client: ClientArguments,
    /// What the client wants to do
    action: ActionName,
    /// The topic; for `subscribe` a filter
    #[arg(allow_hyphen_values = true)]
    topic: String,
}

/// Which topic.
#[derive(Args, Debug)]
pub(crate) struct ExplainArguments {
    /// The ACL file
    file: PathBuf,
    /// The topic, or a filter for many
    #[arg(allow_hyphen_values = true)]
    topic: String,
}

/// Which file.
#[derive(Args, Debug)]
pub(crate) struct LintArguments {
    /// The ACL file
    file: PathBuf,
    /// The password file: users that are not in it are named
    #[arg(long, value_name = "FILE")]
    password_file: Option<PathBuf>,
}

/// Which client.
#[derive(Args, Debug)]
pub(crate) struct ClientArguments {
    /// The user name; without it, a client that has none
    #[arg(short, long, value_name = "USER")]
    username: Option<String>,
    /// The client identifier
    #[arg(short, long, value_name = "ID", default_value = "", hide_default_value = true)]
    id: String,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
enum ActionName {
    Publish,
    Receive,
    Subscribe,
}

/// Does it. The exit status.
pub(crate) fn run(command: &AclCommand) -> anyhow::Result<u8> {
    match command {
        AclCommand::Check(arguments) => check(arguments),
        AclCommand::Explain(arguments) => explain(arguments),
        AclCommand::Lint(arguments) => lint(arguments),
    }
}

fn check(arguments: &CheckArguments) -> anyhow::Result<u8> {
    let CheckArguments { client, topic, .. } = arguments;
    let (action, words) = match arguments.action {
        ActionName::Publish => (Action::Publish, "publish to"),
        ActionName::Receive => (Action::Receive, "receive from"),
        ActionName::Subscribe => (Action::Subscribe, "subscribe to"),
    };
    match action {
        Action::Subscribe => TopicFilter::parse(topic).err(),
        _ => TopicName::parse(topic).err(),
    }
    .map_or(Ok(()), |error| bail!("{topic:?}: {error}"))?;
    let file = read(&arguments.file)?;
    let rules = Rules::new(&file);
    let who = Who { username: client.username.as_deref(), client_id: &client.id };
    let decision = rules.decide(who, action, topic);
    let name = client.username.as_ref().map_or_else(
        || "a client without a user name".to_owned(),
        |username| format!("user {username}"),
    );
    let may = if decision.allowed { "may" } else { "may not" };
    let because = match decision.rule {
        Some(RuleRef::Line { file: name, line }) => {
            let rule = file.rules().iter().find(|rule| rule.line == line);
            rule.map_or_else(String::new, |rule| format!("{name}:{line}: {rule}"))
        }
        Some(rule) => rule.to_string(),
        None => "no line allows it".into(),
    };
    say(&format!("{name} {may} {words} {topic}\n{because}"));
    Ok(u8::from(!decision.allowed))
}

fn explain(arguments: &ExplainArguments) -> anyhow::Result<u8> {
    let topic = &arguments.topic;
    if let Err(error) = TopicFilter::parse(topic) {
        bail!("{topic:?}: {error}");
    }
    let file = read(&arguments.file)?;
    let rules = file.about(topic);
    if rules.is_empty() {
        say(&format!("no line is about {topic}: nobody may publish to it or receive from it"));
    }
    for rule in rules {
        say(&format!("{}:{}: {rule}\n  {}", file.name(), rule.line, effect(rule)));
    }
    Ok(0)
}

/// What a rule does, and for whom.
fn effect(rule: &Rule) -> String {
    let does = match rule.access {
        Type::Read => "may receive",
        Type::Write => "may publish",
        Type::ReadWrite => "may publish and receive",
        Type::Deny => "may neither publish nor receive",
    };
    let has = |name| rule.filter.split('/').any(|level| level == name);
    let whom = match (&rule.scope, has("%c"), has("%u")) {
        (Scope::Everybody, true, true) => {
            "whoever has %c for client identifier and %u for user name".into()
        }
        (Scope::Everybody, true, false) => "whoever has %c for client identifier".into(),
        (Scope::Everybody, false, true) => "whoever has %u for user name".into(),
        (scope, ..) => scope.to_string(),
    };
    let unless = match rule.scope {
        Scope::Everybody => ", unless a line for the user says something else",
        Scope::Anonymous | Scope::User(_) => "",
    };
    format!("{whom} {does}{unless}")
}

fn lint(arguments: &LintArguments) -> anyhow::Result<u8> {
    let file = read(&arguments.file)?;
    let users = match &arguments.password_file {
        Some(path) => Some(parse(path, password::MAXIMUM_FILE_BYTES, PasswordFile::parse)?),
        None => None,
    };
    let found = file.lint(users.as_ref());
    for finding in &found {
        say(&finding.to_string());
    }
    Ok(u8::from(!found.is_empty()))
}

fn read(path: &Path) -> anyhow::Result<AclFile> {
    parse(path, acl::MAXIMUM_FILE_BYTES, AclFile::parse)
}

fn parse<T>(
    path: &Path,
    maximum_bytes: u64,
    parse: impl Fn(&str, &[u8]) -> Result<T, Vec<Mistake>>,
) -> anyhow::Result<T> {
    let name = path.display().to_string();
    let bytes =
        bounded_file::read(path, maximum_bytes).with_context(|| format!("cannot read {name}"))?;
    match parse(&name, &bytes) {
        Ok(parsed) => Ok(parsed),
        Err(mistakes) => {
            let lines: Vec<_> = mistakes.iter().map(ToString::to_string).collect();
            bail!("{name} cannot be used\n{}", lines.join("\n"))
        }
    }
}

/// Where the words cannot go, there is nobody to tell.
fn say(words: &str) {
    let _ = writeln!(io::stdout().lock(), "{words}");
}
