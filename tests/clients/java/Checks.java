import java.nio.charset.StandardCharsets;
import java.time.Duration;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.HashMap;
import java.util.List;
import java.util.Map;
import java.util.Optional;
import java.util.Set;
import java.util.TreeMap;
import java.util.concurrent.Future;
import java.util.concurrent.TimeUnit;
import org.apache.kafka.clients.admin.Admin;
import org.apache.kafka.clients.admin.AlterConfigOp;
import org.apache.kafka.clients.admin.Config;
import org.apache.kafka.clients.admin.ConfigEntry;
import org.apache.kafka.clients.admin.CreateTopicsOptions;
import org.apache.kafka.clients.admin.CreateTopicsResult;
import org.apache.kafka.clients.admin.DescribeClusterResult;
import org.apache.kafka.clients.admin.NewPartitions;
import org.apache.kafka.clients.admin.NewTopic;
import org.apache.kafka.clients.admin.OffsetSpec;
import org.apache.kafka.clients.admin.QuorumInfo;
import org.apache.kafka.clients.admin.TopicDescription;
import org.apache.kafka.clients.consumer.ConsumerRecord;
import org.apache.kafka.clients.consumer.KafkaConsumer;
import org.apache.kafka.clients.consumer.OffsetAndTimestamp;
import org.apache.kafka.clients.producer.KafkaProducer;
import org.apache.kafka.clients.producer.ProducerRecord;
import org.apache.kafka.clients.producer.RecordMetadata;
import org.apache.kafka.common.InvalidRecordException;
import org.apache.kafka.common.TopicCollection;
import org.apache.kafka.common.TopicPartition;
import org.apache.kafka.common.TopicPartitionInfo;
import org.apache.kafka.common.Uuid;
import org.apache.kafka.common.config.ConfigResource;
import org.apache.kafka.common.errors.InvalidConfigurationException;
import org.apache.kafka.common.errors.InvalidPartitionsException;
import org.apache.kafka.common.errors.InvalidReplicationFactorException;
import org.apache.kafka.common.errors.InvalidTopicException;
import org.apache.kafka.common.errors.RecordTooLargeException;
import org.apache.kafka.common.errors.TopicExistsException;
import org.apache.kafka.common.errors.UnknownTopicIdException;
import org.apache.kafka.common.errors.UnknownTopicOrPartitionException;
import org.apache.kafka.common.header.internals.RecordHeader;
import org.apache.kafka.common.serialization.ByteArrayDeserializer;
import org.apache.kafka.common.serialization.ByteArraySerializer;

/**
 * Kafka's Java client and its tools against a broker, without consumer groups.
 *
 * <p>Usage: {@code Checks HOST:PORT [settle-ms]}. The second argument is for Kafka itself, which answers an admin request before its
 * broker has applied the change.
 */
public final class Checks {
    private static final long FIRST_TIMESTAMP = 1_700_000_000_000L;

    private final String bootstrap;
    private final long settleMs;
    private final Admin admin;

    private Checks(String bootstrap, long settleMs) {
        this.bootstrap = bootstrap;
        this.settleMs = settleMs;
        this.admin = Admin.create(Map.of("bootstrap.servers", bootstrap, "default.api.timeout.ms", 30_000));
    }

    public static void main(String[] arguments) throws Exception {
        Checks checks = new Checks(arguments[0], arguments.length > 1 ? Long.parseLong(arguments[1]) : 0);
        Check.step("cluster", checks::cluster);
        Check.step("topics", checks::topics);
        Check.step("assignments", checks::assignments);
        Check.step("partitions", checks::partitions);
        Check.step("configs", checks::configs);
        Check.step("refusals", checks::refusals);
        Check.step("compacted topics", checks::compacted);
        Check.step("codecs", checks::codecs);
        Check.step("acks", checks::acks);
        Check.step("records", checks::records);
        Check.step("automatic topic", checks::automaticTopic);
        Check.step("offsets", checks::offsets);
        Check.step("deletion", checks::deletion);
        Check.step("tools", new Tools(checks.bootstrap, checks.settleMs)::run);
        checks.admin.close();
        System.out.println("all checks passed");
    }

    private void settle() throws InterruptedException {
        Thread.sleep(settleMs);
    }

    private void create(String name, int partitions) throws Exception {
        create(new NewTopic(name, partitions, (short) 1));
    }

