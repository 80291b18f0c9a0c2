//! What was answered is on disk, whatever happens to the simulator afterwards.

use crate::stand::{BRIEF, Stand, cancel, charge, check, query, until};
use jumun_pg::simulator::{LEDGER_FILE, LedgerError, SimulatorError};
use jumun_pg::{Ledger, Simulator, SimulatorConfig};

#[tokio::test]
async fn an_answered_charge_is_in_the_files_as_they_stand() {
    let stand = Stand::new().await;
    check(&stand.client(), charge("pay-1", "tok_ok"), "approved").await;
    check(&stand.client_with(BRIEF), charge("pay-2", "tok_timeout_charged"), "unknown").await;
    until(&stand.client(), query("pay-2"), "approved").await;

    // What a killed simulator leaves behind: its files, and none of its memory.
    let left = tempfile::tempdir().unwrap();
    for file in [LEDGER_FILE.to_owned(), format!("{LEDGER_FILE}-wal")] {
        std::fs::copy(stand.folder.path().join(&file), left.path().join(&file)).unwrap();
    }
    let ledger = Ledger::open_readonly(&left.path().join(LEDGER_FILE)).unwrap();
    let keys: Vec<_> = ledger.charges().unwrap().map(|charge| charge.unwrap().key).collect();
    assert_eq!(keys, ["pay-1", "pay-2"]);

    let revived = Simulator::start(SimulatorConfig::new(left.path())).await.unwrap();
    let client = crate::stand::client(revived.base_url(), crate::stand::PATIENT);
    check(&client, query("pay-1"), "approved").await;
    check(&client, charge("pay-1", "tok_ok"), "approved").await;
}

#[tokio::test]
async fn a_simulator_that_is_dropped_leaves_its_book_and_frees_its_folder() {
    let stand = Stand::new().await;
    check(&stand.client(), charge("pay-1", "tok_ok"), "approved").await;
    let before = stand.book();
    let Stand { simulator, folder } = stand;
    drop(simulator);
    let simulator = Simulator::start(SimulatorConfig::new(folder.path())).await.unwrap();
    let stand = Stand { simulator, folder };
    assert_eq!(stand.book(), before);
    check(&stand.client(), query("pay-1"), "approved").await;
}

#[tokio::test]
async fn a_restart_keeps_every_charge_and_its_transaction() {
    let stand = Stand::new().await;
    for (key, card) in [("a", "tok_ok"), ("b", "tok_decline"), ("c", "tok_ok")] {
        stand.client().call(charge(key, card)).await;
    }
    check(&stand.client(), cancel("c"), "cancelled").await;
    let before = stand.book();
    let stand = stand.restart().await;
    assert_eq!(stand.book(), before);
    assert_eq!(before.len(), 3);
}

#[tokio::test]
async fn a_second_simulator_on_one_folder_is_refused() {
    let stand = Stand::new().await;
    let second = Simulator::start(SimulatorConfig::new(stand.folder.path())).await.err().unwrap();
    assert!(matches!(second, SimulatorError::Ledger(LedgerError::InUse { .. })), "{second:?}");
    assert!(second.to_string().starts_with("another PG simulator is running on"), "{second}");
}

#[tokio::test]
async fn charges_at_once_are_all_in_the_book() {
    let stand = Stand::new().await;
    let client = stand.client();
    let charges: Vec<_> = (0..300)
        .map(|number| {
            let client = client.clone();
            tokio::spawn(async move { client.call(charge(&format!("pay-{number:03}"), "tok_ok")).await })
        })
        .collect();
    for charge in charges {
        assert_eq!(crate::stand::word(&charge.await.unwrap()), "approved");
    }
    let mut keys: Vec<_> = stand.book().into_iter().map(|charge| charge.key).collect();
    keys.sort();
    assert_eq!(keys, (0..300).map(|number| format!("pay-{number:03}")).collect::<Vec<_>>());
}

#[tokio::test]
async fn a_reader_sees_the_book_as_it_stood() {
    let stand = Stand::new().await;
    for number in 0..3 {
        stand.client().call(charge(&format!("pay-{number}"), "tok_ok")).await;
    }
    let ledger = Ledger::open_readonly(&stand.folder.path().join(LEDGER_FILE)).unwrap();
    let charges = ledger.charges().unwrap();
    check(&stand.client(), charge("later", "tok_ok"), "approved").await;
    assert_eq!(charges.count(), 3);
    assert_eq!(stand.book().len(), 4);
}

#[test]
fn a_book_that_is_not_there_is_named() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join(LEDGER_FILE);
    assert_eq!(Ledger::open_readonly(&path).err(), Some(LedgerError::Missing { path: path.clone() }));
}

#[tokio::test]
async fn the_book_holds_no_card() {
    let stand = Stand::new().await;
    check(&stand.client(), charge("pay-1", "tok_very_secret_card"), "approved").await;
    for file in std::fs::read_dir(stand.folder.path()).unwrap() {
        let bytes = std::fs::read(file.unwrap().path()).unwrap();
        assert!(!bytes.windows(11).any(|window| window == b"very_secret"));
    }
}

#[tokio::test]
async fn the_default_secret_does_not_go_public() {
    let folder = tempfile::tempdir().unwrap();
    let mut config = SimulatorConfig::new(folder.path());
    config.listen = "0.0.0.0:0".parse().unwrap();
    let refused = Simulator::start(config).await.err().unwrap();
    assert!(matches!(refused, SimulatorError::DefaultSecret { .. }), "{refused:?}");
}
