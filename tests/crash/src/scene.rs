//! Who and what there is in a run: clients, topics, filters. It does not change while the run goes
//! on.

use std::time::Duration;

use ferrymq_codec::{TopicFilter, TopicName};

use crate::event::{ClientNumber, FilterNumber, TopicNumber};

/// The scene of a run.
#[derive(Clone, Debug, Default)]
pub struct Scene {
    clients: Vec<(String, Life)>,
    topics: Vec<String>,
    filters: Vec<Filter>,
}

/// How long the session of a client goes on without a network connection.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Life {
    /// It ends with the network connection.
    Transient,
    /// It ends after this time.
    Expires(Duration),
    /// It does not end within a run.
    Persistent,
}

#[derive(Clone, Debug)]
struct Filter {
    text: String,
    /// Which topics match, in their order.
    matches: Vec<bool>,
}

impl Scene {
    /// A client with this Client Identifier.
    pub fn add_client(&mut self, client_id: &str, life: Life) -> ClientNumber {
        self.clients.push((client_id.to_owned(), life));
        ClientNumber(self.clients.len() - 1)
    }

    /// A Topic Name.
    pub fn add_topic(&mut self, name: &str) -> TopicNumber {
        for filter in &mut self.filters {
            filter.matches.push(is_match(&filter.text, name));
        }
        self.topics.push(name.to_owned());
        TopicNumber(self.topics.len() - 1)
    }

    /// A Topic Filter; each text is one filter, however often it is added. A topic that matches a
    /// shared filter must match no other filter than that.
    pub fn add_filter(&mut self, text: &str) -> FilterNumber {
        if let Some(known) = self.filters.iter().position(|filter| filter.text == text) {
            return FilterNumber(known);
        }
        let matches = self.topics.iter().map(|topic| is_match(text, topic)).collect();
        self.filters.push(Filter { text: text.to_owned(), matches });
        FilterNumber(self.filters.len() - 1)
    }

    /// All clients.
    pub fn clients(&self) -> impl Iterator<Item = ClientNumber> + use<> {
        (0..self.clients.len()).map(ClientNumber)
    }

    /// The Client Identifier.
    pub fn client_id(&self, client: ClientNumber) -> &str {
        self.clients.get(client.0).map_or("", |(name, _)| name)
    }

    /// How long a session of the client lives.
    pub fn life(&self, client: ClientNumber) -> Life {
        self.clients.get(client.0).map_or(Life::Transient, |(_, life)| *life)
    }

    /// The Topic Name as text.
    pub fn topic(&self, topic: TopicNumber) -> &str {
        self.topics.get(topic.0).map_or("", String::as_str)
    }

    /// The Topic Filter as text.
    pub fn filter(&self, filter: FilterNumber) -> &str {
        self.filters.get(filter.0).map_or("", |filter| &filter.text)
    }

    /// All filters that have a share name.
    pub fn shared_filters(&self) -> impl Iterator<Item = FilterNumber> {
        (0..self.filters.len()).map(FilterNumber).filter(|filter| self.is_shared(*filter))
    }

    /// Whether the filter has a share name.
    pub fn is_shared(&self, filter: FilterNumber) -> bool {
        TopicFilter::trusted(self.filter(filter)).share().is_some()
    }

    /// Whether a message for this topic matches.
    pub fn matches(&self, filter: FilterNumber, topic: TopicNumber) -> bool {
        let filter = self.filters.get(filter.0);
        filter.and_then(|filter| filter.matches.get(topic.0)).copied().unwrap_or(false)
    }
}

fn is_match(filter: &str, topic: &str) -> bool {
    TopicFilter::trusted(filter).matches(TopicName::trusted(topic))
}
