//! Certificates and ciphers of listeners.

use super::kinds::{PATH, SWITCH, TEXT};
use crate::configuration::option::{
    Group, OptionDefinition, Section, State, Without, global, listener, noted,
};
use crate::configuration::value::Kind;

pub(super) const OPTIONS: &[OptionDefinition] = &[
    listener("certfile", Group::Tls, PATH, Without::Default, |on| &mut on.tls.certfile)
        .last_holds()
        .does(
            "The certificate of this listener in PEM form, with those between it and the \
             authority. With keyfile, the listener speaks TLS. The files are read again when they \
             change.",
        ),
    listener("keyfile", Group::Tls, PATH, Without::Default, |on| &mut on.tls.keyfile)
        .last_holds()
        .does("The key of that certificate in PEM form, without a password."),
    listener("cafile", Group::Tls, PATH, Without::Mistake, |on| &mut on.tls.cafile)
        .last_holds()
        .does("The authorities whose clients are believed, in PEM form."),
    listener("capath", Group::Tls, PATH, Without::Default, |on| &mut on.tls.capath)
        .last_holds()
        .does("The same as a directory of files."),
    listener("require_certificate", Group::Tls, SWITCH, Without::Default, |on| {
        &mut on.tls.require_certificate
    })
    .does("Lets in only clients with a certificate of one of these authorities."),
    listener("crlfile", Group::Tls, PATH, Without::Default, |on| &mut on.tls.crlfile)
        .last_holds()
        .does("Certificates that are revoked, in PEM form."),
    listener("use_identity_as_username", Group::Tls, SWITCH, Without::Default, |on| {
        &mut on.tls.use_identity_as_username
    })
    .does(
        "With require_certificate: the common name of the client's certificate is its user name, \
         and it needs no password.",
    ),
    listener("use_subject_as_username", Group::Tls, SWITCH, Without::Default, |on| {
        &mut on.tls.use_subject_as_username
    })
    .does("The same with the whole subject of the certificate."),
    listener("tls_version", Group::Tls, VERSION, Without::Mistake, |on| &mut on.tls.tls_version)
        .does("The lowest version of TLS. Without it: tlsv1.2."),
    listener("ciphers", Group::Tls, TEXT, Without::Default, |on| &mut on.tls.ciphers)
        .last_holds()
        .does("The cipher suites of TLS 1.2, by their names in OpenSSL, with colons."),
    listener("ciphers_tls1.3", Group::Tls, TEXT, Without::Default, |on| &mut on.tls.ciphers_tls13)
        .last_holds()
        .does("The cipher suites of TLS 1.3."),
    global("tls_keylog", Group::Tls, PATH, |global| &mut global.tls_keylog).ours().does(
        "Writes the secrets of every connection to this file, so that what was recorded of them \
         can be read. Whoever has the file needs no key.",
    ),
    noted("dhparamfile", Group::Tls, Kind::Anything, Section::Listener)
        .state_is(State::Accepted("keys are exchanged over elliptic curves"))
        .does("Parameters of an exchange of keys that is out of date."),
    listener("disable_client_cert_date_checks", Group::Tls, SWITCH, Without::Mistake, |on| {
        &mut on.tls.disable_client_cert_date_checks
    })
    .does(
        "Believes certificates of clients that have expired or are not valid yet, if there was or \
         will be a moment at which they and those who have signed them are all valid. Revoked ones \
         are refused as ever.",
    ),
    noted("psk_hint", Group::Tls, TEXT, Section::Listener)
        .state_is(State::NotWithout("the TLS library has no pre-shared keys; use certificates"))
        .does("Speaks TLS with pre-shared keys, and gives clients this hint."),
    noted("tls_engine", Group::Tls, TEXT, Section::Listener)
        .state_is(State::Refused("there are no engines of OpenSSL here; put the key into keyfile"))
        .does("Keys in an engine of OpenSSL."),
    noted("tls_engine_kpass_sha1", Group::Tls, TEXT, Section::Listener)
        .state_is(State::Refused("there are no engines of OpenSSL here; put the key into keyfile"))
        .does("The password of an engine."),
    noted("tls_keyform", Group::Tls, Kind::Word(&["pem"]), Section::Listener)
        .state_is(State::Accepted("keys are always read from PEM files"))
        .does("Where the key is."),
];

const VERSION: Kind = Kind::Word(&["tlsv1.2", "tlsv1.3"]);
