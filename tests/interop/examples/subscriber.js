const mqtt = require('mqtt');

// 브로커에 연결
const client = mqtt.connect('mqtt://localhost');

// 연결 성공 시
client.on('connect', () => {
  console.log('브로커에 연결되었습니다!');
  
  // 온도 주제 구독
  client.subscribe('home/temperature');
  console.log('온도 주제를 구독했습니다.');
});

// 메시지 수신 시
client.on('message', (topic, message) => {
  console.log(`주제: ${topic}`);
  console.log(`메시지: ${message.toString()}`);
  
  // 온도가 30도 이상이면 경고
  const temperature = parseFloat(message);
  if (temperature > 30) {
    console.log('⚠️ 온도가 너무 높습니다!');
  }
});

// 연결 실패 시
client.on('error', (error) => {
  console.error('연결 오류:', error);
});
