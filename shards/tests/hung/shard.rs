//! The shard that works on both devices.

use std::time::Duration;

use futures_util::FutureExt;
use futures_util::future::{join_all, try_join_all};
use logan_shards::{
    AlignedBuffer, Directory, File, IoError, OpenMode, Queue, RealOptions, Seat, sleep, spawn, timeout,
};

const BLOCK: usize = 4096;
/// More of each kind than the device may keep workers with.
const OF_EACH: usize = 100;
pub const READS: usize = 300;
pub const READS_GIVEN_UP: usize = 40;

pub fn run(hung: String, well: String) {
    let options = RealOptions { shards: 1, ..RealOptions::standard() };
    logan_shards::run(options, move |_seat: Seat<()>| {
        let (hung, well) = (hung.clone(), well.clone());
        async move { work(&hung, &well).await.unwrap_or_else(|error| panic!("{error}")) }.boxed_local()
    })
    .unwrap();
}

async fn files(directory: &Directory, kind: &str) -> Result<Vec<File>, IoError> {
    let names: Vec<String> = (0..OF_EACH).map(|number| format!("{kind}-{number}")).collect();
    try_join_all(names.iter().map(|name| directory.open_file(name, OpenMode::CreateNew))).await
}

fn block(byte: u8) -> bytes::Bytes {
    let mut buffer = AlignedBuffer::take(BLOCK);
    buffer.bytes_mut().fill(byte);
    buffer.seal()
}

async fn work(hung: &str, well: &str) -> Result<(), IoError> {
    let (hung, well) = (Directory::open(hung).await?, Directory::open(well).await?);
    let (written, synced, allocated) =
        (files(&hung, "w").await?, files(&hung, "s").await?, files(&hung, "a").await?);
    let read = hung.open_file("r", OpenMode::CreateNew).await?;
    println!("opened");
    // Whoever asked for these goes away, and the device goes on holding what they hold.
    let gone: Vec<_> = written
        .into_iter()
        .map(|file| spawn(Queue::Produce, async move { file.write(0, block(1)).await }))
        .collect();
    let gone_readers = async { join_all((0..READS_GIVEN_UP).map(|_| read.read(0, BLOCK))).await };
    drop(timeout(Duration::from_millis(300), gone_readers).await);
    drop(gone);
    println!("dropped");
    let reads = (0..READS).map(|number| read.read((number * BLOCK) as u64, BLOCK));
    let on_hung = async {
        let writes = files(&hung, "v").await?;
        let writes = async { try_join_all(writes.iter().map(|file| file.write(0, block(2)))).await };
        let syncs = try_join_all(synced.iter().map(File::sync_data));
        let allocations = try_join_all(allocated.iter().map(|file| file.allocate(0, 1 << 20)));
        let all = futures_util::try_join!(try_join_all(reads), writes, syncs, allocations)?;
        assert!(all.0.iter().all(|read| read.len() == BLOCK));
        Ok::<(), IoError>(())
    };
    let on_well = async {
        // Whatever is to hang does so by now.
        sleep(Duration::from_millis(500)).await;
        let went = timeout(Duration::from_secs(20), on_well(&well)).await;
        went.unwrap_or_else(|_| panic!("the other device is held up"))?;
        println!("the other device went on");
        Ok::<(), IoError>(())
    };
    futures_util::try_join!(on_hung, on_well)?;
    println!("all are done");
    Ok(())
}

/// What needs workers: new blocks, reservations and syncs of many files at once.
async fn on_well(directory: &Directory) -> Result<(), IoError> {
    let files = files(directory, "f").await?;
    let work = files.iter().map(|file| async {
        for round in 0..3 {
            let position = round * 8 * BLOCK as u64;
            file.write(position, block(3)).await?;
            file.allocate(position, 4 * BLOCK as u64).await?;
            file.sync_data().await?;
            assert_eq!(file.read(position, BLOCK).await?, block(3));
        }
        Ok::<(), IoError>(())
    });
    try_join_all(work).await.map(drop)
}
