//! Encrypted connections: to whom they are made, and that nobody else is told a password.

use super::support::{EPOCH, Raw, TABLES, all, count_up, postgres, shelf};
use crate::postgres::{Options, PostgresStore, Server};
use rcgen::{BasicConstraints, CertificateParams, CertifiedIssuer, IsCa, KeyPair};
use runtime::ports::store::StoreError;
use services::Postgres;
use std::path::PathBuf;
use std::sync::LazyLock;
use tempfile::TempDir;

/// The name that the server's certificate is for. Nobody is asked where it is: URLs say that themselves.
const NAME: &str = "db.shop.test";

/// A server that can be spoken to by TLS, and those who might say who it is.
struct Encrypted {
    postgres: Postgres,
    certificates: TempDir,
}

/// The one that the tests here share.
fn encrypted() -> &'static Encrypted {
    static SHARED: LazyLock<Encrypted> = LazyLock::new(|| {
        let certificates = TempDir::new().unwrap();
        let [ca, _] = ["ca.pem", "other.pem"].map(|file| {
            let mut params = CertificateParams::default();
            params.is_ca = IsCa::Ca(BasicConstraints::Unconstrained);
            let ca = CertifiedIssuer::self_signed(params, KeyPair::generate().unwrap()).unwrap();
            std::fs::write(certificates.path().join(file), ca.pem()).unwrap();
            ca
        });
        std::fs::write(certificates.path().join("empty.pem"), "no certificate").unwrap();
        let key = KeyPair::generate().unwrap();
        let params = CertificateParams::new(vec![NAME.to_owned()]).unwrap();
        let certificate = params.signed_by(&key, &ca).unwrap();
        let postgres = Postgres::start().unwrap();
        postgres.speak_tls(&certificate.pem(), &key.serialize_pem()).unwrap();
        Encrypted { postgres, certificates }
    });
    &SHARED
}

impl Encrypted {
    fn file(&self, name: &str) -> PathBuf {
        self.certificates.path().join(name)
    }

    /// A database of this server under the name of `host`, believed by the roots in `file`.
    fn server(&self, host: &str, file: &str, mode: &str) -> Server {
        named(&self.postgres, host, &format!("{mode}&sslrootcert={}", self.file(file).display()))
    }
}

fn named(postgres: &Postgres, host: &str, words: &str) -> Server {
    let url = postgres.url("shop").replace("127.0.0.1", host);
    Server::parse(&format!("{url}?hostaddr=127.0.0.1{words}")).unwrap()
}

/// Opens a store on `server`, which must be refused for this reason and without showing the password.
#[track_caller]
fn refused(postgres: &Postgres, server: &Server, reason: &str) {
    let refused = PostgresStore::open(server, TABLES, &Options::new(EPOCH)).map(drop);
    let Err(StoreError::Unusable(why)) = refused else { panic!("{refused:?}") };
    assert!(why.contains(reason), "{why}");
    let url = postgres.url("shop");
    let password = url.split([':', '@']).nth(2).unwrap();
    assert!(password.len() >= 32 && !why.contains(password), "{why}");
}

#[test]
fn batches_commit_encrypted_by_a_root_that_the_url_names() {
    // Nobody else has connections to this server.
    const CONNECTIONS: &str = "SELECT format('%s %s', application_name, ssl) FROM pg_stat_activity JOIN pg_stat_ssl USING (pid) \
         WHERE application_name LIKE 'jumun %' AND pid <> pg_backend_pid() ORDER BY 1";
    let encrypted = encrypted();
    for (mode, count) in
        ["", "&sslmode=require", "&sslmode=verify-ca", "&sslmode=verify-full"].into_iter().zip(1..)
    {
        let server = encrypted.server(NAME, "ca.pem", mode);
        let mut store = PostgresStore::open(&server, TABLES, &Options::new(EPOCH)).unwrap();
        count_up(&mut store, 1).unwrap();
        assert_eq!(all(&*store.reader()), [shelf(1, count)]);
        let connections = Raw::to(&server).lines(CONNECTIONS);
        for ours in ["jumun reader shop t", "jumun writer shop t"] {
            assert!(connections.iter().any(|connection| connection == ours), "{mode}: {connections:?}");
        }
        assert!(connections.iter().all(|connection| connection.ends_with(" t")), "{mode}: {connections:?}");
    }
}

#[test]
fn a_server_that_no_believed_root_speaks_for_is_told_nothing() {
    let encrypted = encrypted();
    for (roots, reason) in [
        ("other.pem", "invalid peer certificate"),
        ("missing.pem", "missing.pem has no usable root certificates"),
        ("empty.pem", "empty.pem has no usable root certificates"),
    ] {
        for mode in ["&sslmode=require", "&sslmode=verify-full"] {
            refused(&encrypted.postgres, &encrypted.server(NAME, roots, mode), reason);
        }
    }
}

#[test]
fn a_server_of_another_name_is_told_nothing() {
    let encrypted = encrypted();
    for mode in ["&sslmode=require", "&sslmode=verify-ca", "&sslmode=verify-full"] {
        let server = encrypted.server("other.shop.test", "ca.pem", mode);
        refused(&encrypted.postgres, &server, "not valid for name \"other.shop.test\"");
    }
}

#[test]
fn a_server_without_tls_is_refused_where_that_is_needed() {
    let encrypted = encrypted();
    let roots = format!("&sslrootcert={}", encrypted.file("ca.pem").display());
    for words in ["", "&sslmode=prefer", "&sslmode=require", "&sslmode=verify-full"] {
        let server = named(postgres(), NAME, &format!("{words}{roots}"));
        refused(postgres(), &server, "server does not support TLS");
    }
}

#[test]
fn in_the_clear_only_this_machine_is_spoken_to_unless_the_url_says_so() {
    for (place, encrypted) in [
        ("localhost/shop", false),
        ("127.0.0.1/shop", false),
        ("[::1]/shop", false),
        ("db/shop", true),
        ("localhost,db/shop", true),
        ("db/shop?hostaddr=127.0.0.1", true),
        ("localhost/shop?hostaddr=10.0.0.5", true),
        ("db/shop?sslmode=disable", false),
        ("localhost/shop?sslmode=require", true),
        ("localhost/shop?sslmode=verify-full", true),
        ("localhost/shop?sslrootcert=ca.pem", true),
        ("localhost/shop?sslrootcert=system", false),
        ("localhost/shop?sslrootcert=ca.pem&sslmode=disable", false),
    ] {
        for user in ["", "me@", "me:secret?sslmode=verify-ca@"] {
            let server = Server::parse(&format!("postgres://{user}{place}")).unwrap();
            assert_eq!(server.needs_tls(), encrypted, "{user}{place}");
        }
    }
}

#[test]
fn the_file_of_roots_is_named_as_urls_name_things() {
    let roots = |url: &str| Server::parse(url).map(|server| format!("{:?}", server.roots()));
    assert_eq!(
        roots("postgres://db/shop?sslrootcert=/etc/our%20roots.pem&sslmode=require"),
        Ok("File(\"/etc/our roots.pem\")".into())
    );
    assert_eq!(roots("postgres://db/shop?sslmode=require"), Ok("System".into()));
    assert_eq!(roots("postgres://db/shop?sslrootcert=%ff"), Err("sslrootcert is not UTF-8".into()));
}
