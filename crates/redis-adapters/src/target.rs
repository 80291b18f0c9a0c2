//! Where Redis is: one server, a master that sentinels know, or a cluster; from a URL.

use redis::{ConnectionAddr, ConnectionInfo, IntoConnectionInfo, RedisConnectionInfo};

/// Where Redis is. Its password is never shown.
#[derive(Clone)]
pub struct Target(pub(crate) Kind);

#[derive(Clone)]
pub(crate) enum Kind {
    /// One server.
    Single(ConnectionInfo),
    /// The master called so, of which these sentinels know where it is; and what the sentinels themselves ask for.
    Sentinel {
        sentinels: Vec<ConnectionAddr>,
        master: String,
        login: RedisConnectionInfo,
        sentinel_password: Option<String>,
    },
    /// A cluster, of which these are some nodes.
    Cluster { nodes: Vec<ConnectionInfo> },
}

/// A URL that names no Redis. It does not repeat the URL, which may hold a password.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error(
    "{0}; a Redis is redis://[USER:PASSWORD@]HOST:PORT[/NUMBER], redis-sentinel://[USER:PASSWORD@]HOST:PORT,…/MASTER[/NUMBER][?sentinel_password=…] or \
     redis-cluster://[USER:PASSWORD@]HOST:PORT,…"
)]
pub struct BadTarget(String);

impl std::fmt::Debug for Target {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        std::fmt::Display::fmt(self, f)
    }
}

/// Shows hosts, ports and the master's name: nothing secret.
impl std::fmt::Display for Target {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        let addresses = |addresses: &mut dyn Iterator<Item = &ConnectionAddr>| {
            addresses.map(ToString::to_string).collect::<Vec<_>>().join(",")
        };
        match &self.0 {
            Kind::Single(info) => write!(f, "redis {}", info.addr()),
            Kind::Sentinel { sentinels, master, .. } => {
                write!(f, "redis master {master} of sentinels {}", addresses(&mut sentinels.iter()))
            }
            Kind::Cluster { nodes } => {
                write!(f, "redis cluster {}", addresses(&mut nodes.iter().map(ConnectionInfo::addr)))
            }
        }
    }
}

impl std::str::FromStr for Target {
    type Err = BadTarget;

    fn from_str(url: &str) -> Result<Self, BadTarget> {
        let (scheme, rest) = url.split_once("://").ok_or_else(|| BadTarget("it has no scheme".to_owned()))?;
        match scheme {
            "redis" | "redis+unix" | "unix" => Ok(Self(Kind::Single(info(url)?))),
            "rediss" => Err(BadTarget("TLS (rediss) is not built in".to_owned())),
            "redis-sentinel" => sentinel(rest),
            "redis-cluster" => cluster(rest),
            other => Err(BadTarget(format!("`{other}` is no scheme of Redis"))),
        }
    }
}

fn info(url: &str) -> Result<ConnectionInfo, BadTarget> {
    url.into_connection_info().map_err(|error| BadTarget(error.to_string()))
}

/// What stands before the hosts, the hosts, and what stands after them.
fn parts(rest: &str) -> (&str, Vec<&str>, Vec<&str>) {
    let (authority, path) = rest.split_once('/').unwrap_or((rest, ""));
    let (login, hosts) = authority.rsplit_once('@').unwrap_or(("", authority));
    let hosts = hosts.split(',').filter(|host| !host.is_empty()).collect();
    (login, hosts, path.split('/').filter(|part| !part.is_empty()).collect())
}

/// User, password and number as a URL of one server spells them.
fn login(login: &str, number: &str) -> Result<RedisConnectionInfo, BadTarget> {
    let at = if login.is_empty() { "" } else { "@" };
    Ok(info(&format!("redis://{login}{at}localhost/{number}"))?.redis_settings().clone())
}

fn nodes(hosts: &[&str]) -> Result<Vec<ConnectionInfo>, BadTarget> {
    if hosts.is_empty() {
        return Err(BadTarget("it names no host".to_owned()));
    }
    hosts.iter().map(|host| info(&format!("redis://{host}"))).collect()
}

