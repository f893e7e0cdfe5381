//! Forwards what raft logs to `tracing`.

use slog::{Drain, KV, Level, Logger, Never, OwnedKVList, Record, o};

struct Forward;

impl Drain for Forward {
    type Ok = ();
    type Err = Never;

    fn log(&self, record: &Record<'_>, values: &OwnedKVList) -> Result<(), Never> {
        match record.level() {
            Level::Critical | Level::Error => {
                tracing::error!(target: "raft", "{}{}", record.msg(), pairs(record, values));
            }
            Level::Warning => tracing::warn!(target: "raft", "{}{}", record.msg(), pairs(record, values)),
            // raft's "info" speaks of every step of every election.
            Level::Info | Level::Debug => {
                tracing::debug!(target: "raft", "{}{}", record.msg(), pairs(record, values));
            }
            Level::Trace => tracing::trace!(target: "raft", "{}{}", record.msg(), pairs(record, values)),
        }
        Ok(())
    }
}

/// `, key: value` for each pair.
fn pairs(record: &Record<'_>, values: &OwnedKVList) -> String {
    struct Text(String);
    impl slog::Serializer for Text {
        fn emit_arguments(&mut self, key: slog::Key, value: &std::fmt::Arguments<'_>) -> slog::Result {
            use std::fmt::Write as _;
            write!(self.0, ", {key}: {value}").map_err(slog::Error::from)
        }
    }
    let mut text = Text(String::new());
    let written = record.kv().serialize(record, &mut text).and_then(|()| values.serialize(record, &mut text));
    match written {
        Ok(()) => text.0,
        Err(error) => format!("{}, and a value that cannot be shown: {error}", text.0),
    }
}

pub(crate) fn logger() -> Logger {
    Logger::root(Forward, o!())
}
