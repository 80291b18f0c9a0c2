//! Passwords: hashed (argon2id) and compared, a few at a time, in memory that is used again.

use super::Secret;
use crate::problem::Problem;
use argon2::password_hash::rand_core::{OsRng, RngCore};
use argon2::password_hash::{
    self, Decimal, Ident, Output, ParamsString, PasswordHash as Phc, PasswordHasher, PasswordVerifier, Salt,
    SaltString,
};
use argon2::{Algorithm, Argon2, Block, Params, Version};
use parking_lot::Mutex;
use std::cell::RefCell;
use std::sync::Arc;
use std::time::Duration;
use tokio::sync::Semaphore;
use user::PasswordHash;

/// The fewest characters of a new password.
pub const PASSWORD_MIN: usize = 8;
/// The most; hashing takes its time, but not without end.
pub const PASSWORD_MAX: usize = 256;

/// How many passwords are hashed at once.
const AT_ONCE: usize = 2;
/// How long one waits for its turn.
const TURN: Duration = Duration::from_secs(10);

/// Hashes and compares passwords (argon2id), a few at a time: each takes a core and 19 MiB for a while.
pub struct Passwords {
    turns: Arc<Semaphore>,
    /// Those that nobody uses just now; made when they are first needed, at most as many as there are turns.
    hashers: Arc<Mutex<Vec<Hasher>>>,
    nobodys: PasswordHash,
}

impl Passwords {
    /// A hasher.
    ///
    /// # Errors
    /// If the system gives no randomness.
    pub fn new() -> Result<Self, password_hash::Error> {
        let hashers = Arc::new(Mutex::new(Vec::with_capacity(AT_ONCE)));
        Ok(Self { turns: Arc::new(Semaphore::new(AT_ONCE)), hashers, nobodys: nobodys()? })
    }

    /// The hash of a new password.
    ///
    /// # Errors
    /// 503 if too many wait.
    pub async fn hash(&self, password: Secret) -> Result<PasswordHash, Problem> {
        let made = self.work(move |hasher| hash_by(hasher, password.expose())).await?;
        made.map_err(|error| {
            tracing::error!(%error, "a password could not be hashed");
            Problem::internal()
        })
    }

    /// Whether `password` is the one behind `known`. Without one it takes as long, and is not.
    ///
    /// # Errors
    /// 503 if too many wait.
    pub async fn is(&self, password: Secret, known: Option<PasswordHash>) -> Result<bool, Problem> {
        let exists = known.is_some();
        let against = known.unwrap_or_else(|| self.nobodys.clone());
        let same = self.work(move |hasher| matches(hasher, password.expose(), &against)).await?;
        Ok(exists && same)
    }

    async fn work<T: Send + 'static>(
        &self,
        work: impl FnOnce(&Hasher) -> T + Send + 'static,
    ) -> Result<T, Problem> {
        let busy = || Problem::unavailable("too many wait to sign in; try again");
        let turn = tokio::time::timeout(TURN, Arc::clone(&self.turns).acquire_owned()).await;
        let turn = turn.map_err(|_| busy())?.map_err(|_| busy())?;
        let hashers = Arc::clone(&self.hashers);
        let hashing = move || {
            // The turn is the work's, not the request's: whoever goes away meanwhile makes no room for another.
            let _turn = turn;
            let hasher = hashers.lock().pop().unwrap_or_default();
            let done = work(&hasher);
            hashers.lock().push(hasher);
            done
        };
        tokio::task::spawn_blocking(hashing).await.map_err(|_| Problem::internal())
    }
}

/// The argon2id hash of a password, as a PHC string. Takes tens of milliseconds.
///
/// # Errors
/// If it cannot be hashed.
pub fn hash(password: &str) -> Result<PasswordHash, password_hash::Error> {
    hash_by(&Argon2::default(), password)
}

fn hash_by(hasher: &impl PasswordHasher, password: &str) -> Result<PasswordHash, password_hash::Error> {
    let salt = SaltString::generate(&mut OsRng);
    let phc = hasher.hash_password(password.as_bytes(), &salt)?;
    Ok(PasswordHash::new(&phc.to_string()))
}

/// In time that does not tell how alike they are.
fn matches(hasher: &impl PasswordHasher, password: &str, known: &PasswordHash) -> bool {
    let parsed = Phc::new(known.phc());
    parsed.is_ok_and(|phc| hasher.verify_password(password.as_bytes(), &phc).is_ok())
}

/// The hash of no password, for those who try addresses that nobody has: random bytes, compared with as slowly as a true one.
fn nobodys() -> Result<PasswordHash, password_hash::Error> {
    let mut bytes = [0_u8; Params::DEFAULT_OUTPUT_LEN];
    OsRng.try_fill_bytes(&mut bytes).map_err(|_| password_hash::Error::Crypto)?;
    let salt = SaltString::generate(&mut OsRng);
    let argon2 = Argon2::default();
    let phc = phc_of(
        Algorithm::default(),
        Version::default(),
        argon2.params(),
        salt.as_salt(),
        Output::new(&bytes)?,
    )?;
    Ok(PasswordHash::new(&phc.to_string()))
}

fn phc_of<'a>(
    algorithm: Algorithm,
    version: Version,
    params: &Params,
    salt: Salt<'a>,
    hash: Output,
) -> password_hash::Result<Phc<'a>> {
    Ok(Phc {
        algorithm: algorithm.ident(),
        version: Some(version.into()),
        params: ParamsString::try_from(params)?,
        salt: Some(salt),
        hash: Some(hash),
    })
}

