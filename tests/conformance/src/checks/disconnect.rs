//! Section 3.14 and 4.13: DISCONNECT, and the errors that lead to it.

use super::crafted::{self, publish_flagged};
use crate::property::{self, Property, SESSION_EXPIRY_INTERVAL};
use crate::scene::Scene;
use crate::verdict::{Verdict, ensure, ensure_same};
use crate::wire::{Kind, disconnect, packet, packet_with_flags, ping_request};

/// Errors that no server overlooks.
fn plain_errors(scene: &mut Scene) -> Vec<(&'static str, Vec<u8>)> {
    let version = scene.version;
    let topic = scene.topic("t");
    vec![
        ("a second CONNECT", scene.new_client().bytes()),
        ("QoS 3", publish_flagged(version, &topic, 0b0110, 1)),
        ("SUBSCRIBE without filters", crafted::subscribe_payload(version, 1, &[])),
        ("a packet type that does not exist", vec![0x00, 0x00]),
        ("a wildcard in a Topic Name", crafted::publish_to(version, b"#")),
        ("a packet cut off", packet(Kind::PubAck, &[0])),
    ]
}

/// Errors of several kinds, each enough to close a connection.
fn errors(scene: &mut Scene) -> Vec<(&'static str, Vec<u8>)> {
    let mut errors = plain_errors(scene);
    errors.extend([
        ("reserved flags", packet_with_flags(Kind::PingReq, 1, &[])),
        ("a packet of the server", packet(Kind::SubAck, &[0, 1, 0])),
    ]);
    errors
}

pub(crate) fn errors_close(scene: &mut Scene) -> Verdict {
    let cases = errors(scene);
    scene.each_closes(&cases)
}

pub(crate) fn reserved_flags_close(scene: &mut Scene) -> Verdict {
    for flags in [0b0001, 0b0010, 0b1000] {
        let mut peer = scene.connect()?;
        peer.send(&packet_with_flags(Kind::Disconnect, flags, &[]));
        let reason = peer.expect_closed()?;
        ensure(
            matches!(reason, None | Some(0x81)),
            format!("flags {flags:04b} close with the reason {reason:02x?}"),
        )?;
    }
    Ok(())
}

/// A connection that never got a CONNACK with Success gets no DISCONNECT either.
pub(crate) fn no_disconnect_before_connack(scene: &mut Scene) -> Verdict {
    let connect = scene.new_client();
    let version = scene.version;
    for (case, bytes) in [
        ("no CONNECT", ping_request()),
        ("the reserved flag", connect.bytes_with_flags(connect.flags() | 1)),
        ("a packet type that does not exist", vec![0x00, 0x00]),
        ("an ill-formed Client Identifier", crafted::connect_as(version, crafted::NO_UTF8)),
    ] {
        let mut peer = scene.open()?;
        peer.send(&bytes);
        while let Some(packet) = peer.next_within(crate::peer::PATIENCE)? {
            ensure_same(case, packet.kind, Kind::ConnAck)?;
        }
    }
    Ok(())
}

/// The DISCONNECT packets with which the server answers errors, and what follows them.
fn farewells(scene: &mut Scene) -> Verdict<Vec<(u8, Vec<Property>)>> {
    let mut found = Vec::new();
    for (case, bytes) in plain_errors(scene) {
        let mut peer = scene.connect()?;
        peer.send(&bytes);
        if let Some(packet) = peer.next_within(crate::peer::PATIENCE)? {
            ensure_same(case, packet.kind, Kind::Disconnect)?;
            found.push(packet.disconnect()?);
            let more = peer.next_within(crate::peer::PATIENCE)?;
            ensure(more.is_none(), format!("{case}: more follows the DISCONNECT"))?;
        }
    }
    Ok(found)
}

pub(crate) fn nothing_follows_a_disconnect(scene: &mut Scene) -> Verdict {
    farewells(scene).map(drop)
}

pub(crate) fn reason_codes_are_known(scene: &mut Scene) -> Verdict {
    for (reason, _) in farewells(scene)? {
        let known = FROM_SERVER.contains(&reason);
        ensure(known, format!("{reason:#04x} is no Reason Code of the server"))?;
    }
    Ok(())
}

pub(crate) fn server_sends_no_session_expiry(scene: &mut Scene) -> Verdict {
    for (_, properties) in farewells(scene)? {
        let found = properties.iter().find(|found| found.id == SESSION_EXPIRY_INTERVAL);
        ensure(found.is_none(), "a DISCONNECT of the server has a Session Expiry Interval")?;
    }
    Ok(())
}

/// After the client's DISCONNECT the server closes and processes nothing more.
pub(crate) fn nothing_is_processed_after_disconnect(scene: &mut Scene) -> Verdict {
    let topic = scene.topic("t");
    let mut witness = scene.connect()?;
    witness.subscribe(&[(&topic, 0)])?;
    let mut peer = scene.connect()?;
    let late = scene.message("t", "late").bytes(scene.version);
    peer.send(&[disconnect(scene.version, 0, &[]), late].concat());
    peer.expect_closed()?;
    witness.expect_nothing()
}

/// A Session Expiry Interval of zero in CONNECT cannot be raised by DISCONNECT.
pub(crate) fn session_expiry_cannot_be_raised(scene: &mut Scene) -> Verdict {
    let interval = property::four(SESSION_EXPIRY_INTERVAL, 100);
    let bytes = disconnect(scene.version, 0, &[interval]);
    let connect = scene.new_client();
    let mut peer = scene.connect_with(&connect)?;
    peer.send(&bytes);
    peer.expect_closed()?;
    let (_peer, connack) = scene.connack(&connect.resume())?;
    ensure(!connack.session_present(), "the session has outlived its connection")
}

/// The Reason Codes of DISCONNECT that a server may send with an error.
const FROM_SERVER: [u8; 27] = [
    0x80, 0x81, 0x82, 0x83, 0x87, 0x89, 0x8B, 0x8D, 0x8E, 0x8F, 0x90, 0x93, 0x94, 0x95, 0x96, 0x97,
    0x98, 0x99, 0x9A, 0x9B, 0x9C, 0x9D, 0x9E, 0x9F, 0xA0, 0xA1, 0xA2,
];
