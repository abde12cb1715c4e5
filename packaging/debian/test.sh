#!/bin/sh
# Uses the packages in a root that holds nothing else, as the first process of its own: what it starts
# ends with it. `cargo xtask package-test` calls it.
set -eu

scene=$1
export LC_ALL=C DEBIAN_FRONTEND=noninteractive
mount -t proc proc /proc
mount -t devpts devpts /dev/pts
[ -e /etc/hosts ] || echo '127.0.0.1 localhost' >/etc/hosts

fail() {
    echo "FAILED: $*" >&2
    exit 1
}

# What a unit says of a thing.
unit() {
    sed -n "s/^$2=//p" "/lib/systemd/system/$1.service" | tail -n 1
}

install() {
    apt-get install -y -q --no-install-recommends "$@"
}

# Waits until a broker answers, at most for half a minute.
until_it_answers() {
    tries=0
    until said=$("$1" -t ready -m x 2>&1); do
        tries=$((tries + 1))
        [ "$tries" -lt 150 ] || fail "the broker does not answer: $said"
        kill -0 "$broker" || fail "the broker has ended"
        sleep 0.2
    done
}

end() {
    kill -TERM "$broker"
    wait "$broker" || fail "the broker ends with status $?"
}

# What is retained in a topic, as a tool prints it.
retained() {
    "$1" -t "$2" -C 1 -W 20
}

equal() {
    [ "$1" = "$2" ] || fail "$3: $1, not $2"
}

ferrymq_pub() { ferrymq pub "$@"; }
ferrymq_sub() { ferrymq sub "$@"; }

start_ferrymq() {
    user=$(unit ferrymq User)
    # shellcheck disable=SC2046 # the command's words
    setpriv --reuid="$user" --regid="$(unit ferrymq Group)" --init-groups --no-new-privs \
        --bounding-set=-all $(unit ferrymq ExecStart) &
    broker=$!
    until_it_answers ferrymq_pub
    equal "$(stat -c %U "/proc/$broker")" ferrymq "the user of the broker"
}

start_mosquitto() {
    if [ -n "$(unit mosquitto ExecStartPre)" ]; then
        mkdir -p /run/mosquitto /var/log/mosquitto
        chown mosquitto /run/mosquitto /var/log/mosquitto
    fi
    # shellcheck disable=SC2046 # the command's words
    $(unit mosquitto ExecStart) &
    broker=$!
    until_it_answers mosquitto_pub
    equal "$(stat -c %U "/proc/$broker")" mosquitto "the user of the broker"
}

alone() {
    install /packages/ferrymq_*.deb
    equal "$(stat -c '%U %a' /var/lib/ferrymq)" "ferrymq 750" "the data directory"
    for command in mosquitto mosquitto_pub mosquitto_sub; do
        ! command -v "$command" >/dev/null || fail "the first package has $command"
    done
    ferrymq config check /etc/ferrymq/ferrymq.conf

    echo "--- the broker runs as its own user, with its example of a configuration"
    start_ferrymq
    ferrymq pub -t house/hall -m hello -r -q 1
    equal "$(retained ferrymq_sub house/hall)" hello "the message"
    end
    start_ferrymq
    equal "$(retained ferrymq_sub house/hall)" hello "the message after a restart"
    end

    echo "--- what was changed survives an upgrade and the removal"
    echo "# changed" >>/etc/ferrymq/ferrymq.conf
    dpkg -i /packages/ferrymq_*.deb
    tail -n 1 /etc/ferrymq/ferrymq.conf | grep -q changed || fail "an upgrade takes changes back"
    dpkg -r ferrymq
    [ ! -e /usr/bin/ferrymq ] || fail "the program is still there"
    [ -e /etc/ferrymq/ferrymq.conf ] || fail "removal takes the configuration"
    [ -d /var/lib/ferrymq/log ] || fail "removal takes the data"

    echo "--- a purge leaves nothing"
    dpkg -P ferrymq
    left=$(find / -xdev -name '*ferrymq*' ! -path '/packages/*' ! -path '/proc/*')
    equal "$left" "" "left after the purge"
}

instead_of_mosquitto() {
    install mosquitto mosquitto-clients
    printf 'listener 1883\nallow_anonymous true\n' >/etc/mosquitto/conf.d/site.conf
    start_mosquitto
    mosquitto_pub -t house/hall -m before -r -q 1
    end
    [ -s /var/lib/mosquitto/mosquitto.db ] || fail "Mosquitto has kept nothing"

    echo "--- beside Mosquitto"
    install /packages/ferrymq_*.deb
    [ ! -L /usr/sbin/mosquitto ] || fail "the first package replaces Mosquitto"
    [ ! -e /etc/systemd/system/multi-user.target.wants/ferrymq.service ] ||
        fail "two services want one port"
    ferrymq config check --mosquitto /etc/mosquitto/mosquitto.conf

    echo "--- in its place"
    install /packages/ferrymq_*.deb /packages/ferrymq-mosquitto_*.deb
    [ -L /usr/sbin/mosquitto ] || fail "Mosquitto is still there"
    [ -e /etc/mosquitto/conf.d/site.conf ] || fail "the configuration is gone"
    mosquitto --test-config -c /etc/mosquitto/mosquitto.conf
    start_mosquitto
    equal "$(retained mosquitto_sub house/hall)" before "the message that was taken over"
    mosquitto_pub -t house/hall -m since -r -q 1
    equal "$(retained mosquitto_sub house/hall)" since "the message"
    end

    echo "--- and back"
    install mosquitto mosquitto-clients
    [ ! -L /usr/sbin/mosquitto ] || fail "Mosquitto is not back"
    start_mosquitto
    equal "$(retained mosquitto_sub house/hall)" before "the message in Mosquitto's database"
    end
}

case $scene in
    alone) alone ;;
    instead-of-mosquitto) instead_of_mosquitto ;;
    *) fail "there is no scene $scene" ;;
esac
echo "--- $scene: done"
