//! Names of directories: who has one, who gets it next, and what nobody has.

mod support;

use std::rc::Rc;
use std::sync::Arc;

use logan_storage::disk::{Directory, Host};
use logan_storage::failure::FailedMark;
use logan_storage::kafka_files::{read_partition_metadata, write_partition_metadata};
use logan_storage::key::LogKey;
use logan_storage::log::Log;
use logan_storage::recovery::{
    OpenError, OpenOptions, OpenedDirectory, TopicStanding, open_directory, open_known,
};
use logan_storage::stop::close_directory;
use logan_storage::volume::Volume;
use support::disk::{Disk, TestDirectory};
use support::runtime::{Runtime, TestHost};
use support::{
    CLOSED, append_settled, batch, key, live, log_config, open, open_options, serve, stop, volume_config,
};

const MS: u64 = 1_000_000;

/// The same name in another life of its topic: with two shards the other one owns it.
fn key_of_life(life: u8) -> LogKey {
    LogKey { topic_id: [life; 16], ..key("orders", 0) }
}

async fn serve_on_two(
    disk: &Rc<Disk>,
    runtime: &Rc<Runtime>,
    accept_loss: bool,
) -> Result<Vec<Rc<Volume>>, OpenError> {
    let directory = TestDirectory::over(disk, runtime);
    let host: Rc<dyn Host> = Rc::new(TestHost(Rc::clone(runtime)));
    let owner = Rc::new(|key: &LogKey| u16::from(key.topic_id[0] % 2));
    let options = OpenOptions { shards: 2, owner, accept_loss, ..open_options() };
    let opened = open_directory(Rc::clone(&directory), Rc::clone(&host), options).await?;
    let failed = Arc::new(FailedMark::new());
    let mut volumes = Vec::new();
    for part in opened.parts {
        let (directory, host) = (Rc::clone(&directory), Rc::clone(&host));
        let config = volume_config();
        let volume =
            Volume::start(directory, host, part, config, &|_| log_config(), Arc::clone(&failed)).await?;
        volumes.push(volume);
    }
    Ok(volumes)
}

/// The first shard has a log, and does not come to renaming it for a while after it is deleted; the second creates one of the same name, and
/// writes to it.
async fn name_given_again(disk: &Rc<Disk>, runtime: &Rc<Runtime>, deletes: bool) -> Vec<Rc<Volume>> {
    let volumes = serve_on_two(disk, runtime, false).await.unwrap();
    let old = volumes[0].create_log(key_of_life(2), log_config()).await.unwrap();
    let busy = LogKey { topic_id: [4; 16], ..key("busy", 0) };
    let busy = volumes[0].create_log(busy, log_config()).await.unwrap();
    for n in 0..3 {
        append_settled(&old, &batch(1, 3000, n, 1)).await.unwrap();
        append_settled(&busy, &batch(1, 3000, n, 1)).await.unwrap();
    }
    runtime.sleep_ns(1_000 * MS).await;
    *disk.slow.borrow_mut() = Some(("busy-0".into(), 2_000 * MS));
    busy.roll().await.unwrap();
    runtime.sleep_ns(100 * MS).await;
    if deletes {
        volumes[0].delete_log(&old).await.unwrap();
    }
    let new = volumes[1].create_log(key_of_life(3), log_config()).await.unwrap();
    append_settled(&new, &batch(1, 3000, 99, 1)).await.unwrap();
    new.roll().await.unwrap();
    append_settled(&new, &batch(1, 3000, 99, 1)).await.unwrap();
    runtime.sleep_ns(500 * MS).await;
    volumes
}

async fn check_new(disk: &Rc<Disk>, runtime: &Rc<Runtime>) {
    let volumes = serve_on_two(disk, runtime, false).await.unwrap();
    assert!(volumes[0].log(&key_of_life(2)).is_none());
    let new = volumes[1].log(&key_of_life(3)).expect("the new log is there");
    assert_eq!(support::workload::read_all(&new).await.len(), 2);
    assert_eq!(append_settled(&new, &batch(1, 3000, 99, 1)).await, Ok(3));
    runtime.sleep_ns(1_000 * MS).await;
    assert!(!volumes[0].failed().is_failed());
}

