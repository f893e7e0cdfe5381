//! Just enough of Kafka's protocol to ask a broker without any client's good manners.
//!
//! Written by hand and on purpose not with `logan::protocol`: a mistake there must not be answered by the same mistake here.
//! Everything uses the last version of a request before its flexible ones, which the real clients exercise.

use std::io::{self, Read, Write};
use std::net::{SocketAddr, TcpStream};
use std::time::Duration;

pub const PRODUCE: i16 = 0;
pub const FETCH: i16 = 1;
pub const LIST_OFFSETS: i16 = 2;
pub const METADATA: i16 = 3;
pub const API_VERSIONS: i16 = 18;
pub const CREATE_TOPICS: i16 = 19;
pub const INIT_PRODUCER_ID: i16 = 22;
pub const INCREMENTAL_ALTER_CONFIGS: i16 = 44;

/// Builds a request's body.
#[derive(Debug, Default, Clone)]
#[must_use]
pub struct Writer(pub Vec<u8>);

impl Writer {
    pub fn i8(mut self, value: i8) -> Self {
        self.0.extend(value.to_be_bytes());
        self
    }
    pub fn i16(mut self, value: i16) -> Self {
        self.0.extend(value.to_be_bytes());
        self
    }
    pub fn i32(mut self, value: i32) -> Self {
        self.0.extend(value.to_be_bytes());
        self
    }
    pub fn i64(mut self, value: i64) -> Self {
        self.0.extend(value.to_be_bytes());
        self
    }
    pub fn string(self, value: &str) -> Self {
        self.i16(value.len() as i16).raw(value.as_bytes())
    }
    pub fn bytes(self, value: &[u8]) -> Self {
        self.i32(value.len() as i32).raw(value)
    }
    pub fn raw(mut self, value: &[u8]) -> Self {
        self.0.extend(value);
        self
    }
}

/// Reads a response's body. Panics on what it does not understand: the test's broker has sent nonsense.
#[derive(Debug)]
pub struct Reader<'a>(pub &'a [u8]);

impl<'a> Reader<'a> {
    pub fn take(&mut self, length: usize) -> &'a [u8] {
        let (taken, rest) = self.0.split_at_checked(length).expect("the response ends early");
        self.0 = rest;
        taken
    }
    fn array<const N: usize>(&mut self) -> [u8; N] {
        self.take(N).try_into().expect("taken with that length")
    }
    pub fn i8(&mut self) -> i8 {
        i8::from_be_bytes(self.array())
    }
    pub fn i16(&mut self) -> i16 {
        i16::from_be_bytes(self.array())
    }
    pub fn i32(&mut self) -> i32 {
        i32::from_be_bytes(self.array())
    }
    pub fn i64(&mut self) -> i64 {
        i64::from_be_bytes(self.array())
    }
    /// Null reads as empty.
    pub fn string(&mut self) -> String {
        let length = self.i16().max(0) as usize;
        String::from_utf8(self.take(length).to_vec()).expect("strings are UTF-8")
    }
    /// Null reads as empty.
    pub fn bytes(&mut self) -> &'a [u8] {
        let length = self.i32().max(0) as usize;
        self.take(length)
    }
    pub fn count(&mut self) -> usize {
        self.i32().max(0) as usize
    }
}

#[derive(Debug)]
pub struct Connection {
    pub stream: TcpStream,
    correlation: i32,
}

/// What a broker says about one partition that was produced to.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Produced {
    pub error: i16,
    pub base_offset: i64,
    pub message: String,
}

#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Fetched {
    pub error: i16,
    pub high_watermark: i64,
    pub last_stable: i64,
    pub log_start: i64,
    /// Producer ids and first offsets of aborted transactions; `None` for null.
    pub aborted: Option<Vec<(i64, i64)>>,
    pub records: Vec<u8>,
}

/// What to fetch of one partition.
#[derive(Debug, Clone, Copy)]
pub struct FetchFrom {
    pub partition: i32,
    pub offset: i64,
    pub max_wait_ms: i32,
    pub min_bytes: i32,
    pub max_bytes: i32,
    /// With isolation level `read_committed`.
    pub committed: bool,
}

impl FetchFrom {
    pub fn offset(partition: i32, offset: i64) -> Self {
        Self { partition, offset, max_wait_ms: 500, min_bytes: 1, max_bytes: 64 << 20, committed: false }
    }
}

