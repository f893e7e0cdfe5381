//! A directory that is refused is as it was: whoever closed it opens it again.

mod support;

use std::collections::BTreeMap;
use std::rc::Rc;

use logan_storage::recovery::{OpenError, TopicStanding, open_known};
use support::disk::{Disk, TestDirectory};
use support::runtime::{Runtime, TestHost};
use support::{
    CLOSED, append_settled, batch, key, live, log_config, open_options, serve, stop, volume_config,
};

const SEGMENT: &str = "orders-0/00000000000000000000.log";

fn written(closes: bool) -> Rc<Disk> {
    let disk = Disk::new();
    live(&disk, 1, move |disk: Rc<Disk>, runtime: Rc<Runtime>| async move {
        let volume = serve(&disk, &runtime, volume_config(), log_config()).await.unwrap();
        let log = volume.create_log(key("orders", 0), log_config()).await.unwrap();
        append_settled(&log, &batch(2, 300, 1, 1)).await.unwrap();
        if closes {
            stop(&disk, &runtime, volume).await;
        }
    });
    disk
}

/// All files with their contents, and all directories.
fn all(disk: &Disk) -> BTreeMap<String, Option<Vec<u8>>> {
    disk.paths().into_iter().map(|path| (path.clone(), disk.content(&path))).collect()
}

/// Tries to open a directory, and compares what is left with what was there. Returns why it was refused.
fn refused(disk: &Rc<Disk>, standing: TopicStanding) -> OpenError {
    let before = all(disk);
    let error = live(disk, 2, move |disk, runtime| async move {
        let (directory, host) = (TestDirectory::over(&disk, &runtime), Rc::new(TestHost(runtime)));
        open_known(directory, host, open_options(), Some(&|_| standing)).await.expect_err("it is refused")
    });
    let after = all(disk);
    let names = |all: &BTreeMap<String, _>| all.keys().cloned().collect::<Vec<String>>();
    assert_eq!(names(&after), names(&before), "{error}");
    assert!(after == before, "{error}: a file has another content");
    error
}

/// Opens a directory, and returns whether it was closed, and in which epoch of its broker.
fn opened(disk: &Rc<Disk>) -> (bool, Option<i64>) {
    live(disk, 3, |disk, runtime| async move {
        let (directory, host) = (TestDirectory::over(&disk, &runtime), Rc::new(TestHost(runtime)));
        let opened =
            open_known(directory, host, open_options(), Some(&|_| TopicStanding::Lives)).await.unwrap();
        assert!(!disk.paths().contains(&".kafka_cleanshutdown".to_owned()), "it is open");
        (opened.report.was_clean, opened.report.closed.map(|closed| closed.broker_epoch))
    })
}

#[test]
fn a_closed_directory_of_an_unknown_topic_is_left_as_it_is() {
    let disk = written(true);
    let error = refused(&disk, TopicStanding::Unknown);
    assert_eq!(error, OpenError::UnknownTopic { log: key("orders", 0) });
    assert_eq!(opened(&disk), (true, Some(CLOSED.broker_epoch)));
}

#[test]
fn a_closed_directory_that_is_damaged_is_left_as_it_is() {
    let disk = written(true);
    let whole = disk.content(SEGMENT).unwrap();
    disk.damage(SEGMENT, |bytes| bytes.truncate(100));
    let error = refused(&disk, TopicStanding::Lives);
    assert!(matches!(error, OpenError::Damaged(_)), "{error}");
    disk.damage(SEGMENT, |bytes| *bytes = whole);
    assert_eq!(opened(&disk), (true, Some(CLOSED.broker_epoch)));
}

#[test]
fn a_closed_directory_that_cannot_be_read_is_left_as_it_is() {
    let disk = written(true);
    *disk.fails_once.borrow_mut() = Some(("open", SEGMENT.to_owned(), 5));
    let error = refused(&disk, TopicStanding::Lives);
    assert!(matches!(error, OpenError::Disk(_)), "{error}");
    assert_eq!(opened(&disk), (true, Some(CLOSED.broker_epoch)));
}

#[test]
fn a_directory_that_was_not_closed_is_left_as_it_is() {
    let disk = written(false);
    let error = refused(&disk, TopicStanding::Unknown);
    assert_eq!(error, OpenError::UnknownTopic { log: key("orders", 0) });
    assert_eq!(opened(&disk), (false, None));
}
