//! Whatever a configuration file says, it is taken, and then a shop can be made of it, or refused by name and without a secret.

use super::*;
use proptest::collection::vec;
use proptest::prelude::*;
use proptest::sample::{Index, select};
use shop::Domains;

const SECRET: &str = "31415926535";

/// Settings, each with what a file may say of it.
const SETTINGS: &[(&str, &[&str])] = &[
    ("topology", &["\"monolith\"", "\"\"", "7"]),
    ("listen", &["\"127.0.0.1:0\"", "\"0.0.0.0:80\"", "\"here\""]),
    ("admin_listen", &["\"[::1]:80\"", "false"]),
    ("currency", &["\"GBP\"", "\"gbp\"", "\"\""]),
    ("rate_limit", &["\"on\"", "\"off\"", "\"1\"", "\"0\"", "60", "\"4294967296\""]),
    ("batch_cap", &["1", "0", "10001", "-1"]),
    ("deadline_s", &["1", "0", "9223372036854775807", "1.5"]),
    ("created_expiry_s", &["1", "9223372036854775807", "\"a minute\""]),
    ("cancel_window_s", &["0", "9223372036854775807", "-9223372036854775808"]),
    ("log_retention_s", &["0", "9223372036854775807"]),
    ("admin_email", &["\"a@example.com\"", "[]"]),
    ("admin_password", SECRETS),
    ("signing_key", SECRETS),
    ("pg.secret_key", SECRETS),
    ("pg.webhook_secret", SECRETS),
    ("pg.call_timeout_s", &["0", "9223372036854775807"]),
    ("pg.settling_s", &["0", "9223372036854775807"]),
    ("pg.budget_s", &["0", "9223372036854775807"]),
    ("delivery.secret", SECRETS),
    ("delivery.allow_private", &["true", "\"yes\""]),
    ("delivery.inline_sendings", &["1", "0", "4294967296"]),
    ("delivery.inline_call_timeout_s", &["1", "0", "9223372036854775807"]),
    ("unheard_of", &["1"]),
];

/// One that is right, and what somebody may write for it by mistake.
const SECRETS: &[&str] = &[
    "\"a secret 31415926535 of more than thirty-two characters\"",
    "31415926535",
    "[31415926535]",
    "{ is = 31415926535 }",
    "secret31415926535",
    "\"31415926535",
];

fn line() -> impl Strategy<Value = String> {
    let setting = (select(SETTINGS), any::<Index>());
    prop_oneof![
        20 => setting.prop_map(|((name, values), at)| format!("{name} = {}", at.get(values))),
        1 => "[a-z\\[\\]=.\"#]{0,20}",
    ]
}

fn load(text: &str) -> anyhow::Result<Config> {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("jumun.toml");
    std::fs::write(&path, text).unwrap();
    Config::load(Some(&path), &Flags::default())
}

#[test]
fn a_wrong_setting_is_named() {
    for (text, complaint) in [
        ("batch_cap = 0", "batch_cap: 0 is not between 1 and 10000"),
        ("deadline_s = 0", "deadline_s: must be at least one second"),
        ("currency = \"won\"", "currency: `won` is not an ISO 4217 code (three capital letters)"),
        ("rate_limit = \"0\"", "rate_limit: `0` is not on, off or requests a minute"),
    ] {
        assert_eq!(load(text).unwrap_err().to_string(), complaint);
    }
}

#[test]
fn a_file_that_is_no_toml_is_refused_by_its_line_and_not_shown() {
    let error = load("currency = \"KRW\"\nadmin_password = hunter2\n").unwrap_err();
    let shown = format!("{error:#}");
    assert!(shown.contains("line 2: ") && !shown.contains("hunter2"), "{shown}");
}

#[test]
fn the_longest_patience_is_a_patience() {
    let longest = "deadline_s = 9223372036854775807\ncreated_expiry_s = 9223372036854775807\n\
                   cancel_window_s = 9223372036854775807\npg.budget_s = 9223372036854775807\n";
    open(load(longest).unwrap());
}

/// Makes the domains as a server does, and has them say how long they keep what.
fn open(config: Config) {
    let domains = Domains::new(config.policies);
    let (_, registry) = domains.place(crate::topologies::SHIPPED[0].1).unwrap();
    let books: Vec<_> = registry.iter().flat_map(|domain| domain.sagas()).collect();
    assert!(!books.is_empty());
}

proptest! {
    #[test]
    fn a_file_is_taken_or_refused_without_its_secrets(lines in vec(line(), 0..6)) {
        match load(&lines.join("\n")) {
            Ok(config) => {
                let shown = format!("{config:?}");
                prop_assert!(!shown.contains(SECRET), "{}", shown);
                open(config);
            }
            Err(error) => {
                let shown = format!("{error:#} {error:?}");
                prop_assert!(!shown.contains(SECRET), "{}", shown);
            }
        }
    }
}
