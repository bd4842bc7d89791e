// Sends lines of {"key", "value"} from stdin with a client at its defaults: clients <client> <servers> <topic>.
package main

import (
	"bufio"
	"context"
	"encoding/json"
	"log"
	"os"
	"time"

	"github.com/IBM/sarama"
	"github.com/segmentio/kafka-go"
	"github.com/twmb/franz-go/pkg/kgo"
)

type line struct {
	Key   *string `json:"key"`
	Value string  `json:"value"`
}

func (l line) key() []byte {
	if l.Key == nil {
		return nil
	}
	return []byte(*l.Key)
}

func lines() (found []line) {
	in := bufio.NewScanner(os.Stdin)
	in.Buffer(nil, 1<<20)
	for in.Scan() {
		var l line
		must(json.Unmarshal(in.Bytes(), &l))
		found = append(found, l)
	}
	must(in.Err())
	return
}

func must(err error) {
	if err != nil {
		log.Fatal(err)
	}
}

func main() {
	servers, topic, ctx := os.Args[2], os.Args[3], context.Background()
	switch os.Args[1] {
	case "sarama":
		config := sarama.NewConfig()
		config.Producer.Return.Successes = true // what a synchronous producer asks for
		producer, err := sarama.NewSyncProducer([]string{servers}, config)
		must(err)
		for _, l := range lines() {
			message := &sarama.ProducerMessage{Topic: topic, Value: sarama.StringEncoder(l.Value)}
			if l.Key != nil {
				message.Key = sarama.StringEncoder(*l.Key)
			}
			_, _, err := producer.SendMessage(message)
			must(err)
		}
		must(producer.Close())
	case "kafka-go":
		writer := &kafka.Writer{Addr: kafka.TCP(servers), Topic: topic, BatchTimeout: 5 * time.Millisecond}
		for _, l := range lines() {
			must(writer.WriteMessages(ctx, kafka.Message{Key: l.key(), Value: []byte(l.Value)}))
		}
		must(writer.Close())
	case "franz-go":
		client, err := kgo.NewClient(kgo.SeedBrokers(servers))
		must(err)
		for _, l := range lines() {
			must(client.ProduceSync(ctx, &kgo.Record{Topic: topic, Key: l.key(), Value: []byte(l.Value)}).FirstErr())
		}
		client.Close()
	default:
		log.Fatalf("no such client: %s", os.Args[1])
	}
}
