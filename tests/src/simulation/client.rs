//! A Kafka client of a simulated network: one connection, with any number of requests in flight.

use std::any::type_name;
use std::collections::VecDeque;
use std::time::Duration;

use bytes::{Bytes, BytesMut};
use logan::protocol::messages::FetchRequest;
use logan::protocol::{ErrorCode, Request, frame};
use logan_shards::{Connection, timeout};

/// Whether the request was carried out is not known.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Lost {
    /// The connection ended.
    Ended,
    /// Nothing came for as long as the client waits. With it the type of the request.
    Silent(&'static str),
}

pub const ADDRESS: &str = "logan:9092";

pub struct Client {
    connection: Connection,
    /// Longer than any request may take.
    patience: Duration,
    next: i32,
    /// Correlation ids of the requests whose responses are still to come.
    owed: VecDeque<i32>,
}

impl Client {
    pub async fn connect(patience: Duration) -> Result<Self, Lost> {
        let connecting = timeout(patience, Connection::connect(ADDRESS)).await;
        let connection = connecting.map_err(|_| Lost::Silent("connect"))?.map_err(|_| Lost::Ended)?;
        Ok(Self { connection, patience, next: 0, owed: VecDeque::new() })
    }

    pub async fn call<R: Request>(&mut self, version: i16, body: &R) -> Result<R::Response, Lost> {
        self.send(version, std::slice::from_ref(body)).await?;
        self.receive::<R>(version).await
    }

    /// Sends requests in one write, so that they are likely to be read together.
    pub async fn send<R: Request>(&mut self, version: i16, bodies: &[R]) -> Result<(), Lost> {
        let mut slices = Vec::new();
        for body in bodies {
            self.next += 1;
            self.owed.push_back(self.next);
            let request = frame::request(version, self.next, None, body);
            slices.extend(request.expect("a request of ours can be written").into_slices());
        }
        let sent = timeout(self.patience, self.connection.write_all(&slices)).await;
        sent.map_err(|_| Lost::Silent(type_name::<R>()))?.map_err(|_| Lost::Ended)
    }

    /// The response to the oldest request that has none yet.
    pub async fn receive<R: Request>(&mut self, version: i16) -> Result<R::Response, Lost> {
        let owed = self.owed.pop_front().expect("a request is in flight");
        let answer = timeout(self.patience, self.frame()).await;
        let answer = answer.map_err(|_| Lost::Silent(type_name::<R>()))??;
        let (echoed, response) =
            frame::read_response::<R>(version, answer).expect("the broker's responses can be read");
        assert_eq!(echoed, owed, "responses come in the order of their requests");
        Ok(response)
    }

    /// The shard that serves this connection: the id of a fetch session says it. `None` if none can be begun now.
    pub async fn shard(&mut self, fetch: &FetchRequest, shards: u16) -> Result<Option<u16>, Lost> {
        let request = FetchRequest { session_epoch: 0, max_wait_ms: 0, max_bytes: 1, ..fetch.clone() };
        let response = self.call(11, &request).await?;
        let session = response.session_id;
        if response.error_code != ErrorCode::NONE || session == 0 {
            return Ok(None);
        }
        let end = FetchRequest { session_id: session, session_epoch: -1, topics: Vec::new(), ..request };
        self.call(11, &end).await?;
        Ok(Some((session % i32::from(shards)) as u16))
    }

    async fn frame(&mut self) -> Result<Bytes, Lost> {
        let mut size = [0; 4];
        self.fill(&mut size).await?;
        let mut answer = BytesMut::zeroed(u32::from_be_bytes(size) as usize);
        self.fill(&mut answer).await?;
        Ok(answer.freeze())
    }

    async fn fill(&mut self, buffer: &mut [u8]) -> Result<(), Lost> {
        let mut filled = 0;
        while filled < buffer.len() {
            match self.connection.read(&mut buffer[filled..]).await {
                Ok(0) | Err(_) => return Err(Lost::Ended),
                Ok(count) => filled += count,
            }
        }
        Ok(())
    }
}
