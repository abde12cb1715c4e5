//! Cipher suites by OpenSSL's names, and lists of them as OpenSSL reads them.

use rustls::crypto::ring::cipher_suite as suite;
use rustls::{CipherSuite, SupportedCipherSuite};

use crate::tls::error::SettingsError;
use crate::tls::options::TlsVersion;

/// A cipher suite, and the words of OpenSSL's lists that mean it among others.
struct Named {
    name: &'static str,
    version: TlsVersion,
    suite: SupportedCipherSuite,
    words: &'static [&'static str],
}

/// What every suite of TLS 1.2 is called.
const COMMON_WORDS: &[&str] = &[
    "DEFAULT", "ALL", "HIGH", "ECDHE", "EECDH", "kECDHE", "kEECDH", "kECDH", "ECDH", "TLSv1.2",
    "FIPS",
];

/// All suites there are, the preferred ones first.
const SUITES: &[Named] = &[
    Named {
        name: "TLS_AES_256_GCM_SHA384",
        version: TlsVersion::V1_3,
        suite: suite::TLS13_AES_256_GCM_SHA384,
        words: &[],
    },
    Named {
        name: "TLS_AES_128_GCM_SHA256",
        version: TlsVersion::V1_3,
        suite: suite::TLS13_AES_128_GCM_SHA256,
        words: &[],
    },
    Named {
        name: "TLS_CHACHA20_POLY1305_SHA256",
        version: TlsVersion::V1_3,
        suite: suite::TLS13_CHACHA20_POLY1305_SHA256,
        words: &[],
    },
    Named {
        name: "ECDHE-ECDSA-AES256-GCM-SHA384",
        version: TlsVersion::V1_2,
        suite: suite::TLS_ECDHE_ECDSA_WITH_AES_256_GCM_SHA384,
        words: &["aECDSA", "ECDSA", "AES", "AES256", "AESGCM", "SHA384"],
    },
    Named {
        name: "ECDHE-ECDSA-AES128-GCM-SHA256",
        version: TlsVersion::V1_2,
        suite: suite::TLS_ECDHE_ECDSA_WITH_AES_128_GCM_SHA256,
        words: &["aECDSA", "ECDSA", "AES", "AES128", "AESGCM", "SHA256"],
    },
    Named {
        name: "ECDHE-ECDSA-CHACHA20-POLY1305",
        version: TlsVersion::V1_2,
        suite: suite::TLS_ECDHE_ECDSA_WITH_CHACHA20_POLY1305_SHA256,
        words: &["aECDSA", "ECDSA", "CHACHA20", "SHA256"],
    },
    Named {
        name: "ECDHE-RSA-AES256-GCM-SHA384",
        version: TlsVersion::V1_2,
        suite: suite::TLS_ECDHE_RSA_WITH_AES_256_GCM_SHA384,
        words: &["aRSA", "RSA", "AES", "AES256", "AESGCM", "SHA384"],
    },
    Named {
        name: "ECDHE-RSA-AES128-GCM-SHA256",
        version: TlsVersion::V1_2,
        suite: suite::TLS_ECDHE_RSA_WITH_AES_128_GCM_SHA256,
        words: &["aRSA", "RSA", "AES", "AES128", "AESGCM", "SHA256"],
    },
    Named {
        name: "ECDHE-RSA-CHACHA20-POLY1305",
        version: TlsVersion::V1_2,
        suite: suite::TLS_ECDHE_RSA_WITH_CHACHA20_POLY1305_SHA256,
        words: &["aRSA", "RSA", "CHACHA20", "SHA256"],
    },
];

/// What OpenSSL calls a suite.
pub(super) fn name(suite: SupportedCipherSuite) -> &'static str {
    name_of(suite.suite())
}

fn name_of(suite: CipherSuite) -> &'static str {
    SUITES.iter().find(|named| named.suite.suite() == suite).map_or("unknown", |named| named.name)
}

/// What a list has chosen, and the words of it that mean nothing here.
#[derive(Debug)]
pub(super) struct Chosen {
    pub(super) suites: Vec<SupportedCipherSuite>,
    pub(super) unknown: Vec<String>,
}