#[test]
fn a_name_is_given_again_only_when_its_last_holder_on_another_shard_is_renamed() {
    let disk = Disk::new();
    live(&disk, 1, |disk, runtime| async move {
        let volumes = name_given_again(&disk, &runtime, true).await;
        *disk.slow.borrow_mut() = None;
        runtime.sleep_ns(30_000 * MS).await;
        assert!(!volumes[0].failed().is_failed(), "{:?}", volumes[0].failed().reason());
        for path in ["orders-0/00000000000000000000.log", "orders-0/00000000000000000001.log"] {
            assert!(disk.content(path).is_some(), "{path} of {:?}", disk.paths());
        }
        assert!(disk.paths().iter().all(|path| !path.contains("-delete")), "{:?}", disk.paths());
    });
    live(&disk, 2, |disk, runtime| async move { check_new(&disk, &runtime).await });
}

/// Each of two shards waits for a name that the other one has yet, and only then comes to what frees it.
#[test]
fn what_is_ordered_behind_a_name_that_is_held_is_done() {
    let disk = Disk::new();
    live(&disk, 1, |disk, runtime| async move {
        let volumes = serve_on_two(&disk, &runtime, false).await.unwrap();
        let of_life = |topic, life| LogKey { topic_id: [life; 16], ..key(topic, 0) };
        let old = [(0, of_life("a", 2)), (1, of_life("b", 3))];
        let new = [(1, of_life("a", 5)), (0, of_life("b", 4))];
        for (shard, key) in old.iter().chain(&new) {
            let log = volumes[*shard].create_log(key.clone(), log_config()).await.unwrap();
            append_settled(&log, &batch(1, 3000, 1, 1)).await.unwrap();
            runtime.sleep_ns(1_000 * MS).await;
        }
        for (shard, key) in &old {
            let log = volumes[*shard].log(key).unwrap();
            volumes[*shard].delete_log(&log).await.unwrap();
        }
        runtime.sleep_ns(5_000 * MS).await;
        for (name, life) in [("a-0", 5), ("b-0", 4)] {
            let metadata = disk.content(&format!("{name}/partition.metadata")).unwrap();
            assert_eq!(read_partition_metadata(&metadata), Ok([life; 16]));
            assert!(
                disk.content(&format!("{name}/00000000000000000000.log")).is_some(),
                "{:?}",
                disk.paths()
            );
        }
        let (first, second) = futures_util::join!(volumes[0].stop(), volumes[1].stop());
        assert!(first.is_ok() && second.is_ok());
    });
}

/// The process dies before the old log is renamed, or before it is deleted at all: the name is the new log's then.
#[test]
fn a_start_gives_a_name_to_whoever_waited_for_it() {
    for (deletes, stops) in [(true, false), (false, false), (true, true)] {
        let disk = Disk::new();
        live(&disk, 1, move |disk, runtime| async move {
            let volumes = name_given_again(&disk, &runtime, deletes).await;
            if stops {
                *disk.slow.borrow_mut() = None;
                let (first, second) = futures_util::join!(volumes[0].stop(), volumes[1].stop());
                let directory: Rc<dyn Directory> = TestDirectory::over(&disk, &runtime);
                assert!(first.is_ok() && second.is_ok(), "{:?}", volumes[0].failed().reason());
                close_directory(directory, vec![first.unwrap(), second.unwrap()], CLOSED).await.unwrap();
            }
        });
        *disk.slow.borrow_mut() = None;
        live(&disk, 2, |disk, runtime| async move { check_new(&disk, &runtime).await });
    }
}

