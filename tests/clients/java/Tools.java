import java.util.Locale;
import kafka.admin.ConfigCommand;
import org.apache.kafka.tools.BrokerApiVersionsCommand;
import org.apache.kafka.tools.GetOffsetShell;
import org.apache.kafka.tools.MetadataQuorumCommand;
import org.apache.kafka.tools.ProducerPerformance;
import org.apache.kafka.tools.TopicCommand;
import org.apache.kafka.tools.consumer.ConsoleConsumer;

/** Kafka's own command-line tools, as an administrator types them. */
final class Tools {
    private final String bootstrap;
    private final long settleMs;

    Tools(String bootstrap, long settleMs) {
        this.bootstrap = bootstrap;
        this.settleMs = settleMs;
    }

    void run() throws Exception {
        topicCommand();
        configCommand();
        Check.step("  ProducerPerformance", this::producerPerformance);
        Check.step("  GetOffsetShell", this::getOffsetShell);
        Check.step("  ConsoleConsumer", this::consoleConsumer);
        Check.step("  MetadataQuorumCommand", this::metadataQuorum);
        Check.step("  BrokerApiVersionsCommand", this::apiVersions);
        String deleted = topic("--delete", "--topic", "tools");
        Check.equal("", deleted.trim(), "TopicCommand --delete prints nothing");
    }

    private String topic(String... arguments) throws Exception {
        String printed = Tool.run("TopicCommand", TopicCommand::main, with(arguments));
        Thread.sleep(settleMs);
        return printed;
    }

    private String[] with(String... arguments) {
        String[] all = new String[arguments.length + 2];
        all[0] = "--bootstrap-server";
        all[1] = bootstrap;
        System.arraycopy(arguments, 0, all, 2, arguments.length);
        return all;
    }

    private static void contains(String text, String... parts) {
        for (String part : parts) {
            Check.that(text.contains(part), "expected \"" + part + "\" in:\n" + text);
        }
    }

    private void topicCommand() throws Exception {
        Check.step("  TopicCommand", () -> {
            contains(topic("--create", "--topic", "tools", "--partitions", "2", "--config", "segment.bytes=1048576"),
                "Created topic tools.");
            contains(topic("--list"), "tools");
            contains(topic("--describe", "--topic", "tools"), "PartitionCount: 2", "ReplicationFactor: 1",
                "segment.bytes=1048576", "Partition: 1");
            topic("--alter", "--topic", "tools", "--partitions", "3");
            contains(topic("--describe", "--topic", "tools"), "PartitionCount: 3", "Partition: 2");
            Check.equal("", topic("--describe", "--under-replicated-partitions").trim(), "nothing is under-replicated");
        });
    }

    private void configCommand() throws Exception {
        Check.step("  ConfigCommand", () -> {
            contains(config("--alter", "--entity-type", "topics", "--entity-name", "tools", "--add-config",
                "retention.ms=3600000,cleanup.policy=[compact,delete]"), "Completed updating config");
            contains(config("--describe", "--entity-type", "topics", "--entity-name", "tools"), "retention.ms=3600000",
                "cleanup.policy=compact,delete", "segment.bytes=1048576");
            config("--alter", "--entity-type", "topics", "--entity-name", "tools", "--delete-config",
                "retention.ms,cleanup.policy");
            String left = config("--describe", "--entity-type", "topics", "--entity-name", "tools");
            Check.that(!left.contains("retention.ms=3600000"), "a deleted setting is gone:\n" + left);
            contains(config("--describe", "--entity-type", "topics", "--entity-name", "tools", "--all"), "retention.ms=604800000");
        });
    }

    private String config(String... arguments) throws Exception {
        String printed = Tool.run("ConfigCommand", ConfigCommand::main, with(arguments));
        Thread.sleep(settleMs);
        return printed;
    }

    private void producerPerformance() throws Exception {
        String printed = Tool.run("ProducerPerformance", ProducerPerformance::main, "--topic", "tools", "--num-records", "20000",
            "--record-size", "200", "--throughput", "-1", "--producer-props", "bootstrap.servers=" + bootstrap, "compression.type=lz4");
        contains(printed.toLowerCase(Locale.ROOT), "20000 records sent");
    }

    private void getOffsetShell() throws Exception {
        String printed = Tool.run("GetOffsetShell", GetOffsetShell::main, with("--topic", "tools", "--time", "latest"));
        long total = 0;
        int partitions = 0;
        for (String line : printed.trim().split("\n")) {
            String[] parts = line.trim().split(":");
            if (parts.length == 3 && parts[0].equals("tools")) {
                total += Long.parseLong(parts[2]);
                partitions++;
            }
        }
        Check.equal(3, partitions, "partitions in\n" + printed);
        Check.equal(20_000L, total, "sum of the end offsets in\n" + printed);
        contains(Tool.run("GetOffsetShell", GetOffsetShell::main, with("--topic", "tools", "--time", "earliest")), "tools:1:0");
    }

    private void consoleConsumer() throws Exception {
        contains(topic("--create", "--topic", "tools-console", "--partitions", "1"), "Created topic tools-console.");
        Tool.run("ProducerPerformance", ProducerPerformance::main, "--topic", "tools-console", "--num-records", "7",
            "--record-size", "30", "--throughput", "-1", "--producer-props", "bootstrap.servers=" + bootstrap);
        String printed = Tool.run("ConsoleConsumer", ConsoleConsumer::main, with("--topic", "tools-console", "--partition", "0",
            "--offset", "2", "--max-messages", "5", "--timeout-ms", "30000", "--formatter-property", "print.offset=true"));
        contains(printed, "Offset:2", "Offset:6", "Processed a total of 5 messages");
    }

    private void metadataQuorum() throws Exception {
        String printed = Tool.run("MetadataQuorumCommand", MetadataQuorumCommand::main, with("describe", "--status"));
        contains(printed, "ClusterId:", "LeaderId:", "HighWatermark:", "CurrentVoters:");
    }

    private void apiVersions() throws Exception {
        String printed = Tool.run("BrokerApiVersionsCommand", BrokerApiVersionsCommand::main, with());
        contains(printed, "Produce(0): 0 to 13", "Fetch(1): 4 to 18", "ApiVersions(18): 0 to 4");
    }
}
