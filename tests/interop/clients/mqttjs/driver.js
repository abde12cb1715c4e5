'use strict';
// MQTT.js, driven by commands on stdin, one JSON object per line; what happens
// goes to stdout in the same form. src/driver.rs describes the words. Payloads
// are hexadecimal, so that every byte survives.

const fs = require('fs');
const mqtt = require('mqtt');

let client;

const say = (event) => process.stdout.write(`${JSON.stringify(event)}\n`);
const fail = (error) => say({ event: 'failed', reason: String(error) });

// The names MQTT.js has for what is between, and what TLS is to believe and to show.
function transport({ websocket, tls }) {
  const protocol = websocket ? 'ws' : 'mqtt';
  if (!tls) return { protocol };
  const read = (path) => path && fs.readFileSync(path);
  return {
    protocol: `${protocol}s`,
    rejectUnauthorized: Boolean(tls.authority),
    ca: read(tls.authority),
    cert: read(tls.certificate),
    key: read(tls.key),
  };
}

function open(command) {
  client = mqtt.connect({
    ...transport(command),
    host: '127.0.0.1',
    port: command.port,
    protocolVersion: command.version,
    clientId: command.client_id,
    clean: command.clean,
    keepalive: command.keep_alive,
    connectTimeout: 60000,
    reconnectPeriod: command.reconnect ? 200 : 0,
    // What was subscribed belongs to the session; the scenario asks for the rest.
    resubscribe: false,
    properties: command.version === 5 ? { sessionExpiryInterval: command.expiry } : undefined,
    will: command.will && {
      topic: command.will.topic,
      payload: Buffer.from(command.will.payload, 'hex'),
      qos: command.will.qos,
      retain: command.will.retain,
    },
  });
  client.on('error', fail);
  client.on('close', () => say({ event: 'lost' }));
  client.on('message', (topic, payload, packet) => say({
    event: 'message',
    topic,
    payload: payload.toString('hex'),
    qos: packet.qos,
    retain: packet.retain,
  }));
  client.once('connect', async (acknowledgement) => {
    try {
      for (const { filter, qos } of command.subscriptions) {
        const [granted] = await client.subscribeAsync(filter, { qos });
        if (granted.qos > 2) throw new Error(`${filter} was refused`);
      }
      say({ event: 'opened', session_present: acknowledgement.sessionPresent });
    } catch (error) {
      fail(error);
    }
  });
}

function publish({ ticket, topic, payload, qos, retain }) {
  client.publish(topic, Buffer.from(payload, 'hex'), { qos, retain }, (error) => {
    if (error) fail(error);
    else say({ event: 'published', ticket });
  });
}

function close() {
  client.end(false, {}, () => {
    say({ event: 'closed' });
    process.stdin.destroy();
  });
}

const verbs = { open, publish, close };

let pieces = [];
process.stdin.on('data', (chunk) => {
  let start = 0;
  for (let end = chunk.indexOf(10); end >= 0; end = chunk.indexOf(10, start)) {
    const command = JSON.parse(Buffer.concat([...pieces, chunk.subarray(start, end)]));
    pieces = [];
    start = end + 1;
    verbs[command.do](command);
  }
  pieces.push(chunk.subarray(start));
});
// Without a master there is nothing left to do, connected or not.
process.stdin.on('end', () => process.exit());
