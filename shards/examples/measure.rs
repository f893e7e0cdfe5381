//! What the real machine costs: `measure idle`, `measure mail`, `measure bytes`, `measure files DIRECTORY`.

use std::time::Duration;

use bytes::Bytes;
use futures_util::FutureExt;
use futures_util::future::{LocalBoxFuture, try_join_all};
use logan_shards::{
    Class, Connection, Directory, IoError, Listener, NetError, OpenMode, Queue, RealOptions, Seat, ShardId,
    StartError, monotonic_ns, run, sleep, spawn, yield_now,
};

fn main() -> Result<(), StartError> {
    let arguments: Vec<String> = std::env::args().skip(1).collect();
    let options = RealOptions { shards: 2, ..RealOptions::standard() };
    let main = move |seat: Seat<u64>| -> LocalBoxFuture<'static, ()> {
        let arguments = arguments.clone();
        async move {
            let arguments: Vec<&str> = arguments.iter().map(String::as_str).collect();
            let stop = seat.stop.clone();
            let measured = match arguments[..] {
                ["idle"] => {
                    idle(seat).await;
                    Ok(())
                }
                ["mail"] => {
                    mail(seat).await;
                    Ok(())
                }
                ["bytes"] => bytes(seat).await.map_err(|error| error.to_string()),
                ["files", path] => files(seat, path).await.map_err(|error| error.to_string()),
                _ => Err("measure idle | mail | bytes | files DIRECTORY".to_owned()),
            };
            if let Err(error) = measured {
                eprintln!("{error}");
                stop.request();
            }
        }
        .boxed_local()
    };
    run(options, main)
}

fn status(name: &str) -> String {
    let status = std::fs::read_to_string("/proc/self/status").unwrap_or_default();
    status.lines().find(|line| line.starts_with(name)).unwrap_or_default().to_owned()
}

/// Microseconds of CPU that the process has used, and how often it was switched in.
fn usage() -> (u64, u64) {
    // SAFETY: all-zero bytes are a valid value of this plain structure, and it is valid for writing.
    let usage = unsafe {
        let mut usage: libc::rusage = std::mem::zeroed();
        libc::getrusage(libc::RUSAGE_SELF, &raw mut usage);
        usage
    };
    let microseconds = |t: libc::timeval| t.tv_sec as u64 * 1_000_000 + t.tv_usec as u64;
    (microseconds(usage.ru_utime) + microseconds(usage.ru_stime), usage.ru_nvcsw as u64)
}

async fn idle(seat: Seat<u64>) {
    if seat.shard.0 == 0 {
        sleep(Duration::from_secs(1)).await;
        let before = usage();
        sleep(Duration::from_secs(10)).await;
        let after = usage();
        println!(
            "10 s idle: {} us of CPU, {} wake-ups, {}",
            after.0 - before.0,
            after.1 - before.1,
            status("VmRSS")
        );
        seat.stop.request();
    }
    seat.stop.wait().await;
}

/// Round trips between two shards, one at a time: both idle, then both with a task that never stops yielding.
async fn mail(seat: Seat<u64>) {
    let other = ShardId(1 - seat.shard.0);
    let mut inbox = Vec::new();
    for busy in [false, true] {
        let load = busy.then(|| {
            spawn(Queue::Fetch, async {
                loop {
                    let until = monotonic_ns() + 20_000;
                    while monotonic_ns() < until {}
                    yield_now().await;
                }
            })
        });
        let (start, before) = (monotonic_ns(), usage());
        let rounds = 50_000;
        for round in 0..rounds {
            if seat.shard.0 == 0 {
                seat.mesh.send(seat.mesh.admit(other, Class::Client).await, round);
            }
            inbox.clear();
            seat.mesh.receive(&mut inbox).await;
            if seat.shard.0 == 1 {
                seat.mesh.send(seat.mesh.admit(other, Class::Reply).await, round);
            }
        }
        if seat.shard.0 == 0 {
            let ns = (monotonic_ns() - start) / rounds;
            println!(
                "round trip, busy {busy}: {ns} ns, {} ns of CPU",
                (usage().0 - before.0) * 1000 / rounds
            );
        }
        drop(load);
        // Both take part in the next one.
        sleep(Duration::from_millis(50)).await;
    }
}

