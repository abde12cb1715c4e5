//! What no line alone can know: whether the lines go together.

use std::collections::HashMap;

use ferrymq_broker::Durability;

use super::assembly::{Assembly, Scope};
use super::listener::{ListenerSettings, Protocol};
use super::origin::{Origin, Weight};
use super::plugins::Reach;

/// Says what does not go together.
pub(super) fn check(assembly: &mut Assembly) {
    repeated_listeners(assembly);
    plugins(assembly);
    for index in 0..assembly.listeners.len() {
        let Some(settings) = assembly.listeners.get(index).cloned() else { continue };
        let origin = assembly.opened_at(index).cloned();
        for (weight, words) in listener(index, &settings, assembly) {
            let words = format!("listener {}: {words}", settings.endpoint);
            say(assembly, origin.as_ref(), weight, words);
        }
    }
    if assembly.global.durability == Durability::None
        && !assembly.global.topic_durability.is_empty()
    {
        let words = "topic_durability needs a broker that keeps something: choose durability \
                     process or power";
        let origin = assembly.said("topic_durability").cloned();
        say(assembly, origin.as_ref(), Weight::Mistake, words.to_owned());
    }
}

fn say(assembly: &mut Assembly, origin: Option<&Origin>, weight: Weight, words: String) {
    let origin = origin.cloned().unwrap_or_else(|| Origin::Flag(Box::from("port")));
    match weight {
        Weight::Mistake => assembly.mistake(&origin, words),
        _ => assembly.remark(&origin, weight, words),
    }
}

fn repeated_listeners(assembly: &mut Assembly) {
    let mut seen = HashMap::new();
    let mut repeated = Vec::new();
    for (index, listener) in assembly.listeners.iter().enumerate() {
        let place = listener.endpoint.to_string();
        let origin = assembly.opened_at(index).cloned();
        if let Some(first) = seen.insert(place.clone(), origin.clone()).flatten() {
            repeated.push((
                origin,
                format!("listener {place}: it is at {first} already; take one out"),
            ));
        }
    }
    for (origin, words) in repeated {
        say(assembly, origin.as_ref(), Weight::Mistake, words);
    }
}

/// Plugins that lack what they need, or that nobody uses.
fn plugins(assembly: &mut Assembly) {
    let mut found = Vec::new();
    for plugin in &assembly.plugins {
        let name = plugin.plugin.name();
        let needed = plugin.plugin.options().first().filter(|_| plugin.plugin.needs_option());
        if let Some(option) = needed.filter(|option| plugin.option(option).is_none()) {
            let words = format!("{name}: it needs a file; write plugin_opt_{option} FILE after it");
            found.push((plugin.origin.clone(), Weight::Mistake, words));
        }
        if let Reach::Named(own, listeners) = &plugin.reach
            && listeners.is_empty()
        {
            let words = format!("{name}: no listener uses it; write plugin_use {own} after one");
            found.push((plugin.origin.clone(), Weight::Warning, words));
        }
    }
    for (origin, weight, words) in found {
        say(assembly, Some(&origin), weight, words);
    }
}

/// What is to be said of one listener.
fn listener(
    index: usize,
    on: &ListenerSettings,
    assembly: &Assembly,
) -> Vec<(Weight, &'static str)> {
    let tls = &on.tls;
    let speaks_tls = tls.certfile.is_some() && tls.keyfile.is_some();
    let names_user = tls.use_identity_as_username || tls.use_subject_as_username;
    let anonymous =
        on.security.allow_anonymous.or(assembly.global.security.allow_anonymous).unwrap_or(false);
    let rows = [
        (
            tls.certfile.is_some() != tls.keyfile.is_some(),
            Weight::Mistake,
            "TLS needs both certfile and keyfile; give the other one too",
        ),
        (
            !speaks_tls && (tls.cafile.is_some() || tls.capath.is_some()),
            Weight::Mistake,
            "cafile and capath are for TLS; give certfile and keyfile too",
        ),
        (
            !speaks_tls && tls.require_certificate && on.proxy_protocol != Some(2),
            Weight::Mistake,
            "require_certificate is for TLS; give certfile and keyfile too",
        ),
        (
            speaks_tls && tls.require_certificate && tls.cafile.is_none() && tls.capath.is_none(),
            Weight::Mistake,
            "require_certificate needs the authorities of the clients; give cafile or capath too",
        ),
        (
            names_user && !tls.require_certificate && on.proxy_protocol != Some(2),
            Weight::Warning,
            "clients are not asked for a certificate, so that none has a user name and none comes \
             in; write require_certificate true",
        ),
        (
            on.proxy_protocol == Some(2) && (tls.certfile.is_some() || tls.use_subject_as_username),
            Weight::Mistake,
            "with enable_proxy_protocol 2 the proxy speaks TLS and names no subject; take certfile, \
             keyfile and use_subject_as_username out",
        ),
        (
            on.protocol == Protocol::Mqtt
                && (on.http_directory.is_some() || !on.websocket_origins.is_empty()),
            Weight::Warning,
            "http_dir and websockets_origin change nothing with protocol mqtt",
        ),
        (
            on.protocol == Protocol::HttpApi && !anonymous && !assembly.is_local,
            Weight::Warning,
            "programs that ask here are refused, because nobody can be asked for a name; bind it \
             to this machine alone and write allow_anonymous true",
        ),
        (
            on.protocol != Protocol::HttpApi
                && !anonymous
                && !names_user
                && !assembly.is_local
                && !assembly.knows_users(index, on),
            Weight::Warning,
            "nobody can come in: there is no password_file nor any other source of users, and \
             allow_anonymous is not true",
        ),
    ];
    let true_ones = rows.into_iter().filter(|(is_so, ..)| *is_so);
    true_ones.map(|(_, weight, words)| (weight, words)).collect()
}

impl Assembly {
    /// Where a listener begins, or else the first that is said of it.
    fn opened_at(&self, listener: usize) -> Option<&Origin> {
        let of_it = || self.settings.iter().filter(|set| set.scope == Scope::Listener(listener));
        let opening = of_it().find(|setting| setting.option.begins_listener());
        opening.or_else(|| of_it().next()).map(|setting| &setting.origin)
    }

    /// Whether anybody knows users who come to a listener.
    fn knows_users(&self, index: usize, on: &ListenerSettings) -> bool {
        let security = match self.global.per_listener_settings {
            true => &on.security,
            false => &self.global.security,
        };
        security.password_file.is_some()
            || security.users.is_any()
            || self.plugins.iter().any(|plugin| plugin.knows_users() && plugin.is_for(index))
    }

    /// Where an option of the broker was given.
    fn said(&self, name: &str) -> Option<&Origin> {
        let last = self.settings.iter().rfind(|setting| setting.option.name == name);
        last.map(|setting| &setting.origin)
    }
}