/// The power goes while a start gives the name to whoever waited for it, at each operation of that start.
#[test]
fn a_start_that_gives_a_name_on_can_be_cut_anywhere() {
    for deletes in [true, false] {
        let left = Disk::new();
        live(&left, 1, move |disk, runtime| async move {
            name_given_again(&disk, &runtime, deletes).await;
        });
        *left.slow.borrow_mut() = None;
        let mut was_cut = true;
        for cut in 1.. {
            if !was_cut {
                assert!(cut > 20, "a start has more operations than {cut}");
                break;
            }
            let disk = left.copy();
            let runtime = Runtime::new(cut);
            disk.dies_at.set(disk.operations.get() + cut);
            let (dk, rt) = (Rc::clone(&disk), Rc::clone(&runtime));
            let started = runtime.run(async move { serve_on_two(&dk, &rt, false).await.map(drop) });
            was_cut = started.is_none();
            runtime.kill();
            disk.lose_power(&runtime);
            live(&disk, cut, |disk, runtime| async move { check_new(&disk, &runtime).await });
        }
    }
}

/// After a loss that was accepted, files of a log lie about that nobody knows any more.
#[test]
fn what_a_lost_log_has_left_is_not_a_part_of_the_next_one_of_its_name() {
    let disk = Disk::new();
    live(&disk, 1, |disk, runtime| async move {
        let volume = serve(&disk, &runtime, volume_config(), log_config()).await.unwrap();
        let log = volume.create_log(key("orders", 0), log_config()).await.unwrap();
        for n in 0..3 {
            append_settled(&log, &batch(1, 3000, n, 1)).await.unwrap();
            log.roll().await.unwrap();
        }
        runtime.sleep_ns(1_000 * MS).await;
    });
    for slot in 0..2 {
        disk.damage(&format!("logan/checkpoint-1-{slot}"), |bytes| bytes.fill(0));
    }
    let lossy = OpenOptions { accept_loss: true, ..open_options() };
    let opened: OpenedDirectory =
        live(&disk, 2, |disk, runtime| async move { open(&disk, &runtime, lossy).await }).unwrap();
    assert!(opened.parts[0].ledger.logs.is_empty());
    let [aside] = &opened.orphans[..] else { panic!("{:?}", opened.orphans) };
    assert!(aside.starts_with("orders-0.") && aside.ends_with("-stray"), "{aside}");
    assert!(disk.content(&format!("{aside}/00000000000000000002.log")).is_some(), "nothing is deleted");
    live(&disk, 3, |disk, runtime| async move {
        let volume = serve(&disk, &runtime, volume_config(), log_config()).await.unwrap();
        let log = volume.create_log(key("orders", 0), log_config()).await.unwrap();
        append_settled(&log, &batch(1, 3000, 9, 1)).await.unwrap();
        stop(&disk, &runtime, volume).await;
    });
    live(&disk, 4, |disk, runtime| async move {
        let volume = serve(&disk, &runtime, volume_config(), log_config()).await.unwrap();
        let log = volume.log(&key("orders", 0)).unwrap();
        assert_eq!((log.segment_bases(), log.ends().log_end), (vec![0], 1));
    });
}

/// A segment file that the ledger does not know, in a log's directory: as an older program or a restored copy leaves it.
#[test]
fn a_segment_file_that_nothing_names_is_not_adopted_at_a_clean_start() {
    const STRAY: &str = "orders-0/00000000000000000700.log";
    for has_records in [true, false] {
        let disk = Disk::new();
        live(&disk, 1, move |disk, runtime| async move {
            let volume = serve(&disk, &runtime, volume_config(), log_config()).await.unwrap();
            let log = volume.create_log(key("orders", 0), log_config()).await.unwrap();
            if has_records {
                append_settled(&log, &batch(1, 3000, 1, 1)).await.unwrap();
            }
            runtime.sleep_ns(1_000 * MS).await;
        });
        let mut bytes = batch(1, 3000, 2, 1);
        bytes[..8].copy_from_slice(&700_i64.to_be_bytes());
        disk.create(STRAY, &bytes);
        live(&disk, 2, |disk, runtime| async move {
            let volume = serve(&disk, &runtime, volume_config(), log_config()).await.unwrap();
            stop(&disk, &runtime, volume).await;
        });
        assert_eq!(disk.content(&format!("{STRAY}.stray")), Some(bytes), "it is kept under another name");
        live(&disk, 3, move |disk, runtime| async move {
            let volume = serve(&disk, &runtime, volume_config(), log_config()).await.unwrap();
            assert_eq!(volume.log(&key("orders", 0)).unwrap().ends().log_end, i64::from(has_records));
        });
    }
}

