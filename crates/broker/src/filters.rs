//! The filters that one session has subscribed to.
//!
//! Most sessions have one, which costs its text and nothing else; some have a hundred thousand,
//! among which each is found at once.

use foldhash::fast::FixedState;
use hashbrown::HashSet;

/// A set of filters, with their `$share` prefixes.
#[derive(Debug)]
pub(crate) enum Filters {
    /// One or, if it is empty, as no filter is, none: so the two words of the text are enough.
    One(Box<str>),
    Many(Box<HashSet<Box<str>, FixedState>>),
}

impl Default for Filters {
    fn default() -> Self {
        Self::One(Box::default())
    }
}

impl Filters {
    pub(crate) fn len(&self) -> usize {
        match self {
            Self::One(one) => usize::from(!one.is_empty()),
            Self::Many(many) => many.len(),
        }
    }

    pub(crate) fn contains(&self, filter: &str) -> bool {
        match self {
            Self::One(known) => **known == *filter,
            Self::Many(many) => many.contains(filter),
        }
    }

    /// Adds a filter that is not there yet.
    pub(crate) fn insert(&mut self, filter: &str, hasher: &FixedState) {
        *self = match std::mem::take(self) {
            Self::One(none) if none.is_empty() => Self::One(Box::from(filter)),
            Self::One(known) => {
                let mut many = HashSet::with_hasher(hasher.clone());
                many.insert(known);
                many.insert(Box::from(filter));
                Self::Many(Box::new(many))
            }
            Self::Many(mut many) => {
                many.insert(Box::from(filter));
                Self::Many(many)
            }
        };
    }

    pub(crate) fn remove(&mut self, filter: &str) {
        match self {
            Self::One(known) if **known == *filter => *self = Self::default(),
            Self::Many(many) => {
                many.remove(filter);
                if many.is_empty() {
                    *self = Self::default();
                }
            }
            Self::One(_) => {}
        }
    }

    pub(crate) fn iter(&self) -> impl Iterator<Item = &str> {
        let (one, many) = match self {
            Self::One(one) => (Some(one).filter(|one| !one.is_empty()), None),
            Self::Many(many) => (None, Some(many.iter())),
        };
        one.into_iter().chain(many.into_iter().flatten()).map(|filter| &**filter)
    }
}
