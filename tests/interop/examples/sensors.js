const mqtt = require('mqtt');
const client = mqtt.connect('mqtt://localhost');
const saveToDatabase = (sensorType, message) => console.log(`${sensorType} = ${message}`);

// 다양한 센서 데이터 수집
const sensors = ['temperature', 'humidity', 'pressure', 'light'];

sensors.forEach(sensor => {
  client.subscribe(`sensor/${sensor}`);
});

client.on('message', (topic, message) => {
  const [category, sensorType] = topic.split('/');
  console.log(`${sensorType} 센서: ${message}`);
  
  // 데이터베이스에 저장
  saveToDatabase(sensorType, message);
});
