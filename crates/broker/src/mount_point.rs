//! Mount points: the clients of a listener live in a part of the topic space and take it for all
//! of it.

use std::borrow::Cow;

use ferrymq_codec::{DecodeError, TopicFilter, TopicName};

/// What stands in front of all topics of some clients. It is put before what they publish and
/// subscribe to and taken off what they receive; they never see it.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct MountPoint(Box<str>);

impl MountPoint {
    /// A mount point; the empty one changes nothing. It usually ends with `/`: nothing else parts
    /// it from the topics behind it.
    ///
    /// # Errors
    ///
    /// What could not be the beginning of a topic name.
    pub fn parse(text: &str) -> Result<Self, DecodeError> {
        if !text.is_empty() {
            TopicName::parse(text)?;
        }
        Ok(Self(Box::from(text)))
    }

    /// The text.
    pub const fn as_str(&self) -> &str {
        &self.0
    }

    /// Whether it changes nothing.
    pub const fn is_empty(&self) -> bool {
        self.0.is_empty()
    }

    /// A topic of one of its clients, as it is called outside.
    ///
    /// # Errors
    ///
    /// With the mount point the topic is too long or has too many levels.
    pub(crate) fn mount<'a>(&self, topic: TopicName<'a>) -> Result<Cow<'a, str>, DecodeError> {
        if self.is_empty() {
            return Ok(Cow::Borrowed(topic.as_str()));
        }
        let mounted = format!("{}{topic}", self.0);
        TopicName::parse(&mounted)?;
        Ok(Cow::Owned(mounted))
    }

    /// A filter of one of its clients, as it is called outside. The members of a shared subscription
    /// are those who share what is behind the same mount point.
    ///
    /// # Errors
    ///
    /// The same, or the mount point does not end with `/` and the filter begins with a wildcard.
    pub(crate) fn mount_filter<'a>(
        &self,
        filter: TopicFilter<'a>,
    ) -> Result<Cow<'a, str>, DecodeError> {
        if self.is_empty() {
            return Ok(Cow::Borrowed(filter.as_str()));
        }
        let mounted = match filter.share() {
            Some((share, filter)) => format!("$share/{share}/{}{filter}", self.0),
            None => format!("{}{filter}", self.0),
        };
        TopicFilter::parse(&mounted)?;
        Ok(Cow::Owned(mounted))
    }

    /// A topic as clients behind the mount point call it; `None` if it is not behind it.
    pub(crate) fn unmount<'a>(&self, topic: TopicName<'a>) -> Option<TopicName<'a>> {
        if self.is_empty() {
            return Some(topic);
        }
        let rest = topic.as_str().strip_prefix(&*self.0)?;
        (!rest.is_empty()).then(|| TopicName::trusted(rest))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn mounted(mount_point: &str, filter: &str) -> Option<String> {
        let mount_point = MountPoint::parse(mount_point).expect("a mount point");
        let filter = TopicFilter::parse(filter).expect("a filter");
        mount_point.mount_filter(filter).ok().map(Cow::into_owned)
    }

    #[test]
    fn filter_is_put_behind_the_mount_point_and_in_front_of_its_share() {
        let rows = [
            ("", "a/#", Some("a/#")),
            ("m/", "a/#", Some("m/a/#")),
            ("m/", "#", Some("m/#")),
            ("m/", "$SYS/#", Some("m/$SYS/#")),
            ("m/", "$share/g/+/a", Some("$share/g/m/+/a")),
            ("m", "a", Some("ma")),
            ("m", "#", None),
            ("m", "+/a", None),
        ];
        for (mount_point, filter, expected) in rows {
            assert_eq!(mounted(mount_point, filter).as_deref(), expected, "{mount_point} {filter}");
        }
    }

    #[test]
    fn topic_comes_back_as_it_was_published() {
        let mount_point = MountPoint::parse("m/").expect("a mount point");
        let topic = TopicName::parse("a/b").expect("a topic");
        let outside = mount_point.mount(topic).expect("it is short");
        assert_eq!(outside, "m/a/b");
        assert_eq!(mount_point.unmount(TopicName::trusted(&outside)), Some(topic));
        for elsewhere in ["a/b", "m", "m/"] {
            assert_eq!(mount_point.unmount(TopicName::trusted(elsewhere)), None, "{elsewhere}");
        }
    }

    #[test]
    fn what_becomes_too_long_or_too_deep_is_no_topic() {
        let deep = "a/".repeat(150);
        let mount_point = MountPoint::parse(&deep).expect("not too deep");
        assert!(mount_point.mount(TopicName::trusted(&deep)).is_err());
        let long = "a".repeat(40_000);
        let mount_point = MountPoint::parse(&long).expect("not too long");
        assert!(mount_point.mount(TopicName::trusted(&long)).is_err());
        assert!(mount_point.mount_filter(TopicFilter::trusted(&long)).is_err());
    }

    #[test]
    fn wildcards_are_no_part_of_a_mount_point() {
        assert!(MountPoint::parse("+/").is_err());
        assert!(MountPoint::parse("#").is_err());
    }
}