impl Connection {
    pub fn open(address: SocketAddr) -> Self {
        let stream = TcpStream::connect_timeout(&address, Duration::from_secs(10))
            .expect("the broker accepts connections");
        stream.set_nodelay(true).expect("a fresh socket");
        stream.set_read_timeout(Some(Duration::from_secs(30))).expect("a fresh socket");
        Self { stream, correlation: 0 }
    }

    /// A whole frame: size, header v1, body.
    pub fn frame(api: i16, version: i16, correlation: i32, body: &[u8]) -> Vec<u8> {
        let content =
            Writer::default().i16(api).i16(version).i32(correlation).string("logan-tests").raw(body).0;
        Writer::default().bytes(&content).0
    }

    /// Sends a request of a version that has header v1, and returns its correlation id.
    pub fn send(&mut self, api: i16, version: i16, body: &[u8]) -> io::Result<i32> {
        self.correlation += 1;
        self.stream.write_all(&Self::frame(api, version, self.correlation, body))?;
        Ok(self.correlation)
    }

    /// The next response: correlation id and what follows it.
    pub fn receive(&mut self) -> io::Result<(i32, Vec<u8>)> {
        let mut size = [0; 4];
        self.stream.read_exact(&mut size)?;
        let mut frame = vec![0; u32::from_be_bytes(size) as usize];
        self.stream.read_exact(&mut frame)?;
        let correlation = Reader(&frame).i32();
        frame.drain(..4);
        Ok((correlation, frame))
    }

    pub fn call(&mut self, api: i16, version: i16, body: &Writer) -> Vec<u8> {
        let sent = self.send(api, version, &body.0).expect("the broker reads");
        let (correlation, response) = self.receive().expect("the broker answers");
        assert_eq!(correlation, sent, "answers leave in order");
        response
    }

    /// Bytes as they are, for frames that are none.
    pub fn send_raw(&mut self, bytes: &[u8]) -> io::Result<()> {
        self.stream.write_all(bytes)
    }

    /// Whether the broker closes the connection (rather than answering or waiting) within the time.
    pub fn is_closed_within(&mut self, time: Duration) -> bool {
        self.stream.set_read_timeout(Some(time)).expect("an open socket");
        match self.stream.read(&mut [0; 1]) {
            Ok(0) => true,
            Ok(_) => false,
            Err(error) => !matches!(error.kind(), io::ErrorKind::WouldBlock | io::ErrorKind::TimedOut),
        }
    }

    /// Api keys with their versions, by `ApiVersions` v0.
    pub fn api_versions(&mut self) -> Vec<(i16, i16, i16)> {
        let response = self.call(API_VERSIONS, 0, &Writer::default());
        let mut r = Reader(&response);
        assert_eq!(r.i16(), 0, "ApiVersions v0 is always understood");
        (0..r.count()).map(|_| (r.i16(), r.i16(), r.i16())).collect()
    }

    /// Creates a topic by `CreateTopics` v4; returns its error code.
    pub fn create_topic(&mut self, name: &str, partitions: i32, configs: &[(&str, &str)]) -> i16 {
        let mut body =
            Writer::default().i32(1).string(name).i32(partitions).i16(1).i32(0).i32(configs.len() as i32);
        for (key, value) in configs {
            body = body.string(key).string(value);
        }
        let response = self.call(CREATE_TOPICS, 4, &body.i32(30_000).i8(0));
        let mut r = Reader(&response);
        r.i32();
        assert_eq!(r.count(), 1);
        assert_eq!(r.string(), name);
        r.i16()
    }

    /// Sets a setting of all brokers by `IncrementalAlterConfigs` v0; returns its error code.
    pub fn set_broker_setting(&mut self, name: &str, value: &str) -> i16 {
        const BROKER: i8 = 4;
        const SET: i8 = 0;
        let body = Writer::default().i32(1).i8(BROKER).string("").i32(1).string(name).i8(SET).string(value);
        let response = self.call(INCREMENTAL_ALTER_CONFIGS, 0, &body.i8(0));
        let mut r = Reader(&response);
        r.i32();
        assert_eq!(r.count(), 1);
        r.i16()
    }

