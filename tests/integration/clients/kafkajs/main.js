// Sends lines of {"key", "value"} from stdin with KafkaJS: node main.js <default|legacy> <servers> <topic>.
const { Kafka, Partitioners, logLevel } = require("kafkajs");

async function main([partitioner, servers, topic]) {
  const text = require("fs").readFileSync(0, "utf8").trim();
  const messages = text.split("\n").map((line) => JSON.parse(line));
  const legacy = { createPartitioner: Partitioners.LegacyPartitioner };
  const kafka = new Kafka({ brokers: [servers], logLevel: logLevel.ERROR });
  const producer = kafka.producer(partitioner === "legacy" ? legacy : {});
  await producer.connect();
  for (const message of messages) await producer.send({ topic, messages: [message] });
  await producer.disconnect();
}

main(process.argv.slice(2)).catch((error) => { console.error(error); process.exit(1); });
