import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.List;
import java.util.stream.Collectors;
import java.util.stream.Stream;
import org.apache.kafka.tools.DumpLogSegments;

/** Reads every file of a data directory that was closed cleanly with Kafka's own DumpLogSegments. Usage: {@code Dump DIRECTORY}. */
public final class Dump {
    public static void main(String[] arguments) throws Exception {
        List<String> logs = files(Path.of(arguments[0]), ".log");
        Check.that(!logs.isEmpty(), "no segments in " + arguments[0]);
        String batches = Tool.run("DumpLogSegments", DumpLogSegments::main, "--deep-iteration", "--files", String.join(",", logs));
        Check.that(batches.contains("baseOffset:"), "batches are listed");
        Check.that(!batches.contains("isvalid: false"), "every CRC fits");
        clean("segments", batches);

        List<String> indexes = files(Path.of(arguments[0]), ".index");
        Check.equal(logs.size(), indexes.size(), "an offset index for every segment");
        clean("offset indexes", Tool.run("DumpLogSegments", DumpLogSegments::main, "--verify-index-only", "--files", String.join(",", indexes)));
        clean("offset indexes", Tool.run("DumpLogSegments", DumpLogSegments::main, "--index-sanity-check", "--files", String.join(",", indexes)));
        List<String> times = files(Path.of(arguments[0]), ".timeindex");
        Check.equal(logs.size(), times.size(), "a time index for every segment");
        clean("time indexes", Tool.run("DumpLogSegments", DumpLogSegments::main, "--files", String.join(",", times)));
        for (String kind : List.of(".snapshot", ".txnindex")) {
            List<String> files = files(Path.of(arguments[0]), kind);
            if (!files.isEmpty()) {
                clean(kind, Tool.run("DumpLogSegments", DumpLogSegments::main, "--files", String.join(",", files)));
            }
        }
        System.out.printf("%d segments with their indexes read%n", logs.size());
    }

    /** The tool ends well even when it has found something; it says so in words. */
    private static void clean(String what, String printed) {
        for (String line : printed.split("\n")) {
            for (String bad : List.of("Mismatches in", "mismatch", "out of order", "trailing bytes", "Ignoring unknown", "Cannot", "Exception",
                    "corrupt")) {
                Check.that(!line.contains(bad), what + ": " + line);
            }
            // The tool finds a gap at the start of every segment but the first: it begins to count at -1.
            Check.that(!line.contains(" is followed by ") || line.trim().startsWith("-1 "), what + ": a gap: " + line);
        }
    }

    private static List<String> files(Path directory, String ending) throws IOException {
        // Two levels: what lies at the root is no partition's. Kafka's own metadata log needs another decoder, and the indexes of a
        // deleted topic are left as they were.
        try (Stream<Path> all = Files.walk(directory, 2)) {
            return all.filter(p -> !p.getParent().equals(directory)).map(Path::toString).filter(p -> p.endsWith(ending))
                .filter(p -> !p.contains("__cluster_metadata") && !p.contains("-delete/")).sorted().collect(Collectors.toList());
        }
    }

    private Dump() {
    }
}
