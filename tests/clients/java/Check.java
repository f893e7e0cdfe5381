import java.util.Objects;

/** Says what was expected and what came; the first failure ends the program. */
final class Check {
    interface Step {
        void run() throws Exception;
    }

    static void step(String name, Step step) throws Exception {
        long start = System.nanoTime();
        try {
            step.run();
        } catch (Throwable failure) {
            throw new AssertionError(name + ": " + failure, failure);
        }
        System.out.printf("%s in %d ms%n", name, (System.nanoTime() - start) / 1_000_000);
    }

    static void that(boolean holds, String what) {
        if (!holds) {
            throw new AssertionError(what);
        }
    }

    static void equal(Object expected, Object actual, String what) {
        that(Objects.equals(expected, actual), what + ": expected " + expected + ", got " + actual);
    }

    /** Runs a step that must fail with this exception, which futures may have wrapped. */
    static void fails(Class<? extends Throwable> expected, Step step, String what) throws Exception {
        try {
            step.run();
        } catch (Exception failure) {
            Throwable cause = failure instanceof java.util.concurrent.ExecutionException ? failure.getCause() : failure;
            that(expected.isInstance(cause), what + ": expected " + expected.getSimpleName() + ", got " + cause);
            return;
        }
        throw new AssertionError(what + ": expected " + expected.getSimpleName() + ", nothing happened");
    }

    private Check() {
    }
}
