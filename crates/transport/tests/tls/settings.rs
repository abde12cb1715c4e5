//! What is wrong with files, in words that say what to do.

use std::fs;

use crate::peers::{Authority, fixture, named};
use ferrymq_transport::tls::{ClientOptions, ClientSettings, ServerOptions, ServerSettings};
use rcgen::{KeyPair, date_time_ymd};

/// A change to good options, and what the words about it must contain.
type Row = (&'static str, fn(&mut ServerOptions, &Authority), &'static [&'static str]);

const ROWS: &[Row] = &[
    (
        "no file",
        |options, authority| options.certificate = authority.path("nothing"),
        &["nothing", "cannot be read", "check the path"],
    ),
    (
        "a directory",
        |options, authority| options.certificate = authority.path(""),
        &["cannot be read", "regular file"],
    ),
    (
        "a key for a certificate",
        |options, _| options.certificate = options.key.clone(),
        &["server.key", "holds no certificate", "-----BEGIN CERTIFICATE-----"],
    ),
    (
        "a certificate for a key",
        |options, _| options.key = options.certificate.clone(),
        &["server.crt", "holds no private key"],
    ),
    (
        "another key",
        |options, authority| {
            authority.write("other.key", &KeyPair::generate().unwrap().serialize_pem());
            options.key = authority.path("other.key");
        },
        &["certificate and key do not match", "other.key", "server.crt"],
    ),
    (
        "an encrypted key",
        |options, _| options.key = fixture("encrypted.key"),
        &["encrypted.key", "is encrypted", "openssl pkey -in"],
    ),
    (
        "an encrypted key of earlier times",
        |options, _| options.key = fixture("encrypted-traditional.key"),
        &["is encrypted", "openssl pkey -in"],
    ),
    (
        "half a file",
        |options, authority| {
            let whole = fs::read_to_string(&options.certificate).unwrap();
            authority.write("half.crt", &whole[..whole.len() / 2]);
            options.certificate = authority.path("half.crt");
        },
        &["half.crt", "not a valid PEM file"],
    ),
    (
        "nonsense in PEM",
        |options, authority| {
            let nonsense = "-----BEGIN CERTIFICATE-----\nAAAA\n-----END CERTIFICATE-----\n";
            authority.write("nonsense.crt", nonsense);
            options.certificate = authority.path("nonsense.crt");
        },
        &["nonsense.crt", "cannot be understood"],
    ),
    (
        "nobody to sign",
        |options, _| options.ca_file = None,
        &["require_certificate", "cafile or capath"],
    ),
    (
        "a directory without certificates",
        |options, authority| {
            fs::create_dir(authority.path("empty")).unwrap();
            options.ca_path = Some(authority.path("empty"));
        },
        &["empty", "holds no file with a certificate"],
    ),
    (
        "no list",
        |options, _| options.revocations = options.ca_file.clone(),
        &["ca.crt", "holds no list of revoked certificates", "-----BEGIN X509 CRL-----"],
    ),
    (
        "a list of another authority",
        |options, _| options.revocations = Some(fixture("revoked.crl")),
        &["revoked.crl", "O=Ferry, CN=Old Authority", "cafile and capath"],
    ),
    (
        "unknown ciphers",
        |options, _| options.ciphers = Some("DES-CBC3-SHA:RC4".into()),
        &["DES-CBC3-SHA:RC4", "ECDHE-RSA-AES128-GCM-SHA256"],
    ),
    (
        "no cipher of version 1.3",
        |options, _| options.ciphers_tls13 = Some("ECDHE".into()),
        &["ECDHE", "TLS_AES_256_GCM_SHA384"],
    ),
];

#[test]
fn errors_name_the_file_and_say_what_to_do() {
    for (what, change, expected) in ROWS {
        let authority = Authority::new();
        authority.revoke(&[]);
        let mut options = authority.strict_server_options("localhost");
        change(&mut options, &authority);
        let words = ServerSettings::load(&options).err().unwrap().to_string();
        for expected in *expected {
            assert!(words.contains(expected), "{what}: {words}");
        }
    }
}

#[test]
fn client_with_half_a_pair_is_told_so() {
    let authority = Authority::new();
    let mut options = authority.named_client_options("meter");
    options.key = None;
    let words = ClientSettings::load(&options).err().unwrap().to_string();
    assert!(words.contains("certificate needs its key"), "{words}");
}

#[test]
fn versions_that_are_not_spoken_are_refused() {
    for words in ["tlsv1.1", "tlsv1", "TLSv1.2", ""] {
        let error = words.parse::<ferrymq_transport::tls::TlsVersion>().unwrap_err();
        assert!(error.to_string().contains("tlsv1.2 and tlsv1.3"), "{error}");
    }
}

#[test]
fn keys_of_all_forms_are_read() {
    for (certificate, key) in [
        ("localhost.crt", "localhost.key"),
        ("localhost.crt", "traditional.key"),
        ("self.crt", "self.key"),
        ("self.crt", "sec1.key"),
    ] {
        ServerSettings::load(&ServerOptions {
            certificate: fixture(certificate),
            key: fixture(key),
            ..ServerOptions::default()
        })
        .unwrap();
    }
}

#[test]
fn what_is_allowed_and_hardly_meant_is_a_warning() {
    let authority = Authority::new();
    let mut params = named("localhost");
    params.not_after = date_time_ymd(2020, 1, 1);
    let mut options = authority.server_options("localhost");
    authority.sign("server", &params);
    options.ciphers = Some("ECDHE:RC4-MD5".into());
    options.key_log = Some(authority.path("secrets"));
    #[cfg(unix)]
    {
        use std::os::unix::fs::PermissionsExt;
        fs::set_permissions(&options.key, fs::Permissions::from_mode(0o644)).unwrap();
    }
    let settings = ServerSettings::load(&options).unwrap();
    let warnings = settings.warnings().join("\n");
    for expected in ["CN=localhost", "has expired", "RC4-MD5", "secrets"] {
        assert!(warnings.contains(expected), "{expected}: {warnings}");
    }
    #[cfg(unix)]
    assert!(warnings.contains("chmod o-r"), "{warnings}");
}

#[test]
fn directory_of_authorities_needs_no_special_names() {
    let (authority, other) = (Authority::new(), Authority::new());
    let directory = authority.path("authorities");
    fs::create_dir(&directory).unwrap();
    fs::copy(authority.path("ca.crt"), directory.join("one")).unwrap();
    fs::copy(other.path("ca.crt"), directory.join("0a1b2c3d.0")).unwrap();
    fs::write(directory.join("README"), "no certificate").unwrap();
    let options = ServerOptions {
        require_certificate: true,
        ca_path: Some(directory.clone()),
        ..authority.server_options("localhost")
    };
    let files = ServerSettings::load(&options).unwrap().files().to_vec();
    for expected in [options.certificate, options.key, directory.join("one"), directory] {
        assert!(files.contains(&expected), "{}", expected.display());
    }
}

#[test]
fn authorities_of_the_operating_system_are_not_asked_where_one_is_named() {
    let authority = Authority::new();
    let options = ClientOptions { ca_file: Some(authority.path("ca.crt")), ..Default::default() };
    assert_eq!(ClientSettings::load(&options).unwrap().warnings(), <[String; 0]>::default());
}
