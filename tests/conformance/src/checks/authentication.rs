//! Section 3.15 and 4.12 as far as a server without an Authentication Method shows it.

use crate::property::{self, AUTHENTICATION_DATA, AUTHENTICATION_METHOD};
use crate::scene::Scene;
use crate::verdict::{Verdict, ensure};
use crate::wire::{Kind, packet_with_flags};

pub(crate) fn reserved_flags_of_auth_close(scene: &mut Scene) -> Verdict {
    let method = property::block(&[property::binary(AUTHENTICATION_METHOD, "method")]);
    let body = [vec![0x18], method].concat();
    for flags in [0b0001, 0b0010, 0b1000] {
        let bytes = packet_with_flags(Kind::Auth, flags, &body);
        scene.each_closes(&[(&format!("flags {flags:04b}"), bytes)])?;
    }
    Ok(())
}

pub(crate) fn unknown_method_is_refused(scene: &mut Scene) -> Verdict {
    let connect = scene
        .new_client()
        .with(property::binary(AUTHENTICATION_METHOD, "no such method"))
        .with(property::binary(AUTHENTICATION_DATA, [1, 2, 3]));
    let mut peer = scene.open()?;
    peer.send(&connect.bytes());
    let reason = peer.expect_closed()?;
    ensure(
        matches!(reason, None | Some(0x8C | 0x87)),
        format!("the reason of the refusal is {reason:02x?}"),
    )
}

pub(crate) fn no_authentication_unless_asked(scene: &mut Scene) -> Verdict {
    let connect = scene.new_client();
    let (mut peer, connack) = scene.connack(&connect)?;
    let found = connack.property(AUTHENTICATION_METHOD);
    ensure(found.is_none(), format!("unasked Authentication Method {found:?}"))?;
    peer.expect_nothing()
}
