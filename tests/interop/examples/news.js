const mqtt = require('mqtt');
const client = mqtt.connect('mqtt://localhost');

// 독자 (Subscriber) - 독자 역할
client.subscribe('news/technology');
client.on('message', (topic, message) => {
  console.log(`새로운 뉴스: ${message}`);
});

// 발행자 (Publisher) - 신문사 역할
client.publish('news/technology', '새로운 AI 기술 발표');
