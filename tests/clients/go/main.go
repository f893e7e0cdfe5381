// Checks a broker with franz-go, without consumer groups. Usage: checks HOST:PORT [settle]. The second argument, a duration, is for
// Kafka itself, which answers an admin request before its broker has applied the change.
package main

import (
	"bytes"
	"context"
	"fmt"
	"os"
	"strconv"
	"time"

	"github.com/twmb/franz-go/pkg/kadm"
	"github.com/twmb/franz-go/pkg/kerr"
	"github.com/twmb/franz-go/pkg/kgo"
)

const (
	firstTimestamp = 1_700_000_000_000
	metadataAge    = 10 * time.Millisecond
)

type checks struct {
	bootstrap string
	settle    time.Duration
	ctx       context.Context
	admin     *kadm.Client
}

func main() {
	ctx, cancel := context.WithTimeout(context.Background(), 2*time.Minute)
	defer cancel()
	c := &checks{bootstrap: os.Args[1], ctx: ctx}
	if len(os.Args) > 2 {
		c.settle = must(time.ParseDuration(os.Args[2]))
	}
	// The admin client answers from metadata it has, up to this age.
	client := c.client(kgo.MetadataMinAge(metadataAge))
	c.admin = kadm.NewClient(client)
	for _, step := range []struct {
		name string
		run  func()
	}{
		{"topics", c.topics},
		{"codecs", c.codecs},
		{"many partitions", c.manyPartitions},
		{"acks", c.acks},
		{"offsets", c.offsets},
		{"configs", c.configs},
		{"sessions", c.sessions},
	} {
		start := time.Now()
		step.run()
		fmt.Printf("%s in %v\n", step.name, time.Since(start).Round(time.Millisecond))
	}
	client.Close()
	fmt.Println("all checks passed")
}

func fail(format string, values ...any) {
	panic(fmt.Sprintf(format, values...))
}

func must[T any](value T, err error) T {
	if err != nil {
		fail("%v", err)
	}
	return value
}

func equal[T comparable](expected, actual T, what string) {
	if expected != actual {
		fail("%s: expected %v, got %v", what, expected, actual)
	}
}

func (c *checks) client(options ...kgo.Opt) *kgo.Client {
	all := append([]kgo.Opt{kgo.SeedBrokers(c.bootstrap)}, options...)
	return must(kgo.NewClient(all...))
}

// wait lets a change of metadata be seen.
func (c *checks) wait() {
	time.Sleep(c.settle + 2*metadataAge)
}

func (c *checks) create(topic string, partitions int32, configs map[string]*string) kadm.CreateTopicResponse {
	created := must(c.admin.CreateTopic(c.ctx, partitions, 1, configs, topic))
	c.wait()
	return created
}

func (c *checks) topics() {
	created := c.create("go-topic", 3, nil)
	equal(3, created.NumPartitions, "partitions of a created topic")
	details := must(c.admin.ListTopics(c.ctx, "go-topic"))["go-topic"]
	equal(created.ID, details.ID, "the id in metadata")
	equal(3, len(details.Partitions), "partitions in metadata")
	for _, partition := range details.Partitions {
		equal(1, len(partition.Replicas), "replicas")
		equal(partition.Leader, partition.Replicas[0], "the leader")
		equal(partition.Leader, partition.ISR[0], "the leader is in sync")
	}
	again := must(c.admin.CreateTopics(c.ctx, 1, 1, nil, "go-topic"))["go-topic"]
	equal(kerr.TopicAlreadyExists.Error(), fmt.Sprint(again.Err), "the same name again")
	must(c.admin.CreatePartitions(c.ctx, 2, "go-topic"))
	c.wait()
	equal(5, len(must(c.admin.ListTopics(c.ctx, "go-topic"))["go-topic"].Partitions), "two partitions more")
	must(c.admin.DeleteTopics(c.ctx, "go-topic"))
	c.wait()
	gone := must(c.admin.ListTopics(c.ctx, "go-topic"))["go-topic"]
	equal(kerr.UnknownTopicOrPartition.Error(), fmt.Sprint(gone.Err), "a deleted topic")

	metadata := must(c.admin.BrokerMetadata(c.ctx))
	equal(1, len(metadata.Brokers), "brokers")
	equal(metadata.Brokers[0].NodeID, metadata.Controller, "the controller")
	equal(c.bootstrap, fmt.Sprintf("%s:%d", metadata.Brokers[0].Host, metadata.Brokers[0].Port), "the advertised address")
}