/// Somebody made a directory in that of a log that is deleted.
#[test]
fn a_directory_within_a_deleted_logs_fails_nothing() {
    let disk = Disk::new();
    live(&disk, 1, |disk, runtime| async move {
        let volume = serve(&disk, &runtime, volume_config(), log_config()).await.unwrap();
        let log = volume.create_log(key("orders", 0), log_config()).await.unwrap();
        append_settled(&log, &batch(1, 3000, 1, 1)).await.unwrap();
        runtime.sleep_ns(1_000 * MS).await;
        disk.make_directory_now("orders-0/backup");
        volume.delete_log(&log).await.unwrap();
        runtime.sleep_ns(1_000 * MS).await;
        assert!(!volume.failed().is_failed(), "{:?}", volume.failed().reason());
        stop(&disk, &runtime, volume).await;
    });
}

/// Whether a deleted log's directory was renamed is asked of the disk; no answer is none.
#[test]
fn an_error_while_a_deletion_is_completed_is_not_taken_for_an_answer() {
    let disk = Disk::new();
    live(&disk, 1, |disk, runtime| async move {
        let volume = serve(&disk, &runtime, volume_config(), log_config()).await.unwrap();
        let log = volume.create_log(key("orders", 0), log_config()).await.unwrap();
        append_settled(&log, &batch(1, 3000, 1, 1)).await.unwrap();
        runtime.sleep_ns(1_000 * MS).await;
        *disk.slow.borrow_mut() = Some(("orders-0".into(), 1_000 * MS));
        volume.delete_log(&log).await.unwrap();
    });
    *disk.slow.borrow_mut() = None;
    *disk.fails_once.borrow_mut() = Some(("list", "-delete".into(), 5));
    let opened = live(&disk, 2, |disk, runtime| async move { open(&disk, &runtime, open_options()).await });
    assert!(matches!(opened, Err(OpenError::Disk(_))), "{opened:?}");
    let opened = live(&disk, 3, |disk, runtime| async move { open(&disk, &runtime, open_options()).await });
    assert!(opened.unwrap().parts[0].ledger.logs.is_empty());
    assert!(disk.paths().iter().all(|path| !path.starts_with("orders-0")), "{:?}", disk.paths());
}

/// Somebody puts a directory where a new log's will be, as a copy that is restored by hand is.
async fn foreign_directory(disk: &Rc<Disk>, runtime: &Rc<Runtime>) -> (Rc<Volume>, Rc<Log>) {
    let volume = serve(disk, runtime, volume_config(), log_config()).await.unwrap();
    disk.make_directory_now("orders-0");
    disk.create("orders-0/partition.metadata", write_partition_metadata([9; 16]).as_bytes());
    disk.create("orders-0/00000000000000000000.log", b"another's");
    let log = volume.create_log(key("orders", 0), log_config()).await.unwrap();
    for n in 0..3 {
        append_settled(&log, &batch(1, 3000, n, 1)).await.unwrap();
        log.roll().await.unwrap();
    }
    log.set_log_start(1).await.unwrap();
    // Much longer than anything may hang.
    runtime.sleep_ns(1_000_000 * MS).await;
    assert!(!volume.failed().is_failed(), "{:?}", volume.failed().reason());
    append_settled(&log, &batch(1, 3000, 4, 1)).await.unwrap();
    assert_eq!(support::workload::read_all(&log).await.len(), 3);
    (volume, log)
}

