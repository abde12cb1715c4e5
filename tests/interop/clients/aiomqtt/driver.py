"""aiomqtt, driven by commands on stdin, one JSON object per line.

What happens goes to stdout in the same form; src/driver.rs describes the
words. Payloads are hexadecimal, so that every byte survives.
"""

import asyncio
import json
import sys
import threading

import aiomqtt
from paho.mqtt.packettypes import PacketTypes
from paho.mqtt.properties import Properties


def say(event, **words):
    sys.stdout.write(json.dumps({"event": event, **words}) + "\n")
    sys.stdout.flush()


def make_client(command):
    v5 = command["version"] == 5
    options = {}
    if v5:
        options["properties"] = Properties(PacketTypes.CONNECT)
        options["properties"].SessionExpiryInterval = command["expiry"]
        options["clean_start"] = command["clean"]
    else:
        options["clean_session"] = command["clean"]
    if command["will"]:
        will = command["will"]
        options["will"] = aiomqtt.Will(
            will["topic"], bytes.fromhex(will["payload"]), will["qos"], will["retain"]
        )
    return aiomqtt.Client(
        "127.0.0.1",
        command["port"],
        identifier=command["client_id"],
        protocol=aiomqtt.ProtocolVersion.V5 if v5 else aiomqtt.ProtocolVersion.V311,
        keepalive=command["keep_alive"],
        timeout=60,
        **options,
    )


async def publish(client, command):
    try:
        await client.publish(
            command["topic"],
            bytes.fromhex(command["payload"]),
            command["qos"],
            command["retain"],
            timeout=120,
        )
        say("published", ticket=command["ticket"])
    except aiomqtt.MqttError as error:
        say("failed", reason=str(error))


async def obey(client, commands):
    """Follows the commands; returns when told to close."""
    # The loop holds tasks only weakly.
    tasks = set()
    while (command := await commands.get())["do"] != "close":
        tasks.add(asyncio.create_task(publish(client, command)))
    await asyncio.gather(*tasks)


async def hear(client):
    async for message in client.messages:
        say(
            "message",
            topic=message.topic.value,
            payload=bytes(message.payload).hex(),
            qos=message.qos,
            retain=bool(message.retain),
        )


async def connection(client, command, commands, wanted):
    """One network connection; returns when told to close."""
    async with client:
        for one in wanted:
            reasons = await client.subscribe(one["filter"], one["qos"])
            if any(getattr(reason, "value", reason) >= 0x80 for reason in reasons):
                raise aiomqtt.MqttError(f"{one['filter']} was refused")
        wanted.clear()
        say("opened", session_present=None)
        hearing = asyncio.create_task(hear(client))
        obeying = asyncio.create_task(obey(client, commands))
        done, pending = await asyncio.wait(
            {hearing, obeying}, return_when=asyncio.FIRST_COMPLETED
        )
        for task in pending:
            task.cancel()
        for task in done:
            task.result()


async def main():
    commands = asyncio.Queue()
    loop = asyncio.get_running_loop()

    def read():
        for line in sys.stdin.buffer:
            loop.call_soon_threadsafe(commands.put_nowait, json.loads(line))

    threading.Thread(target=read, daemon=True).start()
    command = await commands.get()
    client = make_client(command)
    wanted = list(command["subscriptions"])
    while True:
        try:
            await connection(client, command, commands, wanted)
            say("closed")
            return
        except aiomqtt.MqttError as error:
            say("lost", reason=str(error))
            if not command["reconnect"]:
                return


asyncio.run(main())
