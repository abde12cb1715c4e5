//! Files of dynamic security, without a broker.

use std::fs;
use std::num::NonZeroU32;
use std::path::Path;

use anyhow::{Context, bail};
use ferrymq_access::dynamic_security::{Model, PASSWORD_ITERATIONS};
use ferrymq_access::password::{Hash, Scheme};
use ferrymq_server::private_file::{self, Mode};

use super::module::typed_password;

/// Makes a new file with an administrator.
pub(super) fn init(words: &[String]) -> anyhow::Result<String> {
    let (path, username, password) = match words {
        [path, username] => {
            let password = typed_password(username)?;
            (path, username, password.context("Empty password.")?)
        }
        [path, username, password] => (path, username, password.clone()),
        [] | [_] => bail!("dynsec init: Not enough arguments - filename, or admin-user missing."),
        _ => bail!("dynsec init: Too many arguments."),
    };
    let model = Model::administered_by(username, hash(&password, PASSWORD_ITERATIONS)?);
    private_file::create(Path::new(path), &model.to_json())
        .with_context(|| format!("dynsec init: Unable to open '{path}' for writing"))?;
    Ok(format!(
        "The client '{username}' has been created in the file '{path}'.\n\
         It may administer dynamic security and look at all topics, and publish to no other. \
         Create clients for your applications, for example:\n   \
         ferrymq ctl <connect options> dynsec createClient <username>\n   \
         ferrymq ctl <connect options> dynsec createRole <rolename>\n   \
         ferrymq ctl <connect options> dynsec addRoleACL <rolename> publishClientSend my/topic allow\n   \
         ferrymq ctl <connect options> dynsec addClientRole <username> <rolename>\n"
    ))
}

/// Sets the password of a client in a file that no broker uses.
pub(super) fn set_password(
    path: &Path,
    username: &str,
    password: &str,
    rest: &[String],
) -> anyhow::Result<String> {
    let iterations = match rest {
        [] => PASSWORD_ITERATIONS,
        [flag, iterations] if flag == "-i" => iterations
            .parse()
            .with_context(|| format!("-i is followed by a number above 0, not {iterations}"))?,
        _ => bail!(
            "Invalid arguments provided. Usage: ferrymq ctl -f FILE dynsec \
             setClientPassword <username> <password> [-i iterations]"
        ),
    };
    let name = path.display().to_string();
    let bytes = fs::read(path).with_context(|| format!("Unable to open {name}"))?;
    let (mut model, mistakes) = Model::parse(&name, &bytes)?;
    if let Some(mistake) = mistakes.first() {
        bail!("{mistake}; it would be lost: mend the file first");
    }
    if !model.set_password(username, hash(password, iterations)?) {
        bail!("Client {username} not found.");
    }
    private_file::replace(path, &model.to_json(), Mode::Private)
        .with_context(|| format!("Unable to write to {name}"))?;
    Ok(String::new())
}

fn hash(password: &str, iterations: NonZeroU32) -> anyhow::Result<Hash> {
    if password.is_empty() {
        bail!("Empty password.");
    }
    // What every plugin reads, the old ones too.
    let scheme = Scheme::pbkdf2(iterations);
    let mut salt = vec![0; scheme.salt_length()];
    getrandom::fill(&mut salt).context("the system gives no random numbers")?;
    Hash::make(scheme, password.as_bytes(), &salt).context("Problem generating password hash")
}
