//! What is exported, imported, compacted, inspected and verified in a data directory.

mod items;

use std::path::Path;

use ferrymq_protocol::time::Instant;
use ferrymq_server::offline::{
    DataDirectory, Exported, Imported, Item, ItemWriter, LogOptions, OfflineError, Summary,
};
use proptest::prelude::*;
use tempfile::TempDir;

const NOW: Instant = Instant::from_nanos(1_700_000_000_000_000_000);

fn directory() -> TempDir {
    tempfile::tempdir().expect("a directory for the test")
}

fn data<'a>(directory: &Path, progress: &'a mut dyn FnMut(u64, u64)) -> DataDirectory<'a> {
    let options = LogOptions { segment_bytes: 16 << 10, ..LogOptions::default() };
    DataDirectory::new(directory, options, progress)
}

fn import(directory: &Path, text: &str, replace: bool) -> Result<Imported, OfflineError> {
    let mut progress = |_, _| {};
    let import = data(directory, &mut progress).import(replace, NOW)?;
    let checked = import.check(text.as_bytes())?;
    let imported = import.run(text.as_bytes())?;
    let replaced = imported.replaced;
    assert_eq!(Imported { replaced, ..checked }, imported);
    Ok(imported)
}

fn export(directory: &Path) -> (String, Exported) {
    let mut progress = |_, _| {};
    let mut text = Vec::new();
    let exported = data(directory, &mut progress)
        .export(&mut text, &mut |damage| panic!("{damage}"))
        .expect("a log that can be exported");
    (String::from_utf8(text).expect("UTF-8"), exported)
}

fn inspect(directory: &Path) -> Summary {
    let mut progress = |_, _| {};
    data(directory, &mut progress)
        .inspect(10, &mut |damage| panic!("{damage}"))
        .expect("a log that can be read")
}

fn text_of(items: &[Item]) -> String {
    let mut writer = ItemWriter::new(Vec::new()).expect("memory");
    for item in items {
        item.check().expect("a valid item");
        writer.write(item).expect("memory");
    }
    String::from_utf8(writer.finish().expect("memory")).expect("UTF-8")
}

fn session(client_id: &str) -> String {
    format!(
        "{{\"type\":\"session\",\"client_id\":\"{client_id}\",\"session_expiry_interval\":9}}\n"
    )
}

const HEAD: &str = "{\"type\":\"export\",\"format\":1}\n";

proptest! {
    #![proptest_config(ProptestConfig::with_cases(48))]

    #[test]
    fn what_was_imported_is_exported_and_stays_so(items in items::items()) {
        let (one, other) = (directory(), directory());
        let text = text_of(&items);
        import(one.path(), &text, false).expect("items that can be imported");
        let (exported, counts) = export(one.path());
        prop_assert_eq!(&exported, &text);
        prop_assert_eq!(counts.missing, 0);
        import(other.path(), &exported, false).expect("what was exported");
        prop_assert_eq!(export(other.path()).0, text);
    }

    /// Beside what is there already, and in its place.
    #[test]
    fn second_import_takes_the_place_of_the_first(
        first in items::items(),
        second in items::items(),
    ) {
        let directory = directory();
        import(directory.path(), &text_of(&first), false).expect("items that can be imported");
        import(directory.path(), &text_of(&second), true).expect("items that can be imported");
        let (exported, _) = export(directory.path());
        let lines: Vec<&str> = exported.lines().collect();
        // Sessions and retained messages of the second are all there.
        for line in text_of(&second).lines() {
            let is_whole = line.contains("\"type\":\"session\"") || line.contains("\"type\":\"sub");
            prop_assert!(!is_whole || lines.contains(&line), "{}", line);
        }
        // Once more changes nothing, where everything belongs to a client.
        let is_of_nobody = |line: &str| {
            line.contains("{\"qos\"") || line.starts_with("{\"type\":\"will\",\"topic\"")
        };
        if !lines.iter().any(|line| is_of_nobody(line)) {
            import(directory.path(), &exported, true).expect("what was exported");
            prop_assert_eq!(export(directory.path()).0, exported);
        }
    }

    #[test]
    fn compacted_log_says_the_same(items in items::items()) {
        let directory = directory();
        let text = text_of(&items);
        import(directory.path(), &text, false).expect("items that can be imported");
        import(directory.path(), &text, true).expect("items that can be imported");
        let before = export(directory.path()).0;
        let mut progress = |_, _| {};
        data(directory.path(), &mut progress).compact(NOW).expect("a whole log");
        prop_assert_eq!(export(directory.path()).0, before);
    }
}

#[test]
fn empty_and_missing_directories_are_told_apart() {
    let directory = directory();
    let mut progress = |_, _| {};
    let mut missing = data(directory.path(), &mut progress);
    let error = missing.inspect(1, &mut |_| {}).expect_err("there is no log");
    assert!(error.to_string().contains("--data"), "{error}");
    import(directory.path(), HEAD, false).expect("an export of nothing");
    assert_eq!(export(directory.path()).0, HEAD);
    assert_eq!(inspect(directory.path()).sessions, 0);
}

