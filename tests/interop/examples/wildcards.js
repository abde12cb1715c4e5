const mqtt = require('mqtt');
const client = mqtt.connect('mqtt://localhost');

// 모든 방의 온도 구독
// home/livingroom/temperature, home/kitchen/temperature 등 모두 구독
client.subscribe('home/+/temperature');

// home으로 시작하는 모든 주제 구독
// home/temperature, home/humidity, home/livingroom/temperature 등 모두 구독
client.subscribe('home/#');

client.on('message', (topic, message) => {
  console.log(`${topic}: ${message}`);
});
