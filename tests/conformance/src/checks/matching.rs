//! Section 4.7: Topic Names, Topic Filters, and which match.

use super::crafted;
use crate::scene::Scene;
use crate::verdict::{Verdict, ensure, ensure_same};
use crate::wire::Publish;

pub(crate) fn wildcards_in_topic_names_close(scene: &mut Scene) -> Verdict {
    for name in ["#", "+", "a/#", "+/b", "a+", "a#b"] {
        let bytes = crafted::publish_to(scene.version, scene.topic(name).as_bytes());
        scene.each_closes(&[(name, bytes)])?;
    }
    Ok(())
}

/// The server refuses the filter, in the SUBACK or with a close; a bad filter never subscribes.
fn refused(scene: &mut Scene, filters: &[&str]) -> Verdict {
    for filter in filters {
        let filter = scene.topic(filter);
        let mut peer = scene.connect()?;
        peer.send(&crafted::subscribe_to(scene.version, filter.as_bytes()));
        match peer.next_within(crate::peer::PATIENCE)? {
            Some(packet) if packet.kind == crate::wire::Kind::SubAck => {
                let reasons = packet.acknowledgement(scene.version)?.reasons;
                let all = reasons.iter().all(|reason| *reason >= 0x80);
                ensure(all, format!("{filter:?} is granted: {reasons:02x?}"))?;
            }
            Some(packet) => {
                ensure_same("what answers", packet.kind, crate::wire::Kind::Disconnect)?;
            }
            None => {}
        }
    }
    Ok(())
}

/// Which of the topics a subscription to the filter brings.
fn matched<'a>(scene: &mut Scene, filter: &str, topics: &[&'a str]) -> Verdict<Vec<&'a str>> {
    let mut peer = scene.connect()?;
    peer.subscribe(&[(&scene.topic(filter), 0)])?;
    let mut found = Vec::new();
    for topic in topics {
        peer.publish(scene.message(topic, topic))?;
        if !peer.drain()?.is_empty() {
            found.push(*topic);
        }
    }
    Ok(found)
}

fn matches(scene: &mut Scene, filter: &str, yes: &[&str], no: &[&str]) -> Verdict {
    let found = matched(scene, filter, &[yes, no].concat())?;
    ensure_same(&format!("what {filter:?} matches"), found, yes.to_vec())
}

pub(crate) fn multi_level_wildcard_is_last_and_alone(scene: &mut Scene) -> Verdict {
    refused(scene, &["a#", "a/#/b", "#/b", "a/#b", "##"])?;
    matches(scene, "a/#", &["a", "a/", "a/b", "a/b/c/d"], &["ab", "b/a", "A"])?;
    matches(scene, "#", &["a", "a/b", "/"], &[])
}

pub(crate) fn single_level_wildcard_is_alone(scene: &mut Scene) -> Verdict {
    refused(scene, &["a+", "+a", "a/b+/c", "++"])?;
    matches(scene, "a/+", &["a/", "a/b"], &["a", "a/b/c", "b/a"])?;
    matches(scene, "+/b/+", &["a/b/c", "/b/"], &["a/b", "a/c/c", "a/b/c/d"])?;
    matches(scene, "+/+", &["/a", "a/"], &["a"])?;
    matches(scene, "+/#", &["a", "a/b/c"], &[])
}

/// Filters whose first level is a wildcard see none of the topics whose first level starts so.
pub(crate) fn dollar_topics_match_no_leading_wildcard(scene: &mut Scene) -> Verdict {
    let own = scene.client_id("");
    let hidden = format!("$test/{own}/t");
    let marker = format!("{own}/marker");
    let mut peer = scene.connect()?;
    peer.subscribe(&[
        ("#", 0),
        ("+/#", 0),
        (&format!("+/{own}/t"), 0),
        (&format!("+/{own}/#"), 0),
    ])?;
    let mut aware = scene.connect()?;
    aware.subscribe(&[(&format!("$test/{own}/#"), 0)])?;
    let mut sender = scene.connect()?;
    sender.publish(Publish::new(&hidden, "hidden"))?;
    sender.publish(Publish::new(&marker, "marker"))?;
    loop {
        let found = peer.expect_publish()?;
        ensure(!found.topic.starts_with('$'), format!("{:?} matches", found.topic))?;
        if found.topic == marker {
            break;
        }
    }
    // A server may keep clients from using such topics; if it does not, this filter matches.
    let seen = aware.drain()?;
    ensure(seen.iter().all(|publish| publish.topic == hidden), "another topic matches")
}

pub(crate) fn topics_have_at_least_one_character(scene: &mut Scene) -> Verdict {
    let version = scene.version;
    scene.each_closes(&[("Topic Name", crafted::publish_to(version, b""))])?;
    let mut peer = scene.connect()?;
    peer.send(&crafted::subscribe_to(version, b""));
    match peer.next_within(crate::peer::PATIENCE)? {
        Some(packet) if packet.kind == crate::wire::Kind::SubAck => {
            let reasons = packet.acknowledgement(version)?.reasons;
            ensure(reasons.iter().all(|reason| *reason >= 0x80), "the empty filter is granted")
        }
        _ => Ok(()),
    }
}

/// The longest topic that can be written is a topic like any other.
pub(crate) fn topics_may_have_65535_bytes(scene: &mut Scene) -> Verdict {
    let start = scene.topic("");
    let topic = format!("{start}{}", "x".repeat(65_535 - start.len()));
    let mut peer = scene.connect()?;
    peer.subscribe(&[(&topic, 0)])?;
    peer.publish(Publish::new(&topic, "long"))?;
    let found = peer.expect_message("long")?;
    ensure(found.topic == topic, "the topic has been changed")
}

/// Case, empty levels, composition of characters: everything counts.
pub(crate) fn topics_are_not_normalized(scene: &mut Scene) -> Verdict {
    matches(scene, "a", &["a"], &["A", "a/", "/a", " a", "\u{FEFF}a"])?;
    matches(scene, "a/b", &["a/b"], &["a//b", "a/./b", "a%2Fb", "a\\b"])?;
    matches(scene, "\u{E9}", &["\u{E9}"], &["e\u{301}", "\u{C9}", "e"])?;
    matches(scene, "a*", &["a*"], &["ab", "a"])
}