fn is_untouched(disk: &Disk, directory: &str) -> bool {
    disk.content(&format!("{directory}/00000000000000000000.log")).as_deref() == Some(&b"another's"[..])
}

#[test]
fn a_log_whose_name_a_foreign_directory_has_is_served_and_deleted() {
    let disk = Disk::new();
    live(&disk, 1, |disk, runtime| async move {
        let (volume, log) = foreign_directory(&disk, &runtime).await;
        volume.delete_log(&log).await.unwrap();
        runtime.sleep_ns(10_000 * MS).await;
        assert!(is_untouched(&disk, "orders-0"), "{:?}", disk.paths());
        stop(&disk, &runtime, volume).await;
    });
    assert!(is_untouched(&disk, "orders-0"), "{:?}", disk.paths());
    assert!(disk.paths().iter().all(|path| !path.contains("-delete")), "{:?}", disk.paths());
}

#[test]
fn a_log_whose_name_a_foreign_directory_has_gets_it_when_that_is_moved_away() {
    let disk = Disk::new();
    live(&disk, 1, |disk, runtime| async move {
        let (volume, log) = foreign_directory(&disk, &runtime).await;
        let directory = TestDirectory::over(&disk, &runtime);
        directory.rename("orders-0", "backup").await.unwrap();
        runtime.sleep_ns(3_000 * MS).await;
        assert!(disk.content("orders-0/00000000000000000003.log").is_some(), "{:?}", disk.paths());
        assert!(disk.content("orders-0/00000000000000000000.log").is_none(), "{:?}", disk.paths());
        assert_eq!(support::workload::read_all(&log).await.len(), 3);
        stop(&disk, &runtime, volume).await;
    });
    assert!(is_untouched(&disk, "backup"), "{:?}", disk.paths());
}

#[test]
fn a_start_gives_a_log_its_name_and_sets_a_foreign_directory_aside() {
    for stops in [false, true] {
        let disk = Disk::new();
        live(&disk, 1, move |disk, runtime| async move {
            let (volume, _log) = foreign_directory(&disk, &runtime).await;
            if stops {
                assert!(volume.stop().await.is_err(), "the log has no directory");
            }
        });
        live(&disk, 2, |disk, runtime| async move {
            let volume = serve(&disk, &runtime, volume_config(), log_config()).await.unwrap();
            let log = volume.log(&key("orders", 0)).unwrap();
            assert_eq!(support::workload::read_all(&log).await.len(), 3);
            let aside = disk.paths().into_iter().find(|path| path.ends_with("-stray/partition.metadata"));
            let aside = aside.unwrap().replace("/partition.metadata", "");
            assert!(is_untouched(&disk, &aside), "{:?}", disk.paths());
            stop(&disk, &runtime, volume).await;
        });
    }
}

