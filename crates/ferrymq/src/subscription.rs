//! The flags that say what is done with retained messages, shared by `sub` and `rr`.

use clap::{Args, ValueEnum};
use ferrymq_client::{RetainHandling, Subscribe};

/// Which retained messages are wanted, and how.
#[derive(Args, Debug)]
pub(crate) struct RetainArguments {
    /// Do not print retained messages
    #[arg(short = 'R')]
    pub(crate) no_retained: bool,
    /// Ask for messages with the RETAIN flag that they were published with; MQTT 5.0
    #[arg(long)]
    pub(crate) retain_as_published: bool,
    /// When to send retained messages; MQTT 5.0
    #[arg(long, value_name = "WHEN")]
    pub(crate) retain_handling: Option<Handling>,
}

/// When retained messages are sent.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub(crate) enum Handling {
    /// At every subscription
    Always,
    /// If the subscription is new
    New,
    /// Not at all
    Never,
}

impl RetainArguments {
    /// Adds to a request what is wanted.
    pub(crate) fn apply<'c>(&self, request: Subscribe<'c>) -> Subscribe<'c> {
        let request =
            if self.retain_as_published { request.retain_as_published() } else { request };
        match (self.retain_handling, self.no_retained) {
            (Some(Handling::Always), _) => request.retain_handling(RetainHandling::Send),
            (Some(Handling::New), _) => request.retain_handling(RetainHandling::SendIfNew),
            (Some(Handling::Never), _) | (None, true) => {
                request.retain_handling(RetainHandling::DoNotSend)
            }
            (None, false) => request,
        }
    }
}
