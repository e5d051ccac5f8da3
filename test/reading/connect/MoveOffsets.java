import java.util.HashMap;
import java.util.LinkedHashMap;
import java.util.Map;
import org.apache.kafka.connect.json.JsonConverter;
import org.apache.kafka.connect.runtime.distributed.DistributedConfig;
import org.apache.kafka.connect.storage.KafkaOffsetBackingStore;
import org.apache.kafka.connect.storage.OffsetStorageReaderImpl;
import org.apache.kafka.connect.storage.OffsetStorageWriter;
import org.apache.kafka.connect.storage.OffsetUtils;
import org.apache.kafka.connect.util.TopicAdmin;

/**
 * Reads the offsets of a connector with the classes of a Kafka Connect worker, prints them, sets every mark back by an hour,
 * and takes away the offset of one user. The partitions are those that Connect itself finds in the topic, as its REST interface takes
 * them. Another user's is written under the key with its members the other way round. Arguments: brokers, topic, the connector's name, the one user, the other.
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
            try {
                move(store, new OffsetStorageReaderImpl(store, args[2], keys, values),
                    new OffsetStorageWriter(store, args[2], keys, values), args);
            } finally {
                store.stop();
            }
        }
    }

    private static void move(KafkaOffsetBackingStore store, OffsetStorageReaderImpl reader, OffsetStorageWriter writer, String[] args)
            throws Exception {
        for (var found : store.connectorPartitions(args[2])) {
            var offset = reader.offset(found);
            if (offset == null) {
                throw new IllegalStateException("Connect does not find the offset of a partition that it has found: " + found);
            }
            OffsetUtils.validateFormat(found);
            OffsetUtils.validateFormat(offset);
            System.out.println("offset\t" + found.get("user") + "\t" + offset.get("start"));
            var moved = new HashMap<String, Object>(offset);
            moved.replaceAll((name, value) -> name.startsWith("mark.") ? (Object) ((Long) value - 3_600_000L) : value);
            boolean gone = args[3].equals(found.get("user"));
            boolean otherOrder = args[4].equals(found.get("user"));
            var other = new LinkedHashMap<String, Object>();
            other.put("tenant", found.get("tenant"));
            other.put("user", found.get("user"));
            writer.offset(otherOrder ? other : found, gone ? null : moved);
        }
        if (!writer.beginFlush()) {
            throw new IllegalStateException("nothing to write");
        }
        writer.doFlush((error, result) -> { }).get();
    }

    private static JsonConverter converter(boolean key) {
        var converter = new JsonConverter();
        converter.configure(Map.of("schemas.enable", "false"), key);
        return converter;
    }
}