    /// The body of a `Produce` v8 for one partition.
    pub fn produce_body(topic: &str, partition: i32, acks: i16, records: &[u8]) -> Writer {
        Writer::default()
            .i16(-1)
            .i16(acks)
            .i32(30_000)
            .i32(1)
            .string(topic)
            .i32(1)
            .i32(partition)
            .bytes(records)
    }

    pub fn produce(&mut self, topic: &str, partition: i32, acks: i16, records: &[u8]) -> Produced {
        let response = self.call(PRODUCE, 8, &Self::produce_body(topic, partition, acks, records));
        Self::read_produced(&response, topic, partition)
    }

    pub fn read_produced(response: &[u8], topic: &str, partition: i32) -> Produced {
        let mut r = Reader(response);
        assert_eq!((r.count(), r.string().as_str(), r.count()), (1, topic, 1));
        assert_eq!(r.i32(), partition);
        let (error, base_offset) = (r.i16(), r.i64());
        let (_log_append_time, _log_start) = (r.i64(), r.i64());
        for _ in 0..r.count() {
            r.i32();
            r.string();
        }
        Produced { error, base_offset, message: r.string() }
    }

    /// `Fetch` v11 of one partition, without a session.
    pub fn fetch(&mut self, topic: &str, from: FetchFrom) -> Fetched {
        let body = Writer::default().i32(-1).i32(from.max_wait_ms).i32(from.min_bytes).i32(from.max_bytes);
        let body = body
            .i8(i8::from(from.committed))
            .i32(0)
            .i32(-1)
            .i32(1)
            .string(topic)
            .i32(1)
            .i32(from.partition)
            .i32(-1);
        let body = body.i64(from.offset).i64(-1).i32(from.max_bytes).i32(0).string("");
        let response = self.call(FETCH, 11, &body);
        let mut r = Reader(&response);
        let (_throttle, error, _session) = (r.i32(), r.i16(), r.i32());
        assert_eq!(error, 0, "the fetch as a whole");
        assert_eq!((r.count(), r.string().as_str(), r.count(), r.i32()), (1, topic, 1, from.partition));
        let (error, high_watermark, last_stable, log_start) = (r.i16(), r.i64(), r.i64(), r.i64());
        let aborted = usize::try_from(r.i32()).ok();
        let aborted = aborted.map(|count| (0..count).map(|_| (r.i64(), r.i64())).collect());
        r.i32();
        Fetched { error, high_watermark, last_stable, log_start, aborted, records: r.bytes().to_vec() }
    }

    /// The shard, of `shards`, that serves this connection: the id of a fetch session that is begun says it, and it is ended again.
    pub fn shard(&mut self, topic: &str, shards: u16) -> u16 {
        let head =
            |id: i32, epoch: i32| Writer::default().i32(-1).i32(0).i32(0).i32(1).i8(0).i32(id).i32(epoch);
        let part = |body: Writer| body.i32(1).string(topic).i32(1).i32(0).i32(-1).i64(0).i64(-1).i32(1);
        let response = self.call(FETCH, 11, &part(head(0, 0)).i32(0).string(""));
        let mut r = Reader(&response);
        let (_throttle, error, session) = (r.i32(), r.i16(), r.i32());
        assert!(error == 0 && session > 0, "no session was begun: error {error}");
        self.call(FETCH, 11, &head(session, -1).i32(0).i32(0).string(""));
        (session % i32::from(shards)) as u16
    }

    /// The offset at a timestamp (-1 latest, -2 earliest) by `ListOffsets` v5: error, timestamp, offset.
    pub fn list_offset(&mut self, topic: &str, partition: i32, timestamp: i64) -> (i16, i64, i64) {
        let body =
            Writer::default().i32(-1).i8(0).i32(1).string(topic).i32(1).i32(partition).i32(-1).i64(timestamp);
        let response = self.call(LIST_OFFSETS, 5, &body);
        let mut r = Reader(&response);
        r.i32();
        assert_eq!((r.count(), r.string().as_str(), r.count(), r.i32()), (1, topic, 1, partition));
        (r.i16(), r.i64(), r.i64())
    }

    /// `InitProducerId` v1: error, id, epoch.
    pub fn init_producer_id(&mut self) -> (i16, i64, i16) {
        let response = self.call(INIT_PRODUCER_ID, 1, &Writer::default().i16(-1).i32(60_000));
        let mut r = Reader(&response);
        r.i32();
        (r.i16(), r.i64(), r.i16())
    }
}
