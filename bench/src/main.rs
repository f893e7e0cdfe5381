//! `logan-bench`: see this crate's README.

mod client;
mod engine;
mod fetch;
mod figures;
mod payload;
mod process;
mod produce;
#[cfg(feature = "rdkafka")]
mod rdkafka;
mod session;
mod topic;

use std::process::ExitCode;

use clap::{Args, Parser, Subcommand, ValueEnum};

#[global_allocator]
static ALLOCATOR: mimalloc::MiMalloc = mimalloc::MiMalloc;

/// Measures Logan's log engine, and any broker that speaks Kafka's protocol (2.8 or later).
#[derive(Parser)]
#[command(name = "logan-bench", version)]
struct Arguments {
    #[command(subcommand)]
    what: What,
}

#[derive(Subcommand)]
enum What {
    /// Appends to Logan's log engine in this process, without a broker.
    Engine(engine::Options),
    /// Produces to a broker.
    Produce(produce::Options),
    /// Fetches from a broker what `produce` put there.
    Fetch(fetch::Options),
    /// Fetches from a broker by a session of many partitions, of which one has something new.
    Session(session::Options),
    /// Creates topics, and says how long each request took.
    Create(topic::Options),
}

/// Which broker, and how long.
#[derive(Args, Clone)]
pub struct Target {
    /// host:port
    #[arg(long, default_value = "127.0.0.1:9092")]
    pub broker: String,
    #[arg(long, default_value = "bench")]
    pub topic: String,
    #[arg(long, default_value_t = 16, value_parser = clap::value_parser!(i32).range(1..=100_000))]
    pub partitions: i32,
    #[arg(long, default_value_t = 4, value_parser = clap::value_parser!(u16).range(1..=10_000))]
    pub connections: u16,
    /// Seconds that are measured.
    #[arg(long, default_value_t = 10, value_parser = clap::value_parser!(u64).range(1..=86_400))]
    pub seconds: u64,
    /// Seconds before them that are not.
    #[arg(long, default_value_t = 2, value_parser = clap::value_parser!(u64).range(0..=3_600))]
    pub warm_up: u64,
    /// The broker's process on this machine, for its processor time and memory.
    #[arg(long)]
    pub pid: Option<u32>,
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
    /// librdkafka takes minutes to build, so it is not always in.
    fn check_client(&self) -> Result<(), String> {
        if self.client == Client::Rdkafka && !cfg!(feature = "rdkafka") {
            return Err("built without librdkafka: cargo build --release -p logan-bench --features rdkafka"
                .to_owned());
        }
        Ok(())
    }
}

fn main() -> ExitCode {
    let outcome = match Arguments::parse().what {
        What::Engine(options) => engine::run(&options),
        What::Produce(options) => produce::run(options),
        What::Fetch(options) => fetch::run(options),
        What::Session(options) => session::run(options),
        What::Create(options) => topic::run(options),
    };
    match outcome {
        Ok(report) => {
            println!("{report}");
            ExitCode::SUCCESS
        }
        Err(message) => {
            eprintln!("logan-bench: {message}");
            ExitCode::FAILURE
        }
    }
}
