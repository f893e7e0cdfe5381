//! See this crate's README.

pub mod batch;
pub mod broker;
pub mod clients;
pub mod codec;
#[rustfmt::skip] // Generated.
pub mod codec_table;
pub mod fuzz;
pub mod generator;
pub mod golden;
pub mod java;
pub mod proxy;
pub mod simulation;
pub mod typed;
pub mod wire;

/// Runs each of these tests (`fn name(shards: u16)`) with one shard, with two, and with more than the machine has cores: clients are to see no
/// difference.
#[macro_export]
macro_rules! with_each_number_of_shards {
    ($($test:ident,)*) => {
        $crate::with_each_number_of_shards!(one_shard: 1; $($test,)*);
        $crate::with_each_number_of_shards!(two_shards: 2; $($test,)*);
        $crate::with_each_number_of_shards!(more_shards_than_cores: $crate::broker::more_shards_than_cores(); $($test,)*);
    };
    ($number:ident: $shards:expr; $($test:ident,)*) => {
        mod $number {
            $(
                #[test]
                fn $test() {
                    if $crate::broker::is_worth_asking($shards) {
                        super::$test($shards);
                    }
                }
            )*
        }
    };
}
