//! Kafka: a broker that is its own controller (`KRaft`), run from jars of Maven Central.

use crate::access::Access;
use crate::home::home;
use crate::programs::{major_version, on_path, output};
use crate::service::{Place, Service, owned};
use crate::throwaway::Throwaway;
use anyhow::{Context, Result, bail, ensure};
use nix::sys::signal::Signal;
use std::io::{Read, Write};
use std::net::TcpStream;
use std::path::PathBuf;
use std::process::Command;
use std::sync::OnceLock;
use std::time::Duration;

/// What is run.
pub(crate) const VERSION: &str = "4.1.0";
/// The oldest Java that runs it.
const OLDEST_JAVA: u32 = 17;
/// Where Debian and Ubuntu keep Java, a folder a version.
const JAVAS: &str = "/usr/lib/jvm";
/// How much memory its heap may take.
const HEAP: &str = "-Xmx512m";
/// What it says goes to its log, and no further.
const LOGGING: &str = "\
appender.out.type = Console
appender.out.name = out
appender.out.layout.type = PatternLayout
appender.out.layout.pattern = %d %p %m (%c)%n
rootLogger.level = INFO
rootLogger.appenderRef.out.ref = out
";

/// Kafka for a test: one broker, whose topics are made by name and have one copy.
pub type Kafka = Throwaway<KafkaServer>;

/// A setting that is no property of Kafka's: the options of its Java besides the heap's, with spaces between them. Given, they stand in the
/// place of those that make it start fast and run slower than it could.
pub const JVM_OPTIONS: &str = "jvm.options";
const QUICK_START: &str = "-XX:+UseSerialGC -XX:TieredStopAtLevel=1";

/// How Kafka is run.
#[derive(Clone, Debug)]
pub struct KafkaServer {
    java: PathBuf,
    jars: PathBuf,
    access: Access,
    settings: Vec<(String, String)>,
}

impl KafkaServer {
    fn java(&self, place: &Place, main: &str) -> Command {
        let mut command = Command::new(&self.java);
        let logging = place.folder().join("log4j2.properties");
        let given = self.settings.iter().find(|(name, _)| name == JVM_OPTIONS).map(|(_, options)| options);
        command.arg(HEAP).args(given.map_or(QUICK_START, String::as_str).split_whitespace());
        command.arg(format!("-Dlog4j2.configurationFile={}", logging.display()));
        command.arg("-cp").arg(self.jars.join("*")).arg(main);
        command
    }

    fn properties(&self, place: &Place) -> String {
        let (clients, controller) = (self.port(), self.access.port(1));
        let own = [
            ("process.roles", "broker,controller".to_owned()),
            ("node.id", "1".to_owned()),
            ("controller.quorum.voters", format!("1@127.0.0.1:{controller}")),
            ("listeners", format!("CLIENTS://127.0.0.1:{clients},CONTROLLER://127.0.0.1:{controller}")),
            ("listener.security.protocol.map", "CLIENTS:PLAINTEXT,CONTROLLER:PLAINTEXT".to_owned()),
            ("inter.broker.listener.name", "CLIENTS".to_owned()),
            ("controller.listener.names", "CONTROLLER".to_owned()),
            ("log.dirs", place.data().display().to_string()),
            ("auto.create.topics.enable", "false".to_owned()),
            ("offsets.topic.num.partitions", "4".to_owned()),
            ("offsets.topic.replication.factor", "1".to_owned()),
            ("transaction.state.log.num.partitions", "4".to_owned()),
            ("transaction.state.log.replication.factor", "1".to_owned()),
            ("transaction.state.log.min.isr", "1".to_owned()),
            ("share.coordinator.state.topic.replication.factor", "1".to_owned()),
            ("share.coordinator.state.topic.min.isr", "1".to_owned()),
            ("group.initial.rebalance.delay.ms", "0".to_owned()),
        ];
        let of_kafka = self.settings.iter().filter(|(name, _)| name != JVM_OPTIONS);
        let given = of_kafka.map(|(name, value)| (name.as_str(), value.clone()));
        own.into_iter().chain(given).map(|(name, value)| format!("{name}={value}\n")).collect()
    }
}

impl Service for KafkaServer {
    const NAME: &'static str = "kafka";
    const PORTS: usize = 2;
    const STOP: Signal = Signal::SIGTERM;

    fn new(access: Access, settings: &[(&str, &str)]) -> Result<Self> {
        Ok(Self { java: java()?, jars: jars()?, access, settings: owned(settings) })
    }

    fn access(&self) -> &Access {
        &self.access
    }

