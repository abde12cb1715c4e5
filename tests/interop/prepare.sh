#!/bin/sh
# Prepares what the interop tests need beside Rust: MQTT.js, paho-mqtt and aiomqtt
# in their pinned versions under the target directory, and Debian's Mosquitto with
# its clients. Running it again changes nothing.
set -eu

here=$(CDPATH= cd -- "$(dirname -- "$0")" && pwd)
target=${CARGO_TARGET_DIR:-$here/../../target}
place=$target/interop
mkdir -p "$place/mqttjs"

missing=
for tool in node npm python3 openssl; do
    command -v "$tool" >/dev/null || missing="$missing $tool"
done
if [ -n "$missing" ]; then
    echo "prepare.sh: please install:$missing" >&2
    exit 1
fi

if ! command -v mosquitto_sub >/dev/null || ! [ -x /usr/sbin/mosquitto ]; then
    if [ "$(id -u)" -ne 0 ] || ! command -v apt-get >/dev/null; then
        echo "prepare.sh: please install mosquitto and mosquitto-clients" >&2
        exit 1
    fi
    apt-get update
    DEBIAN_FRONTEND=noninteractive apt-get install -y --no-install-recommends \
        mosquitto mosquitto-clients
fi

cp "$here/clients/mqttjs/package.json" "$here/clients/mqttjs/package-lock.json" "$place/mqttjs/"
(cd "$place/mqttjs" && npm ci --no-audit --no-fund)

[ -x "$place/venv/bin/python" ] || python3 -m venv "$place/venv"
"$place/venv/bin/python" -m pip install --quiet \
    -r "$here/clients/paho/requirements.txt" -r "$here/clients/aiomqtt/requirements.txt"

echo "The interop tests are prepared in $place"
