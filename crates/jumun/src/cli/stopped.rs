//! A stopped system's data folder, started for one piece of work.

use super::audit::must_exist;
use anyhow::Context;
use jumun::folder::Folder;
use jumun::{Config, Server};
use kernel::Field;
use kernel::Record;
use kernel::ids::UserId;
use runtime::ports::store::{Compare, Query};
use shop::{Domains, Shop};
use std::net::{Ipv4Addr, SocketAddr};
use user::{Role, User};

/// The system whose data `config` names, running in this process on a port that nobody knows.
///
/// # Errors
/// If there is no such folder, a server runs on it (then `beside` says what to do), or it does not start.
pub(super) async fn start(config: &Config, beside: &str) -> anyhow::Result<Server> {
    must_exist(&config.file.data)?;
    drop(Folder::take(&config.file.data).with_context(|| beside.to_owned())?);
    start_here(config).await
}

/// The same, in a folder that may be new.
///
/// # Errors
/// If it does not start.
pub(super) async fn start_here(config: &Config) -> anyhow::Result<Server> {
    start_with(config, Domains::new(config.policies.clone())).await
}

/// The same, with these domains.
///
/// # Errors
/// If it does not start.
pub(super) async fn start_with(config: &Config, domains: Domains) -> anyhow::Result<Server> {
    let mut config = config.clone();
    config.file.listen = SocketAddr::from((Ipv4Addr::LOCALHOST, 0));
    config.file.admin_listen = None;
    Server::start(&config, domains).await
}

/// An administrator, in whose name the command line acts: there is one from the first start on.
///
/// # Errors
/// If users cannot be read.
pub(super) fn administrator(shop: &Shop) -> anyhow::Result<UserId> {
    let query = Query::of(User::TABLE, 1).filter("role", Compare::Is, Role::Admin.to_value());
    let admins: Vec<User> = shop.list("user", &query)?;
    Ok(admins.first().context("the user database holds no administrator")?.id)
}

/// Does `work` on databases that are gone afterwards: where they are on a server, under names that nobody else has.
///
/// # Errors
/// Those of `work`, or if the databases cannot be removed.
pub(super) fn with_throwaway_databases<T>(
    mut config: Config,
    work: impl FnOnce(&Config) -> anyhow::Result<T>,
) -> anyhow::Result<T> {
    let Some(servers) = &config.servers else { return work(&config) };
    let servers = servers
        .throwaway(rand::random())
        .context("`database` is to name a server for throwaway databases")?;
    config.servers = Some(servers.clone());
    let text = jumun::topologies::text(&config.file.topology).map_err(anyhow::Error::msg)?;
    let (topology, _) = Domains::new(config.policies.clone()).place(&text)?;
    let done = work(&config);
    let removed = servers.remove(&topology.databases());
    done.and_then(|done| removed.map(|()| done))
}
