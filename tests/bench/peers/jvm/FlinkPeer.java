import java.io.IOException;
import java.io.PrintWriter;
import java.util.Iterator;
import org.apache.flink.api.common.eventtime.WatermarkStrategy;
import org.apache.flink.api.common.functions.OpenContext;
import org.apache.flink.api.common.serialization.AbstractDeserializationSchema;
import org.apache.flink.api.common.state.MapState;
import org.apache.flink.api.common.state.MapStateDescriptor;
import org.apache.flink.api.common.state.ValueState;
import org.apache.flink.api.common.state.ValueStateDescriptor;
import org.apache.flink.api.common.state.CheckpointListener;
import org.apache.flink.api.common.typeinfo.PrimitiveArrayTypeInfo;
import org.apache.flink.api.common.typeinfo.TypeInformation;
import org.apache.flink.api.common.typeinfo.Types;
import org.apache.flink.configuration.Configuration;
import org.apache.flink.connector.kafka.source.KafkaSource;
import org.apache.flink.connector.kafka.source.enumerator.initializer.OffsetsInitializer;
import org.apache.flink.core.execution.SavepointFormatType;
import org.apache.flink.runtime.state.FunctionInitializationContext;
import org.apache.flink.runtime.state.FunctionSnapshotContext;
import org.apache.flink.runtime.state.VoidNamespace;
import org.apache.flink.runtime.state.VoidNamespaceSerializer;
import org.apache.flink.streaming.api.checkpoint.CheckpointedFunction;
import org.apache.flink.streaming.api.datastream.DataStream;
import org.apache.flink.streaming.api.datastream.DataStreamUtils;
import org.apache.flink.streaming.api.datastream.KeyedStream;
import org.apache.flink.streaming.api.environment.StreamExecutionEnvironment;
import org.apache.flink.streaming.api.functions.KeyedProcessFunction;
import org.apache.flink.streaming.api.operators.KeyedProcessOperator;
import org.apache.flink.util.Collector;

/**
 * The peers' work in Flink: clients, then cells, both keyed state on the heap, a checkpoint each second.
 *
 * <p>With one subtask every key is at home already, so the streams are reinterpreted as keyed ones: source, clients and
 * cells are one chain without serialisation in between.
 */
public final class FlinkPeer {
    private static final ValueStateDescriptor<Client> CLIENT = new ValueStateDescriptor<>("client", Client.class);
    private static final MapStateDescriptor<String, Boolean> IDS =
        new MapStateDescriptor<>("ids", Types.STRING, Types.BOOLEAN);
    private static final ValueStateDescriptor<long[]> DAY =
        new ValueStateDescriptor<>("day", PrimitiveArrayTypeInfo.LONG_PRIMITIVE_ARRAY_TYPE_INFO);
    private static final MapStateDescriptor<Long, long[]> MINUTES =
        new MapStateDescriptor<>("minutes", Types.LONG, PrimitiveArrayTypeInfo.LONG_PRIMITIVE_ARRAY_TYPE_INFO);

    static final class Events extends AbstractDeserializationSchema<Event> {
        @Override
        public Event deserialize(byte[] json) throws IOException {
            Work.begin();
            return Event.of(json);
        }
    }

    static final class Clients extends KeyedProcessFunction<String, Event, Work.Delta>
            implements CheckpointedFunction, CheckpointListener {
        private final java.util.Map<Long, Long> seenAt = new java.util.HashMap<>();
        private transient ValueState<Client> state;
        private transient MapState<String, Boolean> ids;
        private long seen;

        @Override
        public void initializeState(FunctionInitializationContext context) {}

        @Override
        public void snapshotState(FunctionSnapshotContext context) {
            seenAt.put(context.getCheckpointId(), seen);
        }

        /** The group's offsets follow a checkpoint only at the source's next fetch; so it is told here. */
        @Override
        public void notifyCheckpointComplete(long checkpoint) {
            System.out.println("{\"committed\": " + seenAt.remove(checkpoint) + "}");
            System.out.flush();
        }

        @Override
        public void open(OpenContext context) {
            state = getRuntimeContext().getState(CLIENT);
            ids = getRuntimeContext().getMapState(IDS);
        }

        @Override
        public void processElement(Event event, Context context, Collector<Work.Delta> out) throws Exception {
            seen++;
            Client held = state.value();
            Client client = held == null ? new Client() : held;
            if (Work.fold(event, client, this::before, out::collect)) {
                state.update(client);
            }
        }

        private boolean before(String id) throws Exception {
            boolean was = ids.contains(id);
            if (!was) {
                ids.put(id, true);
            }
            return was;
        }
    }

    static final class Cells extends KeyedProcessFunction<String, Work.Delta, Void> {
        private transient ValueState<long[]> day;
        private transient MapState<Long, long[]> minutes;

