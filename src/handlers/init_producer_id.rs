//! `InitProducerId` v0-5 (KIP-98, KIP-360): a producer id for an idempotent producer. Whoever has one already, and says so, is given another one,
//! as Kafka does; an id without its epoch, or an epoch without an id, is no question.
//!
//! Not here: transactional ids (refused with `INVALID_REQUEST` until there is a transaction coordinator). A shard takes blocks of ids
//! from the leader of the metadata, so an id is given once whatever crashes.

use std::rc::Rc;

use super::{Context, admin};
use crate::metadata::{Command, Reply};
use crate::protocol::ErrorCode;
use crate::protocol::messages::{InitProducerIdRequest, InitProducerIdResponse};

const NO_PRODUCER_ID: i64 = -1;
const NO_PRODUCER_EPOCH: i16 = -1;

pub(super) async fn handle(context: &Rc<Context>, request: InitProducerIdRequest) -> InitProducerIdResponse {
    let is_half = (request.producer_id == NO_PRODUCER_ID) != (request.producer_epoch == NO_PRODUCER_EPOCH);
    if request.transactional_id.is_some() || is_half {
        return InitProducerIdResponse {
            error_code: ErrorCode::INVALID_REQUEST,
            producer_epoch: -1,
            ..Default::default()
        };
    }
    loop {
        let (next, end) = context.producer_ids.get();
        if next < end {
            context.producer_ids.set((next + 1, end));
            return InitProducerIdResponse { producer_id: next, producer_epoch: 0, ..Default::default() };
        }
        let broker = context.settings.broker.node_id;
        match admin::decide(context, Command::AllocateProducerIds { broker, above: -1 }).await {
            // Two requests may have asked at once: the later block replaces what is left of the earlier, which is never used.
            Ok(Reply::ProducerIds { first, count }) => context.producer_ids.set((first, first + count)),
            Ok(other) => admin::mismatch(&other),
            Err(refused) => {
                let error_code = refused.error;
                return InitProducerIdResponse { error_code, producer_epoch: -1, ..Default::default() };
            }
        }
    }
}
