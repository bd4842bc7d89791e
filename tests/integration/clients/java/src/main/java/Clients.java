import io.cloudevents.CloudEvent;
import io.cloudevents.core.message.Encoding;
import io.cloudevents.jackson.JsonFormat;
import io.cloudevents.kafka.CloudEventSerializer;
import java.io.BufferedReader;
import java.io.InputStreamReader;
import java.nio.charset.StandardCharsets;
import java.util.HashMap;
import java.util.Map;
import com.fasterxml.jackson.databind.JsonNode;
import com.fasterxml.jackson.databind.ObjectMapper;
import org.apache.kafka.clients.producer.KafkaProducer;
import org.apache.kafka.clients.producer.ProducerRecord;
import org.apache.kafka.common.serialization.StringSerializer;

/** Sends lines of {"key", "value"} from stdin with the CloudEvents SDK: Clients {binary|structured} servers topic. */
public class Clients {
  public static void main(String[] args) throws Exception {
    Map<String, Object> config = new HashMap<>(Map.of("bootstrap.servers", args[1]));
    if (args[0].equals("structured")) {
      config.put(CloudEventSerializer.ENCODING_CONFIG, Encoding.STRUCTURED);
      config.put(CloudEventSerializer.EVENT_FORMAT_CONFIG, new JsonFormat());
    }
    config.put("key.serializer", StringSerializer.class);
    config.put("value.serializer", CloudEventSerializer.class);
    ObjectMapper mapper = new ObjectMapper();
    JsonFormat format = new JsonFormat();
    try (KafkaProducer<String, CloudEvent> producer = new KafkaProducer<>(config);
        BufferedReader in = new BufferedReader(new InputStreamReader(System.in, StandardCharsets.UTF_8))) {
      for (String line = in.readLine(); line != null; line = in.readLine()) {
        JsonNode one = mapper.readTree(line);
        CloudEvent event = format.deserialize(one.get("value").asText().getBytes(StandardCharsets.UTF_8));
        String key = one.get("key").isNull() ? null : one.get("key").asText();
        producer.send(new ProducerRecord<>(args[2], key, event)).get();
      }
    }
  }
}
