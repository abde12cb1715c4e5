use std::num::{NonZeroU16, NonZeroU32};

use ferrymq_client::{Property, PropertyBuffer, QoS, TopicName};
use jiff::civil::date;
use jiff::tz::TimeZone;

use super::*;

fn moment() -> Moment {
    let zone = TimeZone::fixed(jiff::tz::offset(1));
    let day = date(2016, 8, 1).at(9, 7, 38, 5_006_007);
    Moment::at(day.to_zoned(zone).unwrap())
}

fn plain(payload: &[u8]) -> Message {
    Message {
        topic: "a/b".into(),
        payload: payload.to_vec(),
        qos: QoS::AtLeastOnce,
        retain: true,
        packet_id: Some(7),
        dup: false,
        properties: PropertyBuffer::new(),
    }
}

fn with_properties() -> Message {
    let mut message = plain(b"{\"x\": [1, 2.50, {}], \"y\":\n\"\\\"} {\"}");
    let topic = TopicName::parse("r/t").unwrap();
    for property in [
        Property::PayloadFormatIndicator(true),
        Property::MessageExpiryInterval(60),
        Property::ContentType("text/plain"),
        Property::ResponseTopic(topic),
        Property::CorrelationData(b"\x00\xff"),
        Property::SubscriptionIdentifier(NonZeroU32::new(5).unwrap()),
        Property::TopicAlias(NonZeroU16::new(3).unwrap()),
        Property::UserProperty(("k", "v")),
        Property::UserProperty(("k", "\"w\"")),
    ] {
        message.properties.push(property).unwrap();
    }
    message
}

fn printed(format: &str, message: &Message) -> Vec<u8> {
    let mut out = Vec::new();
    Format::parse(format).unwrap().print(message, &moment(), false, &mut out).unwrap();
    out
}

#[track_caller]
fn check(format: &str, message: &Message, expected: &[u8]) {
    let printed = printed(format, message);
    assert!(
        printed == expected,
        "{format}: {} instead of {}",
        printed.escape_ascii(),
        expected.escape_ascii()
    );
}

#[test]
fn every_field_is_printed() {
    let message = with_properties();
    let rows: [(&str, &[u8]); 18] = [
        ("%%", b"%"),
        ("%A", b"3"),
        ("%C", b"text/plain"),
        ("%D", b"\x00\xff"),
        ("%E", b"60"),
        ("%F", b"1"),
        ("%I", b"2016-08-01T09:07:38+0100"),
        ("%l", b"34"),
        ("%m", b"7"),
        ("%P", b"k:v k:\"w\""),
        ("%q%r", b"11"),
        ("%R", b"r/t"),
        ("%S", b"5"),
        ("%t", b"a/b"),
        ("%U", b"1470038858.005006007"),
        ("%p", b"{\"x\": [1, 2.50, {}], \"y\":\n\"\\\"} {\"}"),
        ("@Y-@m-@dT@H:@M:@S@z @N @@ @Q", b"2016-08-01T09:07:38+0100 005006007 @ %Q"),
        (r"\\ \0\a\e\n\r\t\v", b"\\ \x00\x07\x1b\n\r\t\x0b"),
    ];
    for (format, expected) in rows {
        check(format, &message, expected);
    }
}

#[test]
fn what_a_message_has_not_is_blank() {
    let message = plain(b"");
    let rows: [(&str, &[u8]); 6] = [
        ("[%A%C%D%E%F%P%R%S%p%x]", b"[]"),
        ("[%3A|%03E|%-3F|%2S]", b"[   |000|   |  ]"),
        ("[%4C]", b"[    ]"),
        ("[%4R]", b"[]"),
        ("[%l|%05l]", b"[0|00000]"),
        ("[%2p|%02x]", b"[  |00]"),
    ];
    for (format, expected) in rows {
        check(format, &message, expected);
    }
}

#[test]
fn fields_are_aligned_padded_and_cut() {
    let message = plain(b"hello");
    let rows: [(&str, &[u8]); 16] = [
        ("%10t|", b"       a/b|"),
        ("%-10t|", b"a/b       |"),
        ("%.2t|", b"a/|"),
        ("%5.2t|", b"   a/|"),
        ("%-5.2t|", b"a/   |"),
        ("%05t|", b"  a/b|"),
        ("%5l|%-5l|%05l|", b"    5|5    |00005|"),
        ("%-05l|", b"5    |"),
        ("%7p|%-7p|%3p|", b"  hello|hello  |hel|"),
        ("%07p|", b"00hello|"),
        ("%x %X", b"68656c6c6f 68656C6C6F"),
        ("%12x|%-12x|", b"  68656c6c6f|68656c6c6f  |"),
        ("%.2:x", b"68:65:6c:6c:6f"),
        ("%.4x", b"6865 6c6c 6f"),
        ("%.1-X", b"6-8-6-5-6-C-6-C-6-F"),
        ("%014.2:x", b"00:00:68:65:6c:6c:6f"),
    ];
    for (format, expected) in rows {
        check(format, &message, expected);
    }
}

