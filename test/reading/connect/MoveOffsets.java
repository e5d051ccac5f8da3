import java.util.HashMap;
import java.util.Map;
import org.apache.kafka.connect.json.JsonConverter;
import org.apache.kafka.connect.runtime.distributed.DistributedConfig;
import org.apache.kafka.connect.storage.KafkaOffsetBackingStore;
import org.apache.kafka.connect.storage.OffsetStorageReaderImpl;
import org.apache.kafka.connect.storage.OffsetStorageWriter;
import org.apache.kafka.connect.storage.OffsetUtils;
import org.apache.kafka.connect.util.TopicAdmin;

/**
 * Reads the offsets of a connector as a worker of Kafka Connect does, prints them, sets every mark back by an hour, and
 * takes away the offset of one user. Arguments: brokers, topic, the connector's name, the user.
 */
public class MoveOffsets {
    public static void main(String[] args) throws Exception {
        Map<String, String> settings = Map.of(
            "bootstrap.servers", args[0], "group.id", "worker", "offset.storage.topic", args[1],
            "config.storage.topic", "worker.configs", "status.storage.topic", "worker.status",
            "key.converter", JsonConverter.class.getName(), "value.converter", JsonConverter.class.getName(),
            "exactly.once.source.support", "enabled", "offset.storage.replication.factor", "1");
        var keys = converter(true);
        var values = converter(false);
        try (var admin = new TopicAdmin(new HashMap<>(Map.of("bootstrap.servers", args[0])))) {
            var store = new KafkaOffsetBackingStore(() -> admin, () -> "worker-", keys);
            store.configure(new DistributedConfig(settings));
            store.start();
            var reader = new OffsetStorageReaderImpl(store, args[2], keys, values);
            var writer = new OffsetStorageWriter(store, args[2], keys, values);
            for (var offset : reader.offsets(store.connectorPartitions(args[2])).entrySet()) {
                OffsetUtils.validateFormat(offset.getKey());
                OffsetUtils.validateFormat(offset.getValue());
                System.out.println("offset\t" + offset.getKey().get("user") + "\t" + offset.getValue().get("start"));
                var moved = new HashMap<String, Object>(offset.getValue());
                moved.replaceAll((name, value) -> name.startsWith("mark.") ? (Long) value - 3_600_000L : value);
                writer.offset(offset.getKey(), args[3].equals(offset.getKey().get("user")) ? null : moved);
            }
            if (!writer.beginFlush()) {
                throw new IllegalStateException("nothing to write");
            }
            writer.doFlush((error, result) -> { }).get();
            store.stop();
        }
    }

    private static JsonConverter converter(boolean key) {
        var converter = new JsonConverter();
        converter.configure(Map.of("schemas.enable", "false"), key);
        return converter;
    }
}
