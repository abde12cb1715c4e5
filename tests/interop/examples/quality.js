const mqtt = require('mqtt');

// 연결 시 기본 QoS 설정
const client = mqtt.connect('mqtt://localhost', {
  qos: 1
});

client.on('connect', () => {
  // 구독 시 QoS 설정
  client.subscribe('home/temperature', { qos: 2 });

  // 발행 시 QoS 설정
  client.publish('home/temperature', '25.5°C', { qos: 1 });
});

client.on('message', (topic, message, packet) => {
  console.log(`${topic}: ${message} (QoS ${packet.qos})`);
});
