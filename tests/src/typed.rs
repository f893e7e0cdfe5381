//! Requests in the broker's own codec, for tests that are about something else: the codec itself is proven by Kafka's bytes (`protocol/golden.rs`).

use bytes::Bytes;
use logan::protocol::{Message, Request};

use crate::wire::{Connection, Writer};

/// Asks, and returns the answer.
///
/// # Panics
/// If there is none, or if it is of another request or version.
pub fn call<R: Request>(connection: &mut Connection, version: i16, request: &R) -> R::Response {
    let what = format!("{} v{version}", R::KEY.name());
    let body = request.write(version).unwrap_or_else(|error| panic!("{what} cannot be asked for: {error}"));
    let is_tagged = R::KEY.request_header_version(version) == 2;
    let head = if is_tagged { &[0][..] } else { &[] };
    let body = Writer::default().raw(head).raw(&body.contiguous());
    let id = connection.send(R::KEY as i16, version, &body.0).expect("the broker reads");
    let received = connection.receive();
    let (answered, response) = received.unwrap_or_else(|error| panic!("{what} is not answered: {error}"));
    assert_eq!(answered, id);
    let rest = Bytes::from(response).slice(R::KEY.response_header_version(version) as usize..);
    R::Response::read(version, rest).unwrap_or_else(|error| panic!("{what}: {error}"))
}