    private Uuid create(NewTopic topic) throws Exception {
        CreateTopicsResult created = admin.createTopics(List.of(topic));
        Uuid id = created.topicId(topic.name()).get();
        settle();
        return id;
    }

    private void cluster() throws Exception {
        DescribeClusterResult cluster = admin.describeCluster();
        Check.equal(1, cluster.nodes().get().size(), "nodes");
        Check.equal(bootstrap, cluster.controller().get().host() + ":" + cluster.controller().get().port(), "controller");
        Check.equal(22, cluster.clusterId().get().length(), "length of the cluster's id");
        int node = cluster.nodes().get().iterator().next().id();

        QuorumInfo quorum = admin.describeMetadataQuorum().quorumInfo().get();
        Check.equal(node, quorum.leaderId(), "leader of the quorum");
        Check.equal(1, quorum.voters().size(), "voters");
        Check.equal(node, quorum.voters().get(0).replicaId(), "the voter");
        Check.that(quorum.highWatermark() > 0 && quorum.leaderEpoch() > 0, "the quorum has decided something");
    }

    private void topics() throws Exception {
        NewTopic one = new NewTopic("java-one", 3, (short) 1).configs(Map.of("retention.ms", "86400000"));
        NewTopic two = new NewTopic("java-two", Optional.empty(), Optional.empty());
        CreateTopicsResult created = admin.createTopics(List.of(one, two));
        created.all().get();
        Uuid id = created.topicId("java-one").get();
        Check.equal(3, created.numPartitions("java-one").get(), "partitions of a created topic");
        Check.equal("86400000", created.config("java-one").get().get("retention.ms").value(), "its configs in the answer");
        Check.equal(1, created.replicationFactor("java-two").get(), "the default replication factor");
        settle();

        Check.that(admin.listTopics().names().get().containsAll(Set.of("java-one", "java-two")), "topics are listed");
        Check.equal(id, admin.listTopics().namesToListings().get().get("java-one").topicId(), "their ids are listed");

        TopicDescription byName = admin.describeTopics(List.of("java-one")).allTopicNames().get().get("java-one");
        TopicDescription byId =
            admin.describeTopics(TopicCollection.ofTopicIds(List.of(id))).allTopicIds().get().get(id);
        Check.equal(byName.name(), byId.name(), "the name of a topic described by id");
        Check.equal(byName.partitions().size(), byId.partitions().size(), "its partitions");
        Check.equal(id, byName.topicId(), "the id in a description");
        Check.equal(3, byName.partitions().size(), "described partitions");
        for (TopicPartitionInfo partition : byName.partitions()) {
            Check.equal(partition.leader(), partition.replicas().get(0), "the leader is the only replica");
            Check.equal(partition.replicas(), partition.isr(), "it is in sync");
        }

        Check.fails(TopicExistsException.class, () -> admin.createTopics(List.of(one)).all().get(), "the same name again");
        admin.createTopics(List.of(new NewTopic("java-dry", 2, (short) 1)), new CreateTopicsOptions().validateOnly(true)).all().get();
        settle();
        Check.that(!admin.listTopics().names().get().contains("java-dry"), "validateOnly creates nothing");
    }

    private void assignments() throws Exception {
        int node = admin.describeCluster().nodes().get().iterator().next().id();
        create(new NewTopic("java-assigned", Map.of(0, List.of(node), 1, List.of(node))));
        Check.equal(2, describe("java-assigned").partitions().size(), "partitions by assignment");
        Check.fails(org.apache.kafka.common.errors.InvalidReplicaAssignmentException.class,
            () -> create(new NewTopic("java-nowhere", Map.of(0, List.of(node + 1)))), "a broker that is not there");
        Check.fails(org.apache.kafka.common.errors.InvalidReplicaAssignmentException.class,
            () -> create(new NewTopic("java-gap", Map.of(1, List.of(node)))), "a partition left out");
    }

    private TopicDescription describe(String topic) throws Exception {
        return admin.describeTopics(List.of(topic)).allTopicNames().get().get(topic);
    }

