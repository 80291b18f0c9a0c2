//! Starts that are refused because they would do harm, and what an operator can do then: restored backups, folders in use,
//! other topologies, keys that others can read, secrets that everybody knows.

use crate::support::figures::{codes, found_by, note_restored};
use crate::support::shop::lines;
use crate::support::{Client, Home, Shop, books};
use reqwest::Method;
use rusqlite::Connection;
use serde_json::{Value, json};
use std::collections::BTreeSet;
use std::os::unix::fs::PermissionsExt;
use std::path::{Path, PathBuf};
use tempfile::TempDir;

in_the_smallest_and_the_largest!(
    a_folder_is_served_by_one_server_only,
    live_data_are_refused_by_another_topology,
    a_key_is_made_for_its_owner_only_and_refused_if_others_can_read_it,
    the_made_up_password_is_shown_at_the_first_start_only,
    a_public_address_is_refused_with_the_secret_that_everybody_knows,
);

/// Places an order for one mug by card; it is confirmed.
async fn buy(shop: &Shop, who: &str, mug: &str) {
    let person = shop.person(who, 0).await;
    let body = json!({"lines": lines(mug, 1), "card_token": "tok_ok"});
    assert_eq!(shop.order(&person, who, &body).await.str("status"), "CONFIRMED");
}

/// A stopped system that sold a mug after `saved`'s state of its database `name`.
async fn sold_since(topology: &str, name: &str) -> (Home, Saved) {
    let home = Home::new(topology);
    let shop = Shop::open(&home).await;
    let mug = shop.product("MUG", 1_000, 5).await;
    buy(&shop, "kim", &mug).await;
    shop.serving.stop();
    home.audit_is_clean();
    let saved = Saved::of(&home.data().join(format!("{name}.db")));
    let shop = Shop::open(&home).await;
    buy(&shop, "lee", &mug).await;
    shop.serving.stop();
    home.audit_is_clean();
    (home, saved)
}

/// A backup of one database.
struct Saved {
    file: PathBuf,
    copy: TempDir,
}

impl Saved {
    fn of(file: &Path) -> Self {
        let saved = Self { file: file.to_owned(), copy: TempDir::new().unwrap() };
        let copy = saved.copy.path().join("backup");
        Connection::open(file).unwrap().execute("VACUUM INTO ?1", [copy.to_str()]).unwrap();
        saved
    }

    /// Puts it where the database was, of which nothing is left.
    fn restore(&self) {
        for newer in ["db-wal", "db-shm"].map(|end| self.file.with_extension(end)) {
            if newer.exists() {
                std::fs::remove_file(newer).unwrap();
            }
        }
        std::fs::copy(self.copy.path().join("backup"), &self.file).unwrap();
    }
}

