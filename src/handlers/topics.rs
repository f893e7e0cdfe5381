//! Topics as handlers see them: by name or by id, with their settings resolved.

use std::cell::RefCell;
use std::collections::BTreeMap;
use std::rc::Rc;
use std::sync::Arc;

use super::Context;
use super::fetch_sessions::Named;
use crate::config::TopicSettings;
use crate::metadata::{Image, Resource, Topic};
use crate::model::{PartitionId, PartitionIndex, Uuid};
use crate::protocol::ErrorCode;

/// The settings of topics, resolved once for each version of the configuration.
#[derive(Default)]
pub struct TopicCache(RefCell<BTreeMap<Uuid, Rc<TopicSettings>>>);

impl TopicCache {
    pub fn settings(&self, context: &Context, topic: &Topic) -> Rc<TopicSettings> {
        if let Some(settings) = self.0.borrow().get(&topic.id) {
            return settings.clone();
        }
        let image = context.image();
        let overrides = image.config(&Resource::Topic(topic.name.clone()));
        let settings = Rc::new(context.with_layers(|layers| TopicSettings::resolve(layers, overrides)));
        self.0.borrow_mut().insert(topic.id, settings.clone());
        settings
    }

    /// The configuration changed, or topics were deleted.
    pub fn clear(&self) {
        self.0.borrow_mut().clear();
    }
}

/// A topic by its id if the client gives one, else by its name. The error is the one for each of its partitions.
pub(super) fn find<'a>(image: &'a Image, id: Uuid, name: &str) -> Result<&'a Arc<Topic>, ErrorCode> {
    if id.is_zero() {
        image.topic(name).ok_or(ErrorCode::UNKNOWN_TOPIC_OR_PARTITION)
    } else {
        image.topic_by_id(id).ok_or(ErrorCode::UNKNOWN_TOPIC_ID)
    }
}

/// The partition, if the topic has it.
pub(super) fn partition(topic: &Topic, index: i32) -> Result<PartitionId, ErrorCode> {
    let index = PartitionIndex(index);
    match topic.partitions.get(&index) {
        Some(_) => Ok(PartitionId { topic: topic.id, index }),
        None => Err(ErrorCode::UNKNOWN_TOPIC_OR_PARTITION),
    }
}

pub(super) fn find_named(image: &Image, named: &Named) -> Result<PartitionId, ErrorCode> {
    partition(find(image, named.topic_id, &named.topic)?, named.partition)
}

/// Node id and leader epoch of a partition's leader.
pub(super) fn leader(image: &Image, partition: PartitionId) -> Option<(i32, i32)> {
    let topic = image.topic_by_id(partition.topic)?;
    let partition = topic.partitions.get(&partition.index)?;
    Some((partition.leader?.0, partition.leader_epoch.0))
}

/// Where clients that came in by a listener (its place in the settings) reach the brokers: node id, host and port. A client is told of the
/// listener of that name only: it may reach no other one. Brokers that do not have it are left out, as Kafka does.
pub(super) fn endpoints<'a>(
    context: &'a Context,
    image: &'a Image,
    listener: usize,
) -> impl Iterator<Item = (i32, &'a str, i32)> {
    let name = &context.settings.broker.listeners[listener].advertised.name;
    image.brokers().filter_map(move |broker| {
        let endpoint = broker.endpoints.iter().find(|endpoint| endpoint.listener == *name)?;
        Some((broker.id.0, endpoint.host.as_str(), i32::from(endpoint.port)))
    })
}
