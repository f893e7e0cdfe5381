import java.io.ByteArrayOutputStream;
import java.io.PrintStream;
import java.nio.charset.StandardCharsets;
import org.apache.kafka.common.utils.Exit;

/** Runs one of Kafka's command-line tools in this process and returns what it printed. */
final class Tool {
    interface Main {
        void main(String[] arguments) throws Exception;
    }

    /** Unwinds a tool that exits. Some tools catch it like any failure, print it and exit again: the first exit counts. */
    private static final class Ended extends RuntimeException {
        private static final long serialVersionUID = 1;
    }

    private static final class FirstExit implements Exit.Procedure {
        private final ByteArrayOutputStream printed;
        private int status;
        private String message;
        private String text;

        FirstExit(ByteArrayOutputStream printed) {
            this.printed = printed;
        }

        /** What was printed up to the first exit, or to the end. */
        String text() {
            return text == null ? printed.toString(StandardCharsets.UTF_8) : text;
        }

        @Override
        public void execute(int statusCode, String reason) {
            if (text == null) {
                text = printed.toString(StandardCharsets.UTF_8);
                status = statusCode;
                message = reason;
            }
            throw new Ended();
        }
    }

    static String run(String name, Main main, String... arguments) throws Exception {
        PrintStream out = System.out;
        PrintStream err = System.err;
        ByteArrayOutputStream printed = new ByteArrayOutputStream();
        PrintStream capture = new PrintStream(printed, true, StandardCharsets.UTF_8);
        FirstExit exit = new FirstExit(printed);
        Exit.setExitProcedure(exit);
        Exit.setHaltProcedure(exit);
        try {
            System.setOut(capture);
            System.setErr(capture);
            main.main(arguments);
        } catch (Ended ended) {
            // Its status is looked at below.
        } finally {
            System.setOut(out);
            System.setErr(err);
            Exit.resetExitProcedure();
            Exit.resetHaltProcedure();
        }
        Check.that(exit.status == 0, name + " " + String.join(" ", arguments) + " ended with " + exit.status + " "
            + exit.message + ":\n" + exit.text());
        return exit.text();
    }

    private Tool() {
    }
}
