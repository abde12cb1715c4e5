//! A file of configuration that anybody may have written.

use ferrymq_server::configuration::{Origin, Persona, Remark, Weight, parse};

/// The first byte says whose defaults hold, the rest is the file. Whatever is in it, what is said
/// about it names a line of it, and it means the same with other ends of lines and with a comment
/// more.
///
/// # Panics
///
/// If one of these does not hold.
pub fn configuration(data: &[u8]) {
    let [head, bytes @ ..] = data else { return };
    let persona = if head & 1 > 0 { Persona::Mosquitto } else { Persona::Ferrymq };
    let lines = bytes.split(|byte| *byte == b'\n').count();
    match parse(persona, bytes) {
        Ok(configuration) => {
            assert!(!configuration.listeners.is_empty(), "there is always a listener");
            let is_wrong = |remark: &Remark| remark.weight == Weight::Mistake;
            assert!(!configuration.remarks.iter().any(is_wrong), "a mistake is accepted");
            check_remarks(&configuration.remarks, lines);
        }
        Err(rejected) => {
            assert!(rejected.mistakes().next().is_some(), "refused without a mistake");
            check_remarks(&rejected.remarks, lines);
        }
    }
    let meaning = |bytes: &[u8]| format!("{:?}", parse(persona, bytes));
    let as_it_is = meaning(bytes);
    assert_eq!(meaning(&with_carriage_returns(bytes)), as_it_is, "with CR LF");
    assert_eq!(meaning(&[bytes, b"\n# a comment"].concat()), as_it_is, "with a comment");
}

fn check_remarks(remarks: &[Remark], lines: usize) {
    for Remark { origin, words, .. } in remarks {
        assert!(!words.is_empty(), "something is said");
        match origin {
            Origin::File { line, .. } => assert!(*line <= lines, "there is no line {line}"),
            Origin::Environment(_) | Origin::Flag(_) => panic!("there is only a file"),
        }
    }
}

fn with_carriage_returns(bytes: &[u8]) -> Vec<u8> {
    bytes.split(|byte| *byte == b'\n').collect::<Vec<_>>().join(&b"\r\n"[..])
}