    fn prepare(&self, place: &Place) -> Result<()> {
        let properties = properties_file(place);
        std::fs::write(&properties, self.properties(place))?;
        std::fs::write(place.folder().join("log4j2.properties"), LOGGING)?;
        if place.data().join("meta.properties").is_file() {
            return Ok(());
        }
        let mut format = self.java(place, "kafka.tools.StorageTool");
        format.args(["format", "-t", &cluster_id(), "-c"]).arg(properties);
        output(&mut format).map(drop)
    }

    fn command(&self, place: &Place) -> Result<Command> {
        let mut command = self.java(place, "kafka.Kafka");
        command.arg(properties_file(place));
        Ok(command)
    }

    /// Asks which brokers there are: it names itself once it takes records.
    fn ask(&self) -> Result<()> {
        const METADATA: u16 = 3;
        const WAIT: Duration = Duration::from_secs(2);
        let mut connection = TcpStream::connect(("127.0.0.1", self.port()))?;
        connection.set_read_timeout(Some(WAIT))?;
        connection.set_write_timeout(Some(WAIT))?;
        // Version 1, correlation 7, no client's name, about no topic.
        let request: Vec<u8> = [
            METADATA.to_be_bytes().as_slice(),
            1_u16.to_be_bytes().as_slice(),
            7_u32.to_be_bytes().as_slice(),
            (-1_i16).to_be_bytes().as_slice(),
            0_u32.to_be_bytes().as_slice(),
        ]
        .concat();
        let length = u32::try_from(request.len())?.to_be_bytes();
        connection.write_all(&[length.as_slice(), &request].concat())?;
        // The answer's length, the correlation, and how many brokers there are.
        let mut answer = [0_u8; 12];
        connection.read_exact(&mut answer)?;
        ensure!(answer[4..8] == 7_u32.to_be_bytes(), "what answers is no Kafka");
        ensure!(answer[8..] != [0; 4], "it knows no broker yet");
        Ok(())
    }

    fn url(&self) -> String {
        format!("127.0.0.1:{}", self.port())
    }
}

fn properties_file(place: &Place) -> PathBuf {
    place.folder().join("server.properties")
}

/// Sixteen bytes as Kafka spells them: base64 without padding, of which the last letter has but four values.
fn cluster_id() -> String {
    const LETTERS: &[u8] = b"ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789";
    let letter = || char::from(LETTERS[rand::random_range(0..LETTERS.len())]);
    (0..21).map(|_| letter()).chain(['A']).collect()
}

impl Kafka {
    /// The one that all tests of this process share: it ends with the process. Whoever kills, stops or pauses a broker starts their own.
    ///
    /// # Errors
    /// As [`Throwaway::start`].
    pub fn shared() -> Result<&'static Self> {
        static SHARED: OnceLock<Result<Kafka, String>> = OnceLock::new();
        Self::once(&SHARED, &[])
    }

    /// Where its clients begin: host and port.
    #[must_use]
    pub fn bootstrap(&self) -> String {
        self.service().url()
    }
}

/// A Java that is new enough.
///
/// # Errors
/// If there is none: how to get it.
pub(crate) fn java() -> Result<PathBuf> {
    let home = std::env::var_os("JAVA_HOME").map(|home| PathBuf::from(home).join("bin").join("java"));
    let installed = std::fs::read_dir(JAVAS).into_iter().flatten().filter_map(Result::ok);
    let installed = installed.map(|entry| entry.path().join("bin").join("java"));
    let mut candidates = home.into_iter().chain(on_path("java")).chain(installed);
    let is_new_enough = |java: &PathBuf| {
        let said = output(Command::new(java).arg("--version"));
        said.ok().and_then(|said| major_version(&said)).is_some_and(|version| version >= OLDEST_JAVA)
    };
    candidates.find(is_new_enough).with_context(|| {
        format!(
            "Kafka needs Java {OLDEST_JAVA} or newer: `cargo xtask services up` installs it on Debian and Ubuntu; elsewhere install \
             it, and set JAVA_HOME if it is not on the search path"
        )
    })
}

/// The folder of Kafka's jars.
///
/// # Errors
/// If they have not been gathered.
pub(crate) fn jars() -> Result<PathBuf> {
    let jars = jars_folder();
    if !jars.is_dir() {
        bail!("Kafka {VERSION} is not in {}: `cargo xtask services up` gets it", jars.display());
    }
    Ok(jars)
}

/// Where Kafka's jars are gathered.
pub(crate) fn jars_folder() -> PathBuf {
    home().join(format!("kafka-{VERSION}")).join("libs")
}
