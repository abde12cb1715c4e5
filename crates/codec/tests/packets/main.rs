//! One table of packets and their bytes. Decoding, encoding, the round trip and every chunking run
//! over the same rows; a row is a packet with its bytes, or bytes with what is wrong with them.

mod acknowledgements;
mod connect;
mod framing;
mod publish;
mod row;
mod session;
mod subscribe;

use row::check;

#[test]
fn connect_and_connack() {
    check(&connect::rows());
}

#[test]
fn publish() {
    check(&publish::rows());
}

#[test]
fn acknowledgements() {
    check(&acknowledgements::rows());
}

#[test]
fn subscribe_and_unsubscribe() {
    check(&subscribe::rows());
}

#[test]
fn ping_disconnect_and_auth() {
    check(&session::rows());
}

#[test]
fn framing() {
    check(&framing::rows());
}
