const mqtt = require('mqtt');

// 브로커에 연결
const client = mqtt.connect('mqtt://localhost');

// 연결 성공 시
client.on('connect', () => {
  console.log('브로커에 연결되었습니다!');
  
  // 온도 데이터 발행
  client.publish('home/temperature', '25.5°C');
  console.log('온도 데이터를 발행했습니다.');
  
  // 연결 종료
  client.end();
});

// 연결 실패 시
client.on('error', (error) => {
  console.error('연결 오류:', error);
});