    private void partitions() throws Exception {
        create("java-growing", 1);
        admin.createPartitions(Map.of("java-growing", NewPartitions.increaseTo(5))).all().get();
        settle();
        Check.equal(5, describe("java-growing").partitions().size(), "partitions after growth");
        Check.fails(InvalidPartitionsException.class,
            () -> admin.createPartitions(Map.of("java-growing", NewPartitions.increaseTo(2))).all().get(), "shrinking");
        Check.fails(InvalidPartitionsException.class,
            () -> admin.createPartitions(Map.of("java-growing", NewPartitions.increaseTo(5))).all().get(), "the same number");
        Check.fails(UnknownTopicOrPartitionException.class,
            () -> admin.createPartitions(Map.of("java-none", NewPartitions.increaseTo(2))).all().get(), "no such topic");
    }

    private ConfigEntry config(ConfigResource resource, String name) throws Exception {
        Config config = admin.describeConfigs(List.of(resource)).all().get().get(resource);
        return config.get(name);
    }

    private void alter(ConfigResource resource, String name, String value, AlterConfigOp.OpType type) throws Exception {
        AlterConfigOp change = new AlterConfigOp(new ConfigEntry(name, value), type);
        admin.incrementalAlterConfigs(Map.of(resource, List.of(change))).all().get();
        settle();
    }

    private void configs() throws Exception {
        create("java-configs", 1);
        ConfigResource topic = new ConfigResource(ConfigResource.Type.TOPIC, "java-configs");
        Check.equal("604800000", config(topic, "retention.ms").value(), "a default");
        Check.equal(ConfigEntry.ConfigSource.DEFAULT_CONFIG, config(topic, "retention.ms").source(), "its source");
        alter(topic, "retention.ms", "1000000", AlterConfigOp.OpType.SET);
        Check.equal("1000000", config(topic, "retention.ms").value(), "a value that was set");
        Check.equal(ConfigEntry.ConfigSource.DYNAMIC_TOPIC_CONFIG, config(topic, "retention.ms").source(), "its source");
        alter(topic, "cleanup.policy", "compact", AlterConfigOp.OpType.APPEND);
        Check.equal("delete,compact", config(topic, "cleanup.policy").value(), "an appended value");
        alter(topic, "cleanup.policy", "delete", AlterConfigOp.OpType.SUBTRACT);
        Check.equal("compact", config(topic, "cleanup.policy").value(), "a subtracted value");
        alter(topic, "cleanup.policy", "", AlterConfigOp.OpType.DELETE);
        alter(topic, "retention.ms", "", AlterConfigOp.OpType.DELETE);
        Check.equal("604800000", config(topic, "retention.ms").value(), "the default again");
        Check.fails(InvalidConfigurationException.class,
            () -> alter(topic, "retention.ms", "soon", AlterConfigOp.OpType.SET), "a value of the wrong type");
        Check.fails(InvalidConfigurationException.class,
            () -> alter(topic, "no.such.setting", "1", AlterConfigOp.OpType.SET), "an unknown setting");

        String node = admin.describeCluster().nodes().get().iterator().next().idString();
        ConfigResource broker = new ConfigResource(ConfigResource.Type.BROKER, node);
        Check.equal(node, config(broker, "node.id").value(), "a broker's setting");
        Check.that(config(broker, "node.id").isReadOnly(), "node.id is read-only");
        ConfigResource none = new ConfigResource(ConfigResource.Type.TOPIC, "java-none");
        Check.fails(UnknownTopicOrPartitionException.class, () -> config(none, "retention.ms"), "no such topic");
    }

    private void refusals() throws Exception {
        Check.fails(InvalidTopicException.class, () -> create("java/slash", 1), "a bad name");
        Check.fails(InvalidPartitionsException.class, () -> create("java-zero", 0), "no partitions");
        Check.fails(InvalidReplicationFactorException.class,
            () -> create(new NewTopic("java-three", 1, (short) 3)), "more replicas than brokers");
        Check.fails(InvalidConfigurationException.class,
            () -> create(new NewTopic("java-bad", 1, (short) 1).configs(Map.of("segment.bytes", "-1"))), "a bad setting");
        Check.fails(UnknownTopicOrPartitionException.class, () -> describe("java-none"), "no such topic");
        Uuid id = Uuid.randomUuid();
        Check.fails(UnknownTopicIdException.class,
            () -> admin.describeTopics(TopicCollection.ofTopicIds(List.of(id))).allTopicIds().get(), "no such id");

        create(new NewTopic("java-small", 1, (short) 1).configs(Map.of("max.message.bytes", "1000")));
        try (KafkaProducer<byte[], byte[]> producer = producer(Map.of())) {
            Check.fails(RecordTooLargeException.class,
                () -> producer.send(new ProducerRecord<>("java-small", new byte[2_000])).get(), "a record too large");
            // The idempotent producer must be able to go on behind a refusal.
            producer.send(new ProducerRecord<>("java-small", new byte[20])).get();
        }
    }

