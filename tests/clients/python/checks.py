"""Checks a broker with kafka-python, without consumer groups.

Usage: checks.py HOST:PORT [SETTLE]. The second argument, seconds, is for Kafka itself, which answers an admin request before its
broker has applied the change.
"""

import sys
import time

from kafka import KafkaAdminClient, KafkaConsumer, KafkaProducer, TopicPartition
from kafka.admin import ConfigResource
from kafka.errors import InvalidTopicError, TopicAlreadyExistsError, UnknownTopicOrPartitionError

FIRST_TIMESTAMP = 1_700_000_000_000
PATIENCE = 30


class Checks:
    def __init__(self, bootstrap, settle):
        self.bootstrap = bootstrap
        self.settle_seconds = settle
        self.admin = KafkaAdminClient(bootstrap_servers=bootstrap)

    def settle(self):
        time.sleep(self.settle_seconds)

    def create(self, topic, partitions=1, **configs):
        options = {"num_partitions": partitions, "replication_factor": 1, "configs": configs}
        self.admin.create_topics({topic: options})
        self.settle()

    def topics(self):
        self.create("py-topic", 2)
        equal(True, "py-topic" in self.admin.list_topics(), "a created topic is listed")
        fails(TopicAlreadyExistsError, lambda: self.create("py-topic", 2))
        fails(InvalidTopicError, lambda: self.create("py topic"))
        self.admin.create_partitions({"py-topic": 4})
        self.settle()
        (topic,) = self.admin.describe_topics(["py-topic"])
        equal(4, len(topic["partitions"]), "partitions after growth")
        cluster = self.admin.describe_cluster()
        equal(1, len(cluster["brokers"]), "brokers")
        self.admin.delete_topics(["py-topic"])
        self.settle()
        equal(False, "py-topic" in self.admin.list_topics(), "a deleted topic is not listed")
        fails(UnknownTopicOrPartitionError, lambda: self.admin.delete_topics(["py-topic"]))

    def configs(self):
        self.create("py-configs", **{"segment.bytes": "2000000"})
        equal("2000000", self.config("py-configs", "segment.bytes"), "a setting of the creation")
        self.admin.alter_configs([ConfigResource("topic", "py-configs", {"retention.ms": "5000000"})])
        self.settle()
        equal("5000000", self.config("py-configs", "retention.ms"), "an altered setting")

    def config(self, topic, key):
        described = self.admin.describe_configs([ConfigResource("topic", topic, {key: None})], config_filter="all")
        return described["topic"][topic][key]["value"]

    def round_trip(self, topic, count, **settings):
        """Produces, reads back by assignment, and compares each record with what was sent to its place."""
        producer = KafkaProducer(bootstrap_servers=self.bootstrap, linger_ms=5, **settings)
        futures = []
        for number in range(count):
            key, header = b"key %d" % number, ("number", b"%d" % number)
            timestamp = FIRST_TIMESTAMP + number
            futures.append(producer.send(topic, value(number), key=key, headers=[header], timestamp_ms=timestamp))
        producer.flush(PATIENCE)
        sent = {}
        for number, future in enumerate(futures):
            at = future.get(PATIENCE)
            sent[(at.partition, at.offset)] = number
        producer.close()
        equal(count, len(sent), "every record has a place of its own")

        consumer = self.consumer()
        consumer.assign([TopicPartition(topic, partition) for partition in {partition for partition, _ in sent}])
        consumer.seek_to_beginning()
        for record in take(consumer, count):
            number = sent.pop((record.partition, record.offset))
            equal(value(number), record.value, "value")
            equal(b"key %d" % number, record.key, "key")
            equal([("number", b"%d" % number)], record.headers, "headers")
            equal(FIRST_TIMESTAMP + number, record.timestamp, "timestamp")
        consumer.close()

    def consumer(self):
        return KafkaConsumer(bootstrap_servers=self.bootstrap, auto_offset_reset="none", enable_auto_commit=False, check_crcs=True)

    def codecs(self):
        for codec in (None, "gzip", "snappy", "lz4", "zstd"):
            self.create(f"py-{codec}", 3)
            self.round_trip(f"py-{codec}", 300, compression_type=codec)

    def acks(self):
        for acks, idempotent in (("all", True), ("all", False), (1, False)):
            topic = f"py-acks-{acks}-{idempotent}"
            self.create(topic, 2)
            self.round_trip(topic, 300, acks=acks, enable_idempotence=idempotent)
        self.create("py-acks-0")
        producer = KafkaProducer(bootstrap_servers=self.bootstrap, acks=0, enable_idempotence=False)
        for number in range(50):
            producer.send("py-acks-0", value(number))
        producer.close(PATIENCE)
        consumer = self.consumer()
        consumer.assign([TopicPartition("py-acks-0", 0)])
        consumer.seek_to_beginning()
        equal([value(number) for number in range(50)], [record.value for record in take(consumer, 50)], "records without acks")
        consumer.close()

    def automatic_topic(self):
        self.round_trip("py-automatic", 20)

    def offsets(self):
        self.create("py-offsets")
        producer = KafkaProducer(bootstrap_servers=self.bootstrap)
        for number in range(20):
            producer.send("py-offsets", value(number), timestamp_ms=FIRST_TIMESTAMP + 10 * number).get(PATIENCE)
        producer.close()
        consumer = self.consumer()
        partition = TopicPartition("py-offsets", 0)
        equal({0}, consumer.partitions_for_topic("py-offsets"), "partitions of the topic")
        equal({partition: 0}, consumer.beginning_offsets([partition]), "beginning")
        equal({partition: 20}, consumer.end_offsets([partition]), "end")
        found = consumer.offsets_for_times({partition: FIRST_TIMESTAMP + 65})[partition]
        equal((7, FIRST_TIMESTAMP + 70), (found.offset, found.timestamp), "by time")
        equal({partition: None}, consumer.offsets_for_times({partition: FIRST_TIMESTAMP + 1_000}), "by a time to come")
        consumer.assign([partition])
        consumer.seek(partition, 13)
        equal(13, take(consumer, 7)[0].offset, "after a seek")
        consumer.close()


def value(number):
    return b"record %d " % number + bytes([97 + number % 26]) * (number * 7 % 900)


def take(consumer, count):
    records, deadline = [], time.monotonic() + PATIENCE
    while len(records) < count:
        if time.monotonic() > deadline:
            raise AssertionError(f"{len(records)} of {count} records came back")
        for batch in consumer.poll(timeout_ms=200).values():
            records.extend(batch)
    return records


def equal(expected, actual, what):
    if expected != actual:
        raise AssertionError(f"{what}: expected {expected!r}, got {actual!r}")


def fails(expected, step):
    try:
        step()
    except expected:
        return
    raise AssertionError(f"expected {expected.__name__}")


def main():
    checks = Checks(sys.argv[1], float(sys.argv[2]) if len(sys.argv) > 2 else 0)
    for step in (checks.topics, checks.configs, checks.codecs, checks.acks, checks.automatic_topic, checks.offsets):
        started = time.monotonic()
        step()
        print(f"{step.__name__} in {time.monotonic() - started:.2f} s", flush=True)
    checks.admin.close()
    print("all checks passed")


main()
