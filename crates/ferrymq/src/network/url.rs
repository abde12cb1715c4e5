//! URLs on the command line: of a broker, and of a proxy.

use ferrymq_client::SocksProxy;

use crate::secret::Secret;

/// `mqtts://user:password@host:port/topic`
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct BrokerUrl {
    pub(crate) is_tls: bool,
    pub(crate) is_websocket: bool,
    pub(crate) username: Option<String>,
    pub(crate) password: Option<Secret>,
    pub(super) host: Box<str>,
    pub(super) port: u16,
    pub(crate) topic: String,
}

/// Reads the URL of a broker and a topic.
pub(super) fn broker(text: &str) -> Result<BrokerUrl, String> {
    let (scheme, rest) = text.split_once("://").unwrap_or((text, ""));
    let (is_tls, is_websocket) = match scheme.to_ascii_lowercase().as_str() {
        "mqtt" => (false, false),
        "mqtts" => (true, false),
        "ws" => (false, true),
        "wss" => (true, true),
        _ => return Err("Unsupported URL scheme.".into()),
    };
    let Some((authority, topic)) = rest.split_once('/') else {
        return Err("Invalid URL for -L argument specified - topic missing.".into());
    };
    // Everything before the last one may be part of a password.
    let (user, place) = match authority.rsplit_once('@') {
        Some((user, place)) => (Some(user), place),
        None => (None, authority),
    };
    let (username, password) = match user.map(|user| user.split_once(':').unwrap_or((user, ""))) {
        Some((username, "")) => (Some(username.to_owned()), None),
        Some((username, password)) => (Some(username.to_owned()), Some(Secret::new(password))),
        None => (None, None),
    };
    let (host, port) = host_and_port(place)?;
    let port = port.unwrap_or(if is_tls { 8883 } else { 1883 });
    let (host, topic) = (host.into(), topic.to_owned());
    Ok(BrokerUrl { is_tls, is_websocket, username, password, host, port, topic })
}

/// Reads the URL of a SOCKS5 proxy.
pub(super) fn proxy(text: &str) -> Result<SocksProxy, String> {
    let Some(rest) = text.strip_prefix("socks5h://") else {
        return Err("Unsupported proxy protocol; only socks5h:// is known".into());
    };
    let (user, place) = match rest.rsplit_once('@') {
        Some((user, place)) => (Some(user), place),
        None => (None, rest),
    };
    let (host, port) = host_and_port(place.trim_end_matches('/'))?;
    let proxy = SocksProxy::new(host, port.unwrap_or(1080));
    Ok(match user {
        Some(user) => {
            let (username, password) = user.split_once(':').unwrap_or((user, ""));
            proxy.credentials(decoded(username)?, decoded(password)?)
        }
        None => proxy,
    })
}

/// A name or an address (in brackets, if it has colons), and a port, if there is one.
fn host_and_port(place: &str) -> Result<(&str, Option<u16>), String> {
    let (host, port) = match place.strip_prefix('[').and_then(|rest| rest.split_once(']')) {
        Some((host, rest)) => (host, rest.strip_prefix(':')),
        None => match place.rsplit_once(':') {
            Some((host, port)) => (host, Some(port)),
            None => (place, None),
        },
    };
    if host.is_empty() {
        return Err("the URL names no host".into());
    }
    match port.map(str::parse) {
        None => Ok((host, None)),
        Some(Ok(port @ 1..)) => Ok((host, Some(port))),
        Some(_) => Err("the port of the URL is not a number from 1 to 65535".into()),
    }
}

/// Percent-encoded text.
fn decoded(text: &str) -> Result<String, String> {
    let wrong = || "after % in the URL come two hexadecimal digits".to_owned();
    let mut bytes = Vec::with_capacity(text.len());
    let mut rest = text;
    while let Some((before, after)) = rest.split_once('%') {
        bytes.extend_from_slice(before.as_bytes());
        let (digits, behind) = after.split_at_checked(2).ok_or_else(wrong)?;
        bytes.push(u8::from_str_radix(digits, 16).map_err(|_| wrong())?);
        rest = behind;
    }
    bytes.extend_from_slice(rest.as_bytes());
    String::from_utf8(bytes).map_err(|_| "the URL says what is not UTF-8".into())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn url_of_a_broker_says_everything() {
        let url = broker("mqtts://me:a:b@c@host:7/x/y").unwrap();
        assert_eq!(url.username.as_deref(), Some("me"));
        assert_eq!(url.password, Some(Secret::new("a:b@c")));
        assert_eq!((&*url.host, url.port, url.topic.as_str()), ("host", 7, "x/y"));
        assert!(url.is_tls && !url.is_websocket);
        let url = broker("WS://[::1]/t").unwrap();
        assert_eq!((&*url.host, url.port, url.username), ("::1", 1883, None));
        assert!(!url.is_tls && url.is_websocket);
    }

    #[test]
    fn wrong_urls_are_refused() {
        let rows = [
            ("http://a/t", "scheme"),
            ("mqtt://a", "topic missing"),
            ("mqtt:///t", "no host"),
            ("mqtt://a:0/t", "port"),
            ("mqtt://a:x/t", "port"),
        ];
        for (text, words) in rows {
            assert!(broker(text).unwrap_err().contains(words), "{text}");
        }
        for text in ["http://a", "socks5h://", "socks5h://u%zz@a", "socks5h://a:70000"] {
            assert!(proxy(text).is_err(), "{text}");
        }
    }

    #[test]
    fn proxy_is_told_decoded_names_and_shows_no_password() {
        let proxy = proxy("socks5h://a%40b:p%3Aw%25@host").unwrap();
        let words = format!("{proxy:?}");
        assert!(words.contains("a@b") && words.contains("1080"), "{words}");
        assert!(!words.contains("p:w%"), "{words}");
    }
}