/// The suites of `version` that `list` names, in its order; all of them without a list.
///
/// `list` is read as `openssl ciphers` reads it: words between colons, each a suite or a property
/// (`AESGCM`, `ECDHE+AES128`), with `!` or `-` before what is not wanted.
///
/// # Errors
///
/// [`SettingsError::NoCiphers`] if nothing is left.
pub(super) fn choose(version: TlsVersion, list: Option<&str>) -> Result<Chosen, SettingsError> {
    let all = || SUITES.iter().filter(|named| named.version == version);
    let Some(list) = list else {
        return Ok(Chosen {
            suites: all().map(|named| named.suite).collect(),
            unknown: Vec::new(),
        });
    };
    let mut chosen: Vec<&Named> = Vec::new();
    let mut never: Vec<&str> = Vec::new();
    let mut unknown = Vec::new();
    for word in list.split([':', ',', ' ']).filter(|word| !word.is_empty()) {
        // `@STRENGTH` and `@SECLEVEL=2` choose nothing.
        let plain = word.split('@').next().unwrap_or_default();
        let (sign, properties) = match plain.strip_prefix(['!', '-', '+']) {
            Some(properties) => (plain.chars().next(), properties),
            None => (None, plain),
        };
        if properties.is_empty() {
            continue;
        }
        let meant = all().filter(|named| means(properties, named));
        match sign {
            Some('!' | '-') => {
                let gone: Vec<&str> = meant.map(|named| named.name).collect();
                chosen.retain(|named| !gone.contains(&named.name));
                if sign == Some('!') {
                    never.extend(gone);
                }
            }
            // OpenSSL moves those that are chosen to the end.
            Some(_) => {
                let last = |named: &&Named| means(properties, named);
                chosen.sort_by_key(last);
            }
            None => {
                let before = chosen.len();
                let mut is_known = false;
                for named in meant {
                    is_known = true;
                    if !never.contains(&named.name)
                        && chosen.iter().all(|there| there.name != named.name)
                    {
                        chosen.push(named);
                    }
                }
                if !is_known && chosen.len() == before {
                    unknown.push(word.to_owned());
                }
            }
        }
    }
    if chosen.is_empty() {
        let known: Vec<&str> = all().map(|named| named.name).collect();
        return Err(SettingsError::NoCiphers { list: list.into(), known: known.join(":") });
    }
    Ok(Chosen { suites: chosen.iter().map(|named| named.suite).collect(), unknown })
}

/// Whether `properties`, joined by `+`, all hold for a suite.
fn means(properties: &str, named: &Named) -> bool {
    properties == named.name
        || (named.version == TlsVersion::V1_2
            && properties.split('+').all(|property| {
                COMMON_WORDS.contains(&property) || named.words.contains(&property)
            }))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn names(version: TlsVersion, list: Option<&str>) -> (Vec<&'static str>, Vec<String>) {
        let chosen = choose(version, list).unwrap();
        (chosen.suites.into_iter().map(name).collect(), chosen.unknown)
    }

    #[test]
    fn every_suite_has_its_name() {
        let all = rustls::crypto::ring::ALL_CIPHER_SUITES;
        assert_eq!(all.len(), SUITES.len());
        assert!(all.iter().all(|suite| name(*suite) != "unknown"));
        assert_eq!(names(TlsVersion::V1_3, None).0.len(), 3);
        assert_eq!(names(TlsVersion::V1_2, None).0.len(), 6);
    }

    #[test]
    fn lists_are_read_as_openssl_reads_them() {
        let (ecdsa_256, rsa_256) = ("ECDHE-ECDSA-AES256-GCM-SHA384", "ECDHE-RSA-AES256-GCM-SHA384");
        let rsa_128 = "ECDHE-RSA-AES128-GCM-SHA256";
        let rows: &[(&str, &[&str], &[&str])] = &[
            ("ECDHE-RSA-AES128-GCM-SHA256:ECDHE-RSA-AES256-GCM-SHA384", &[rsa_128, rsa_256], &[]),
            ("ECDHE+AESGCM+AES256", &[ecdsa_256, rsa_256], &[]),
            ("HIGH:!CHACHA20:!aECDSA:!AES128", &[rsa_256], &[]),
            ("!aECDSA:AES256", &[rsa_256], &[]),
            ("AES256:-aECDSA:ECDHE-ECDSA-AES256-GCM-SHA384", &[rsa_256, ecdsa_256], &[]),
            ("AES256:+aECDSA", &[rsa_256, ecdsa_256], &[]),
            ("AES256+aRSA:@STRENGTH:!MD5:!aNULL", &[rsa_256], &[]),
            ("AES256+aRSA@SECLEVEL=1,AES256+aRSA", &[rsa_256], &[]),
            ("RC4-MD5 AES256+aRSA kDHE+AES", &[rsa_256], &["RC4-MD5", "kDHE+AES"]),
        ];
        for (list, expected, unknown) in rows {
            let (names, left_out) = names(TlsVersion::V1_2, Some(list));
            assert_eq!(names, *expected, "{list}");
            assert_eq!(left_out, *unknown, "{list}");
        }
    }
}
