//! Getting what is missing: programs from the distribution (Debian, Ubuntu), Kafka's jars from Maven Central.

use crate::programs::on_path;
use crate::{kafka, postgres, redis};
use anyhow::{Context, Result, bail, ensure};
use nix::unistd::Uid;
use std::path::Path;
use std::process::Command;

/// What can be got.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Part {
    /// PostgreSQL's server and client.
    Postgres,
    /// Redis's server and client.
    Redis,
    /// Java, and Kafka's jars.
    Kafka,
}

/// Makes sure that `part` is there, new enough. What is there is not touched.
///
/// # Errors
/// If it cannot be got: what to install by hand.
pub fn install(part: Part) -> Result<()> {
    match part {
        Part::Postgres if postgres::binaries().is_err() => {
            apt(&["postgresql"]).and_then(|()| postgres::binaries()).map(drop)
        }
        Part::Redis if redis::program().is_err() => {
            apt(&["redis-server"]).and_then(|()| redis::program()).map(drop)
        }
        Part::Kafka => install_kafka(),
        Part::Postgres | Part::Redis => Ok(()),
    }
}

fn install_kafka() -> Result<()> {
    if kafka::java().is_err() {
        apt(&["openjdk-21-jre-headless|openjdk-17-jre-headless"])?;
        kafka::java()?;
    }
    if kafka::jars().is_ok() {
        return Ok(());
    }
    if on_path("mvn").is_none() {
        apt(&["maven"])?;
    }
    gather(&kafka::jars_folder())
}

/// Has Maven copy the jars that Kafka needs: all of them, or none.
fn gather(jars: &Path) -> Result<()> {
    const POM: &str = include_str!("../kafka/pom.xml");
    const COPY: &str = "org.apache.maven.plugins:maven-dependency-plugin:3.8.1:copy-dependencies";
    ensure!(
        POM.contains(&format!("<version>{}</version>", kafka::VERSION)),
        "kafka/pom.xml names another version"
    );
    let folder = jars.parent().context("jars lie in a folder")?;
    std::fs::create_dir_all(folder)?;
    std::fs::write(folder.join("pom.xml"), POM)?;
    let part = folder.join("libs.part");
    if part.exists() {
        std::fs::remove_dir_all(&part)?;
    }
    let mut maven = Command::new("mvn");
    maven.args(["--quiet", "--batch-mode", COPY, "-DincludeScope=runtime", "-DoutputDirectory=libs.part"]);
    run(maven.current_dir(folder))?;
    Ok(std::fs::rename(&part, jars)?)
}

/// Installs packages; of `one|other` the first that the distribution has. What they contain is not started as a service of the system:
/// it is started here, when it is needed.
const APT: &str = r#"
set -e
policy=/usr/sbin/policy-rc.d
if [ ! -e "$policy" ]; then
    trap 'exit 1' HUP INT TERM
    trap 'rm -f "$policy"' EXIT
    printf '#!/bin/sh\nexit 101\n' >"$policy"
    chmod 755 "$policy"
fi
apt-get update -qq
chosen=
for wanted in "$@"; do
    for package in $(echo "$wanted" | tr '|' ' '); do
        if apt-cache show "$package" >/dev/null 2>&1; then
            chosen="$chosen $package"
            break
        fi
    done
done
DEBIAN_FRONTEND=noninteractive apt-get install -qq -y --no-install-recommends $chosen
"#;

fn apt(packages: &[&str]) -> Result<()> {
    let by_hand = || format!("install by hand: {}", packages.join(" "));
    if on_path("apt-get").is_none() {
        bail!("this system has no apt-get; {}", by_hand());
    }
    let mut command = match (Uid::effective().is_root(), on_path("sudo")) {
        (true, _) => Command::new("sh"),
        (false, Some(sudo)) => {
            let mut command = Command::new(sudo);
            command.args(["-n", "sh"]);
            command
        }
        (false, None) => bail!("only root can install packages; {}", by_hand()),
    };
    run(command.args(["-c", APT, "apt"]).args(packages)).with_context(by_hand)
}

/// Runs with this terminal's output: it may take a while.
fn run(command: &mut Command) -> Result<()> {
    let name = command.get_program().to_string_lossy().into_owned();
    let ended = command.stdin(std::process::Stdio::null()).status();
    let ended = ended.with_context(|| format!("cannot start {name}"))?;
    ensure!(ended.success(), "{name} failed ({ended})");
    Ok(())
}
