//! What tests of this module and of those above share: clusters and records.

use proptest::prelude::*;

use super::image::{Broker, FeatureRange, Image, Partition};
use super::record::{BrokerChange, PartitionChange, ProducerIds, Record};
use super::{Endpoint, Resource};
use crate::model::{LeaderEpoch, NodeId, PartitionEpoch, PartitionId, PartitionIndex, Uuid};

/// A broker with two directories: `1` and `2` followed by its id, in every byte.
pub fn broker(id: i32) -> Broker {
    Broker {
        id: NodeId(id),
        epoch: i64::from(id) + 1,
        incarnation: Uuid([9; 16]),
        endpoints: vec![Endpoint {
            listener: "PLAINTEXT".to_owned(),
            host: "localhost".to_owned(),
            port: 9092,
            security_protocol: 0,
        }],
        features: Vec::new(),
        rack: None,
        fenced: false,
        in_controlled_shutdown: false,
        log_dirs: vec![Uuid([10 + id as u8; 16]), Uuid([20 + id as u8; 16])],
    }
}

/// A cluster of `brokers` brokers, numbered from 0, and nothing else.
pub fn cluster(brokers: i32) -> Image {
    let mut image = Image::new("cluster");
    for id in 0..brokers {
        image.apply(&Record::RegisterBroker(broker(id))).expect("a registration always fits");
    }
    image
}

fn any_id() -> impl Strategy<Value = NodeId> {
    any::<i32>().prop_filter("a broker's id", |id| *id >= 0).prop_map(NodeId)
}

fn any_ids() -> impl Strategy<Value = Vec<NodeId>> {
    proptest::collection::vec(any_id(), 0..4)
}

fn any_uuid() -> impl Strategy<Value = Uuid> {
    any::<[u8; 16]>().prop_map(Uuid)
}

fn any_partition_id() -> impl Strategy<Value = PartitionId> {
    (any_uuid(), any::<i32>()).prop_map(|(topic, index)| PartitionId { topic, index: PartitionIndex(index) })
}

fn any_partition() -> impl Strategy<Value = Partition> {
    let lists = (any_ids(), any_ids(), any_ids(), any_ids());
    (lists, any::<[u8; 16]>(), proptest::option::of(any_id()), any::<(bool, i32, i32)>()).prop_map(
        |(
            (replicas, isr, removing, adding),
            directory,
            leader,
            (recovering, leader_epoch, partition_epoch),
        )| Partition {
            directories: vec![Uuid(directory); replicas.len()],
            replicas,
            isr,
            removing,
            adding,
            leader,
            recovering,
            leader_epoch: LeaderEpoch(leader_epoch),
            partition_epoch: PartitionEpoch(partition_epoch),
        },
    )
}

fn any_change() -> impl Strategy<Value = PartitionChange> {
    let list = || proptest::option::of(any_ids());
    let leader = proptest::option::of(proptest::option::of(any_id()));
    let directories = proptest::option::of(proptest::collection::vec(any_uuid(), 0..3));
    let lists = (list(), list(), list(), list());
    (any_partition_id(), leader, lists, any::<Option<bool>>(), directories).prop_map(
        |(id, leader, (isr, replicas, removing, adding), recovering, directories)| PartitionChange {
            id,
            leader,
            isr,
            replicas,
            removing,
            adding,
            recovering,
            directories,
        },
    )
}

fn any_broker() -> impl Strategy<Value = Broker> {
    let endpoint = ("[A-Z]{0,5}", "[a-zä]{0,9}", any::<u16>(), any::<i16>()).prop_map(
        |(listener, host, port, security_protocol)| Endpoint { listener, host, port, security_protocol },
    );
    let feature = ("[a-z.]{0,9}", any::<i16>(), any::<i16>()).prop_map(|(name, min, max)| FeatureRange {
        name,
        min,
        max,
    });
    let lists = (
        proptest::collection::vec(endpoint, 0..3),
        proptest::collection::vec(feature, 0..3),
        proptest::collection::vec(any_uuid(), 0..3),
    );
    (any_id(), any::<i64>(), any_uuid(), lists, proptest::option::of(".{0,9}"), any::<(bool, bool)>())
        .prop_map(
            |(
                id,
                epoch,
                incarnation,
                (endpoints, features, log_dirs),
                rack,
                (fenced, in_controlled_shutdown),
            )| Broker {
                id,
                epoch,
                incarnation,
                endpoints,
                features,
                rack,
                fenced,
                in_controlled_shutdown,
                log_dirs,
            },
        )
}

fn any_broker_change() -> impl Strategy<Value = BrokerChange> {
    let log_dirs = proptest::option::of(proptest::collection::vec(any_uuid(), 1..3));
    (any_id(), any::<i64>(), any::<Option<bool>>(), any::<bool>(), log_dirs).prop_map(
        |(id, epoch, fenced, begins_shutdown, log_dirs)| BrokerChange {
            id,
            epoch,
            fenced,
            begins_shutdown,
            log_dirs,
        },
    )
}

/// Any record that can be written, whether or not it fits some image.
pub fn any_record() -> impl Strategy<Value = Record> {
    let resource = prop_oneof![
        "[a-z]{1,9}".prop_map(Resource::Topic),
        any_id().prop_map(|id| Resource::Broker(Some(id))),
        Just(Resource::Broker(None)),
    ];
    prop_oneof![
        (".{0,20}", any_uuid()).prop_map(|(name, id)| Record::Topic { name, id }),
        (any_partition_id(), any_partition()).prop_map(|(id, partition)| Record::Partition { id, partition }),
        any_change().prop_map(Record::PartitionChange),
        any_uuid().prop_map(|id| Record::RemoveTopic { id }),
        (resource, ".{0,20}", proptest::option::of(".{0,40}"))
            .prop_map(|(resource, name, value)| Record::Config { resource, name, value }),
        any_broker().prop_map(Record::RegisterBroker),
        (any_id(), any::<i64>()).prop_map(|(id, epoch)| Record::UnregisterBroker { id, epoch }),
        any_broker_change().prop_map(Record::BrokerChange),
        (any_id(), any::<i64>(), any::<i64>()).prop_map(|(broker, broker_epoch, next)| Record::ProducerIds(
            ProducerIds { broker, broker_epoch, next }
        )),
        ("[a-z.]{0,20}", any::<i16>()).prop_map(|(name, level)| Record::FeatureLevel { name, level }),
        Just(Record::BeginTakeover),
        Just(Record::EndTakeover),
        Just(Record::NoOp),
    ]
}
