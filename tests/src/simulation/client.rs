//! A Kafka client of a simulated network: one connection, one request at a time.

use std::time::Duration;

use bytes::{Bytes, BytesMut};
use logan::protocol::messages::api_versions::ApiVersion;
use logan::protocol::{Request, frame};
use logan_shards::{Connection, timeout};

/// The connection ended, or nothing came for too long: whether the request was carried out is not known.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Lost;

const PATIENCE: Duration = Duration::from_secs(40);
pub const ADDRESS: &str = "logan:9092";

pub struct Client {
    connection: Connection,
    next: i32,
}

impl Client {
    pub async fn connect() -> Result<Self, Lost> {
        let connecting = timeout(PATIENCE, Connection::connect(ADDRESS)).await;
        let connection = connecting.map_err(|_| Lost)?.map_err(|_| Lost)?;
        Ok(Self { connection, next: 0 })
    }

    pub async fn call<R: Request>(&mut self, version: i16, body: &R) -> Result<R::Response, Lost> {
        self.next += 1;
        let correlation = self.next;
        let request =
            frame::request(version, correlation, None, body).expect("a request of ours can be written");
        let answered = timeout(PATIENCE, async {
            self.connection.write_all(request.slices()).await.map_err(|_| Lost)?;
            self.receive().await
        });
        let answer = answered.await.map_err(|_| Lost)??;
        let (echoed, response) =
            frame::read_response::<R>(version, answer).expect("the broker's responses can be read");
        assert_eq!(echoed, correlation, "responses come in the order of their requests");
        Ok(response)
    }

    async fn receive(&mut self) -> Result<Bytes, Lost> {
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
                Ok(0) | Err(_) => return Err(Lost),
                Ok(count) => filled += count,
            }
        }
        Ok(())
    }
}

/// The newest version of an API that a broker offers.
pub fn newest(offered: &[ApiVersion], key: i16) -> Option<i16> {
    offered.iter().find(|api| api.api_key == key).map(|api| api.max_version)
}