    private void compacted() throws Exception {
        create(new NewTopic("java-compacted", 1, (short) 1).configs(Map.of("cleanup.policy", "compact")));
        try (KafkaProducer<byte[], byte[]> producer = producer(Map.of())) {
            Check.fails(InvalidRecordException.class,
                () -> producer.send(new ProducerRecord<>("java-compacted", null, new byte[2])).get(), "a record without key");
            producer.send(new ProducerRecord<>("java-compacted", new byte[1], null)).get();
        }
    }

    private KafkaProducer<byte[], byte[]> producer(Map<String, Object> settings) {
        Map<String, Object> all = new HashMap<>(settings);
        all.put("bootstrap.servers", bootstrap);
        all.put("delivery.timeout.ms", 60_000);
        all.putIfAbsent("request.timeout.ms", 30_000);
        return new KafkaProducer<>(all, new ByteArraySerializer(), new ByteArraySerializer());
    }

    private KafkaConsumer<byte[], byte[]> consumer(Map<String, Object> settings) {
        Map<String, Object> all = new HashMap<>(settings);
        all.put("bootstrap.servers", bootstrap);
        all.put("auto.offset.reset", "none");
        return new KafkaConsumer<>(all, new ByteArrayDeserializer(), new ByteArrayDeserializer());
    }

    private static byte[] value(int number) {
        byte[] value = new byte[10 + number * 13 % 2_000];
        Arrays.fill(value, (byte) ('a' + number % 26));
        byte[] text = Integer.toString(number).getBytes(StandardCharsets.UTF_8);
        System.arraycopy(text, 0, value, 0, text.length);
        return value;
    }

    /** Produces and reads back; each record must be where the broker said, with all that belongs to it. */
    private void roundTrip(String topic, int count, Map<String, Object> producerSettings, Map<String, Object> consumerSettings)
            throws Exception {
        Map<TopicPartition, TreeMap<Long, Integer>> sent = new HashMap<>();
        try (KafkaProducer<byte[], byte[]> producer = producer(producerSettings)) {
            List<Future<RecordMetadata>> futures = new ArrayList<>();
            for (int number = 0; number < count; number++) {
                byte[] key = ("key " + number).getBytes(StandardCharsets.UTF_8);
                ProducerRecord<byte[], byte[]> record =
                    new ProducerRecord<>(topic, null, FIRST_TIMESTAMP + number, key, value(number));
                record.headers().add(new RecordHeader("number", Integer.toString(number).getBytes(StandardCharsets.UTF_8)));
                futures.add(producer.send(record));
            }
            producer.flush();
            for (int number = 0; number < count; number++) {
                RecordMetadata at = futures.get(number).get();
                sent.computeIfAbsent(new TopicPartition(topic, at.partition()), p -> new TreeMap<>()).put(at.offset(), number);
            }
        }
        int got = 0;
        try (KafkaConsumer<byte[], byte[]> consumer = consumer(consumerSettings)) {
            consumer.assign(sent.keySet());
            consumer.seekToBeginning(sent.keySet());
            long deadline = System.nanoTime() + TimeUnit.SECONDS.toNanos(30);
            while (got < count) {
                Check.that(System.nanoTime() < deadline, got + " of " + count + " records came back from " + topic);
                for (ConsumerRecord<byte[], byte[]> record : consumer.poll(Duration.ofMillis(200))) {
                    TreeMap<Long, Integer> partition = sent.get(new TopicPartition(topic, record.partition()));
                    Integer number = partition.remove(record.offset());
                    Check.that(number != null, "offset " + record.offset() + " was not sent, or came twice");
                    Check.that(Arrays.equals(value(number), record.value()), "value of record " + number);
                    Check.equal(FIRST_TIMESTAMP + number, record.timestamp(), "timestamp of record " + number);
                    Check.equal("key " + number, new String(record.key(), StandardCharsets.UTF_8), "key");
                    Check.equal(Integer.toString(number),
                        new String(record.headers().lastHeader("number").value(), StandardCharsets.UTF_8), "header");
                    got++;
                }
            }
        }
    }

