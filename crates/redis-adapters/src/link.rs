//! A connection to Redis, wherever it is. Whatever is asked is answered within its timeout, or fails.

use crate::target::{Kind, Target};
use redis::cluster::ClusterClientBuilder;
use redis::sentinel::{SentinelClientBuilder, SentinelServerType};
use redis::{Client, ConnectionLike, RedisResult};
use std::time::Duration;

/// A connection.
type Link = Box<dyn ConnectionLike + Send>;

/// Redis, over a connection that is made when it is needed, and again after each failure.
pub(crate) struct Line {
    target: Target,
    timeout: Duration,
    link: Option<Link>,
}

impl Line {
    /// To `target`, which is not asked yet; `timeout` bounds connecting and each answer.
    pub(crate) fn new(target: Target, timeout: Duration) -> Self {
        Self { target, timeout, link: None }
    }

    /// Asks. After a failure the connection is given up: what is answered to it late must not be taken for the next answer.
    ///
    /// # Errors
    /// If it cannot be reached, does not answer in time, or says no.
    pub(crate) fn ask<T>(
        &mut self,
        question: impl FnOnce(&mut dyn ConnectionLike) -> RedisResult<T>,
    ) -> RedisResult<T> {
        let mut link = match self.link.take() {
            Some(link) => link,
            None => open(&self.target, self.timeout)?,
        };
        let answer = question(link.as_mut())?;
        self.link = Some(link);
        Ok(answer)
    }
}

/// Connects to `target`; `timeout` bounds connecting and each answer.
///
/// # Errors
/// If it cannot be reached, or refuses the login.
fn open(target: &Target, timeout: Duration) -> RedisResult<Link> {
    match &target.0 {
        Kind::Single(info) => open_one(&Client::open(info.clone())?, timeout),
        Kind::Sentinel { sentinels, master, login, sentinel_password } => {
            let mut builder =
                SentinelClientBuilder::new(sentinels.clone(), master, SentinelServerType::Master)?
                    .set_client_to_redis_db(login.db());
            if let Some(username) = login.username() {
                builder = builder.set_client_to_redis_username(username);
            }
            if let Some(password) = login.password() {
                builder = builder.set_client_to_redis_password(password);
            }
            if let Some(password) = sentinel_password {
                builder = builder.set_client_to_sentinel_password(password);
            }
            // Where the master is, is asked each time: it may have moved.
            open_one(&builder.build()?.get_client()?, timeout)
        }
        Kind::Cluster { nodes } => {
            let builder = ClusterClientBuilder::new(nodes.clone());
            // Whoever asks tries again by itself.
            let builder = builder.connection_timeout(timeout).response_timeout(timeout).retries(1);
            Ok(Box::new(builder.build()?.get_connection()?))
        }
    }
}

fn open_one(client: &Client, timeout: Duration) -> RedisResult<Link> {
    let connection = client.get_connection_with_timeout(timeout)?;
    connection.set_read_timeout(Some(timeout))?;
    connection.set_write_timeout(Some(timeout))?;
    Ok(Box::new(connection))
}
