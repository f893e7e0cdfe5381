//! Kafka's bytes and what they mean. Nothing below `handlers/` and `broker/` names this module.
//!
//! Read a request:
//!
//! ```ignore
//! match frames.step(&mut received)? {                       // `FrameReader`: one per connection
//!     Step::Need(bytes) => { /* receive */ }
//!     Step::Admit(announced) => { /* take credit for announced.size */ frames.admit() }
//!     Step::Request(frame) => match frame.api {
//!         ApiKey::Metadata => { let request: MetadataRequest = frame.decode()?; … }
//!         …
//!     },
//!     Step::Token(bytes) => …
//! }
//! ```
//!
//! Answer it:
//!
//! ```ignore
//! let body = MetadataResponse { brokers, topics, ..MetadataResponse::default() };
//! let encoded = frame::response(frame.api, frame.version, frame.correlation_id, &body)?;
//! socket.write_vectored(encoded.slices())
//! ```
//!
//! Records and other messages without a header: [`Message::read`], [`Message::write`].
//!
//! - Requests and responses are named in [`messages`]; the structures inside them are in the module of their API
//!   (`messages::fetch::FetchTopic`), and have the message's name before their own where two would be the same.
//!   Records are in modules of their family (`messages::group_records::OffsetCommitValue`).
//! - `Default` gives Kafka's defaults, not Rust's: `""` and not null for most nullable strings, `true` or `-1` where Kafka says
//!   so. What a version lacks must have its default when that version is written, unless it is ignorable.
//! - [`Str`], `Bytes` and [`Records`] of a request share its frame and keep it alive: copy what outlives it
//!   ([`Str::detached`]).
//! - `messages/`, `api_key.rs` and `model/error.rs` are generated from `schema/` by `cargo run -p logan-tests --bin
//!   generate-protocol`; a test fails when they are stale.

pub mod api;
#[rustfmt::skip] // Generated.
mod api_key;
pub mod frame;
mod message;
#[rustfmt::skip] // Generated.
pub mod messages;
mod reader;
pub mod records;
mod slices;
mod str;
mod tags;
mod writer;

pub use crate::model::ErrorCode;
pub use api::{Api, VersionRange};
pub use api_key::ApiKey;
pub use frame::{Announced, Frame, FrameError, FrameReader, Step};
pub use message::{Message, Request};
pub use reader::{DecodeError, Reader, Tags};
pub use slices::Records;
pub use str::Str;
pub use tags::UnknownTags;
pub use writer::{BY_REFERENCE_BYTES, EncodeError, Encoded, TagsMark, Writer};