    private void codecs() throws Exception {
        for (String codec : List.of("none", "gzip", "snappy", "lz4", "zstd")) {
            create("java-" + codec, 3);
            roundTrip("java-" + codec, 500, Map.of("compression.type", codec, "linger.ms", 5), Map.of());
        }
        // The broker converts where the topic says so.
        for (String codec : List.of("uncompressed", "gzip", "snappy", "lz4", "zstd")) {
            create(new NewTopic("java-to-" + codec, 2, (short) 1).configs(Map.of("compression.type", codec)));
            String from = codec.equals("lz4") ? "zstd" : "lz4";
            roundTrip("java-to-" + codec, 300, Map.of("compression.type", from, "linger.ms", 5), Map.of());
        }
    }

    private void acks() throws Exception {
        create("java-acks", 4);
        roundTrip("java-acks", 300, Map.of("acks", "1", "enable.idempotence", false), Map.of("isolation.level", "read_committed"));
        create("java-all", 4);
        roundTrip("java-all", 3_000, Map.of("linger.ms", 0, "batch.size", 500), Map.of("fetch.max.bytes", 3_000));

        create("java-zero-acks", 1);
        TopicPartition partition = new TopicPartition("java-zero-acks", 0);
        try (KafkaProducer<byte[], byte[]> producer = producer(Map.of("acks", "0", "enable.idempotence", false))) {
            for (int number = 0; number < 100; number++) {
                producer.send(new ProducerRecord<>("java-zero-acks", 0, null, value(number)));
            }
        }
        try (KafkaConsumer<byte[], byte[]> consumer = consumer(Map.of())) {
            consumer.assign(List.of(partition));
            consumer.seekToBeginning(List.of(partition));
            List<ConsumerRecord<byte[], byte[]>> got = take(consumer, 100);
            for (int number = 0; number < 100; number++) {
                Check.that(Arrays.equals(value(number), got.get(number).value()), "record " + number + " without acks");
            }
        }
    }

    private static List<ConsumerRecord<byte[], byte[]>> take(KafkaConsumer<byte[], byte[]> consumer, int count) {
        List<ConsumerRecord<byte[], byte[]>> got = new ArrayList<>();
        long deadline = System.nanoTime() + TimeUnit.SECONDS.toNanos(30);
        while (got.size() < count) {
            Check.that(System.nanoTime() < deadline, got.size() + " of " + count + " records came back");
            consumer.poll(Duration.ofMillis(200)).forEach(got::add);
        }
        return got;
    }

    private void records() throws Exception {
        create(new NewTopic("java-records", 1, (short) 1).configs(Map.of("max.message.bytes", "3000000")));
        create(new NewTopic("java-appended", 1, (short) 1).configs(Map.of("message.timestamp.type", "LogAppendTime")));
        TopicPartition partition = new TopicPartition("java-records", 0);
        TopicPartition appended = new TopicPartition("java-appended", 0);
        byte[] large = new byte[2_500_000];
        Arrays.fill(large, (byte) 'L');
        long before = System.currentTimeMillis();
        try (KafkaProducer<byte[], byte[]> producer = producer(Map.of("max.request.size", 3_000_000))) {
            producer.send(new ProducerRecord<>("java-records", null, null)).get();
            producer.send(new ProducerRecord<>("java-records", new byte[0], new byte[0])).get();
            producer.send(new ProducerRecord<>("java-records", large)).get();
            RecordMetadata at = producer.send(new ProducerRecord<>("java-appended", null, 5L, null, new byte[1])).get();
            Check.that(at.timestamp() >= before, "the producer learns the time of the append");
        }
        try (KafkaConsumer<byte[], byte[]> consumer = consumer(Map.of("max.partition.fetch.bytes", 1_000))) {
            consumer.assign(List.of(partition));
            consumer.seekToBeginning(List.of(partition));
            List<ConsumerRecord<byte[], byte[]>> got = take(consumer, 3);
            Check.that(got.get(0).key() == null && got.get(0).value() == null, "nulls stay null");
            Check.that(got.get(1).key().length == 0 && got.get(1).value().length == 0, "empty stays empty");
            Check.that(Arrays.equals(large, got.get(2).value()), "a record larger than what was asked for comes whole");
            consumer.assign(List.of(appended));
            consumer.seekToBeginning(List.of(appended));
            Check.that(take(consumer, 1).get(0).timestamp() >= before, "LogAppendTime is the broker's");
        }
    }

