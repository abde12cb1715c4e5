const mqtt = require('mqtt');
const updateTemperatureDisplay = (message) => console.log(`온도: ${message}`);

// 온도 센서 (발행자) - 집 안에 설치된 센서
const temperatureSensor = mqtt.connect('mqtt://localhost');

setInterval(() => {
  const temp = Math.random() * 10 + 20; // 20-30도
  temperatureSensor.publish('home/temperature', temp.toString());
}, 5000);

// 스마트폰 앱 (구독자) - 사용자가 들고 다니는 앱
const phoneApp = mqtt.connect('mqtt://localhost');
phoneApp.subscribe('home/#');

phoneApp.on('message', (topic, message) => {
  if (topic === 'home/temperature') {
    updateTemperatureDisplay(message);
  }
});
