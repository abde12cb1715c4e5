const mqtt = require('mqtt');

const client = mqtt.connect('mqtts://localhost', {
  port: 8883,
  username: 'myuser',
  password: 'mypassword',
  rejectUnauthorized: false
});

client.on('connect', () => {
  client.subscribe('home/temperature', () => {
    client.publish('home/temperature', '25.5°C');
  });
});

client.on('message', (topic, message) => {
  console.log(`${topic}: ${message.toString()}`);
  client.end();
});

client.on('error', (error) => {
  console.log(`${error.code}`);
  client.end();
});
