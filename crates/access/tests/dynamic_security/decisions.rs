//! Decisions, and the rules because of which they are made.

use ferrymq_access::dynamic_security::Model;
use ferrymq_access::{Action, Who};

use crate::setting::{administered, succeed, who};

fn site() -> Model {
    let mut model = administered();
    succeed(
        &mut model,
        &[
            r#"{"command":"createRole","rolename":"own","acls":[
                {"acltype":"publishClientSend","topic":"a/+","priority":1,"allow":false},
                {"acltype":"publishClientSend","topic":"a/#","allow":true},
                {"acltype":"subscribePattern","topic":"%u/#","allow":true},
                {"acltype":"subscribeLiteral","topic":"ada/+","allow":false}]}"#,
            r#"{"command":"createRole","rolename":"strict","allowwildcardsubs":false,"acls":[
                {"acltype":"subscribePattern","topic":"x/#","allow":true}]}"#,
            r#"{"command":"createRole","rolename":"broken","acls":[
                {"acltype":"publishClientReceive","topic":"q#","allow":true}]}"#,
            r#"{"command":"createClient","username":"ada","roles":[{"rolename":"own"}]}"#,
            r#"{"command":"createClient","username":"bob","roles":[{"rolename":"strict"}]}"#,
            r#"{"command":"createClient","username":"cyd","roles":[{"rolename":"broken"}]}"#,
            r#"{"command":"createGroup","groupname":"guests","roles":[{"rolename":"strict"}]}"#,
            r#"{"command":"setAnonymousGroup","groupname":"guests"}"#,
        ],
    );
    model
}

#[test]
fn decisions_name_the_rule_that_made_them() {
    let nobody = Who { username: None, client_id: "x" };
    let rows = [
        (who("ada", "x"), Action::Publish, "a/b", "no: role own, publishClientSend a/+"),
        (who("ada", "x"), Action::Publish, "a/b/c", "yes: role own, publishClientSend a/#"),
        (who("ada", "x"), Action::Publish, "b", "no"),
        (who("ada", "x"), Action::Receive, "b", "yes: default access, publishClientReceive"),
        (who("ada", "x"), Action::Receive, "$CONTROL/x", "no"),
        (who("ada", "x"), Action::Subscribe, "ada/#", "yes: role own, subscribePattern %u/#"),
        (who("ada", "x"), Action::Subscribe, "ada/+", "no: role own, subscribeLiteral ada/+"),
        (
            who("ada", "x"),
            Action::Subscribe,
            "$share/g/ada/b",
            "yes: role own, subscribePattern %u/#",
        ),
        (who("ada", "x"), Action::Subscribe, "$share/g/bob/b", "no"),
        (who("ada", "x"), Action::Subscribe, "bob/#", "no"),
        (who("bob", "x"), Action::Subscribe, "x/y", "yes: role strict, subscribePattern x/#"),
        (who("bob", "x"), Action::Subscribe, "x/#", "no: role strict, allowwildcardsubs false"),
        (who("bob", "x"), Action::Unsubscribe, "x/#", "yes: default access, unsubscribe"),
        (who("bob", "x"), Action::Unsubscribe, "$share/g/x/#", "yes: default access, unsubscribe"),
        (who("bob", "x"), Action::Unsubscribe, "$share/g/$CONTROL/x", "no"),
        (who("cyd", "x"), Action::Receive, "any", "no: role broken, publishClientReceive q#"),
        (nobody, Action::Subscribe, "x/y", "yes: role strict, subscribePattern x/#"),
        (who("eve", "x"), Action::Receive, "b", "no"),
    ];
    let model = site();
    for (who, action, topic, expected) in rows {
        let decision = model.decide(who, action, topic);
        let word = if decision.allowed { "yes" } else { "no" };
        let told = decision.rule.map_or_else(|| word.to_owned(), |rule| format!("{word}: {rule}"));
        assert_eq!(told, expected, "{who:?} {action} {topic}");
    }
}
