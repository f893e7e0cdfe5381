//! No bytes make a decoder panic, or take memory beyond a small multiple of their own size.

use bytes::Bytes;
use logan::protocol::ErrorCode;
use logan::protocol::records::{
    BatchBuilder, Codec as Compressor, Compression, Invalid, Rules, Step, Stepwise, Timestamps, Validation,
};
use logan_shards::allocation::{Counting, peak};
use logan_tests::codec::Codec;
use logan_tests::codec_table::CODECS;
use logan_tests::fuzz::message_bytes;
use logan_tests::golden;
use proptest::prelude::*;

#[global_allocator]
static ALLOCATOR: Counting = Counting;

/// Decodes and returns the memory it took for each byte.
fn decode(codec: &Codec, version: i16, bytes: &Bytes) -> usize {
    let copy = bytes.clone();
    let (result, bytes_taken) = peak(|| (codec.decode)(version, copy));
    assert!(
        bytes_taken <= message_bytes(bytes.len()),
        "{} v{version}: {bytes_taken} bytes for {}: {result:?}",
        codec.name,
        bytes.len()
    );
    bytes_taken
}

#[test]
fn the_allocator_counts() {
    let (kept, bytes) = peak(|| vec![0_u8; 1000]);
    assert_eq!((kept.len(), bytes), (1000, 1000));
}

#[test]
fn lying_lengths_take_no_memory() {
    // What a length can be at most in each of its forms: 32 bits, 16 bits, compact.
    let lies: [&[u8]; 4] =
        [&[0x7f, 0xff, 0xff, 0xff], &[0, 0x7f, 0xff, 0xff], &[0x7f, 0xff], &[0xff, 0xff, 0xff, 0xff, 0x07]];
    let mut decoded = 0;
    for line in golden::lines("messages.tsv").iter().filter(|line| line.bytes.len() <= 400) {
        let codec = Codec::find(&line.kind, &line.name).expect("every golden message is known");
        for lie in lies {
            for at in 0..=line.bytes.len().saturating_sub(lie.len()) {
                let mut bytes = line.bytes.to_vec();
                let end = (at + lie.len()).min(bytes.len());
                bytes.splice(at..end, lie.iter().copied());
                decode(codec, line.version, &Bytes::from(bytes));
                decoded += 1;
            }
        }
    }
    assert!(decoded > 100_000, "only {decoded} lies were told");
}

#[test]
fn a_large_frame_of_the_smallest_elements_is_refused() {
    // `DeleteGroups` v2: an array of names, each the one byte of an empty string. A frame of 1 MiB would be 32 MiB of names.
    let mut bytes = vec![0xff, 0xff, 0x3f];
    bytes.resize(1 << 20, 1);
    let codec = Codec::find("request", "DeleteGroupsRequest").expect("a request");
    let bytes = Bytes::from(bytes);
    assert!((codec.decode)(2, bytes.clone()).is_err());
    decode(codec, 2, &bytes);
}

const RULES: Rules = Rules {
    version: 9,
    now_ms: 0,
    max_batch_bytes: 1 << 20,
    segment_bytes: 1 << 30,
    max_unpacked_bytes: 256 << 20,
    is_compacted: false,
    timestamps: Timestamps::Create { before_max_ms: i64::MAX, after_max_ms: i64::MAX },
    compression: None,
    record_errors: 1000,
};

/// A batch of records that have `bytes` zeros each.
fn zeros(codec: Compressor, records: usize, bytes: usize) -> Bytes {
    let mut builder = BatchBuilder::new(Compression::of(codec));
    for _ in 0..records {
        builder.append(0, None, Some(&vec![0; bytes]), &[]);
    }
    builder.finish(None)
}

/// Batches of many connections are validated side by side, a step of each after the other.
#[test]
fn a_validation_that_waits_for_its_turn_does_not_hold_the_large_record_that_it_has_read() {
    for codec in [Compressor::Gzip, Compressor::Zstd, Compressor::Lz4] {
        let bomb = zeros(codec, 2, 20 << 20);
        assert!(bomb.len() < 200 << 10);
        let begin = || Validation::begin(&bomb, RULES).expect("nothing is wrong with it");
        // The first record, and a little of the second.
        let budget = (20 << 20) + (64 << 10);
        let (waiting, bytes) = peak(|| (0..20).map(|_| begin().step(budget)).collect::<Vec<_>>());
        assert!(waiting.iter().all(|step| matches!(step, Ok(Step::More(_)))));
        // One record while its window doubles; of each of the others, a block or what a window keeps.
        assert!(bytes < (80 << 20) + 20 * (5 << 20), "{codec:?}: {bytes} bytes");
    }
}

#[test]
fn a_large_record_is_gathered_in_steps() {
    const BYTES: usize = 20 << 20;
    const STEP: usize = 64 << 10;
    for codec in [Compressor::Gzip, Compressor::Zstd, Compressor::Lz4, Compressor::Snappy] {
        let mut step =
            Step::More(Validation::begin(&zeros(codec, 1, BYTES), RULES).expect("nothing is wrong with it"));
        let (mut gathering, mut most) = (0, 0);
        while let Step::More(validation) = step {
            // What the record will come to is told as soon as its length is known.
            gathering += usize::from(validation.held() > BYTES);
            most = most.max(validation.held());
            step = validation.step(STEP).expect("nothing is wrong with it");
        }
        // A block may be longer than what is left of a step.
        assert!(gathering >= BYTES / (2 * STEP), "{codec:?}: {gathering} steps");
        assert!(most < 4 * BYTES, "{codec:?}: {most} bytes");
    }
}

#[test]
fn what_is_written_out_anew_takes_no_more_than_may_be_stored() {
    let bomb = zeros(Compressor::Zstd, 10_000, 20 << 10);
    let rules = Rules { compression: Some(Compression::None), ..RULES };
    let (result, bytes) = peak(|| logan::protocol::records::validate(&bomb, rules));
    assert!(matches!(result, Err(Invalid { error: ErrorCode::MESSAGE_TOO_LARGE, .. })), "{result:?}");
    assert!(bytes < 8 << 20, "{bytes} bytes");
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 64, ..ProptestConfig::default() })]

    #[test]
    fn arbitrary_bytes(bytes in prop::collection::vec(any::<u8>(), 0..300)) {
        let bytes = Bytes::from(bytes);
        for codec in CODECS {
            for version in codec.min_version..=codec.max_version {
                decode(codec, version, &bytes);
            }
        }
    }

    /// Few different bytes, so that lengths are small and structures nest.
    #[test]
    fn small_bytes(bytes in prop::collection::vec(0..4_u8, 0..2000)) {
        let bytes = Bytes::from(bytes);
        for codec in CODECS {
            for version in codec.min_version..=codec.max_version {
                decode(codec, version, &bytes);
            }
        }
    }
}
