import java.nio.ByteBuffer;
import java.time.Duration;
import java.util.Properties;
import org.apache.kafka.clients.consumer.ConsumerConfig;
import org.apache.kafka.clients.producer.ProducerConfig;
import org.apache.kafka.common.serialization.Deserializer;
import org.apache.kafka.common.serialization.Serde;
import org.apache.kafka.common.serialization.Serdes;
import org.apache.kafka.common.serialization.Serializer;
import org.apache.kafka.streams.KafkaStreams;
import org.apache.kafka.streams.StreamsConfig;
import org.apache.kafka.streams.Topology;
import org.apache.kafka.streams.processor.api.Processor;
import org.apache.kafka.streams.processor.api.ProcessorContext;
import org.apache.kafka.streams.processor.api.Record;
import org.apache.kafka.streams.state.KeyValueStore;
import org.apache.kafka.streams.state.Stores;
import org.apache.kafka.streams.state.WindowStore;

/** The peers' work in Kafka Streams: one processor, cached RocksDB stores with changelogs; minutes in one of windows. */
public final class KafkaStreamsPeer implements Processor<String, byte[], Void, Void> {
    private static final byte[] SEEN = {1};
    private KeyValueStore<String, Client> clients;
    private KeyValueStore<String, long[]> days;
    private WindowStore<String, long[]> minutes;
    private KeyValueStore<String, byte[]> ids;

    @Override
    public void init(ProcessorContext<Void, Void> context) {
        clients = context.getStateStore("clients");
        days = context.getStateStore("days");
        minutes = context.getStateStore("minutes");
        ids = context.getStateStore("ids");
    }

    @Override
    public void process(Record<String, byte[]> record) {
        Work.begin();
        try {
            Client held = clients.get(record.key());
            Client client = held == null ? new Client() : held;
            if (Work.fold(Event.of(record.value()), client, id -> ids.putIfAbsent(id, SEEN) != null, this::add)) {
                clients.put(record.key(), client);
            }
        } catch (Exception error) {
            throw new IllegalStateException(error);
        }
    }

    private void add(Work.Delta delta) {
        if (delta.minute == Work.NO_MINUTE) {
            days.put(delta.cell, delta.addTo(days.get(delta.cell)));
        } else {
            long start = 60_000L * delta.minute;
            minutes.put(delta.cell, delta.addTo(minutes.fetch(delta.cell, start)), start);
        }
    }

    private static <T> Serde<T> serde(Serializer<T> to, Deserializer<T> from) {
        return Serdes.serdeFrom((topic, value) -> value == null ? null : to.serialize(topic, value),
            (topic, bytes) -> bytes == null ? null : from.deserialize(topic, bytes));
    }

    private static byte[] bytes(long[] cell) {
        ByteBuffer out = ByteBuffer.allocate(8 * cell.length);
        out.asLongBuffer().put(cell);
        return out.array();
    }

    private static long[] cell(byte[] bytes) {
        long[] cell = new long[bytes.length / 8];
        ByteBuffer.wrap(bytes).asLongBuffer().get(cell);
        return cell;
    }

    private static Topology addWindows(Topology topology, String name, Serde<long[]> serde) {
        Duration kept = Duration.ofMinutes(Work.MINUTES_KEPT);
        return topology.addStateStore(
            Stores.windowStoreBuilder(
                Stores.persistentWindowStore(name, kept, Duration.ofMinutes(1), false), Serdes.String(), serde)
                .withCachingEnabled(),
            "fold");
    }

    private static <T> Topology add(Topology topology, String name, Serde<T> serde) {
        return topology.addStateStore(
            Stores.keyValueStoreBuilder(Stores.persistentKeyValueStore(name), Serdes.String(), serde)
                .withCachingEnabled(),
            "fold");
    }

    /** Arguments: servers, topic, application id, state folder, processing guarantee. */
    public static void main(String[] given) throws Exception {
        Topology topology = new Topology();
        topology.addSource("events", Serdes.String().deserializer(), Serdes.ByteArray().deserializer(), given[1]);
        topology.addProcessor("fold", KafkaStreamsPeer::new, "events");
        add(topology, "clients", serde((topic, client) -> client.bytes(), (topic, bytes) -> Client.of(bytes)));
        add(topology, "days", serde((topic, cell) -> bytes(cell), (topic, bytes) -> cell(bytes)));
        addWindows(topology, "minutes", serde((topic, cell) -> bytes(cell), (topic, bytes) -> cell(bytes)));
        add(topology, "ids", Serdes.ByteArray());

        Properties settings = new Properties();
        settings.put(StreamsConfig.BOOTSTRAP_SERVERS_CONFIG, given[0]);
        settings.put(StreamsConfig.APPLICATION_ID_CONFIG, given[2]);
        settings.put(StreamsConfig.STATE_DIR_CONFIG, given[3]);
        settings.put(StreamsConfig.PROCESSING_GUARANTEE_CONFIG, given[4]);
        settings.put(StreamsConfig.COMMIT_INTERVAL_MS_CONFIG, 1000);
        settings.put(StreamsConfig.STATESTORE_CACHE_MAX_BYTES_CONFIG, 256L << 20);
        settings.put(StreamsConfig.NUM_STREAM_THREADS_CONFIG, 1);
        settings.put(StreamsConfig.consumerPrefix(ConsumerConfig.AUTO_OFFSET_RESET_CONFIG), "earliest");
        settings.put(StreamsConfig.consumerPrefix(ConsumerConfig.MAX_POLL_RECORDS_CONFIG), 4000);
        settings.put(StreamsConfig.consumerPrefix(ConsumerConfig.MAX_PARTITION_FETCH_BYTES_CONFIG), 4 << 20);
        settings.put(StreamsConfig.producerPrefix(ProducerConfig.COMPRESSION_TYPE_CONFIG), "lz4");
        settings.put(StreamsConfig.producerPrefix(ProducerConfig.LINGER_MS_CONFIG), 100);
        settings.put(StreamsConfig.producerPrefix(ProducerConfig.BATCH_SIZE_CONFIG), 256 << 10);
        KafkaStreams streams = new KafkaStreams(topology, settings);
        streams.start();
        Work.end();
        streams.close();
    }
}
