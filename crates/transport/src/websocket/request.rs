//! What a client asks for, and whether it gets it (RFC 6455, 4.2).

use std::borrow::Cow;

use httparse::{EMPTY_HEADER, Header, Request};

use super::answer::Refusal;
use super::head::HEADER_FIELDS_MAXIMUM;
use super::pages::Page;
use super::settings::{NotServed, SUBPROTOCOLS, ServerSettings};

/// What a request gets.
pub(super) enum Verdict<'a> {
    /// A connection for MQTT, by the key that is to be answered and the subprotocol that was chosen.
    Upgrade { key: &'a [u8], subprotocol: Option<&'static str> },
    /// A page, or only what is said about it.
    Page { page: Cow<'a, Page>, is_head: bool },
    /// Neither.
    Refusal(Refusal),
}

/// Judges the head of a request.
pub(super) fn judge<'a>(head: &'a [u8], settings: &'a ServerSettings) -> Verdict<'a> {
    let mut headers = [EMPTY_HEADER; HEADER_FIELDS_MAXIMUM];
    let mut request = Request::new(&mut headers);
    match request.parse(head) {
        Ok(status) if status.is_complete() => {}
        Ok(_) => return Verdict::Refusal(Refusal::NotHttp("the request is not whole".into())),
        Err(httparse::Error::TooManyHeaders) => return Verdict::Refusal(Refusal::TooLarge),
        Err(error) => return Verdict::Refusal(Refusal::NotHttp(error.to_string())),
    }
    let (Some(method), Some(target)) = (request.method, request.path) else {
        return Verdict::Refusal(Refusal::NotHttp("the request is not whole".into()));
    };
    let fields = Fields(request.headers);
    let is_upgrade = settings.api.is_none()
        && fields.lists("Upgrade", "websocket")
        && fields.lists("Connection", "upgrade");
    let verdict = if is_upgrade && method == "GET" {
        upgrade(target, request.version, &fields, settings)
    } else {
        plain(method, target, is_upgrade, settings)
    };
    verdict.unwrap_or_else(Verdict::Refusal)
}

/// What a request gets that wants a connection.
fn upgrade<'a>(
    target: &str,
    version: Option<u8>,
    fields: &Fields<'_, 'a>,
    settings: &ServerSettings,
) -> Result<Verdict<'a>, Refusal> {
    if version != Some(1) {
        return Err(Refusal::OldHttp);
    }
    let path = target.split(['?', '#']).next().unwrap_or_default();
    if settings.path.as_deref().is_some_and(|only| only != path) {
        return Err(Refusal::NoSuchPath(shortened(path)));
    }
    if fields.first("Sec-WebSocket-Version") != Some(b"13") {
        return Err(Refusal::Version);
    }
    let key = fields.first("Sec-WebSocket-Key").filter(|key| !key.is_empty());
    let key = key.ok_or(Refusal::NoKey)?;
    check_origin(fields, settings)?;
    let subprotocol = choose_subprotocol(fields)?;
    Ok(Verdict::Upgrade { key, subprotocol })
}

/// Only browsers send an origin, and only their users need this protection: a page of somebody else
/// must not speak to this broker with their credentials or from inside their network.
fn check_origin(fields: &Fields<'_, '_>, settings: &ServerSettings) -> Result<(), Refusal> {
    let Some(origin) = fields.first("Origin") else { return Ok(()) };
    let is_one = |allowed: &String| allowed.as_bytes().eq_ignore_ascii_case(origin);
    if settings.origins.is_empty() || settings.origins.iter().any(is_one) {
        return Ok(());
    }
    Err(Refusal::Origin(shortened(&String::from_utf8_lossy(origin))))
}

/// The first that the client offers and we know [MQTT-6.0.0-4]. A client that offers none means the
/// only one there is.
fn choose_subprotocol(fields: &Fields<'_, '_>) -> Result<Option<&'static str>, Refusal> {
    let mut offers = fields.items("Sec-WebSocket-Protocol").peekable();
    if offers.peek().is_none() {
        return Ok(None);
    }
    let known = |offer: &[u8]| SUBPROTOCOLS.into_iter().find(|name| name.as_bytes() == offer);
    offers.find_map(known).map(Some).ok_or(Refusal::Subprotocol)
}

/// What a request gets that wants no connection.
fn plain<'a>(
    method: &str,
    target: &str,
    is_upgrade: bool,
    settings: &'a ServerSettings,
) -> Result<Verdict<'a>, Refusal> {
    let has_pages = settings.pages.is_some() || settings.api.is_some();
    let is_head = method == "HEAD";
    if is_upgrade || method != "GET" && !is_head {
        return Err(Refusal::Method { has_pages });
    }
    if !has_pages {
        return Err(Refusal::NoUpgrade);
    }
    let path = target.split(['?', '#']).next().unwrap_or_default();
    let page = match (&settings.api, &settings.pages) {
        (Some(api), _) if path.starts_with(API) => match api.get(path) {
            Ok(page) => Some(Cow::Owned(page)),
            Err(NotServed::Unknown) => None,
            Err(NotServed::NotAllowed) => return Err(Refusal::NotAllowed),
        },
        (_, Some(pages)) => pages.find(target).map(Cow::Borrowed),
        (_, None) => None,
    };
    let page = page.ok_or_else(|| Refusal::NoPage(shortened(target)))?;
    Ok(Verdict::Page { page, is_head })
}

/// Enough of what a peer says to recognise it.
fn shortened(text: &str) -> String {
    text.chars().take(SHOWN_MAXIMUM).flat_map(char::escape_debug).collect()
}

/// The header fields of a request or an answer.
pub(super) struct Fields<'h, 'a>(pub(super) &'h [Header<'a>]);

impl<'a> Fields<'_, 'a> {
    /// The value of the first field of this name.
    pub(super) fn first(&self, name: &str) -> Option<&'a [u8]> {
        self.values(name).next()
    }

    /// Whether one of the fields of this name lists this item, in any case.
    pub(super) fn lists(&self, name: &str, item: &str) -> bool {
        self.items(name).any(|listed| listed.eq_ignore_ascii_case(item.as_bytes()))
    }

    fn values(&self, name: &str) -> impl Iterator<Item = &'a [u8]> {
        let named = self.0.iter().filter(move |field| field.name.eq_ignore_ascii_case(name));
        named.map(|field| field.value.trim_ascii())
    }

    /// The items of all lists of this name, in their order.
    fn items(&self, name: &str) -> impl Iterator<Item = &'a [u8]> {
        let items = self.values(name).flat_map(|value| value.split(|octet| *octet == b','));
        items.map(<[u8]>::trim_ascii).filter(|item| !item.is_empty())
    }
}

/// Where programs ask.
const API: &str = "/api/";
/// How many characters of a peer's text are shown.
const SHOWN_MAXIMUM: usize = 100;
