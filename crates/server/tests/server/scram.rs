//! SCRAM-SHA-256 from end to end: our client at our broker, whose password file has keys for it.

use ferrymq_access::scram::{ITERATIONS_MINIMUM, StoredKeys};
use ferrymq_client::{
    Authentication, AuthenticationError, Client, ConnectionError, Event, Exchange, QoS, ReasonCode,
    Reconnect, RequestError, Scram,
};
use tokio::time::timeout;

use crate::house::{House, user};
use crate::peer::PATIENCE;

/// A line of a password file with keys of this password.
fn keys(name: &str, password: &str) -> String {
    let keys = StoredKeys::make(password.as_bytes(), b"a salt of 16 by", ITERATIONS_MINIMUM);
    format!("{name}:{}\n", &*keys.unwrap().to_text())
}

fn house() -> House {
    let users = [keys("carl", "secret"), user("anna", "secret")].concat();
    House::new(
        "listener PORT0\npassword_file {}/users\nacl_file {}/rights\n",
        &[("users", &users), ("rights", "user carl\ntopic own/#\n")],
    )
}

/// Connects with this method.
async fn connect(
    house: &House,
    authentication: impl Authentication,
) -> Result<(Client, ferrymq_client::Events), ConnectionError> {
    let address = house.address(0);
    let client = Client::builder(address.ip().to_string(), address.port())
        .client_id("client")
        .reconnect(Reconnect::Never)
        .authentication(authentication);
    timeout(PATIENCE, client.connect()).await.expect("it ends in time")
}

fn refusal<T>(result: Result<T, ConnectionError>) -> ReasonCode {
    match result {
        Err(ConnectionError::Refused(reason)) => reason,
        Err(error) => panic!("another error: {error}"),
        Ok(_) => panic!("nobody refuses"),
    }
}

#[tokio::test]
async fn user_with_keys_comes_in_as_himself_and_proves_it_again_while_messages_go_on() {
    let house = house();
    let (client, mut events) = connect(&house, Scram::new("carl", "secret")).await.unwrap();
    assert!(matches!(events.next().await, Some(Event::Connected { .. })));
    let granted = client.subscribe("own/#").qos(QoS::AtLeastOnce).await.unwrap();
    assert_eq!(granted, [ReasonCode::GrantedQoS1]);
    for round in ["one", "two", "three"] {
        let (authenticated, published) = tokio::join!(
            client.reauthenticate(),
            client.publish("own/a", round).qos(QoS::AtLeastOnce)
        );
        authenticated.unwrap();
        assert_eq!(published.unwrap(), ReasonCode::Success);
        let message = timeout(PATIENCE, events.message()).await.unwrap().unwrap();
        assert_eq!(message.payload, round.as_bytes());
    }
    // Two at once are one exchange.
    let (one, other) = tokio::join!(client.reauthenticate(), client.reauthenticate());
    assert_eq!((one, other), (Ok(()), Ok(())));
    let denied = client.publish("others/a", "x").qos(QoS::AtLeastOnce).await;
    assert_eq!(denied, Err(RequestError::Refused(ReasonCode::NotAuthorized)));
    client.disconnect().await;
}

#[tokio::test]
async fn wrong_password_unknown_user_and_user_without_keys_are_refused_alike() {
    let house = house();
    for (name, password) in [("carl", "wrong"), ("eve", "secret"), ("anna", "secret")] {
        let refused = refusal(connect(&house, Scram::new(name, password)).await);
        assert_eq!(refused, ReasonCode::NotAuthorized, "{name} {password}");
    }
}

#[tokio::test]
async fn user_with_keys_may_send_its_password_too() {
    let house = house();
    let who = (Some("carl"), Some("secret"));
    assert_eq!(house.knock(0, crate::peer::Version::V3_1_1, who), 0);
}

/// A method of this name, which says a word and believes everything.
#[derive(Clone, Debug)]
struct Riddle(&'static str);

impl Authentication for Riddle {
    fn method(&self) -> &str {
        self.0
    }

    fn begin(&self) -> Box<dyn Exchange> {
        Box::new(self.clone())
    }
}

impl Exchange for Riddle {
    fn first(&mut self) -> Result<Vec<u8>, AuthenticationError> {
        Ok(b"what".to_vec())
    }

    fn answer(&mut self, _data: &[u8]) -> Result<Vec<u8>, AuthenticationError> {
        Err(AuthenticationError::new("nobody asks"))
    }

    fn finish(&mut self, _data: &[u8]) -> Result<(), AuthenticationError> {
        Ok(())
    }
}

#[tokio::test]
async fn method_that_the_broker_does_not_know_is_refused() {
    let house = house();
    let refused = refusal(connect(&house, Riddle("RIDDLE")).await);
    assert_eq!(refused, ReasonCode::BadAuthenticationMethod);
}

#[tokio::test]
async fn user_whose_keys_change_is_disconnected_and_comes_back_with_the_new_password_only() {
    let house = house();
    let (client, mut events) = connect(&house, Scram::new("carl", "secret")).await.unwrap();
    house.write("users", &keys("carl", "another"));
    house.reload().unwrap();
    let end = timeout(PATIENCE, async {
        loop {
            match events.next().await {
                Some(Event::Disconnected { error, .. }) => return error,
                Some(_) => {}
                None => panic!("the client ends with a reason"),
            }
        }
    });
    let error = end.await.expect("the broker disconnects it");
    assert!(matches!(error, ConnectionError::Disconnected(ReasonCode::NotAuthorized)), "{error}");
    assert_eq!(client.reauthenticate().await, Err(RequestError::Closed));
    let refused = refusal(connect(&house, Scram::new("carl", "secret")).await);
    assert_eq!(refused, ReasonCode::NotAuthorized);
    connect(&house, Scram::new("carl", "another")).await.unwrap();
}
