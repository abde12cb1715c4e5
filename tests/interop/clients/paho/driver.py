"""paho-mqtt, driven by commands on stdin, one JSON object per line.

What happens goes to stdout in the same form; src/driver.rs describes the
words. Payloads are hexadecimal, so that every byte survives.
"""

import json
import queue
import ssl
import sys
import threading

import paho.mqtt.client as paho
from paho.mqtt.packettypes import PacketTypes
from paho.mqtt.properties import Properties

client = None
voice = threading.Lock()

# publish() returns the packet id that on_publish() names, in either order and on
# two threads: both are told to a third, which joins them.
completions = queue.SimpleQueue()


def say(event, **words):
    with voice:
        sys.stdout.write(json.dumps({"event": event, **words}) + "\n")
        sys.stdout.flush()


def join_completions():
    tickets, completed = {}, set()
    while True:
        packet_id, ticket = completions.get()
        if ticket is None:
            completed.add(packet_id)
        else:
            tickets[packet_id] = ticket
        if packet_id in completed and packet_id in tickets:
            completed.remove(packet_id)
            say("published", ticket=tickets.pop(packet_id))


def open_connection(command):
    global client
    v5 = command["version"] == 5
    client = paho.Client(
        paho.CallbackAPIVersion.VERSION2,
        client_id=command["client_id"],
        protocol=paho.MQTTv5 if v5 else paho.MQTTv311,
        clean_session=None if v5 else command["clean"],
        reconnect_on_failure=command["reconnect"],
        transport="websockets" if command["websocket"] else "tcp",
    )
    if command["tls"]:
        tls = command["tls"]
        verified = ssl.CERT_REQUIRED if tls["authority"] else ssl.CERT_NONE
        client.tls_set(tls["authority"], tls["certificate"], tls["key"], cert_reqs=verified)
    client.reconnect_delay_set(1, 1)
    client.connect_timeout = 60
    if command["will"]:
        will = command["will"]
        client.will_set(will["topic"], bytes.fromhex(will["payload"]), will["qos"], will["retain"])
    wanted = [(one["filter"], one["qos"]) for one in command["subscriptions"]]
    opened = threading.Event()
    session = {}

    def connected(_client, _userdata, flags, reason, _properties):
        if reason.is_failure:
            say("failed", reason=str(reason))
        elif not opened.is_set():
            session["present"] = flags.session_present
            if wanted:
                client.subscribe(wanted)
            else:
                opened.set()
                say("opened", session_present=flags.session_present)

    def subscribed(_client, _userdata, _packet_id, reasons, _properties):
        refused = [str(reason) for reason in reasons if reason.is_failure]
        if refused:
            say("failed", reason=f"subscriptions refused: {refused}")
            return
        opened.set()
        say("opened", session_present=session["present"])

    def received(_client, _userdata, message):
        say(
            "message",
            topic=message.topic,
            payload=message.payload.hex(),
            qos=message.qos,
            retain=message.retain,
        )

    def published(_client, _userdata, packet_id, reason, _properties):
        if reason.is_failure:
            say("failed", reason=str(reason))
        else:
            completions.put((packet_id, None))

    client.on_connect = connected
    client.on_subscribe = subscribed
    client.on_message = received
    client.on_publish = published
    client.on_disconnect = lambda *_: say("lost")
    properties = None
    if v5:
        properties = Properties(PacketTypes.CONNECT)
        properties.SessionExpiryInterval = command["expiry"]
    client.connect(
        "127.0.0.1",
        command["port"],
        keepalive=command["keep_alive"],
        clean_start=command["clean"] if v5 else paho.MQTT_CLEAN_START_FIRST_ONLY,
        properties=properties,
    )
    client.loop_start()


def publish(command):
    publication = client.publish(
        command["topic"], bytes.fromhex(command["payload"]), command["qos"], command["retain"]
    )
    completions.put((publication.mid, command["ticket"]))


def close(_command):
    client.disconnect()
    client.loop_stop()
    say("closed")
    sys.exit()


VERBS = {"open": open_connection, "publish": publish, "close": close}

threading.Thread(target=join_completions, daemon=True).start()
for line in sys.stdin.buffer:
    spoken = json.loads(line)
    VERBS[spoken["do"]](spoken)
