//! All options, and where to find one.

mod bounds;
mod bridges;
mod general;
mod kinds;
mod limits;
mod listeners;
mod security;
mod storage;
mod tls;
mod users;

use super::option::OptionDefinition;

/// All options, by what they are about.
pub fn options() -> impl Iterator<Item = &'static OptionDefinition> {
    let tables = [
        general::OPTIONS,
        listeners::OPTIONS,
        tls::OPTIONS,
        security::OPTIONS,
        users::OPTIONS,
        limits::OPTIONS,
        storage::OPTIONS,
        general::LOGGING,
        bounds::OPTIONS,
        bridges::OPTIONS,
    ];
    tables.into_iter().flatten()
}

/// The option of this name.
pub fn option(name: &str) -> Option<&'static OptionDefinition> {
    options().find(|option| {
        option.name == name
            || option.aliases.contains(&name)
            || option
                .name
                .strip_suffix('*')
                .is_some_and(|start| name.strip_prefix(start).is_some_and(|key| !key.is_empty()))
    })
}

/// The known name that is nearest to this one, if any is near.
pub fn nearest(name: &str) -> Option<&'static str> {
    let names = options()
        .flat_map(|option| [option.name].into_iter().chain(option.aliases.iter().copied()));
    let (distance, nearest) = names
        .map(|known| (strsim::damerau_levenshtein(name, known), known))
        .min_by_key(|(distance, _)| *distance)?;
    (distance <= (name.len() / 3).max(1)).then_some(nearest)
}