func value(number int) []byte {
	text := []byte("record " + strconv.Itoa(number) + " ")
	return append(text, bytes.Repeat([]byte{byte('a' + number%26)}, number*11%1700)...)
}

// roundTrip produces, reads back, and compares every record with what was sent to its offset.
func (c *checks) roundTrip(topic string, count int, producerOptions, consumerOptions []kgo.Opt) {
	producer := c.client(append(producerOptions, kgo.DefaultProduceTopic(topic))...)
	defer producer.Close()
	type place struct {
		partition int32
		offset    int64
	}
	sent := make(map[place]int)
	results := make(chan error, count)
	places := make(chan func(), count)
	for number := range count {
		record := &kgo.Record{
			Key: []byte(strconv.Itoa(number)), Value: value(number), Timestamp: time.UnixMilli(firstTimestamp + int64(number)),
			Headers: []kgo.RecordHeader{{Key: "number", Value: []byte(strconv.Itoa(number))}},
		}
		producer.Produce(c.ctx, record, func(record *kgo.Record, err error) {
			places <- func() { sent[place{record.Partition, record.Offset}] = number }
			results <- err
		})
	}
	for range count {
		must(0, <-results)
		(<-places)()
	}
	equal(count, len(sent), "every record has a place of its own")

	offsets := make(map[int32]kgo.Offset)
	for at := range sent {
		offsets[at.partition] = kgo.NewOffset().AtStart()
	}
	consumer := c.client(append(consumerOptions, kgo.ConsumePartitions(map[string]map[int32]kgo.Offset{topic: offsets}))...)
	defer consumer.Close()
	for left := count; left > 0; {
		fetches := consumer.PollFetches(c.ctx)
		for _, failure := range fetches.Errors() {
			fail("reading %s/%d with %d of %d to come: %v", topic, failure.Partition, left, count, failure.Err)
		}
		fetches.EachRecord(func(record *kgo.Record) {
			number, known := sent[place{record.Partition, record.Offset}]
			if !known {
				fail("%s/%d@%d was not sent, or came twice", topic, record.Partition, record.Offset)
			}
			delete(sent, place{record.Partition, record.Offset})
			equal(string(value(number)), string(record.Value), "value")
			equal(strconv.Itoa(number), string(record.Key), "key")
			equal(strconv.Itoa(number), string(record.Headers[0].Value), "header")
			equal(firstTimestamp+int64(number), record.Timestamp.UnixMilli(), "timestamp")
			left--
		})
	}
}

func (c *checks) codecs() {
	for name, codec := range map[string]kgo.CompressionCodec{
		"none": kgo.NoCompression(), "gzip": kgo.GzipCompression(), "snappy": kgo.SnappyCompression(),
		"lz4": kgo.Lz4Compression(), "zstd": kgo.ZstdCompression(),
	} {
		c.create("go-"+name, 2, nil)
		c.roundTrip("go-"+name, 500, []kgo.Opt{kgo.ProducerBatchCompression(codec)}, nil)
	}
}

func (c *checks) manyPartitions() {
	c.create("go-many", 40, nil)
	options := []kgo.Opt{kgo.RecordPartitioner(kgo.RoundRobinPartitioner()), kgo.ProducerBatchMaxBytes(4_000), kgo.ProducerLinger(0)}
	c.roundTrip("go-many", 5_000, options, []kgo.Opt{kgo.FetchMaxBytes(20_000), kgo.FetchMaxPartitionBytes(2_000)})
}

func (c *checks) acks() {
	c.create("go-leader", 1, nil)
	c.roundTrip("go-leader", 200, []kgo.Opt{kgo.RequiredAcks(kgo.LeaderAck()), kgo.DisableIdempotentWrite()}, nil)

	c.create("go-acks-0", 1, nil)
	producer := c.client(kgo.RequiredAcks(kgo.NoAck()), kgo.DisableIdempotentWrite(), kgo.DefaultProduceTopic("go-acks-0"))
	defer producer.Close()
	for number := range 100 {
		must(producer.ProduceSync(c.ctx, &kgo.Record{Value: value(number)}).First())
	}
	consumer := c.client(kgo.ConsumePartitions(map[string]map[int32]kgo.Offset{"go-acks-0": {0: kgo.NewOffset().AtStart()}}))
	defer consumer.Close()
	for number := 0; number < 100; {
		consumer.PollFetches(c.ctx).EachRecord(func(record *kgo.Record) {
			equal(string(value(number)), string(record.Value), "a record without acks")
			number++
		})
	}
}

