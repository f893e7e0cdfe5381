//! A connection to a broker, as a client sees it.

use std::time::Duration;

use bytes::Bytes;
use logan::protocol::messages::ApiVersionsRequest;
use logan::protocol::{ApiKey, ErrorCode, Request, Str, frame};
use logan_shards::{AlignedBuffer, Connection, NetError, Reader, Writer};

use crate::verify::Fault;

/// Read at a time. Longer answers go to a buffer of their own.
const READ_BYTES: usize = 64 << 10;
/// A longer answer is none.
const MAX_ANSWER_BYTES: usize = 512 << 20;

/// How long an answer may take: making thousands of partitions takes Kafka a while.
const PATIENCE: Duration = Duration::from_secs(30);

/// Versions of every request that this client sends: the newest that Kafka 2.8 has, so that any later broker has them, too.
pub const PRODUCE: i16 = 9;
pub const FETCH: i16 = 12;
pub const LIST_OFFSETS: i16 = 6;
pub const METADATA: i16 = 9;
pub const CREATE_TOPICS: i16 = 7;
pub const DELETE_TOPICS: i16 = 5;
pub const INIT_PRODUCER_ID: i16 = 4;
pub const DESCRIBE_CONFIGS: i16 = 4;

#[derive(Debug, thiserror::Error)]
pub enum ClientError {
    #[error("{0}")]
    Network(#[from] NetError),
    #[error("the broker closed the connection")]
    Closed,
    #[error("the broker did not answer within {} s", PATIENCE.as_secs())]
    Silent,
    #[error("the broker sent what is no answer: {0}")]
    Garbled(String),
    #[error("the broker does not serve {api} in version {version}: Kafka 2.8 or later is needed")]
    Unsupported { api: &'static str, version: i16 },
    /// The partition has no leader yet, or the coordinator has not read what it knows: to be asked again.
    #[error("{0}")]
    NotYet(String),
    #[error("{0}")]
    Refused(String),
    /// What was read is not what was sent.
    #[error("{0}")]
    Wrong(#[from] Fault),
}

/// Requests on their way out, in order.
pub struct Sender {
    writer: Writer,
    next_id: i32,
}

/// Answers, in the order of their requests.
pub struct Answers {
    reader: Reader,
    received: Vec<u8>,
    start: usize,
    end: usize,
    next_id: i32,
}

/// Connects, and makes sure that the broker has the versions that are used.
pub async fn connect(address: &str) -> Result<(Sender, Answers), ClientError> {
    let connected = logan_shards::timeout(PATIENCE, connect_and_ask(address)).await;
    connected.map_err(|_| ClientError::Silent)?
}

async fn connect_and_ask(address: &str) -> Result<(Sender, Answers), ClientError> {
    let (reader, writer) = Connection::connect(address).await?.split();
    let mut sender = Sender { writer, next_id: 0 };
    let mut answers = Answers { reader, received: vec![0; READ_BYTES], start: 0, end: 0, next_id: 0 };
    let hello = ApiVersionsRequest {
        client_software_name: Str::from_static("logan-bench"),
        client_software_version: Str::from_static(env!("CARGO_PKG_VERSION")),
        ..ApiVersionsRequest::default()
    };
    sender.send(3, &hello).await?;
    let answer = answers.next::<ApiVersionsRequest>(3).await?;
    let used = [
        (ApiKey::Produce, PRODUCE),
        (ApiKey::Fetch, FETCH),
        (ApiKey::ListOffsets, LIST_OFFSETS),
        (ApiKey::Metadata, METADATA),
        (ApiKey::CreateTopics, CREATE_TOPICS),
        (ApiKey::DeleteTopics, DELETE_TOPICS),
        (ApiKey::InitProducerId, INIT_PRODUCER_ID),
        (ApiKey::DescribeConfigs, DESCRIBE_CONFIGS),
    ];
    for (api, version) in used {
        let served = answer.api_keys.iter().find(|served| served.api_key == api as i16);
        if !served.is_some_and(|served| (served.min_version..=served.max_version).contains(&version)) {
            return Err(ClientError::Unsupported { api: api.name(), version });
        }
    }
    Ok((sender, answers))
}

impl Sender {
    pub async fn send<R: Request>(&mut self, version: i16, request: &R) -> Result<(), ClientError> {
        let client = Some(Str::from_static("logan-bench"));
        let encoded = frame::request(version, self.next_id, client, request)
            .map_err(|error| ClientError::Refused(error.to_string()))?;
        self.next_id = self.next_id.wrapping_add(1);
        Ok(self.writer.write_all(encoded.slices()).await?)
    }
}

impl Answers {
    /// The next answer, which must be that of the next request.
    pub async fn next<R: Request>(&mut self, version: i16) -> Result<R::Response, ClientError> {
        let frame =
            logan_shards::timeout(PATIENCE, self.frame()).await.map_err(|_| ClientError::Silent)??;
        let (id, response) = frame::read_response::<R>(version, frame)
            .map_err(|error| ClientError::Garbled(error.to_string()))?;
        if id != self.next_id {
            return Err(ClientError::Garbled(format!("answer {id} came where {} was due", self.next_id)));
        }
        self.next_id = self.next_id.wrapping_add(1);
        Ok(response)
    }

    async fn frame(&mut self) -> Result<Bytes, ClientError> {
        while self.end - self.start < 4 {
            self.receive().await?;
        }
        let size = &self.received[self.start..self.start + 4];
        let size = i32::from_be_bytes(size.try_into().expect("four bytes"));
        self.start += 4;
        let size = usize::try_from(size).ok().filter(|size| (4..=MAX_ANSWER_BYTES).contains(size));
        let Some(size) = size else {
            return Err(ClientError::Garbled("an answer of impossible length".to_owned()));
        };
        if size > READ_BYTES / 2 {
            return self.long(size).await;
        }
        while self.end - self.start < size {
            self.receive().await?;
        }
        let frame = Bytes::copy_from_slice(&self.received[self.start..self.start + size]);
        self.start += size;
        Ok(frame)
    }

    /// Reads straight into memory of the answer's own.
    async fn long(&mut self, size: usize) -> Result<Bytes, ClientError> {
        let mut buffer = AlignedBuffer::take(size);
        let mut filled = (self.end - self.start).min(size);
        buffer.bytes_mut()[..filled].copy_from_slice(&self.received[self.start..self.start + filled]);
        self.start += filled;
        while filled < size {
            match self.reader.read(&mut buffer.bytes_mut()[filled..size]).await? {
                0 => return Err(ClientError::Closed),
                count => filled += count,
            }
        }
        Ok(buffer.seal().slice(..size))
    }

    async fn receive(&mut self) -> Result<(), ClientError> {
        if self.start == self.end {
            (self.start, self.end) = (0, 0);
        } else if self.start > READ_BYTES / 2 {
            self.received.copy_within(self.start..self.end, 0);
            (self.start, self.end) = (0, self.end - self.start);
        }
        match self.reader.read(&mut self.received[self.end..]).await? {
            0 => Err(ClientError::Closed),
            count => {
                self.end += count;
                Ok(())
            }
        }
    }
}

/// An error code, with what it was about.
pub fn check(code: ErrorCode, about: impl FnOnce() -> String) -> Result<(), ClientError> {
    match code {
        ErrorCode::NONE => Ok(()),
        ErrorCode::NOT_LEADER_OR_FOLLOWER
        | ErrorCode::LEADER_NOT_AVAILABLE
        | ErrorCode::COORDINATOR_LOAD_IN_PROGRESS => {
            Err(ClientError::NotYet(format!("{}: {code:?}", about())))
        }
        _ => Err(ClientError::Refused(format!("{}: {code:?}", about()))),
    }
}