/// Two logs of one name of which neither has it yet: only the metadata tells which is the last.
#[test]
fn of_two_logs_without_their_name_the_metadata_knows_the_last() {
    let disk = Disk::new();
    live(&disk, 1, |disk, runtime| async move {
        let volumes = serve_on_two(&disk, &runtime, false).await.unwrap();
        *disk.slow.borrow_mut() = Some(("orders-0".into(), 20_000 * MS));
        for (shard, life) in [(0, 2), (1, 3)] {
            let log = volumes[shard].create_log(key_of_life(life), log_config()).await.unwrap();
            append_settled(&log, &batch(1, 3000, u64::from(life), 1)).await.unwrap();
        }
    });
    let options = || OpenOptions {
        shards: 2,
        owner: Rc::new(|key: &LogKey| u16::from(key.topic_id[0] % 2)),
        ..open_options()
    };
    live(&disk.copy(), 2, |disk, runtime| async move {
        let error = open(&disk, &runtime, options()).await.unwrap_err();
        assert!(matches!(error, OpenError::Damaged(_)), "{error}");
    });
    for living in [Some(2), Some(3), None] {
        live(&disk.copy(), 3, move |disk, runtime| async move {
            let host = Rc::new(TestHost(Rc::clone(&runtime)));
            let standing = |key: &LogKey| {
                if Some(key.topic_id[0]) == living { TopicStanding::Lives } else { TopicStanding::Deleted }
            };
            let directory = TestDirectory::over(&disk, &runtime);
            let opened = open_known(directory, host, options(), Some(&standing)).await.unwrap();
            let logs = opened.parts.iter().flat_map(|part| part.ledger.logs.values());
            let found: Vec<u8> = logs.map(|log| log.key.topic_id[0]).collect();
            assert_eq!(found, living.into_iter().collect::<Vec<_>>());
        });
    }
}

/// A log whose topic nobody knows may be one whose `partition.metadata` is damaged: once that is restored, everything is as before.
#[test]
fn a_topic_that_is_not_known_changes_nothing() {
    const METADATA: &str = "orders-0/partition.metadata";
    let disk = Disk::new();
    live(&disk, 1, |disk, runtime| async move {
        let volume = serve(&disk, &runtime, volume_config(), log_config()).await.unwrap();
        let log = volume.create_log(key("orders", 0), log_config()).await.unwrap();
        append_settled(&log, &batch(1, 3000, 1, 1)).await.unwrap();
        stop(&disk, &runtime, volume).await;
    });
    let right = disk.content(METADATA).unwrap();
    let mut wrong = right.clone();
    wrong[25] ^= 2;
    assert_ne!(read_partition_metadata(&wrong).unwrap(), key("orders", 0).topic_id);
    disk.damage(METADATA, |text| *text = wrong);
    let standing = |found: &LogKey| {
        if *found == key("orders", 0) { TopicStanding::Lives } else { TopicStanding::Unknown }
    };
    live(&disk, 2, |disk, runtime| async move {
        let host = Rc::new(TestHost(Rc::clone(&runtime)));
        let directory = TestDirectory::over(&disk, &runtime);
        let error = open_known(directory, host, open_options(), Some(&standing)).await.unwrap_err();
        assert!(matches!(&error, OpenError::UnknownTopic { log } if log.topic == "orders"), "{error}");
    });
    disk.damage(METADATA, |text| *text = right);
    live(&disk, 3, |disk, runtime| async move {
        let host = Rc::new(TestHost(Rc::clone(&runtime)));
        let directory = TestDirectory::over(&disk, &runtime);
        let opened = open_known(directory, host, open_options(), Some(&standing)).await.unwrap();
        assert_eq!(opened.report.logs, 1);
    });
}

/// While a directory is in use its logs' topics are in the ledger; a clean start has them from the files.
#[test]
fn a_stop_after_a_crash_leaves_every_log_its_topic() {
    for is_empty in [true, false] {
        let disk = Disk::new();
        live(&disk, 1, move |disk, runtime| async move {
            let volume = serve(&disk, &runtime, volume_config(), log_config()).await.unwrap();
            let log = volume.create_log(key("orders", 0), log_config()).await.unwrap();
            if !is_empty {
                append_settled(&log, &batch(1, 3000, 1, 1)).await.unwrap();
            }
            runtime.sleep_ns(1_000 * MS).await;
        });
        disk.damage("orders-0/partition.metadata", |text| text[25] ^= 2);
        for life in 2..4 {
            live(&disk, life, |disk, runtime| async move {
                let volume = serve(&disk, &runtime, volume_config(), log_config()).await.unwrap();
                assert!(volume.log(&key("orders", 0)).is_some(), "{:?}", volume.logs().len());
                stop(&disk, &runtime, volume).await;
            });
        }
    }
}