func (c *checks) offsets() {
	c.create("go-offsets", 1, nil)
	producer := c.client(kgo.DefaultProduceTopic("go-offsets"))
	defer producer.Close()
	for number := range 50 {
		record := &kgo.Record{Value: value(number), Timestamp: time.UnixMilli(firstTimestamp + int64(number)*10)}
		must(producer.ProduceSync(c.ctx, record).First())
	}
	at := func(listed kadm.ListedOffsets, err error) int64 {
		offset, _ := must(listed, err).Lookup("go-offsets", 0)
		must(0, offset.Err)
		return offset.Offset
	}
	equal(0, at(c.admin.ListStartOffsets(c.ctx, "go-offsets")), "start")
	equal(50, at(c.admin.ListEndOffsets(c.ctx, "go-offsets")), "end")
	equal(50, at(c.admin.ListCommittedOffsets(c.ctx, "go-offsets")), "last stable offset")
	equal(21, at(c.admin.ListOffsetsAfterMilli(c.ctx, firstTimestamp+205, "go-offsets")), "by time")

	consumer := c.client(kgo.ConsumePartitions(map[string]map[int32]kgo.Offset{"go-offsets": {0: kgo.NewOffset().At(42)}}))
	defer consumer.Close()
	equal(42, consumer.PollFetches(c.ctx).Records()[0].Offset, "reading from an offset")
	behind := c.client(
		kgo.ConsumePartitions(map[string]map[int32]kgo.Offset{"go-offsets": {0: kgo.NewOffset().At(1_000)}}),
		kgo.ConsumeResetOffset(kgo.NewOffset().AtEnd().Relative(-1)))
	defer behind.Close()
	equal(49, behind.PollFetches(c.ctx).Records()[0].Offset, "out of range begins again where told")
}

func (c *checks) configs() {
	size := "2000000"
	c.create("go-configs", 1, map[string]*string{"segment.bytes": &size})
	get := func(key string) string {
		resource := must(must(c.admin.DescribeTopicConfigs(c.ctx, "go-configs")).On("go-configs", nil))
		for _, config := range resource.Configs {
			if config.Key == key {
				return config.MaybeValue()
			}
		}
		fail("no setting %s", key)
		return ""
	}
	equal("2000000", get("segment.bytes"), "a setting of the creation")
	retention := "5000000"
	altered := must(c.admin.AlterTopicConfigs(c.ctx, []kadm.AlterConfig{{Op: kadm.SetConfig, Name: "retention.ms", Value: &retention}}, "go-configs"))
	must(0, altered[0].Err)
	c.wait()
	equal("5000000", get("retention.ms"), "an altered setting")
}

// sessions: records that come while a fetch waits, on many partitions, reach a consumer that fetches by session.
func (c *checks) sessions() {
	c.create("go-sessions", 20, nil)
	offsets := make(map[int32]kgo.Offset)
	for partition := range int32(20) {
		offsets[partition] = kgo.NewOffset().AtStart()
	}
	consumer := c.client(kgo.ConsumePartitions(map[string]map[int32]kgo.Offset{"go-sessions": offsets}), kgo.FetchMaxWait(10*time.Second))
	defer consumer.Close()
	producer := c.client(kgo.DefaultProduceTopic("go-sessions"), kgo.RecordPartitioner(kgo.ManualPartitioner()), kgo.ProducerLinger(0))
	defer producer.Close()
	for number := range 60 {
		start := time.Now()
		record := &kgo.Record{Partition: int32(number * 7 % 20), Value: value(number)}
		must(producer.ProduceSync(c.ctx, record).First())
		fetches := consumer.PollFetches(c.ctx)
		must(0, fetches.Err())
		records := fetches.Records()
		equal(1, len(records), "records of one poll")
		equal(record.Partition, records[0].Partition, "its partition")
		equal(string(value(number)), string(records[0].Value), "its value")
		if took := time.Since(start); number > 0 && took > 5*time.Second {
			fail("a waiting fetch was woken after %v", took)
		}
	}
}