#[test]
fn refused_import_changes_nothing_and_names_the_line() {
    let directory = directory();
    let retained = "{\"type\":\"retained\",\"topic\":\"t\",\"qos\":0,\"payload\":\"\"}\n";
    let text = format!("{HEAD}{}{retained}", session("c"));
    import(directory.path(), &text, false).expect("a session and a retained message");
    let message = |receivers: &str| {
        format!(
            "{{\"type\":\"message\",\"topic\":\"t\",\"qos\":1,\"payload\":\"\",\
             \"receivers\":[{receivers}]}}\n"
        )
    };
    let sent = "{\"client_id\":\"d\",\"qos\":1,\"packet_id\":7,\"sent\":0}";
    let subscription =
        "{\"type\":\"subscription\",\"client_id\":\"d\",\"filter\":\"a\",\"qos\":1}\n";
    let will =
        "{\"type\":\"will\",\"client_id\":\"d\",\"topic\":\"t\",\"qos\":1,\"payload\":\"\"}\n";
    let d = session("d");
    let rows = [
        (session("c"), "line 2: the client \"c\" has a session here already"),
        (retained.to_owned(), "line 2: the topic \"t\" has a retained message here already"),
        (format!("{d}{d}"), "line 3: the client \"d\" has a second session"),
        (subscription.to_owned(), "line 2: no session of the client \"d\""),
        (format!("{d}{subscription}{subscription}"), "line 4: the client \"d\" has a second sub"),
        (format!("{d}{will}{will}"), "line 4: the client \"d\" has a second will"),
        (message("{\"client_id\":\"x\",\"qos\":1}"), "line 2: no session of the client \"x\""),
        (
            format!(
                "{d}{}",
                message("{\"client_id\":\"d\",\"qos\":1},{\"client_id\":\"d\",\"qos\":1}")
            ),
            "line 3: the client \"d\" is among the receivers twice",
        ),
        (
            format!("{d}{}{}", message(sent), message(sent)),
            "line 4: the client \"d\" uses packet identifier 7 twice",
        ),
        (
            message("{\"shared\":\"$share/g/a\",\"qos\":1}"),
            "line 2: no session before this line subscribes to \"$share/g/a\"",
        ),
        ("{}\n".to_owned(), "line 2 is no item of an export"),
    ];
    let before = export(directory.path()).0;
    for (lines, words) in rows {
        let error = import(directory.path(), &format!("{HEAD}{lines}"), false).expect_err(words);
        assert!(error.to_string().starts_with(words), "{error}");
        assert_eq!(export(directory.path()).0, before, "{words}");
    }
}

#[test]
fn import_that_ends_early_leaves_no_session_behind() {
    let directory = directory();
    let text = format!(
        "{HEAD}{}{{\"type\":\"message\",\"topic\":\"t\",\"qos\":1,\"payload\":\"\",\
         \"receivers\":[{{\"client_id\":\"c\",\"qos\":1}}]}}\nend",
        session("c"),
    );
    let mut progress = |_, _| {};
    let import = data(directory.path(), &mut progress).import(false, NOW).unwrap();
    // Without looking first, as from a pipe.
    import.run(text.as_bytes()).expect_err("the last line is none");
    assert_eq!(export(directory.path()).0, HEAD);
}

#[test]
fn directory_in_use_is_refused() {
    let directory = directory();
    let mut progress = |_, _| {};
    let open = data(directory.path(), &mut progress).import(false, NOW).unwrap();
    let mut progress = |_, _| {};
    let mut second = data(directory.path(), &mut progress);
    let in_use = format!("in use by process {}", std::process::id());
    let refusals = [
        second.export(Vec::new(), &mut |_| {}).map(drop),
        second.inspect(1, &mut |_| {}).map(drop),
        second.verify(&mut |_| {}).map(drop),
        second.compact(NOW).map(drop),
        second.import(false, NOW).map(drop),
    ];
    for refusal in refusals {
        let error = refusal.expect_err("it is in use").to_string();
        assert!(error.contains(&in_use), "{error}");
    }
    drop(open);
    second.verify(&mut |_| {}).expect("it is free");
}

#[test]
fn summary_counts_what_is_there() {
    let directory = directory();
    import(directory.path(), include_str!("../fixtures/mosquitto_v6.ndjson"), false).unwrap();
    let summary = inspect(directory.path());
    assert_eq!((summary.sessions, summary.connected_sessions), (5, 0));
    assert_eq!((summary.subscriptions, summary.wills, summary.retained), (4, 1, 2));
    assert_eq!((summary.messages, summary.queued, summary.in_flight), (6, 13, 1));
    assert!(summary.closed_cleanly);
    let queues = summary.largest_queues.iter();
    let queues: Vec<_> = queues.map(|queue| (queue.client_id.as_str(), queue.messages)).collect();
    assert_eq!(queues, [("phone-1", 5), ("phone-2", 4), ("phone-3", 4), ("phone-4", 1)]);
}

#[test]
fn flipped_bit_is_named_and_the_rest_is_exported() {
    let directory = directory();
    import(directory.path(), include_str!("../fixtures/mosquitto_v6.ndjson"), false).unwrap();
    let (before, _) = export(directory.path());
    let files = std::fs::read_dir(directory.path().join("log")).unwrap();
    let segment = files
        .map(|file| file.unwrap().path())
        .find(|path| path.extension().is_some_and(|extension| extension == "segment"))
        .unwrap();
    let mut bytes = std::fs::read(&segment).unwrap();
    let place = bytes.windows(8).position(|part| part == b"queued-2").unwrap();
    bytes[place] ^= 4;
    std::fs::write(&segment, bytes).unwrap();
    let mut progress = |_, _| {};
    let mut damaged = data(directory.path(), &mut progress);
    let mut damages = Vec::new();
    damaged.verify(&mut |damage| damages.push(damage)).unwrap();
    assert_eq!(damages.len(), 1);
    assert_eq!(damages[0].path, segment);
    let mut text = Vec::new();
    damaged.export(&mut text, &mut |_| {}).unwrap();
    assert_ne!(String::from_utf8(text).unwrap(), before);
    damaged.compact(NOW).expect_err("nothing is written where something is damaged");
}