/// Argon2 in blocks that it keeps. Given 19 MiB back after each password, glibc's allocator uses them for less and asks the system for
/// as much again, until a process holds hundreds of megabytes. What a password leaves in the blocks the next one overwrites; it is
/// wiped no sooner, as the crate does not wipe blocks of its own either.
#[derive(Default)]
struct Hasher(RefCell<Vec<Block>>);

impl PasswordHasher for Hasher {
    type Params = Params;

    fn hash_password_customized<'a>(
        &self,
        password: &[u8],
        algorithm: Option<Ident<'a>>,
        version: Option<Decimal>,
        params: Params,
        salt: impl Into<Salt<'a>>,
    ) -> password_hash::Result<Phc<'a>> {
        let algorithm = algorithm.map(Algorithm::try_from).transpose()?.unwrap_or_default();
        let version = version.map(Version::try_from).transpose()?.unwrap_or_default();
        let argon2 = Argon2::new(algorithm, version, params);
        let salt = salt.into();
        let mut salt_bytes = [0_u8; Salt::MAX_LENGTH];
        let salt_bytes = salt.decode_b64(&mut salt_bytes)?;
        let length = argon2.params().output_len().unwrap_or(Params::DEFAULT_OUTPUT_LEN);
        let hash = Output::init_with(length, |out| Ok(self.fill(&argon2, password, salt_bytes, out)?))?;
        phc_of(algorithm, version, argon2.params(), salt, hash)
    }
}

impl Hasher {
    fn fill(&self, argon2: &Argon2<'_>, password: &[u8], salt: &[u8], out: &mut [u8]) -> argon2::Result<()> {
        let usual = Params::DEFAULT.block_count();
        if argon2.params().block_count() > usual {
            // Made elsewhere, by other parameters: no reason to keep so much from now on.
            return argon2.hash_password_into(password, salt, out);
        }
        let mut blocks = self.0.borrow_mut();
        blocks.resize(usual, Block::default());
        argon2.hash_password_into_with_memory(password, salt, out, blocks.as_mut_slice())
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use futures::FutureExt;
    use std::sync::mpsc;

    #[test]
    fn passwords_are_compared_by_their_argon2id_hash() {
        let known = hash("right").unwrap();
        assert!(known.phc().starts_with("$argon2id$v=19$m=19456,t=2,p=1$"), "{}", known.phc());
        let hasher = Hasher::default();
        assert!(matches(&hasher, "right", &known));
        assert!(!matches(&hasher, "wrong", &known));
        assert!(!matches(&hasher, "right", &PasswordHash::new("not a hash")));
    }

    #[test]
    fn a_hash_from_kept_blocks_is_any_other_argon2s() {
        let hasher = Hasher::default();
        for password in ["right", "another, in the same blocks"] {
            let salt = SaltString::generate(&mut OsRng);
            let here = hasher.hash_password(password.as_bytes(), &salt).unwrap().to_string();
            let plain = Argon2::default().hash_password(password.as_bytes(), &salt).unwrap().to_string();
            assert_eq!(here, plain);
        }
        let known = hash_by(&hasher, "right").unwrap();
        assert!(matches(&Argon2::default(), "right", &known));
        assert!(!matches(&Argon2::default(), "wrong", &known));
    }

    #[test]
    fn a_hash_by_other_parameters_is_compared_by_those() {
        let hasher = Hasher::default();
        for (algorithm, version, memory, passes, lanes, length) in [
            (Algorithm::Argon2id, Version::V0x13, 64, 1, 1, None),
            (Algorithm::Argon2id, Version::V0x13, 24_000, 1, 2, None),
            (Algorithm::Argon2i, Version::V0x10, 1_000, 3, 4, Some(16)),
            (Algorithm::Argon2d, Version::V0x13, 19_456, 1, 1, Some(64)),
        ] {
            let params = Params::new(memory, passes, lanes, length).unwrap();
            let argon2 = Argon2::new(algorithm, version, params);
            let known = hash_by(&argon2, "right").unwrap();
            assert!(matches(&hasher, "right", &known), "{}", known.phc());
            assert!(!matches(&hasher, "wrong", &known), "{}", known.phc());
        }
        assert_eq!(hasher.0.borrow().len(), Params::DEFAULT.block_count(), "what it keeps is what it needs");
    }

    fn secret(text: &str) -> Secret {
        Secret(text.into())
    }

    #[tokio::test]
    async fn nobody_has_a_password() {
        let passwords = Passwords::new().unwrap();
        let nobodys = passwords.nobodys.phc();
        assert!(nobodys.starts_with("$argon2id$v=19$m=19456,t=2,p=1$"), "as slow as a true one: {nobodys}");
        assert_eq!(Phc::new(nobodys).unwrap().hash.unwrap().len(), Params::DEFAULT_OUTPUT_LEN);
        assert!(!passwords.is(secret("right"), None).await.unwrap());
        let known = passwords.hash(secret("right")).await.unwrap();
        assert!(passwords.is(secret("right"), Some(known)).await.unwrap());
    }

    #[tokio::test]
    async fn a_request_that_is_given_up_keeps_its_turn_until_its_work_is_done() {
        let passwords = Passwords::new().unwrap();
        let ((begun, begins), (go, wait)) = (mpsc::channel(), mpsc::channel::<()>());
        let work = move |_: &Hasher| (begun.send(()), wait.recv());
        assert!(passwords.work(work).now_or_never().is_none(), "given up");
        begins.recv().unwrap();
        assert_eq!(passwords.turns.available_permits(), AT_ONCE - 1);
        drop(go);
        let all = passwords.turns.acquire_many(u32::try_from(AT_ONCE).unwrap()).await.unwrap();
        assert_eq!(passwords.hashers.lock().len(), 1, "its memory is there for the next");
        drop(all);
    }
}
