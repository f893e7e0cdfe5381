//! `IncrementalAlterConfigs` v0-1 (KIP-339): sets, deletes, appends and subtracts settings of topics, of this broker and of all brokers.

use std::collections::BTreeSet;
use std::rc::Rc;

use logan_shards as shards;

use super::{Context, admin, describe_configs};
use crate::metadata::{Command, ConfigChange, ConfigChanges, ConfigOperation, Refused, Reply, Resource};
use crate::model::NodeId;
use crate::protocol::messages::incremental_alter_configs::{
    AlterConfigsResource, AlterConfigsResourceResponse,
};
use crate::protocol::messages::{IncrementalAlterConfigsRequest, IncrementalAlterConfigsResponse};
use crate::protocol::{ErrorCode, Str};

pub(super) async fn handle(
    context: &Rc<Context>,
    request: IncrementalAlterConfigsRequest,
) -> IncrementalAlterConfigsResponse {
    let mut responses: Vec<AlterConfigsResourceResponse> = request.resources.iter().map(unanswered).collect();
    let mut places = Vec::new();
    let mut resources = Vec::new();
    let named = |asked: &AlterConfigsResource| (asked.resource_type, asked.resource_name.clone());
    let (mut seen, mut doubled) = (BTreeSet::new(), BTreeSet::new());
    for asked in &request.resources {
        if !seen.insert(named(asked)) {
            doubled.insert(named(asked));
        }
        shards::yield_if_needed().await;
    }
    for (place, asked) in request.resources.iter().enumerate() {
        match changes(context, asked) {
            _ if doubled.contains(&named(asked)) => refuse(
                &mut responses[place],
                ErrorCode::INVALID_REQUEST,
                "Each resource must appear at most once.",
            ),
            Ok(changes) => {
                places.push(place);
                resources.push(changes);
            }
            Err((error, message)) => refuse(&mut responses[place], error, &message),
        }
        shards::yield_if_needed().await;
    }
    let command = Command::AlterConfigs { resources, validate_only: request.validate_only };
    match admin::decide(context, command).await {
        Ok(Reply::Done(done)) => {
            for (place, done) in places.into_iter().zip(done) {
                if let Err(Refused { error, message }) = done {
                    refuse(&mut responses[place], error, &message);
                }
            }
        }
        Ok(other) => admin::mismatch(&other),
        Err(Refused { error, message }) => {
            for place in places {
                refuse(&mut responses[place], error, &message);
            }
        }
    }
    IncrementalAlterConfigsResponse { responses, ..Default::default() }
}

fn changes(context: &Context, asked: &AlterConfigsResource) -> Result<ConfigChanges, (ErrorCode, String)> {
    let resource = resource(context, asked.resource_type, &asked.resource_name)?;
    let mut changes = Vec::with_capacity(asked.configs.len());
    let mut seen = BTreeSet::new();
    for config in &asked.configs {
        let operation = match config.config_operation {
            0 => ConfigOperation::Set,
            1 => ConfigOperation::Delete,
            2 => ConfigOperation::Append,
            3 => ConfigOperation::Subtract,
            other => return Err((ErrorCode::INVALID_REQUEST, format!("Unknown operation type {other}"))),
        };
        if !seen.insert(config.name.as_str()) {
            return Err((ErrorCode::INVALID_REQUEST, "Error due to duplicate config keys".to_owned()));
        }
        let value = config.value.as_ref().map(Str::to_string);
        changes.push(ConfigChange { name: config.name.to_string(), operation, value });
    }
    Ok(ConfigChanges { resource, changes })
}

/// The resource that a client names. Kafka refuses in other words than where one is described.
fn resource(context: &Context, kind: i8, name: &str) -> Result<Resource, (ErrorCode, String)> {
    let refused = |message: String| Err((ErrorCode::INVALID_REQUEST, message));
    match kind {
        describe_configs::TOPIC if name.is_empty() => {
            refused("Default topic resources are not allowed.".to_owned())
        }
        describe_configs::BROKER if !name.is_empty() => {
            let own = context.settings.broker.node_id;
            match name.parse() {
                Ok(id) if NodeId(id) == own => Ok(Resource::Broker(Some(own))),
                Ok(id) => refused(format!("Unexpected broker id, expected {own}, but received {id}")),
                Err(_) => refused(format!("Node id must be an integer, but it is: {name}")),
            }
        }
        // Those that Kafka has besides: groups, client metrics, loggers.
        describe_configs::TOPIC | describe_configs::BROKER | 8 | 16 | 32 => {
            describe_configs::resource(context, kind, name)
        }
        other => refused(format!("Unknown resource type {other}")),
    }
}

fn unanswered(asked: &AlterConfigsResource) -> AlterConfigsResourceResponse {
    AlterConfigsResourceResponse {
        resource_type: asked.resource_type,
        resource_name: asked.resource_name.clone(),
        // Kafka's schema has "" as the default of this field, its broker null.
        error_message: None,
        ..Default::default()
    }
}

fn refuse(response: &mut AlterConfigsResourceResponse, error_code: ErrorCode, message: &str) {
    response.error_code = error_code;
    response.error_message = Some(message.into());
}
