import java.time.Duration;
import java.util.ArrayList;
import java.util.HashSet;
import java.util.List;
import java.util.Locale;
import java.util.Map;
import java.util.Random;
import java.util.Set;
import java.util.concurrent.Future;
import java.util.concurrent.TimeUnit;
import java.util.stream.Collectors;
import java.util.stream.IntStream;
import java.util.zip.CRC32C;
import org.apache.kafka.clients.admin.Admin;
import org.apache.kafka.clients.admin.ListOffsetsOptions;
import org.apache.kafka.clients.admin.ListOffsetsResult.ListOffsetsResultInfo;
import org.apache.kafka.clients.admin.NewTopic;
import org.apache.kafka.clients.admin.OffsetSpec;
import org.apache.kafka.clients.consumer.ConsumerRecord;
import org.apache.kafka.clients.consumer.KafkaConsumer;
import org.apache.kafka.clients.producer.KafkaProducer;
import org.apache.kafka.clients.producer.ProducerRecord;
import org.apache.kafka.clients.producer.RecordMetadata;
import org.apache.kafka.common.IsolationLevel;
import org.apache.kafka.common.TopicPartition;
import org.apache.kafka.common.serialization.ByteArrayDeserializer;
import org.apache.kafka.common.serialization.ByteArraySerializer;

/**
 * Fills a topic with transactions, and says what clients see of it. Usage: {@code Transactions write|read HOST:PORT}. Two brokers with the same
 * records must make {@code read} print the same.
 */
public final class Transactions {
    private static final String TOPIC = "transactions";
    private static final int PARTITIONS = 3;
    private static final long FIRST_TIMESTAMP = 1_700_000_000_000L;
    private static final int STEPS = 260;

    private final String bootstrap;
    private final Random random = new Random(20261129);
    private long timestamp = FIRST_TIMESTAMP;

    private Transactions(String bootstrap) {
        this.bootstrap = bootstrap;
    }

    public static void main(String[] arguments) throws Exception {
        Transactions transactions = new Transactions(arguments[1]);
        if (arguments[0].equals("write")) {
            transactions.write();
            // No producer is closed: closing would abort what is open.
            System.out.flush();
            Runtime.getRuntime().halt(0);
        }
        transactions.read();
    }

    private void write() throws Exception {
        try (Admin admin = Admin.create(Map.of("bootstrap.servers", bootstrap))) {
            NewTopic topic = new NewTopic(TOPIC, PARTITIONS, (short) 1);
            admin.createTopics(List.of(topic.configs(Map.of("segment.bytes", "1048576")))).all().get(60, TimeUnit.SECONDS);
        }
        List<KafkaProducer<byte[], byte[]>> producers = new ArrayList<>();
        for (int number = 0; number < 4; number++) {
            KafkaProducer<byte[], byte[]> producer = new KafkaProducer<>(Map.of("bootstrap.servers", bootstrap, "transactional.id", "t" + number,
                "transaction.timeout.ms", "900000", "linger.ms", "0", "compression.type", number == 1 ? "lz4" : "none"),
                new ByteArraySerializer(), new ByteArraySerializer());
            producer.initTransactions();
            producers.add(producer);
        }
        try (KafkaProducer<byte[], byte[]> plain = new KafkaProducer<>(Map.of("bootstrap.servers", bootstrap, "linger.ms", "0"),
                new ByteArraySerializer(), new ByteArraySerializer())) {
            Set<Integer> open = new HashSet<>();
            for (int step = 0; step < STEPS; step++) {
                int number = random.nextInt(producers.size() + 1);
                // The last producer begins late, writes to one partition, and never ends.
                if (number == 3 && step < STEPS * 3 / 4) {
                    continue;
                }
                if (number == producers.size()) {
                    send(plain, PARTITIONS);
                    continue;
                }
                KafkaProducer<byte[], byte[]> producer = producers.get(number);
                if (open.add(number)) {
                    producer.beginTransaction();
                }
                send(producer, number == 3 ? 1 : PARTITIONS);
                if (number != 3 && random.nextInt(4) == 0) {
                    end(producer);
                    open.remove(number);
                }
            }
            Check.that(open.remove(3), "a transaction stays open");
            for (int number : open) {
                end(producers.get(number));
            }
            // Behind the open one, an aborted and a committed transaction.
            for (int number = 0; number < 2; number++) {
                producers.get(number).beginTransaction();
                send(producers.get(number), 1);
                if (number == 0) {
                    producers.get(number).abortTransaction();
                } else {
                    producers.get(number).commitTransaction();
                }
            }
            send(plain, 1);
        }
    }

