const mqtt = require('mqtt');
const client = mqtt.connect('mqtt://localhost');
const displayMessage = (user, message) => console.log(`${user}: ${message}`);

// 채팅 메시지 발행 - 사용자가 메시지를 보낼 때
function sendMessage(room, message) {
  client.publish(`chat/${room}`, JSON.stringify({
    user: '사용자명',
    message: message,
    timestamp: Date.now()
  }));
}

// 채팅 메시지 구독 - 다른 사용자들이 메시지를 받을 때
client.subscribe('chat/lobby');
client.on('message', (topic, message) => {
  const data = JSON.parse(message);
  displayMessage(data.user, data.message);
});

sendMessage('lobby', '안녕하세요!');
