//! Each command, what it answers and what it does, in Mosquitto's words.

use ferrymq_access::Who;
use ferrymq_access::dynamic_security::{Login, Model};

use crate::setting::{administered, command, execute, hash, succeed, who};

/// Commands and their responses, one after the other on one model.
fn play(model: &mut Model, rows: &[(&str, &str)]) {
    for (text, expected) in rows {
        assert_eq!(command(model, text), *expected, "{text}");
    }
}

fn site() -> Model {
    let mut model = administered();
    succeed(
        &mut model,
        &[
            r#"{"command":"createRole","rolename":"r1"}"#,
            r#"{"command":"createRole","rolename":"r2"}"#,
            r#"{"command":"createGroup","groupname":"g1"}"#,
            r#"{"command":"createGroup","groupname":"g2"}"#,
            r#"{"command":"createClient","username":"c1","password":"p"}"#,
        ],
    );
    model
}

#[test]
fn requests_that_are_none_are_refused() {
    let unknown = |error: &str| {
        format!(r#"{{"responses":[{{"command":"Unknown command","error":"{error}"}}]}}"#)
    };
    let rows = [
        ("{", unknown("Payload not valid JSON")),
        ("\u{0}", unknown("Payload not valid JSON")),
        ("{}", unknown("Invalid/missing commands")),
        ("[]", unknown("Invalid/missing commands")),
        (r#"{"commands":{}}"#, unknown("Invalid/missing commands")),
        (r#"{"commands":[]}"#, r#"{"responses":[]}"#.to_owned()),
        (r#"{"commands":[1,{"command":"getDetails"}]}"#, unknown("Command not an object")),
        (r#"{"commands":[{}]}"#, unknown("Missing command")),
        (r#"{"commands":[{"command":1}]}"#, unknown("Missing command")),
        (
            r#"{"commands":[{"command":"x","correlationData":"7"}]}"#,
            r#"{"responses":[{"command":"x","error":"Unknown command","correlationData":"7"}]}"#
                .to_owned(),
        ),
        (
            r#"{"commands":[{"command":"x","correlationData":7},{"command":"y"}]}"#,
            r#"{"responses":[{"command":"x","error":"Invalid correlationData data type."}]}"#
                .to_owned(),
        ),
    ];
    for (request, expected) in rows {
        let executed = execute(&mut site(), request.as_bytes());
        assert_eq!(String::from_utf8(executed.response()).unwrap(), expected, "{request}");
        assert!(!executed.is_changed, "{request}");
    }
    let executed = execute(&mut site(), &[0xff]);
    assert_eq!(executed.response(), unknown("Payload not valid JSON").into_bytes());
}

#[test]
fn default_access_is_told_and_set() {
    play(
        &mut administered(),
        &[
            (
                r#"{"command":"SETDEFAULTACLACCESS","acls":[{"acltype":"SUBSCRIBE","allow":true},{"acltype":"x","allow":true},1]}"#,
                r#"{"command":"SETDEFAULTACLACCESS"}"#,
            ),
            (
                r#"{"command":"setDefaultACLAccess","acls":[{"acltype":"publishClientSend","access":"allow"},{"acltype":"publishClientReceive","access":"deny"},{"acltype":"unsubscribe","access":"?"}]}"#,
                r#"{"command":"setDefaultACLAccess"}"#,
            ),
            (
                r#"{"command":"setDefaultACLAccess"}"#,
                r#"{"command":"setDefaultACLAccess","error":"Missing/invalid actions array"}"#,
            ),
            (
                r#"{"command":"getdefaultaclaccess","correlationData":"a"}"#,
                r#"{"command":"getDefaultACLAccess","data":{"acls":[{"acltype":"publishClientSend","allow":true},{"acltype":"publishClientReceive","allow":false},{"acltype":"subscribe","allow":true},{"acltype":"unsubscribe","allow":true}]},"correlationData":"a"}"#,
            ),
            (
                r#"{"command":"getDetails"}"#,
                r#"{"command":"getDetails","data":{"clientCount":1,"groupCount":0,"roleCount":1,"changeIndex":2}}"#,
            ),
        ],
    );
}

#[test]
fn clients_are_created_told_and_deleted() {
    play(
        &mut site(),
        &[
            (
                r#"{"command":"createClient"}"#,
                r#"{"command":"createClient","error":"Invalid/missing username"}"#,
            ),
            (
                r#"{"command":"createClient","username":""}"#,
                r#"{"command":"createClient","error":"Empty username"}"#,
            ),
            (
                r#"{"command":"createClient","username":"a\u0001"}"#,
                r#"{"command":"createClient","error":"Username not valid UTF-8"}"#,
            ),
            (
                r#"{"command":"createClient","username":"a","password":1}"#,
                r#"{"command":"createClient","error":"Invalid/missing password"}"#,
            ),
            (
                r#"{"command":"createClient","username":"a","clientid":1}"#,
                r#"{"command":"createClient","error":"Invalid/missing client id"}"#,
            ),
            (
                r#"{"command":"createClient","username":"a","roles":[{"rolename":"no"}]}"#,
                r#"{"command":"createClient","error":"Role not found"}"#,
            ),
            (
                r#"{"command":"createClient","username":"a","roles":{}}"#,
                r#"{"command":"createClient","error":"'roles' not an array or missing/invalid rolename"}"#,
            ),
            (
                r#"{"command":"createClient","username":"a","groups":[{"groupname":"no"}]}"#,
                r#"{"command":"createClient","error":"Group not found"}"#,
            ),
            (
                r#"{"command":"createClient","username":"a","password":"x","clientid":"dev","textname":"A","textdescription":"B","roles":[{"rolename":"r2"},{"rolename":"r1","priority":5}],"groups":[{"groupname":"g2","priority":200000},{"groupname":"g1"}]}"#,
                r#"{"command":"createClient"}"#,
            ),
            (
                r#"{"command":"createClient","username":"a"}"#,
                r#"{"command":"createClient","error":"Client already exists"}"#,
            ),
            (r#"{"command":"disableClient","username":"a"}"#, r#"{"command":"disableClient"}"#),
            (
                r#"{"command":"getClient","username":"a"}"#,
                r#"{"command":"getClient","data":{"client":{"username":"a","clientid":"dev","textname":"A","textdescription":"B","disabled":true,"roles":[{"rolename":"r1","priority":5},{"rolename":"r2"}],"groups":[{"groupname":"g2","priority":100000},{"groupname":"g1"}]}}}"#,
            ),
            (
                r#"{"command":"listClients"}"#,
                r#"{"command":"listClients","data":{"totalCount":3,"clients":["a","admin","c1"]}}"#,
            ),
            (
                r#"{"command":"listClients","count":1,"offset":2,"verbose":true}"#,
                r#"{"command":"listClients","data":{"totalCount":3,"clients":[{"username":"c1","roles":[],"groups":[]}]}}"#,
            ),
            (r#"{"command":"deleteClient","username":"a"}"#, r#"{"command":"deleteClient"}"#),
            (
                r#"{"command":"deleteClient","username":"a"}"#,
                r#"{"command":"deleteClient","error":"Client not found"}"#,
            ),
            (
                r#"{"command":"getGroup","groupname":"g2"}"#,
                r#"{"command":"getGroup","data":{"group":{"groupname":"g2","clients":[],"roles":[]}}}"#,
            ),
        ],
    );
}

#[test]
fn clients_are_modified_as_a_whole_or_not_at_all() {
    let mut model = site();
    play(
        &mut model,
        &[
            (
                r#"{"command":"modifyClient","username":"no"}"#,
                r#"{"command":"modifyClient","error":"Client not found"}"#,
            ),
            (
                r#"{"command":"modifyClient","username":"c1","textname":"T","groups":[{"groupname":"no"}]}"#,
                r#"{"command":"modifyClient","error":"'groups' contains an object with a 'groupname' that does not exist"}"#,
            ),
            (
                r#"{"command":"modifyClient","username":"c1","textname":"T","groups":[{}]}"#,
                r#"{"command":"modifyClient","error":"'groups' contains an object with an invalid 'groupname'"}"#,
            ),
            (
                r#"{"command":"getClient","username":"c1"}"#,
                r#"{"command":"getClient","data":{"client":{"username":"c1","roles":[],"groups":[]}}}"#,
            ),
            (
                r#"{"command":"modifyClient","username":"c1","textname":"T","roles":[{"rolename":"r1"}],"groups":[{"groupname":"g1"}],"clientid":"x"}"#,
                r#"{"command":"modifyClient"}"#,
            ),
            (
                r#"{"command":"modifyClient","username":"c1","clientid":"","password":""}"#,
                r#"{"command":"modifyClient"}"#,
            ),
            (
                r#"{"command":"getClient","username":"c1"}"#,
                r#"{"command":"getClient","data":{"client":{"username":"c1","textname":"T","roles":[{"rolename":"r1"}],"groups":[{"groupname":"g1"}]}}}"#,
            ),
            (
                r#"{"command":"setClientPassword","username":"c1","password":""}"#,
                r#"{"command":"setClientPassword","error":"Empty password is not allowed"}"#,
            ),
            (
                r#"{"command":"setClientPassword","username":"c1","password":"new"}"#,
                r#"{"command":"setClientPassword"}"#,
            ),
            (
                r#"{"command":"setClientId","username":"c1","clientid":"y"}"#,
                r#"{"command":"setClientId"}"#,
            ),
            (
                r#"{"command":"addClientRole","username":"c1","rolename":"r1"}"#,
                r#"{"command":"addClientRole","error":"Internal error"}"#,
            ),
            (
                r#"{"command":"addClientRole","username":"c1","rolename":"no"}"#,
                r#"{"command":"addClientRole","error":"Role not found"}"#,
            ),
            (
                r#"{"command":"removeClientRole","username":"c1","rolename":"r1"}"#,
                r#"{"command":"removeClientRole"}"#,
            ),
        ],
    );
    let Login::Verify(password, _) = model.login(who("c1", "y")) else {
        panic!("the password must decide");
    };
    assert_eq!(*password, hash(b"new"));
    assert!(matches!(model.login(who("c1", "x")), Login::Refused));
}

#[test]
fn groups_are_created_and_filled() {
    play(
        &mut site(),
        &[
            (
                r#"{"command":"createGroup","groupname":"g1"}"#,
                r#"{"command":"createGroup","error":"Group already exists"}"#,
            ),
            (
                r#"{"command":"createGroup","groupname":"g","roles":1}"#,
                r#"{"command":"createGroup","error":"Internal error"}"#,
            ),
            (
                r#"{"command":"addGroupClient","groupname":"g1","username":"c1","priority":3}"#,
                r#"{"command":"addGroupClient"}"#,
            ),
            (
                r#"{"command":"addGroupClient","groupname":"g1","username":"c1"}"#,
                r#"{"command":"addGroupClient","error":"Client is already in this group"}"#,
            ),
            (
                r#"{"command":"addGroupClient","groupname":"no","username":"c1"}"#,
                r#"{"command":"addGroupClient","error":"Group not found"}"#,
            ),
            (
                r#"{"command":"addGroupRole","groupname":"g1","rolename":"r1","priority":2}"#,
                r#"{"command":"addGroupRole"}"#,
            ),
            (
                r#"{"command":"addGroupRole","groupname":"g1","rolename":"r1"}"#,
                r#"{"command":"addGroupRole","error":"Group is already in this role"}"#,
            ),
            (
                r#"{"command":"getGroup","groupname":"g1"}"#,
                r#"{"command":"getGroup","data":{"group":{"groupname":"g1","clients":[{"username":"c1"}],"roles":[{"rolename":"r1","priority":2}]}}}"#,
            ),
            (
                r#"{"command":"modifyGroup","groupname":"g1","clients":[{"username":"no"}]}"#,
                r#"{"command":"modifyGroup","error":"'clients' contains an object with a 'username' that does not exist"}"#,
            ),
            (
                r#"{"command":"modifyGroup","groupname":"g1","textname":"G","clients":[{"username":"admin"}],"roles":[]}"#,
                r#"{"command":"modifyGroup"}"#,
            ),
            (
                r#"{"command":"listGroups","verbose":true,"count":1}"#,
                r#"{"command":"listGroups","data":{"totalCount":2,"groups":[{"groupname":"g1","textname":"G","clients":[{"username":"admin"}],"roles":[]}]}}"#,
            ),
            (
                r#"{"command":"removeGroupRole","groupname":"g1","rolename":"no"}"#,
                r#"{"command":"removeGroupRole","error":"Role not found"}"#,
            ),
            (
                r#"{"command":"removeGroupClient","groupname":"g1","username":"admin"}"#,
                r#"{"command":"removeGroupClient"}"#,
            ),
        ],
    );
}

#[test]
fn group_of_those_without_a_name_is_set_and_cannot_be_deleted() {
    play(
        &mut site(),
        &[
            (
                r#"{"command":"getAnonymousGroup"}"#,
                r#"{"command":"getAnonymousGroup","data":{"group":{"groupname":""}}}"#,
            ),
            (
                r#"{"command":"setAnonymousGroup","groupname":"no"}"#,
                r#"{"command":"setAnonymousGroup","error":"Group not found"}"#,
            ),
            (
                r#"{"command":"setAnonymousGroup","groupname":"g1"}"#,
                r#"{"command":"setAnonymousGroup"}"#,
            ),
            (
                r#"{"command":"deleteGroup","groupname":"g1"}"#,
                r#"{"command":"deleteGroup","error":"Deleting the anonymous group is forbidden"}"#,
            ),
            (r#"{"command":"deleteGroup","groupname":"g2"}"#, r#"{"command":"deleteGroup"}"#),
            (
                r#"{"command":"getGroup","groupname":"g2"}"#,
                r#"{"command":"getGroup","error":"Group not found"}"#,
            ),
        ],
    );
}

#[test]
fn roles_are_created_and_ruled() {
    play(
        &mut site(),
        &[
            (
                r#"{"command":"createRole","rolename":"r1"}"#,
                r#"{"command":"createRole","error":"Role already exists"}"#,
            ),
            (
                r#"{"command":"createRole","rolename":"r","allowwildcardsubs":1}"#,
                r#"{"command":"createRole","error":"Invalid allowwildcardsubs"}"#,
            ),
            (
                r#"{"command":"addRoleACL","rolename":"r1","acltype":"x","topic":"a"}"#,
                r#"{"command":"addRoleACL","error":"Unknown acltype"}"#,
            ),
            (
                r#"{"command":"addRoleACL","rolename":"r1","acltype":"subscribePattern","topic":"a/#/b"}"#,
                r#"{"command":"addRoleACL","error":"Invalid ACL topic"}"#,
            ),
            (
                r#"{"command":"addRoleACL","rolename":"r1","acltype":"subscribePattern"}"#,
                r#"{"command":"addRoleACL","error":"Invalid/missing topic"}"#,
            ),
            (
                r#"{"command":"addRoleACL","rolename":"r1","acltype":"subscribepattern","topic":"a/#","allow":true}"#,
                r#"{"command":"addRoleACL"}"#,
            ),
            (
                r#"{"command":"addRoleACL","rolename":"r1","acltype":"subscribePattern","topic":"a/#"}"#,
                r#"{"command":"addRoleACL","error":"ACL with this topic already exists"}"#,
            ),
            (
                r#"{"command":"addRoleACL","rolename":"r1","acltype":"publishClientSend","topic":"b","priority":-7}"#,
                r#"{"command":"addRoleACL"}"#,
            ),
            (
                r#"{"command":"getRole","rolename":"r1"}"#,
                r#"{"command":"getRole","data":{"role":{"rolename":"r1","allowwildcardsubs":true,"acls":[{"acltype":"publishClientSend","topic":"b","priority":-7,"allow":false},{"acltype":"subscribePattern","topic":"a/#","priority":0,"allow":true}]}}}"#,
            ),
            (
                r#"{"command":"removeRoleACL","rolename":"r1","acltype":"subscribeLiteral","topic":"a/#"}"#,
                r#"{"command":"removeRoleACL","error":"ACL not found"}"#,
            ),
            (
                r#"{"command":"removeRoleACL","rolename":"r1","acltype":"subscribePattern","topic":"a/#"}"#,
                r#"{"command":"removeRoleACL"}"#,
            ),
        ],
    );
}

#[test]
fn roles_are_modified_and_taken_from_everybody_when_they_are_deleted() {
    play(
        &mut site(),
        &[
            (
                r#"{"command":"modifyRole","rolename":"no"}"#,
                r#"{"command":"modifyRole","error":"Role does not exist"}"#,
            ),
            (
                r#"{"command":"modifyRole","rolename":"r1","textname":"R","allowwildcardsubs":false,"acls":[]}"#,
                r#"{"command":"modifyRole"}"#,
            ),
            (
                r#"{"command":"addClientRole","username":"c1","rolename":"r1"}"#,
                r#"{"command":"addClientRole"}"#,
            ),
            (
                r#"{"command":"listRoles","verbose":true,"offset":1,"count":1}"#,
                r#"{"command":"listRoles","data":{"totalCount":3,"roles":[{"rolename":"r1","textname":"R","allowwildcardsubs":false,"acls":[]}]}}"#,
            ),
            (r#"{"command":"deleteRole","rolename":"r1"}"#, r#"{"command":"deleteRole"}"#),
            (
                r#"{"command":"getClient","username":"c1"}"#,
                r#"{"command":"getClient","data":{"client":{"username":"c1","roles":[],"groups":[]}}}"#,
            ),
            (
                r#"{"command":"listRoles"}"#,
                r#"{"command":"listRoles","data":{"totalCount":2,"roles":["admin","r2"]}}"#,
            ),
        ],
    );
}

#[test]
fn whoever_has_other_rights_or_another_password_must_connect_anew() {
    let rows = [
        (r#"{"command":"disableClient","username":"c1"}"#, true),
        (r#"{"command":"deleteClient","username":"c1"}"#, true),
        (r#"{"command":"setClientPassword","username":"c1","password":"q"}"#, true),
        (r#"{"command":"setClientId","username":"c1"}"#, true),
        (r#"{"command":"modifyClient","username":"c1"}"#, true),
        (r#"{"command":"addClientRole","username":"c1","rolename":"r2"}"#, true),
        (r#"{"command":"removeClientRole","username":"c1","rolename":"r2"}"#, true),
        (r#"{"command":"addGroupClient","username":"c1","groupname":"g2"}"#, true),
        (r#"{"command":"addGroupRole","groupname":"g1","rolename":"r2"}"#, true),
        (r#"{"command":"modifyGroup","groupname":"g1","clients":[]}"#, true),
        (r#"{"command":"deleteGroup","groupname":"g1"}"#, true),
        (r#"{"command":"deleteRole","rolename":"r1"}"#, true),
        (r#"{"command":"modifyRole","rolename":"r1","acls":[]}"#, true),
        (r#"{"command":"modifyRole","rolename":"r1","textname":"x"}"#, false),
        (
            r#"{"command":"addRoleACL","rolename":"r1","acltype":"subscribeLiteral","topic":"a"}"#,
            true,
        ),
        (r#"{"command":"enableClient","username":"c1"}"#, false),
        (r#"{"command":"getClient","username":"c1"}"#, false),
        (r#"{"command":"createClient","username":"c2"}"#, false),
        (r#"{"command":"deleteRole","rolename":"r2"}"#, false),
        (r#"{"command":"addGroupRole","groupname":"g2","rolename":"r2"}"#, false),
    ];
    for (text, must) in rows {
        let mut model = site();
        succeed(
            &mut model,
            &[
                r#"{"command":"addGroupRole","groupname":"g1","rolename":"r1"}"#,
                r#"{"command":"addGroupClient","groupname":"g1","username":"c1"}"#,
            ],
        );
        let Login::Verify(_, stamp) = model.login(who("c1", "x")) else { panic!("{text}") };
        let anonymous = model.anonymous_stamp();
        succeed(&mut model, &[text]);
        assert_eq!(!model.stands(who("c1", "x"), stamp), must, "{text}");
        assert!(model.stands(Who { username: None, client_id: "x" }, anonymous), "{text}");
    }
}

#[test]
fn somebody_made_anew_under_an_old_name_is_another_one() {
    let mut model = site();
    let Login::Verify(_, stamp) = model.login(who("c1", "x")) else { panic!("c1 has a password") };
    succeed(
        &mut model,
        &[
            r#"{"command":"deleteClient","username":"c1"}"#,
            r#"{"command":"createClient","username":"c1","password":"p"}"#,
        ],
    );
    assert!(!model.stands(who("c1", "x"), stamp));
}

#[test]
fn no_password_is_in_a_line_for_the_log_or_a_response() {
    let mut model = site();
    let request = br#"{"commands":[
        {"command":"createClient","username":"n","password":"hunter2"},
        {"command":"setClientPassword","username":"n","password":"hunter2"},
        {"command":"modifyClient","username":"n","password":"hunter2"},
        {"command":"getClient","username":"n"},
        {"command":"listClients","verbose":true}]}"#;
    let executed = execute(&mut model, request);
    assert_eq!(executed.lines.len(), 5);
    assert_eq!(
        executed.lines[0],
        "dynsec: console/admin | createClient | username=n | password=*****"
    );
    let response = String::from_utf8(executed.response()).unwrap();
    let all = format!("{:?} {response} {model:?}", executed.lines);
    assert!(!all.contains("hunter2") && !response.contains("salt"), "{all}");
}

#[test]
fn what_could_not_be_kept_is_answered_with_an_error() {
    let mut model = site();
    let request =
        br#"{"commands":[{"command":"getDetails"},{"command":"deleteClient","username":"c1"}]}"#;
    let executed = execute(&mut model, request);
    assert!(executed.is_changed);
    let response = String::from_utf8(executed.response_if_not_kept()).unwrap();
    assert!(
        response.ends_with(r#"{"command":"deleteClient","error":"Internal error"}]}"#)
            && response.starts_with(r#"{"responses":[{"command":"getDetails","data":"#),
        "{response}"
    );
}
