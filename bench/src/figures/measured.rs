//! What a run came to, for people and for machines.

use std::fmt;

use serde::{Deserialize, Serialize};

use super::latency::Latency;
use crate::process::Sample;

/// Of a rate that is as good as kept.
pub const KEPT_PERCENT: f64 = 98.0;

/// Processor time that is told to a fifth at least.
const LEAST_CPU_S: f64 = 0.05;

/// One direction: producing, or fetching. Bytes are those of values when producing, of batches when fetching.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
pub struct Side {
    pub mb_per_s: f64,
    pub records_per_s: f64,
    pub requests_per_s: f64,
    pub bytes: u64,
    pub records: u64,
    pub requests: u64,
    pub latency: Option<Latency>,
    pub series: Vec<Second>,
}

impl Side {
    /// The second with the longest wait at p99.
    pub fn worst_second(&self) -> Option<&Second> {
        self.series.iter().max_by(|a, b| a.p99_ms.total_cmp(&b.p99_ms))
    }
}

/// A point in time: a second, or more of a run that is longer than an hour.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Second {
    /// Where it begins, since the window was opened.
    pub at_s: f64,
    pub mb_per_s: f64,
    pub records_per_s: f64,
    pub p50_ms: f64,
    pub p99_ms: f64,
    pub max_ms: f64,
}

/// What a process took while the window was open.
#[derive(Debug, Clone, Copy, Default, PartialEq, Serialize, Deserialize)]
pub struct Spent {
    pub user_s: f64,
    pub system_s: f64,
    /// When the window was closed, and the most there ever was.
    pub resident_bytes: u64,
    pub peak_resident_bytes: u64,
    /// Sent to devices; 0 where the kernel does not say (another user's process).
    pub written_bytes: u64,
    /// Fetched from devices; 0 where the kernel does not say.
    pub read_bytes: u64,
    pub voluntary_switches: u64,
    pub involuntary_switches: u64,
}

impl Spent {
    pub fn between(before: &Sample, after: &Sample) -> Self {
        let switches = after.switches_since(before);
        Self {
            user_s: after.user_s - before.user_s,
            system_s: after.system_s - before.system_s,
            resident_bytes: after.resident_bytes,
            peak_resident_bytes: after.peak_resident_bytes,
            written_bytes: after.written_bytes.saturating_sub(before.written_bytes),
            read_bytes: after.read_bytes.saturating_sub(before.read_bytes),
            voluntary_switches: switches.voluntary,
            involuntary_switches: switches.involuntary,
        }
    }

    pub fn cpu_s(&self) -> f64 {
        self.user_s + self.system_s
    }
}

/// How far what was read is known to be what was sent.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Verified {
    /// Records whose batch followed the one before it and had the CRC that it states.
    pub in_order: u64,
    /// Of those, records of batches that this run sent, each in its producer's turn.
    pub known: u64,
    /// Records that were acknowledged, and whether the topics grew by exactly these.
    pub acknowledged: u64,
    pub has_grown: bool,
    /// Whether consumers read all that was acknowledged.
    pub has_all_been_read: bool,
}

/// A broker that was started again: from the start of its process until …, in milliseconds.
#[derive(Debug, Clone, Copy, Default, PartialEq, Serialize, Deserialize)]
pub struct Restart {
    /// … somebody listens at its port.
    pub listening_ms: f64,
    /// … every partition has its leader, and says where it ends.
    pub ready_ms: f64,
    /// … a consumer has the first record; nothing, if there is none.
    pub first_fetch_ms: Option<f64>,
    /// Records that were acknowledged before, and those that are there now.
    pub acknowledged: u64,
    pub found: u64,
}

/// A run.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Measured {
    /// How long the window was open.
    pub seconds: f64,
    pub produced: Option<Side>,
    pub fetched: Option<Side>,
    /// From when a record was due to when a consumer had it.
    pub end_to_end: Option<Latency>,
    pub broker: Option<Spent>,
    pub client: Spent,
    pub verified: Verified,
    /// Where each partition ends, at least, by what was acknowledged; empty where nothing was produced.
    pub ends: Vec<i64>,
    /// Records a second that were due, if they were due by the clock.
    pub rate: Option<u64>,
    /// How the broker came back, where that is what was measured.
    #[serde(default)]
    pub restart: Option<Restart>,
    /// Why the run ended before its time, if it did: what is measured is what was until then.
    pub cut_short: Option<String>,
}

impl Measured {
    /// Bytes that went in and out.
    pub fn bytes(&self) -> u64 {
        [&self.produced, &self.fetched].into_iter().flatten().map(|side| side.bytes).sum()
    }

    /// A run of which only the broker's start counts.
    pub fn of_restart(restart: Restart) -> Self {
        let verified = Verified { acknowledged: restart.acknowledged, ..Verified::default() };
        Self {
            seconds: restart.first_fetch_ms.unwrap_or(restart.ready_ms) / 1e3,
            produced: None,
            fetched: None,
            end_to_end: None,
            broker: None,
            client: Spent::default(),
            verified,
            ends: Vec::new(),
            rate: None,
            restart: Some(restart),
            cut_short: None,
        }
    }