fn sentinel(rest: &str) -> Result<Target, BadTarget> {
    let (rest, query) = rest.split_once('?').unwrap_or((rest, ""));
    let mut sentinel_password = None;
    for (name, value) in url::form_urlencoded::parse(query.as_bytes()) {
        match name.as_ref() {
            "sentinel_password" => sentinel_password = Some(value.into_owned()),
            other => return Err(BadTarget(format!("nobody knows what `{other}` is"))),
        }
    }
    let (given, hosts, path) = parts(rest);
    let (master, number) = match path.as_slice() {
        [master] => (*master, ""),
        [master, number] => (*master, *number),
        _ => return Err(BadTarget("it does not name the master that the sentinels know".to_owned())),
    };
    let sentinels = nodes(&hosts)?.iter().map(|node| node.addr().clone()).collect();
    let (master, login) = (master.to_owned(), login(given, number)?);
    Ok(Target(Kind::Sentinel { sentinels, master, login, sentinel_password }))
}

fn cluster(rest: &str) -> Result<Target, BadTarget> {
    let (given, hosts, path) = parts(rest);
    if !path.is_empty() {
        return Err(BadTarget("a cluster has no numbered databases".to_owned()));
    }
    let login = login(given, "")?;
    let nodes = nodes(&hosts)?.into_iter().map(|node| node.set_redis_settings(login.clone())).collect();
    Ok(Target(Kind::Cluster { nodes }))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn check(url: &str, expected: Result<&str, &str>) {
        let target: Result<Target, BadTarget> = url.parse();
        match (target, expected) {
            (Ok(target), Ok(expected)) => {
                assert_eq!(target.to_string(), expected);
                assert!(!format!("{target:?}").contains("secret"), "{target:?}");
            }
            (Err(error), Err(expected)) => {
                assert!(error.0.contains(expected), "{error}");
                assert!(!error.to_string().contains("secret"), "{error}");
            }
            (target, expected) => panic!("{url}: {target:?}, not {expected:?}"),
        }
    }

    #[test]
    fn a_url_says_which_kind_of_redis_is_where_and_its_password_is_not_shown() {
        check("redis://me:secret@host:7/2", Ok("redis host:7"));
        check("redis://host", Ok("redis host:6379"));
        check("redis-sentinel://:secret@a:1,b:2/main/3", Ok("redis master main of sentinels a:1,b:2"));
        check(
            "redis-sentinel://a/main?sentinel_password=secret",
            Ok("redis master main of sentinels a:6379"),
        );
        check("redis-cluster://me:secret@a:1,b:2", Ok("redis cluster a:1,b:2"));
    }

    #[test]
    fn what_is_no_redis_is_refused_without_repeating_it() {
        check("host:7", Err("no scheme"));
        check("http://me:secret@host", Err("`http`"));
        check("rediss://me:secret@host", Err("TLS"));
        check("redis-sentinel://:secret@a:1", Err("master"));
        check("redis-sentinel://a:1/main?password=secret", Err("`password`"));
        check("redis-cluster://:secret@a:1/3", Err("numbered"));
        check("redis-cluster://", Err("no host"));
        check("redis://host:7/secret", Err(""));
    }

    #[test]
    fn every_node_is_reached_by_the_same_login() {
        let Kind::Sentinel { login, .. } =
            "redis-sentinel://me:secret@a:1/main/3".parse::<Target>().unwrap().0
        else {
            panic!("no sentinel")
        };
        assert_eq!((login.username(), login.password(), login.db()), (Some("me"), Some("secret"), 3));
        let Kind::Cluster { nodes } = "redis-cluster://me:secret@a:1,b:2".parse::<Target>().unwrap().0 else {
            panic!("no cluster")
        };
        assert!(nodes.iter().all(|node| node.redis_settings().password() == Some("secret")));
    }
}
