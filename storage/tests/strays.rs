//! Directories that are set aside keep what is in them, however many have had the same name.

mod support;

use std::rc::Rc;
use std::sync::Arc;

use logan_storage::failure::FailedMark;
use logan_storage::recovery::OpenOptions;
use logan_storage::volume::Volume;
use support::disk::{Disk, TestDirectory};
use support::runtime::TestHost;
use support::{append_settled, batch, key, live, log_config, open, open_options, serve, stop, volume_config};

/// As `logan recover --accept-loss` does. Returns the names of the directories that were set aside.
fn recovered(disk: &Rc<Disk>) -> Vec<String> {
    live(disk, 2, |disk, runtime| async move {
        let options = OpenOptions { accept_loss: true, ..open_options() };
        let opened = open(&disk, &runtime, options).await.unwrap();
        let (directory, host) =
            (TestDirectory::over(&disk, &runtime), Rc::new(TestHost(Rc::clone(&runtime))));
        let (part, failed) = (opened.parts[0].clone(), Arc::new(FailedMark::new()));
        let volume =
            Volume::start(directory, host, part, volume_config(), &|_| log_config(), failed).await.unwrap();
        stop(&disk, &runtime, volume).await;
        opened.orphans
    })
}

#[test]
fn what_is_set_aside_after_each_clean_stop_has_a_name_of_its_own() {
    const FILE: &str = "00000000000000000000.log";
    let disk = Disk::new();
    live(&disk, 1, |disk, runtime| async move {
        let volume = serve(&disk, &runtime, volume_config(), log_config()).await.unwrap();
        let log = volume.create_log(key("orders", 0), log_config()).await.unwrap();
        append_settled(&log, &batch(1, 300, 1, 1)).await.unwrap();
        stop(&disk, &runtime, volume).await;
    });
    disk.remove("orders-0/partition.metadata");
    let mut copies = vec![disk.content(&format!("orders-0/{FILE}")).unwrap()];
    let mut aside = recovered(&disk);
    for copy in [b"another copy".to_vec(), b"and one more".to_vec()] {
        disk.make_directory_now("orders-0");
        disk.create(&format!("orders-0/{FILE}"), &copy);
        copies.push(copy);
        // Those of before are orphans, too.
        aside.extend(recovered(&disk).into_iter().filter(|name| !aside.contains(name)).collect::<Vec<_>>());
    }
    assert_eq!(aside.len(), copies.len(), "{aside:?}");
    for (name, copy) in aside.iter().zip(copies) {
        assert!(name.starts_with("orders-0.") && name.ends_with("-stray"), "{name}");
        assert_eq!(disk.content(&format!("{name}/{FILE}")), Some(copy), "{name}");
    }
}