    fn per_gigabyte(&self, cpu_s: f64) -> f64 {
        cpu_s / (self.bytes() as f64 / 1e9)
    }

    /// Nothing where the kernel's clock ticks of 10 ms are too coarse to say it.
    pub fn broker_cpu_s_per_gb(&self) -> Option<f64> {
        let cpu_s = self.broker.as_ref()?.cpu_s();
        (cpu_s >= LEAST_CPU_S).then(|| self.per_gigabyte(cpu_s))
    }

    /// Processor time by the clock, in per cent of one core. Nothing where the ticks are too coarse.
    pub fn broker_core_percent(&self) -> Option<f64> {
        let cpu_s = self.broker.as_ref()?.cpu_s();
        (cpu_s >= LEAST_CPU_S).then(|| cpu_s / self.seconds * 100.0)
    }

    pub fn client_cpu_s_per_gb(&self) -> f64 {
        self.per_gigabyte(self.client.cpu_s())
    }

    /// How much of what was due was answered in time, in per cent.
    pub fn kept_percent(&self) -> Option<f64> {
        Some(self.produced.as_ref()?.records_per_s / self.rate? as f64 * 100.0)
    }

    /// Device bytes for each byte that was produced.
    pub fn written_per_acknowledged(&self) -> Option<f64> {
        let produced = self.produced.as_ref().filter(|side| side.bytes > 0)?;
        let written = Some(self.broker.as_ref()?.written_bytes).filter(|written| *written > 0)?;
        Some(written as f64 / produced.bytes as f64)
    }
}

impl fmt::Display for Side {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { mb_per_s, records_per_s, requests_per_s, .. } = self;
        write!(f, "{mb_per_s:.1} MB/s  {records_per_s:.0} records/s  {requests_per_s:.0} requests/s")?;
        if let Some(latency) = &self.latency {
            write!(f, "  ms {latency}")?;
        }
        if let Some(worst) = self.worst_second() {
            write!(f, " (worst second: p99 {:.2} at {:.0} s)", worst.p99_ms, worst.at_s)?;
        }
        Ok(())
    }
}

impl fmt::Display for Latency {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { p50_ms, p99_ms, p999_ms, p9999_ms, max_ms, .. } = self;
        write!(f, "p50 {p50_ms:.2} p99 {p99_ms:.2} p99.9 {p999_ms:.2} p99.99 {p9999_ms:.2} max {max_ms:.2}")
    }
}

impl fmt::Display for Measured {
    /// A line for each direction, one for the processes, one for what was verified.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        if let Some(side) = &self.produced {
            writeln!(f, "produced    {side}")?;
        }
        if let Some(percent) = self.kept_percent().filter(|percent| *percent < KEPT_PERCENT) {
            writeln!(
                f,
                "            only {percent:.1} % of the rate: what waits grows, and so do the latencies"
            )?;
        }
        if let Some(side) = &self.fetched {
            writeln!(f, "fetched     {side}")?;
        }
        if let Some(latency) = &self.end_to_end {
            writeln!(f, "end to end  ms {latency}")?;
        }
        let of_core = self.broker_core_percent();
        if let (Some(broker), Some(per_gb), Some(of_core)) =
            (&self.broker, self.broker_cpu_s_per_gb(), of_core)
        {
            write!(
                f,
                "broker      {per_gb:.2} CPU-s/GB ({of_core:.0} % of a core: user {:.0}, system {:.0})  resident {} MB (peak {})",
                broker.user_s / self.seconds * 100.0,
                broker.system_s / self.seconds * 100.0,
                broker.resident_bytes >> 20,
                broker.peak_resident_bytes >> 20,
            )?;
            if let Some(written) = self.written_per_acknowledged() {
                write!(f, "  written/acknowledged {written:.2}")?;
            }
            let switches = broker.voluntary_switches + broker.involuntary_switches;
            writeln!(f, "  {:.0} switches/s", switches as f64 / self.seconds)?;
        }
        writeln!(
            f,
            "client      {:.2} CPU-s/GB ({:.0} % of a core)",
            self.client_cpu_s_per_gb(),
            self.client.cpu_s() / self.seconds * 100.0
        )?;
        write!(f, "verified    {}", self.verified)?;
        match &self.cut_short {
            Some(reason) => write!(f, "\ncut short   {reason}"),
            None => Ok(()),
        }
    }
}

impl fmt::Display for Verified {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { in_order, known, acknowledged, has_grown, has_all_been_read } = self;
        let mut parts = Vec::new();
        if *acknowledged > 0 {
            let grown =
                if *has_grown { " are in the topic, and no others" } else { ", not compared with the topic" };
            parts.push(format!("{acknowledged} acknowledged records{grown}"));
        }
        if *in_order > 0 {
            parts.push(format!("{in_order} records read in order, each with its CRC"));
        }
        if *known > 0 {
            let read = if *has_all_been_read {
                ", none lost, doubled or exchanged"
            } else {
                ", and not all were read"
            };
            parts.push(format!("{known} of them as they were sent{read}"));
        }
        f.write_str(&if parts.is_empty() { "nothing".to_owned() } else { parts.join("; ") })
    }
}