    private void automaticTopic() throws Exception {
        roundTrip("java-automatic", 30, Map.of(), Map.of());
        Check.that(describe("java-automatic").partitions().size() > 0, "it was created");
    }

    private void offsets() throws Exception {
        create("java-offsets", 1);
        TopicPartition partition = new TopicPartition("java-offsets", 0);
        Check.equal(-1L, listOffset(partition, OffsetSpec.maxTimestamp()), "no maximal timestamp in an empty partition");
        try (KafkaProducer<byte[], byte[]> producer = producer(Map.of("batch.size", 100))) {
            // Times that go up and down: a search gives the first record at or after a time, whatever its neighbours say.
            for (long timestamp : new long[] {10, 20, 90, 30, 40, 50}) {
                producer.send(new ProducerRecord<>("java-offsets", 0, FIRST_TIMESTAMP + timestamp, null, new byte[50])).get();
            }
        }
        Check.equal(0L, listOffset(partition, OffsetSpec.earliest()), "earliest");
        Check.equal(6L, listOffset(partition, OffsetSpec.latest()), "latest");
        Check.equal(2L, listOffset(partition, OffsetSpec.maxTimestamp()), "that of the largest timestamp");
        Check.equal(2L, listOffset(partition, OffsetSpec.forTimestamp(FIRST_TIMESTAMP + 35)), "by time");
        Check.equal(1L, listOffset(partition, OffsetSpec.forTimestamp(FIRST_TIMESTAMP + 11)), "by time between two records");
        Check.equal(-1L, listOffset(partition, OffsetSpec.forTimestamp(FIRST_TIMESTAMP + 91)), "by a time to come");
        try (KafkaConsumer<byte[], byte[]> consumer = consumer(Map.of())) {
            Check.equal(Map.of(partition, 0L), consumer.beginningOffsets(List.of(partition)), "beginning");
            Check.equal(Map.of(partition, 6L), consumer.endOffsets(List.of(partition)), "end");
            OffsetAndTimestamp found = consumer.offsetsForTimes(Map.of(partition, FIRST_TIMESTAMP + 15)).get(partition);
            Check.equal(1L, found.offset(), "offset by time");
            Check.equal(FIRST_TIMESTAMP + 20, found.timestamp(), "the time found there");
            consumer.assign(List.of(partition));
            consumer.seek(partition, 4);
            Check.equal(4L, take(consumer, 2).get(0).offset(), "after a seek");
            Check.equal(1, consumer.partitionsFor("java-offsets").size(), "partitions of the topic");
            consumer.seek(partition, 7);
            Check.fails(org.apache.kafka.clients.consumer.OffsetOutOfRangeException.class,
                () -> take(consumer, 1), "behind the end");
        }
    }

    private long listOffset(TopicPartition partition, OffsetSpec spec) throws Exception {
        return admin.listOffsets(Map.of(partition, spec)).partitionResult(partition).get().offset();
    }

    private void deletion() throws Exception {
        Uuid first = create(new NewTopic("java-gone", 2, (short) 1));
        roundTrip("java-gone", 50, Map.of(), Map.of());
        admin.deleteTopics(List.of("java-gone")).all().get();
        settle();
        Check.that(!admin.listTopics().names().get().contains("java-gone"), "a deleted topic is not listed");
        Uuid second = create(new NewTopic("java-gone", 1, (short) 1));
        Check.that(!first.equals(second), "a new topic of the same name has another id");
        TopicPartition partition = new TopicPartition("java-gone", 0);
        Check.equal(0L, listOffset(partition, OffsetSpec.latest()), "and it is empty");
        roundTrip("java-gone", 20, Map.of(), Map.of());
        admin.deleteTopics(TopicCollection.ofTopicIds(List.of(second))).all().get();
        settle();
        Check.fails(UnknownTopicOrPartitionException.class,
            () -> admin.deleteTopics(List.of("java-gone")).all().get(), "deleting it by name after its id");
    }
}
