//! Which broker, which topics, how long.

use clap::{Args, ValueEnum};
use logan::protocol::Str;

use crate::figures::{End, Times};
use crate::payload::parse_amount;

#[derive(Args, Clone)]
pub struct Target {
    /// host:port
    #[arg(long, default_value = "127.0.0.1:9092")]
    pub broker: String,
    /// The broker's process on this machine, for its processor time and memory.
    #[arg(long)]
    pub pid: Option<u32>,
    /// With several --topics: what their names begin with.
    #[arg(long, default_value = "bench")]
    pub topic: String,
    #[arg(long, default_value_t = 1, value_parser = clap::value_parser!(u16).range(1..=10_000))]
    pub topics: u16,
    /// Of each topic.
    #[arg(long, default_value_t = 16, value_parser = clap::value_parser!(i32).range(1..=100_000))]
    pub partitions: i32,
    /// Seconds that are measured.
    #[arg(long, default_value_t = 10, value_parser = clap::value_parser!(u64).range(1..=86_400))]
    pub seconds: u64,
    /// Seconds before them that are not.
    #[arg(long, default_value_t = 2, value_parser = clap::value_parser!(u64).range(0..=3_600))]
    pub warm_up: u64,
    /// The run ends when so many bytes went in and out, `10g`; what was not done within --seconds is cut off.
    #[arg(long, value_parser = parse_amount, conflicts_with = "once")]
    pub bytes: Option<u64>,
    /// Each partition is sent one batch, or read once to where it ends now, and the run ends when that is done.
    #[arg(long)]
    pub once: bool,
    /// Cores that the client uses.
    #[arg(long, default_value_t = 1, value_parser = clap::value_parser!(u16).range(1..=1_024))]
    pub client_shards: u16,
    /// Who speaks to the broker.
    #[arg(long, value_enum, default_value_t = Client::Own)]
    pub client: Client,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub enum Client {
    /// This program's, on the shards and the codec of Logan.
    Own,
    /// librdkafka.
    Rdkafka,
}

impl Target {
    /// librdkafka takes minutes to build, so it is not always in; what it reads is not compared with what was sent.
    pub fn check_client(&self, is_end_to_end: bool) -> Result<(), String> {
        if self.client == Client::Rdkafka && (self.once || is_end_to_end) {
            return Err("--once, mixed and end-to-end are for this program's own client".to_owned());
        }
        if self.client == Client::Rdkafka && !cfg!(feature = "rdkafka") {
            return Err("built without librdkafka: cargo build --release -p logan-bench --features rdkafka"
                .to_owned());
        }
        Ok(())
    }

    pub fn layout(&self) -> Layout {
        let name = |number| match self.topics {
            1 => self.topic.as_str().into(),
            _ => format!("{}-{number}", self.topic).as_str().into(),
        };
        Layout { topics: (0..self.topics).map(name).collect(), partitions: self.partitions }
    }

    /// Of a run with so many connections, of which so many have work to do that ends by itself.
    pub fn times(&self, all: u32, with_work: u32) -> Times {
        let end = match self.bytes {
            _ if self.once => End::Work(u64::from(with_work)),
            Some(bytes) => End::Bytes(bytes),
            None => End::Time,
        };
        let warm_up = if self.once { 0 } else { self.warm_up };
        let connections = if self.client == Client::Own { u64::from(all) } else { 0 };
        Times { warm_up, seconds: self.seconds, end, connections, broker: self.pid }
    }
}

/// All partitions of all topics, numbered: a slot is one of them.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Layout {
    pub topics: Vec<Str>,
    /// Of each topic.
    pub partitions: i32,
}

impl Layout {
    pub fn slots(&self) -> usize {
        self.topics.len() * self.partitions as usize
    }

    pub fn place(&self, slot: usize) -> (&Str, i32) {
        let partitions = self.partitions as usize;
        (&self.topics[slot / partitions], (slot % partitions) as i32)
    }

    pub fn slot(&self, topic: &str, partition: i32) -> Option<usize> {
        let number = self.topics.iter().position(|name| &**name == topic)?;
        (0..self.partitions)
            .contains(&partition)
            .then(|| number * self.partitions as usize + partition as usize)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn slots_and_places_are_the_same_thing() {
        let layout = Layout { topics: vec!["a".into(), "b".into(), "c".into()], partitions: 7 };
        assert_eq!(layout.slots(), 21);
        for slot in 0..layout.slots() {
            let (topic, partition) = layout.place(slot);
            assert_eq!(layout.slot(topic, partition), Some(slot));
        }
        assert_eq!(layout.place(8), (&"b".into(), 1));
        assert_eq!((layout.slot("a", 7), layout.slot("a", -1), layout.slot("d", 0)), (None, None, None));
    }
}
