//! What broker settings demand of each other, at start and at every alteration. Source: `KafkaConfig.validateValues`.

use super::fixed::ConfigError;
use super::layers::Layers;

/// One relation that does not hold: of which setting, and why.
pub(super) type Broken = (&'static str, String);

/// All relations that do not hold, as errors of a start.
pub(super) fn check(layers: &Layers<'_>) -> Vec<ConfigError> {
    broken(layers).into_iter().map(|(key, why)| layers.fixed.rule(key, why)).collect()
}

/// All relations that do not hold.
pub(super) fn broken(layers: &Layers<'_>) -> Vec<Broken> {
    let mut broken = Vec::new();
    check_log(layers, &mut broken);
    check_network(layers, &mut broken);
    check_replication(layers, &mut broken);
    broken
}

/// The first of a family of settings that has a value, in milliseconds.
fn time(layers: &Layers<'_>, family: &[(&'static str, i64)]) -> Option<(&'static str, i64)> {
    family.iter().find_map(|(key, unit)| Some((*key, layers.optional_integer(key)?.saturating_mul(*unit))))
}

fn check_log(layers: &Layers<'_>, broken: &mut Vec<Broken>) {
    let family = super::table::topic_synonyms;
    if let Some((key, 0)) = time(layers, family("retention.ms")) {
        broken
            .push((key, "log.retention.ms must be unlimited (-1) or, greater than or equal to 1".to_owned()));
    }
    if let Some((key, ..1)) = time(layers, family("segment.ms")) {
        broken.push((key, "log.roll.ms must be greater than or equal to 1".to_owned()));
    }
    if let Some((key, ..0)) = time(layers, family("segment.jitter.ms")) {
        broken.push((key, "log.roll.jitter.ms must be greater than or equal to 0".to_owned()));
    }
    let buffer = "log.cleaner.dedupe.buffer.size";
    let threads = layers.integer("log.cleaner.threads");
    if threads > 0 && layers.integer(buffer) / threads <= 1 << 20 {
        broken.push((
            buffer,
            "log.cleaner.dedupe.buffer.size must be at least 1MB per cleaner thread".to_owned(),
        ));
    }
    for key in ["offsets.topic.compression.codec", "share.coordinator.state.topic.compression.codec"] {
        if !(0..=4).contains(&layers.integer(key)) {
            broken.push((key, "a codec is 0 (none), 1 (gzip), 2 (snappy), 3 (lz4) or 4 (zstd)".to_owned()));
        }
    }
}

fn check_network(layers: &Layers<'_>, broken: &mut Vec<Broken>) {
    let queued = "queued.max.request.bytes";
    let largest = layers.integer("socket.request.max.bytes");
    if (1..largest).contains(&layers.integer(queued)) {
        broken.push((
            queued,
            format!("must be larger or equal to socket.request.max.bytes, which is {largest}"),
        ));
    }
    let per_ip = "max.connections.per.ip";
    if layers.integer(per_ip) == 0 && layers.text("max.connections.per.ip.overrides").is_empty() {
        let why = "max.connections.per.ip can be set to zero only if max.connections.per.ip.overrides property is set.";
        broken.push((per_ip, why.to_owned()));
    }
}

fn check_replication(layers: &Layers<'_>, broken: &mut Vec<Broken>) {
    let wait = "replica.fetch.wait.max.ms";
    for longer in ["replica.socket.timeout.ms", "replica.lag.time.max.ms"] {
        if layers.integer(wait) > layers.integer(longer) {
            broken
                .push((wait, format!("must be no more than {longer}, which is {}", layers.integer(longer))));
        }
    }
}

#[cfg(test)]
mod tests {
    use super::super::fixed::FixedSettings;
    use super::*;

    #[test]
    fn relations_are_kafkas() {
        let check = |text: &str, expect: &str| {
            let (fixed, _) = FixedSettings::read(Some(("f", text.as_bytes())), &[]).expect(text);
            let errors: Vec<String> =
                check(&Layers::of_file(&fixed)).iter().map(ToString::to_string).collect();
            assert_eq!(errors.join("; "), expect);
        };
        check("", "");
        check("log.retention.ms=-5\nlog.roll.jitter.ms=0", "");
        check(
            "log.retention.minutes=0",
            "f:1: log.retention.minutes=0: log.retention.ms must be unlimited (-1) or, greater than or equal to 1",
        );
        check("log.roll.ms=0", "f:1: log.roll.ms=0: log.roll.ms must be greater than or equal to 1");
        check(
            "log.cleaner.threads=200",
            "log.cleaner.dedupe.buffer.size=134217728: log.cleaner.dedupe.buffer.size must be at least 1MB per cleaner thread",
        );
        check(
            "queued.max.request.bytes=5",
            "f:1: queued.max.request.bytes=5: must be larger or equal to socket.request.max.bytes, which is 104857600",
        );
        check("max.connections.per.ip=0\nmax.connections.per.ip.overrides=a:1", "");
        check(
            "offsets.topic.compression.codec=9",
            "f:1: offsets.topic.compression.codec=9: a codec is 0 (none), 1 (gzip), 2 (snappy), 3 (lz4) or 4 (zstd)",
        );
    }
}