/// One gigabyte over loopback in requests of several sizes, each answered with 32 bytes, four connections; client on shard 1.
async fn bytes(seat: Seat<u64>) -> Result<(), NetError> {
    const ADDRESS: &str = "127.0.0.1:47913";
    if seat.shard.0 == 0 {
        let listener = Listener::bind(ADDRESS)?;
        spawn(Queue::Produce, async move {
            while let Ok(connection) = listener.accept().await {
                spawn(Queue::Produce, answer(connection)).detach();
            }
        })
        .detach();
        seat.stop.wait().await;
        return Ok(());
    }
    sleep(Duration::from_millis(100)).await;
    for size in [4 << 10, 64 << 10, 1 << 20] {
        let (start, before, total) = (monotonic_ns(), usage(), 1usize << 30);
        let clients = (0..4).map(|_| spawn(Queue::Produce, ask(ADDRESS, size, total / size / 4)));
        try_join_all(clients).await?;
        let (ns, cpu) = (monotonic_ns() - start, usage().0 - before.0);
        println!(
            "{size} bytes a request: {} MB/s, {cpu} us of CPU a GiB, both sides",
            (total as u64 * 1000) / ns
        );
    }
    seat.stop.request();
    Ok(())
}

async fn answer(mut connection: Connection) {
    let mut buffer = vec![0; 1 << 20];
    let mut size = [0; 8];
    loop {
        let mut got = 0;
        while got < size.len() {
            match connection.read(&mut size[got..]).await {
                Ok(count) if count > 0 => got += count,
                _ => return,
            }
        }
        let mut rest = u64::from_ne_bytes(size) as usize - size.len();
        while rest > 0 {
            let wanted = rest.min(buffer.len());
            match connection.read(&mut buffer[..wanted]).await {
                Ok(count) if count > 0 => rest -= count,
                _ => return,
            }
        }
        if connection.write_all(&[Bytes::from_static(&[0; 32])]).await.is_err() {
            return;
        }
    }
}

async fn ask(address: &str, size: usize, count: usize) -> Result<(), NetError> {
    let mut connection = Connection::connect(address).await?;
    let head = Bytes::copy_from_slice(&(size as u64).to_ne_bytes());
    let body = Bytes::from(vec![7; size - head.len()]);
    let mut reply = [0; 32];
    for _ in 0..count {
        connection.write_all(&[head.clone(), body.clone()]).await?;
        let mut got = 0;
        while got < reply.len() {
            match connection.read(&mut reply[got..]).await? {
                0 => {
                    let message = "it ended within an answer".to_owned();
                    return Err(NetError::Lost { address: address.to_owned(), message });
                }
                count => got += count,
            }
        }
    }
    Ok(())
}

/// 16 KiB writes over written blocks, 16 at a time, with a sync after each group.
async fn files(seat: Seat<u64>, path: &str) -> Result<(), IoError> {
    if seat.shard.0 != 0 {
        return Ok(());
    }
    let directory = Directory::open(path).await?;
    println!("{:?}", directory.flushing());
    let name = format!("measure-{}", monotonic_ns());
    let file = directory.open_file(&name, OpenMode::CreateNew).await?;
    for at in 0..16 {
        file.write(at << 20, directory.buffer(1 << 20).seal()).await?;
    }
    file.sync_data().await?;
    let (start, before, groups) = (monotonic_ns(), usage(), 500);
    for group in 0..groups {
        let writes = (0..16).map(|at| {
            let position = (at << 20) + (group % 64) * 16_384;
            file.write(position, directory.buffer(16_384).seal())
        });
        try_join_all(writes).await?;
        file.sync_data().await?;
    }
    let us = (monotonic_ns() - start) / 1000 / groups;
    println!("16 writes of 16 KiB and a sync: {us} us, {} us of CPU", (usage().0 - before.0) / groups);
    directory.remove_file(&name).await
}