#[test]
fn numbers_in_the_payload_are_read() {
    let float = plain(&1.5_f32.to_ne_bytes());
    let double = plain(&(-2.25_f64).to_ne_bytes());
    check("%f|%.1f|%8.2f|%08.2f|%-8.2f|", &float, b"1.500000|1.5|    1.50|00001.50|1.50    |");
    check("%d|%08.2d|", &double, b"-2.250000|-0002.25|");
    check("%5f", &plain(&f32::INFINITY.to_ne_bytes()), b"  inf");
    for format in ["%f", "%d"] {
        let format = Format::parse(format).unwrap();
        let message = plain(b"12345");
        assert!(format.print(&message, &moment(), false, &mut Vec::new()).is_err());
    }
}

#[test]
fn json_says_everything() {
    check(
        "%j",
        &with_properties(),
        b"{\"tst\":\"2016-08-01T09:07:38.005006+0100\",\"topic\":\"a/b\",\"qos\":1,\"retain\":1,\
          \"payloadlen\":34,\"mid\":7,\"properties\":{\"payload-format-indicator\":1,\
          \"message-expiry-interval\":60,\"content-type\":\"text/plain\",\"response-topic\":\"r/t\",\
          \"correlation-data\":\"\\u0000\xff\",\"subscription-identifier\":5,\"topic-alias\":3,\
          \"user-properties\":[{\"k\":\"v\"},{\"k\":\"\\\"w\\\"\"}]},\
          \"payload\":\"{\\\"x\\\": [1, 2.50, {}], \\\"y\\\":\\n\\\"\\\\\\\"} {\\\"}\"}",
    );
    let text = printed("%J", &with_properties());
    let text = String::from_utf8_lossy(&text);
    assert!(text.ends_with(r#""payload":{"x":[1,2.50,{}],"y":"\"} {"}}"#), "{text}");
    let empty = String::from_utf8(printed("%J", &plain(b""))).unwrap();
    assert!(empty.ends_with(r#""payload":null}"#), "{empty}");
}

#[test]
fn pretty_json_has_a_line_for_each_member() {
    let mut out = Vec::new();
    let message = plain(b"{\"x\":[1,{\"y\":[]}],\"z\":{}}");
    Format::parse("%J").unwrap().print(&message, &moment(), true, &mut out).unwrap();
    let expected = "{\n\t\"tst\":\t\"2016-08-01T09:07:38.005006+0100\",\n\t\"topic\":\t\"a/b\",\n\t\
                    \"qos\":\t1,\n\t\"retain\":\t1,\n\t\"payloadlen\":\t25,\n\t\"mid\":\t7,\n\t\
                    \"payload\":\t{\n\t\t\"x\":\t[1, {\n\t\t\t\t\"y\":\t[]\n\t\t\t}],\n\t\t\
                    \"z\":\t{\n\t\t}\n\t}\n}";
    assert_eq!(String::from_utf8(out).unwrap(), expected);
}

#[test]
fn payload_that_is_no_json_is_not_printed_as_such() {
    for payload in [&b"hello"[..], b"{", b"1 2", b"\xff"] {
        let format = Format::parse("%J").unwrap();
        let error = format.print(&plain(payload), &moment(), false, &mut Vec::new()).unwrap_err();
        let words = "Error: Message payload is not valid JSON on topic a/b.";
        assert_eq!(error.to_string(), words);
    }
}

#[test]
fn every_letter_of_strftime_is_that_of_the_c_locale() {
    let rows = [
        ("@a @A @b @B @h", "Mon Monday Aug August Aug"),
        ("@c", "Mon Aug  1 09:07:38 2016"),
        ("@C @d @e @D @F", "20 01  1 08/01/16 2016-08-01"),
        ("@g @G @V @u @w @U @W @j", "16 2016 31 1 1 31 31 214"),
        ("@H @I @k @l @p @P", "09 09  9  9 AM am"),
        ("@r|@R|@T|@x|@X", "09:07:38 AM|09:07|09:07:38|08/01/16|09:07:38"),
        ("@s @y @n@t@%", "1470038858 16 \n\t%"),
        ("@E@O@i@f@q", "%E%O%i%f%q"),
    ];
    for (format, expected) in rows {
        check(format, &plain(b""), expected.as_bytes());
    }
}

#[test]
fn wrong_formats_are_refused_in_mosquittos_words() {
    let rows = [
        ("%", "Incomplete format specifier."),
        ("%-", "Incomplete format specifier."),
        ("%05", "Incomplete format specifier."),
        ("%.", "Incomplete format specifier."),
        ("@", "Incomplete format specifier."),
        ("%z", "Invalid format specifier 'z'."),
        ("\\", "Incomplete escape specifier."),
        ("\\z", "Invalid escape specifier 'z'."),
        ("%99999t", "A width or precision of a format is larger than 10000."),
    ];
    for (format, words) in rows {
        assert_eq!(Format::parse(format).unwrap_err().to_string(), words, "{format}");
    }
}
