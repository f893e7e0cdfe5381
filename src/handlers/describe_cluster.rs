//! `DescribeCluster` v0-2 (KIP-700, KIP-919, KIP-1073): the brokers of the cluster.
//!
//! The controllers' endpoint type is refused: this listener is a broker's.

use std::rc::Rc;

use super::metadata::CLUSTER_OPERATIONS;
use super::{Context, Peer, topics};
use crate::protocol::ErrorCode;
use crate::protocol::messages::describe_cluster::DescribeClusterBroker;
use crate::protocol::messages::{DescribeClusterRequest, DescribeClusterResponse};

const BROKERS: i8 = 1;

pub(super) fn handle(
    context: &Rc<Context>,
    peer: &Peer,
    request: &DescribeClusterRequest,
) -> DescribeClusterResponse {
    if request.endpoint_type != BROKERS {
        let known = request.endpoint_type == 2;
        let error_code =
            if known { ErrorCode::MISMATCHED_ENDPOINT_TYPE } else { ErrorCode::UNSUPPORTED_ENDPOINT_TYPE };
        let message = format!(
            "This is a broker listener; endpoint type {} is not answered here.",
            request.endpoint_type
        );
        return DescribeClusterResponse {
            error_code,
            error_message: Some(message.into()),
            ..Default::default()
        };
    }
    let image = context.image();
    let brokers = topics::endpoints(context, &image, peer.listener).map(|(broker_id, host, port)| {
        DescribeClusterBroker {
            broker_id,
            host: host.into(),
            port,
            rack: image
                .broker(crate::model::NodeId(broker_id))
                .and_then(|broker| broker.rack.as_deref().map(Into::into)),
            ..Default::default()
        }
    });
    let mut response = DescribeClusterResponse {
        cluster_id: image.cluster_id().into(),
        controller_id: context.settings.broker.node_id.0,
        brokers: brokers.collect(),
        ..Default::default()
    };
    if request.include_cluster_authorized_operations {
        response.cluster_authorized_operations = CLUSTER_OPERATIONS;
    }
    response
}
