//! A machine that does not give the broker what it needs: the start ends, and says what is missing and what to type.
//!
//! Container runtimes deny `io_uring` by a seccomp filter. So does this test, with a few lines of Python, because the calls themselves would be
//! `unsafe`; a filter needs no privilege once new ones are given up.

use std::fs;
use std::process::{Command, Stdio};
use std::time::{Duration, Instant};

use logan_tests::broker::{Scratch, Settings, binary};
use logan_tests::clients::available;

/// Runs `argv[3:]` with all system calls of the numbers `argv[2]` failing with the error `argv[1]`.
const DENY: &str = r#"
import ctypes, os, struct, sys
errno, calls = int(sys.argv[1]), [int(call) for call in sys.argv[2].split(",")]
op = lambda code, if_so, if_not, value: struct.pack("HBBI", code, if_so, if_not, value)
program = op(0x20, 0, 0, 0)
for call in calls:
    program += op(0x15, 0, 1, call) + op(0x06, 0, 0, 0x00050000 | errno)
program += op(0x06, 0, 0, 0x7fff0000)
class Filter(ctypes.Structure):
    _fields_ = [("length", ctypes.c_ushort), ("program", ctypes.c_char_p)]
libc = ctypes.CDLL(None, use_errno=True)
libc.prctl.argtypes = [ctypes.c_int] + 4 * [ctypes.c_ulong]
kept = Filter(len(program) // 8, program)
if libc.prctl(38, 1, 0, 0, 0) != 0 or libc.prctl(22, 2, ctypes.addressof(kept), 0, 0) != 0:
    sys.exit(f"no filter: {ctypes.get_errno()}")
os.execv(sys.argv[3], sys.argv[3:])
"#;

const EPERM: u32 = 1;
const ENOMEM: u32 = 12;
const ENOSYS: u32 = 38;
/// `io_uring_setup`, `io_uring_enter`, `io_uring_register`: the same numbers on every architecture.
const ALL: &str = "425,426,427";

/// Starts a broker by way of `command`, which runs what it is given behind its own arguments. Returns what is printed until it ends, by itself and not
/// in a panic, or until it is ready, and whether it was.
fn start_by(command: &mut Command) -> (String, bool) {
    let scratch = Scratch::new("refused");
    let settings = Settings::new(&scratch, &[]);
    let log = scratch.path().join("printed");
    let output = fs::File::create(&log).expect("the scratch directory is writable");
    let errors = output.try_clone().expect("a descriptor is free");
    command.arg(binary()).arg("start");
    command.arg("--override").arg(format!("listeners=PLAINTEXT://127.0.0.1:{}", settings.port));
    command.arg("--override").arg(format!("log.dirs={}", settings.data.display()));
    let child = command.stdin(Stdio::null()).stdout(output).stderr(errors).spawn();
    let mut child = child.expect("it runs");
    let began = Instant::now();
    loop {
        let printed = fs::read_to_string(&log).expect("just created");
        if let Some(status) = child.try_wait().expect("our own child") {
            let printed = fs::read_to_string(&log).expect("just created");
            assert_eq!(status.code(), Some(1), "{status}\n{printed}");
            assert!(!printed.contains("panicked") && !printed.contains("no filter"), "{printed}");
            assert!(!settings.data.exists(), "nothing was begun");
            return (printed, false);
        }
        let is_ready = printed.contains("Logan is ready");
        if is_ready || began.elapsed() > Duration::from_mins(1) {
            child.kill().expect("our own child");
            child.wait().expect("our own child");
            assert!(is_ready, "neither ready nor refused:\n{printed}");
            return (printed, true);
        }
        std::thread::sleep(Duration::from_millis(5));
    }
}

fn start_without(errno: u32, calls: &str) -> String {
    let (printed, is_ready) = start_by(Command::new("python3").args(["-c", DENY, &errno.to_string(), calls]));
    assert!(!is_ready, "it did without the system calls {calls}");
    printed
}

#[test]
fn without_io_uring() {
    if !available(&["python3"]) {
        return;
    }
    // All of it, as Docker's profile does it or an older one; and one call, as an incomplete profile does it.
    for (errno, calls) in [(EPERM, ALL), (ENOSYS, ALL), (EPERM, "425"), (EPERM, "426"), (EPERM, "427")] {
        let printed = start_without(errno, calls);
        for words in ["refuses io_uring", "sysctl kernel.io_uring_disabled=0", "seccomp", "io_uring_setup"] {
            assert!(printed.contains(words), "{calls} fail with {errno}: {words:?} is not in:\n{printed}");
        }
    }
}

const LOCKED_MEMORY: [&str; 4] =
    ["may be locked", "ulimit -l unlimited", "LimitMEMLOCK=infinity", "--ulimit memlock=-1"];

#[test]
fn without_memory_for_the_rings() {
    if !available(&["python3"]) {
        return;
    }
    let printed = start_without(ENOMEM, "425");
    for words in LOCKED_MEMORY {
        assert!(printed.contains(words), "{words:?} is not in:\n{printed}");
    }
}

/// Some kernels count the rings as locked memory. Root may lock any amount, unless it gives that up.
#[test]
fn with_no_memory_that_may_be_locked() {
    const LIMITED: &str = r#"ulimit -l 0 || exit 9
if [ "$(id -u)" = 0 ]; then exec setpriv --bounding-set -ipc_lock --inh-caps -ipc_lock "$0" "$@"; fi
exec "$0" "$@""#;
    if !available(&["setpriv"]) {
        return;
    }
    let (printed, is_ready) = start_by(Command::new("sh").args(["-c", LIMITED]));
    if is_ready {
        println!("this kernel does not count rings as locked memory");
        return;
    }
    for words in ["at most 0 KiB"].iter().chain(&LOCKED_MEMORY) {
        assert!(printed.contains(words), "{words:?} is not in:\n{printed}");
    }
}
