//! `DescribeConfigs` v1-4 (KIP-133, KIP-226, KIP-569): the settings of topics, of this broker and of all brokers, with where each value
//! comes from. Documented are the settings that only Logan has; Kafka's are answered with null.
//!
//! Not here: loggers, client metrics and groups; they are refused as resource types. A resource that is named twice is described once, unlike
//! in Kafka: none of its clients does so.

use std::collections::BTreeSet;
use std::rc::Rc;

use logan_shards as shards;

use super::{Context, topics};
use crate::config::describe::{Described, SettingNames, describe_broker, describe_cluster, describe_topic};
use crate::config::table;
use crate::limits;
use crate::metadata::{Resource, invalid_topic_name};
use crate::model::{NodeId, Uuid};
use crate::protocol::messages::describe_configs::{
    DescribeConfigsResource, DescribeConfigsResourceResult, DescribeConfigsResult, DescribeConfigsSynonym,
};
use crate::protocol::messages::{DescribeConfigsRequest, DescribeConfigsResponse};
use crate::protocol::{ErrorCode, Str};

pub(super) const TOPIC: i8 = 2;
pub(super) const BROKER: i8 = 4;

/// What the settings of the resources that can be described come to in the answer, in bytes.
pub(super) fn bytes(context: &Context, request: &DescribeConfigsRequest) -> u64 {
    let image = context.image();
    let of = |resource: &DescribeConfigsResource| match resource.resource_type {
        TOPIC if image.topic(&resource.resource_name).is_some() => limits::DESCRIBED_SETTINGS_BYTES,
        BROKER => limits::DESCRIBED_BROKER_BYTES,
        _ => 0,
    };
    // Each is described once: topics, this broker, and what holds for all.
    let most = image.topics().count() as u64 * limits::DESCRIBED_SETTINGS_BYTES;
    request.resources.iter().map(of).sum::<u64>().min(most + 2 * limits::DESCRIBED_BROKER_BYTES)
}

pub(super) async fn handle(
    context: &Rc<Context>,
    request: DescribeConfigsRequest,
) -> DescribeConfigsResponse {
    let mut response = DescribeConfigsResponse::default();
    let mut seen = BTreeSet::new();
    for resource in &request.resources {
        let mut result = DescribeConfigsResult {
            resource_type: resource.resource_type,
            resource_name: resource.resource_name.clone(),
            ..Default::default()
        };
        match describe(context, resource, &mut seen) {
            Ok(settings) => {
                // Kafka's schema has "" as the default of this field, its broker null.
                result.error_message = None;
                let settings = settings.into_iter();
                result.configs = settings.map(|setting| written(setting, &request)).collect();
            }
            Err((error_code, message)) => {
                result.error_code = error_code;
                result.error_message = Some(message.into());
            }
        }
        response.results.push(result);
        shards::yield_if_needed().await;
    }
    response
}

/// `seen` are the resources that were described before: a few bytes that name one again would cost tens of kilobytes each time.
fn describe(
    context: &Context,
    asked: &DescribeConfigsResource,
    seen: &mut BTreeSet<Resource>,
) -> Result<Vec<Described>, (ErrorCode, String)> {
    let keys = asked.configuration_keys.as_deref().unwrap_or_default();
    let names: BTreeSet<&str> = keys.iter().map(Str::as_str).collect();
    let wanted = if names.is_empty() { SettingNames::All } else { SettingNames::Names(&names) };
    let resource = resource(context, asked.resource_type, &asked.resource_name)?;
    if !seen.insert(resource.clone()) {
        return Err((ErrorCode::INVALID_REQUEST, "Each resource must appear at most once.".to_owned()));
    }
    let image = context.image();
    Ok(context.with_layers(|layers| match &resource {
        Resource::Topic(_) => describe_topic(layers, image.config(&resource), wanted),
        Resource::Broker(Some(_)) => describe_broker(layers, wanted),
        Resource::Broker(None) => describe_cluster(layers, wanted),
    }))
}

/// The resource that a client names, if this broker can speak of it.
pub(super) fn resource(context: &Context, kind: i8, name: &str) -> Result<Resource, (ErrorCode, String)> {
    match kind {
        TOPIC => {
            if let Some(why) = invalid_topic_name(name) {
                return Err((ErrorCode::INVALID_TOPIC_EXCEPTION, why));
            }
            topics::find(&context.image(), Uuid::ZERO, name)
                .map(|topic| Resource::Topic(topic.name.clone()))
                .map_err(|error| (error, format!("The topic '{name}' does not exist.")))
        }
        BROKER if name.is_empty() => Ok(Resource::Broker(None)),
        BROKER => {
            let own = context.settings.broker.node_id;
            match name.parse() {
                Ok(id) if NodeId(id) == own => Ok(Resource::Broker(Some(own))),
                Ok(id) => {
                    let message =
                        format!("Unexpected broker id, expected {own} or empty string, but received {id}");
                    Err((ErrorCode::INVALID_REQUEST, message))
                }
                Err(_) => Err((
                    ErrorCode::INVALID_REQUEST,
                    format!("Broker id must be an integer, but it is: {name}"),
                )),
            }
        }
        other => Err((ErrorCode::INVALID_REQUEST, format!("Unsupported resource type: {other}"))),
    }
}

fn written(setting: Described, request: &DescribeConfigsRequest) -> DescribeConfigsResourceResult {
    let config_type = setting.kind_code();
    let documentation = table::documentation(&setting.name).filter(|_| request.include_documentation);
    let synonyms = setting.synonyms.into_iter().filter(|_| request.include_synonyms).map(|synonym| {
        DescribeConfigsSynonym {
            name: synonym.name.into(),
            value: synonym.value.map(Str::from),
            source: synonym.source as i8,
            ..Default::default()
        }
    });
    DescribeConfigsResourceResult {
        name: setting.name.into(),
        value: setting.value.map(Str::from),
        read_only: setting.read_only,
        config_source: setting.source as i8,
        is_sensitive: setting.sensitive,
        synonyms: synonyms.collect(),
        config_type,
        documentation: documentation.map(Str::from),
        ..Default::default()
    }
}