fn says(text: &str, words: &[&str]) {
    for word in words {
        assert!(text.contains(word), "no `{word}` in: {text}");
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn orders_restored_from_a_backup_are_refused_until_the_operator_believes_them() {
    let (home, saved) = sold_since("seven-services", "order").await;
    saved.restore();
    let (exit, report) = home.audit();
    assert!(exit == Some(1) && codes(&report).contains("CURSOR_AHEAD"), "{report:#}");
    let told = ["order was restored from an older backup", "check the audit", "--new-epoch order"];
    for _ in 0..2 {
        let (exit, said) = home.refusal(&[]);
        assert_eq!(exit, Some(2), "{said}");
        says(&said, &told);
    }
    let found = found_by(&report) + "; nothing starts until its new epoch";
    note_restored(&home, "order", &found);
    let (exit, said) = home.refusal(&["--new-epoch", "product"]);
    assert_eq!(exit, Some(2), "another database's epoch does not help: {said}");
    says(&said, &told);

    home.start_with(&["--new-epoch", "order"]).stop();
    let (exit, report) = home.audit();
    assert_eq!(exit, Some(1), "{report:#}");
    let missing: BTreeSet<&str> = ["INBOX_WITHOUT_ORDER", "PAYMENT_WITHOUT_ORDER"].into();
    assert_eq!(codes(&report), missing, "{report:#}");
    // Believed once, it is believed: orders go on.
    let shop = Shop::open(&home).await;
    let tea = shop.product("TEA", 500, 5).await;
    buy(&shop, "park", &tea).await;
    shop.serving.stop();
    assert_eq!(codes(&home.audit().1), missing);
}

/// How often units said that they do not follow a log.
async fn refused_logs(shop: &Shop) -> i64 {
    let overview = shop.client.get(&shop.admin, "/v1/admin/overview").await;
    overview.body["alerts"]["log_refused"].as_i64().unwrap_or(0)
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn where_units_are_apart_followers_of_a_backup_say_so_until_its_epoch_begins() {
    let home = Home::new("spread:seven-services");
    let shop = Shop::open(&home).await;
    let mug = shop.product("MUG", 1_000, 5).await;
    shop.serving.stop();
    let saved = Saved::of(&home.data().join("product.db"));
    let shop = Shop::open(&home).await;
    for sku in ["PEN", "INK"] {
        shop.product(sku, 100, 5).await;
    }
    buy(&shop, "lee", &mug).await;
    shop.serving.stop();
    saved.restore();
    let shop = Shop::open(&home).await;
    // Order has heard of lee's mug, and of what was said before. (Others may have ended before they heard what does not concern them.)
    while refused_logs(&shop).await == 0 {
        tokio::task::yield_now().await;
    }
    shop.serving.stop();
    let (exit, report) = home.audit();
    assert!(exit == Some(1) && codes(&report).contains("CURSOR_AHEAD"), "{report:#}");
    let found = format!("its followers (`log_refused`), and {}", found_by(&report));
    note_restored(&home, "product", &found);
    let shop = Shop::of(home.start_with(&["--new-epoch", "product"])).await;
    let tea = shop.product("TEA", 500, 5).await;
    buy(&shop, "park", &tea).await;
    assert_eq!(refused_logs(&shop).await, 0);
    shop.serving.stop();
    // It has followed the orders' log again from where the backup stood: what it sold since is decided as it was.
    home.audit_is_clean();
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_backup_of_the_only_database_is_found_out_by_the_pgs_book() {
    let (home, saved) = sold_since("monolith", "shop").await;
    saved.restore();
    let (exit, report) = home.audit();
    assert_eq!((exit, codes(&report)), (Some(1), ["PG_EXTRA"].into()), "{report:#}");
    note_restored(&home, "the only database", &found_by(&report));
}

#[test]
fn a_new_epoch_is_refused_for_what_is_no_database_of_this_folder() {
    let home = Home::new("seven-services");
    home.start().stop();
    let before = home.audit().1["databases"].clone();
    let (exit, said) = home.refusal(&["--new-epoch", "order", "--new-epoch", "shop"]);
    assert_eq!(exit, Some(2));
    says(&said, &["--new-epoch shop", "seven-services has no such database"]);
    assert_eq!(home.audit().1["databases"], before, "nor is the other one's begun");
    let empty = Home::new("seven-services");
    let (exit, said) = empty.refusal(&["--new-epoch", "order"]);
    assert_eq!(exit, Some(2));
    says(&said, &["--new-epoch order", "does not exist"]);
    assert!(!empty.data().exists(), "nothing was made");
}

async fn a_folder_is_served_by_one_server_only(topology: &str) {
    let home = Home::new(topology);
    let shop = Shop::open(&home).await;
    let mug = shop.product("MUG", 1_000, 5).await;
    let before = books::read(&home.data());
    let epochs = home.audit().1["databases"].clone();
    let database = epochs[0]["name"].as_str().unwrap();
    for arguments in [&[][..], &["--new-epoch", database]] {
        let (exit, said) = home.refusal(arguments);
        assert_eq!(exit, Some(2), "{said}");
        says(&said, &["another jumun serves the data folder", home.data().to_str().unwrap()]);
    }
    let after = books::read(&home.data());
    assert_eq!(books::difference(&before, &after), [] as [String; 0]);
    let epoch = |seen: &Value| [seen[0]["name"].clone(), seen[0]["epoch"].clone()];
    assert_eq!(epoch(&home.audit().1["databases"]), epoch(&epochs));
    buy(&shop, "kim", &mug).await;
    shop.serving.stop();
    home.start().stop();
    home.audit_is_clean();
}

async fn live_data_are_refused_by_another_topology(topology: &str) {
    let mut home = Home::new(topology);
    home.start().stop();
    let databases = books::files(&home.data());
    let before = books::read(&home.data());

    let shipped = concat!(env!("CARGO_MANIFEST_DIR"), "/../../topologies");
    let text = std::fs::read_to_string(format!("{shipped}/{topology}.toml")).unwrap();
    let renamed = home.data().with_file_name("renamed.toml");
    let text = text.replace(&format!("name = \"{topology}\""), "name = \"renamed\"");
    std::fs::write(&renamed, text).unwrap();
    let other = if topology == "monolith" { "seven-services" } else { "monolith" };
    for (other, has) in [(other, "has not"), (renamed.to_str().unwrap(), "not `renamed`")] {
        home.topology = other.to_owned();
        let (exit, said) = home.refusal(&[]);
        assert_eq!(exit, Some(2), "{said}");
        says(&said, &[has, "belong to another topology", "serve them with that one", "empty --data folder"]);
        let audit = home.run(&["audit"]);
        assert_eq!(audit.status.code(), Some(2), "{audit:?}");
        says(&String::from_utf8(audit.stderr).unwrap(), &["belong to another topology"]);
    }
    assert_eq!(books::files(&home.data()), databases, "no database was made");
    assert_eq!(books::difference(&before, &books::read(&home.data())), [] as [String; 0]);
    home.topology = topology.to_owned();
    home.start().stop();
    assert_eq!(home.audit().0, Some(0));
}

async fn a_key_is_made_for_its_owner_only_and_refused_if_others_can_read_it(topology: &str) {
    let home = Home::bare(topology)
        .with("JUMUN_ADMIN_EMAIL", "a@example.com")
        .with("JUMUN_ADMIN_PASSWORD", "12345678");
    home.start().stop();
    for name in ["signing.key", "webhook.key"] {
        let key = home.data().join(name);
        let mode = || std::fs::metadata(&key).unwrap().permissions().mode() & 0o777;
        let made = std::fs::read(&key).unwrap();
        assert_eq!((mode(), made.len()), (0o600, 32), "{name}");
        for readable in [0o640, 0o604, 0o644] {
            std::fs::set_permissions(&key, PermissionsExt::from_mode(readable)).unwrap();
            let (exit, said) = home.refusal(&[]);
            assert_eq!(exit, Some(2), "{said}");
            says(
                &said,
                &[key.to_str().unwrap(), "can be read by others", &format!("mode {readable:o}"), "0600"],
            );
            assert_eq!(mode(), readable, "it is the operator's to change");
        }
        std::fs::set_permissions(&key, PermissionsExt::from_mode(0o600)).unwrap();
        home.start().stop();
        assert_eq!(std::fs::read(&key).unwrap(), made, "the same key after a restart");
    }
}

async fn the_made_up_password_is_shown_at_the_first_start_only(topology: &str) {
    let home = Home::bare(topology);
    let first = home.start().stop();
    let (_, shown) = first.split_once("admin@localhost with password ").unwrap();
    let password = shown.split_whitespace().next().unwrap();
    assert!(password.len() >= 20 && first.contains("(shown this once)"), "{first}");

    let serving = home.start();
    let log_in = json!({"email": "admin@localhost", "password": password});
    let answer =
        Client::new(&serving.told.url).ask(Method::POST, "/v1/auth/token").json(&log_in).send().await;
    assert_eq!(answer.status, 200, "{}", answer.text);
    let second = serving.stop();
    assert!(!second.contains("password") && !second.contains("administrator"), "{second}");
    let logs = std::fs::read_to_string(home.data().with_file_name("server.log")).unwrap();
    assert!(!second.contains(password) && !logs.contains(password), "{logs}");
    for file in std::fs::read_dir(home.data()).unwrap().map(|file| file.unwrap().path()) {
        let bytes = std::fs::read(&file).unwrap();
        let holds = bytes.windows(password.len()).any(|part| part == password.as_bytes());
        assert!(!holds, "{}", file.display());
    }
}

async fn a_public_address_is_refused_with_the_secret_that_everybody_knows(topology: &str) {
    let known = || Home::new(topology).with("JUMUN_PG__SECRET_KEY", "sk_sim_local");
    for home in [Home::new(topology), known(), known().with("JUMUN_PG__URL", "http://127.0.0.1:9")] {
        for address in ["0.0.0.0:0", "[::]:0", "192.0.2.1:0"] {
            let refused = home.run(&["serve", "--listen", address]);
            let said = String::from_utf8(refused.stderr).unwrap();
            assert_eq!(refused.status.code(), Some(2), "{said}");
            says(&said, &[&format!("listen: {address} is public"), "pg.secret_key (JUMUN_PG__SECRET_KEY)"]);
        }
        assert!(!home.data().exists(), "nothing was made");
    }
    let own = Home::new(topology).with("JUMUN_PG__SECRET_KEY", "sk_of_our_own");
    let checked = own.run(&["config", "check", "--listen", "0.0.0.0:8080"]);
    assert_eq!(checked.status.code(), Some(0), "{}", String::from_utf8_lossy(&checked.stderr));
}