        @Override
        public void open(OpenContext context) {
            day = getRuntimeContext().getState(DAY);
            minutes = getRuntimeContext().getMapState(MINUTES);
        }

        @Override
        public void processElement(Work.Delta delta, Context context, Collector<Void> out) throws Exception {
            if (delta.minute == Work.NO_MINUTE) {
                day.update(delta.addTo(day.value()));
                return;
            }
            long[] held = minutes.get(delta.minute);
            if (held == null) {
                // A new minute: those that are kept no longer go.
                for (Iterator<Long> all = minutes.keys().iterator(); all.hasNext(); ) {
                    if (all.next() <= delta.minute - Work.MINUTES_KEPT) {
                        all.remove();
                    }
                }
            }
            minutes.put(delta.minute, delta.addTo(held));
        }
    }

    /** Writes all states as lines of key and hexadecimal value when the job is over, for the bench to check. */
    static final class Told<I, O, T> extends KeyedProcessOperator<String, I, O> {
        private final ValueStateDescriptor<T> descriptor;
        private final boolean hasMinutes;
        private final String file;

        Told(
                KeyedProcessFunction<String, I, O> function, ValueStateDescriptor<T> descriptor, boolean hasMinutes,
                String file) {
            super(function);
            this.descriptor = descriptor;
            this.hasMinutes = hasMinutes;
            this.file = file;
        }

        @Override
        public void finish() throws Exception {
            try (PrintWriter out = new PrintWriter(file)) {
                getKeyedStateBackend().<VoidNamespace, ValueState<T>, T>applyToAllKeys(
                    VoidNamespace.INSTANCE, VoidNamespaceSerializer.INSTANCE, descriptor,
                    (key, state) -> out.println(key + " " + hex(state.value())));
                if (hasMinutes) {
                    tellMinutes(out);
                }
            }
            super.finish();
        }

        private void tellMinutes(PrintWriter out) throws Exception {
            getKeyedStateBackend().<VoidNamespace, MapState<Long, long[]>, java.util.Map<Long, long[]>>applyToAllKeys(
                VoidNamespace.INSTANCE, VoidNamespaceSerializer.INSTANCE, MINUTES,
                (key, state) -> {
                    for (var minute : state.entries()) {
                        out.println(key + "/m" + minute.getKey() + " " + hex(minute.getValue()));
                    }
                });
        }

        private static String hex(Object value) {
            if (value instanceof Client client) {
                return java.util.HexFormat.of().formatHex(client.bytes());
            }
            java.nio.ByteBuffer out = java.nio.ByteBuffer.allocate(8 * ((long[]) value).length);
            out.asLongBuffer().put((long[]) value);
            return java.util.HexFormat.of().formatHex(out.array());
        }
    }

    private FlinkPeer() {}

    /** Arguments: servers, topic, group, folder. */
    public static void main(String[] given) throws Exception {
        Configuration settings = new Configuration();
        settings.setString("state.backend.type", "hashmap");
        settings.setString("execution.checkpointing.dir", "file://" + given[3] + "/checkpoints");
        settings.setString("pipeline.object-reuse", "true");
        settings.setString("pipeline.generic-types", "false");
        settings.setString("rest.port", "0");
        StreamExecutionEnvironment env = StreamExecutionEnvironment.createLocalEnvironment(1, settings);
        env.enableCheckpointing(1000);

        KafkaSource<Event> source = KafkaSource.<Event>builder()
            .setBootstrapServers(given[0]).setTopics(given[1]).setGroupId(given[2])
            .setStartingOffsets(OffsetsInitializer.earliest())
            .setValueOnlyDeserializer(new Events())
            .setProperty("max.poll.records", "4000")
            .setProperty("max.partition.fetch.bytes", String.valueOf(4 << 20))
            .build();
        DataStream<Event> events = env.fromSource(source, WatermarkStrategy.noWatermarks(), "events");
        KeyedStream<Event, String> byClient = DataStreamUtils.reinterpretAsKeyedStream(events, Event::client, Types.STRING);
        DataStream<Work.Delta> deltas = byClient.transform("clients", TypeInformation.of(Work.Delta.class),
            new Told<>(new Clients(), CLIENT, false, given[3] + "/clients"));
        KeyedStream<Work.Delta, String> byCell =
            DataStreamUtils.reinterpretAsKeyedStream(deltas, delta -> delta.cell, Types.STRING);
        byCell.transform("cells", Types.VOID, new Told<>(new Cells(), DAY, true, given[3] + "/cells"));

        var job = env.executeAsync();
        Work.end();
        job.stopWithSavepoint(true, "file://" + given[3] + "/savepoint", SavepointFormatType.NATIVE).get();
        System.exit(0);
    }
}
