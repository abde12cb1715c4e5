//! Users that are known elsewhere than in Mosquitto's files.

use super::kinds::{PATH, SWITCH, TEXT};
use crate::configuration::option::{OptionDefinition, users};
use crate::configuration::value::{Kind, Whole};

pub(super) const OPTIONS: &[OptionDefinition] = &[
    users("jwt_key_file", PATH, |security| &mut security.users.jwt.key_files).several().does(
        "Believes tokens (JWT) that one of these keys has signed: public keys or certificates in \
         PEM form, or a JWK set. A client sends its token as its password.",
    ),
    users("jwt_secret_file", PATH, |security| &mut security.users.jwt.secret_file)
        .does("Believes tokens that are signed with the secret in this file, of 32 bytes or more."),
    users("jwt_issuer", TEXT, |security| &mut security.users.jwt.issuers)
        .several()
        .does("Who may have made a token (iss). Without it: whoever has a key."),
    users("jwt_audience", TEXT, |security| &mut security.users.jwt.audiences)
        .several()
        .does("For whom a token must be made (aud). Without it: this is not looked at."),
    users("jwt_leeway", SECONDS, |security| &mut security.users.jwt.leeway)
        .does("By how much the issuer's clock may differ."),
    users("jwt_must_expire", SWITCH, |security| &mut security.users.jwt.must_expire)
        .does("Whether a token must say when it expires (exp). Its connection ends then."),
    users("jwt_username", TEXT, |security| &mut security.users.jwt.username)
        .does("The user name of whoever has a token; %{claim} stands for one of its claims."),
    users("jwt_client_id", TEXT, |security| &mut security.users.jwt.client_id).does(
        "The client identifier that whoever has a token must have, in the same form. Without it: \
         any.",
    ),
    users("jwt_publish_claim", TEXT, |security| &mut security.users.jwt.publish_claim).does(
        "The claim with the topic filters to which may be published. If a token has any claim about \
         rights, nothing else is allowed.",
    ),
    users("jwt_subscribe_claim", TEXT, |security| &mut security.users.jwt.subscribe_claim)
        .does("The claim with the topic filters to which may be subscribed."),
    users("jwt_acl_claim", TEXT, |security| &mut security.users.jwt.acl_claim)
        .does("The claim with rules, as in the answer of a service."),
    users("jwt_login", TEXT, |security| &mut security.users.jwt.login)
        .does("The user name that says that the password is a token. Without it: any."),
    users("jwt_method", TEXT, |security| &mut security.users.jwt.method)
        .does("The Authentication Method of MQTT 5.0 whose data is a token."),
    users("http_auth_url", TEXT, |security| &mut security.users.http.url)
        .does("Asks this service who may come in, by POST."),
    users("http_auth_format", Kind::Word(&["json", "form"]), |security| &mut security.users.http.format)
        .does("How it is asked: by a JSON object or a form."),
    users("http_auth_header", TEXT, |security| &mut security.users.http.headers)
        .several()
        .does("A line that is in the head of each question: Name: value."),
    users("http_auth_header_file", PATH, |security| &mut security.users.http.header_file)
        .does("A file of such lines. Secrets belong here."),
    users("http_auth_cafile", PATH, |security| &mut security.users.http.cafile)
        .does("The authorities that are believed. Without it: those of the system."),
    users("http_auth_certfile", PATH, |security| &mut security.users.http.certfile)
        .does("Our certificate, if the service wants one."),
    users("http_auth_keyfile", PATH, |security| &mut security.users.http.keyfile)
        .does("The key of that certificate."),
    users("http_auth_timeout", TIME, |security| &mut security.users.http.asking.timeout)
        .does("How long an answer may take."),
    users("http_auth_concurrency", QUESTIONS, |security| &mut security.users.http.asking.concurrency)
        .does("Questions that are open at a time."),
    users("http_auth_cache_lifetime", SECONDS, |security| &mut security.users.http.asking.cache_lifetime)
        .does("How long an answer is remembered for the same question. 0: not at all."),
    users("http_auth_cache_entries", ENTRIES, |security| &mut security.users.http.asking.cache_entries)
        .does("Answers that are remembered."),
    users("http_auth_fail", FAIL, |security| &mut security.users.http.asking.without_answer).does(
        "What holds while there is no answer: deny tells clients to come again later, next asks \
         the next source.",
    ),
    users("postgresql_url", TEXT, |security| &mut security.users.postgresql.url).does(
        "Asks this PostgreSQL database for users: postgresql://user@host/database, or \
         host=… user=… dbname=….",
    ),
    users("postgresql_password_file", PATH, |security| &mut security.users.postgresql.password_file)
        .does("A file with the password of that user of the database."),
    users("postgresql_cafile", PATH, |security| &mut security.users.postgresql.cafile)
        .does("The authorities that are believed. Without it: those of the system."),
    users("postgresql_query", TEXT, |security| &mut security.users.postgresql.query).does(
        "What is asked: $1 is the user name, $2 the client identifier. The first column is the hash \
         of the password, the second, if there is one, whether the user may do everything.",
    ),
    users("postgresql_acl_query", TEXT, |security| &mut security.users.postgresql.acl_query).does(
        "What is asked of the user's rights: rows of permission, action and topic filter. Without \
         it, the rights are said elsewhere.",
    ),
    users("postgresql_timeout", TIME, |security| &mut security.users.postgresql.asking.timeout)
        .does("How long an answer may take."),
    users("postgresql_connections", QUESTIONS, |security| &mut security.users.postgresql.asking.concurrency)
        .does("Connections to the database."),
    users("postgresql_cache_lifetime", SECONDS, |security| {
        &mut security.users.postgresql.asking.cache_lifetime
    })
    .does("How long what is known of a user is remembered. 0: not at all."),
    users("postgresql_cache_entries", ENTRIES, |security| &mut security.users.postgresql.asking.cache_entries)
        .does("Users that are remembered."),
    users("postgresql_fail", FAIL, |security| &mut security.users.postgresql.asking.without_answer)
        .does("As http_auth_fail."),
    users("sqlite_file", PATH, |security| &mut security.users.sqlite.file)
        .does("Asks this SQLite database for users."),
    users("sqlite_query", TEXT, |security| &mut security.users.sqlite.query)
        .does("As postgresql_query, with ?1 and ?2."),
    users("sqlite_acl_query", TEXT, |security| &mut security.users.sqlite.acl_query)
        .does("As postgresql_acl_query, with ?1 and ?2."),
    users("sqlite_timeout", TIME, |security| &mut security.users.sqlite.asking.timeout)
        .does("How long an answer may take."),
    users("sqlite_cache_lifetime", SECONDS, |security| &mut security.users.sqlite.asking.cache_lifetime)
        .does("How long what is known of a user is remembered. 0: not at all."),
    users("sqlite_cache_entries", ENTRIES, |security| &mut security.users.sqlite.asking.cache_entries)
        .does("Users that are remembered."),
    users("sqlite_fail", FAIL, |security| &mut security.users.sqlite.asking.without_answer)
        .does("As http_auth_fail."),
];

const FAIL: Kind = Kind::Word(&["deny", "next"]);
const SECONDS: Kind = Kind::Whole(Whole::of("seconds", 86_400));
const TIME: Kind = Kind::Whole(Whole::of("seconds", 600).from(1));
const QUESTIONS: Kind = Kind::Whole(Whole::of("questions", 10_000).from(1));
const ENTRIES: Kind = Kind::Whole(Whole::of("answers", 10_000_000));