    private void end(KafkaProducer<byte[], byte[]> producer) {
        if (random.nextBoolean()) {
            producer.commitTransaction();
        } else {
            producer.abortTransaction();
        }
    }

    /** A few batches to the first partitions. */
    private void send(KafkaProducer<byte[], byte[]> producer, int partitions) throws Exception {
        for (int batch = 1 + random.nextInt(3); batch > 0; batch--) {
            // The last partition has small records only: many transactions for one entry of an index.
            int partition = random.nextInt(partitions);
            List<Future<RecordMetadata>> sent = new ArrayList<>();
            for (int count = 1 + random.nextInt(3); count > 0; count--) {
                byte[] value = new byte[partition == 2 ? random.nextInt(60) : random.nextInt(24_000)];
                random.nextBytes(value);
                sent.add(producer.send(new ProducerRecord<>(TOPIC, partition, timestamp++, null, value)));
            }
            producer.flush();
            for (Future<RecordMetadata> one : sent) {
                one.get(60, TimeUnit.SECONDS);
            }
        }
    }

    private void read() throws Exception {
        for (IsolationLevel isolation : IsolationLevel.values()) {
            for (int partition = 0; partition < PARTITIONS; partition++) {
                readPartition(isolation, new TopicPartition(TOPIC, partition));
            }
            searchOffsets(isolation);
        }
    }

    private void readPartition(IsolationLevel isolation, TopicPartition partition) {
        String level = isolation.toString().toLowerCase(Locale.ROOT);
        try (KafkaConsumer<byte[], byte[]> consumer = new KafkaConsumer<>(Map.of("bootstrap.servers", bootstrap, "isolation.level", level,
                "enable.auto.commit", "false", "fetch.max.wait.ms", "200", "max.partition.fetch.bytes", "200000"), new ByteArrayDeserializer(),
                new ByteArrayDeserializer())) {
            List<TopicPartition> all = List.of(partition);
            consumer.assign(all);
            consumer.seekToBeginning(all);
            long begin = consumer.beginningOffsets(all).get(partition);
            long end = consumer.endOffsets(all).get(partition);
            System.out.printf("%s %s from %d to %d%n", level, partition, begin, end);
            long patience = System.nanoTime() + TimeUnit.MINUTES.toNanos(2);
            while (consumer.position(partition) < end) {
                Check.that(System.nanoTime() < patience, level + " stops at " + consumer.position(partition));
                for (ConsumerRecord<byte[], byte[]> record : consumer.poll(Duration.ofMillis(500))) {
                    CRC32C crc = new CRC32C();
                    crc.update(record.value());
                    System.out.printf("%d at %d: %08x%n", record.offset(), record.timestamp(), crc.getValue());
                }
            }
            // Nothing comes behind the end.
            Check.that(consumer.poll(Duration.ofMillis(600)).isEmpty(), level + " shows records behind its end");
            System.out.printf("position %d, lag %s%n", consumer.position(partition), consumer.currentLag(partition));
        }
    }

    /** The latest offset, that of the largest timestamp, and those of many others. */
    private void searchOffsets(IsolationLevel isolation) throws Exception {
        List<OffsetSpec> asked = new ArrayList<>(List.of(OffsetSpec.latest(), OffsetSpec.earliest(), OffsetSpec.maxTimestamp()));
        asked.addAll(IntStream.range(0, 120).mapToObj(at -> OffsetSpec.forTimestamp(FIRST_TIMESTAMP - 5 + at * 11L)).toList());
        List<TopicPartition> all = IntStream.range(0, PARTITIONS).mapToObj(at -> new TopicPartition(TOPIC, at)).toList();
        try (Admin admin = Admin.create(Map.of("bootstrap.servers", bootstrap))) {
            for (OffsetSpec spec : asked) {
                Map<TopicPartition, OffsetSpec> of = all.stream().collect(Collectors.toMap(partition -> partition, partition -> spec));
                Map<TopicPartition, ListOffsetsResultInfo> found =
                    admin.listOffsets(of, new ListOffsetsOptions(isolation)).all().get(60, TimeUnit.SECONDS);
                for (TopicPartition partition : all) {
                    ListOffsetsResultInfo info = found.get(partition);
                    System.out.printf("%s %s: %d at %d%n", isolation, partition, info.offset(), info.timestamp());
                }
            }
        }
    }
}
