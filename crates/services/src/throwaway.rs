//! A server of a test's own. Whatever becomes of the test, the server ends and its data go: a watchdog sees to it, which knows by the
//! end of a pipe that whoever started the server is gone.

use crate::access::Access;
use crate::running;
use crate::service::{Place, Service};
use anyhow::{Context, Result, anyhow};
use nix::sys::signal::Signal;
use parking_lot::Mutex;
use std::io::Write;
use std::os::unix::process::CommandExt;
use std::process::{Child, ChildStdin, Command, Stdio};
use std::sync::OnceLock;

/// How often another port is tried, where somebody was faster.
const TRIES: u32 = 3;

/// A server on a free port of the loopback address, over a temporary folder. Dropping it ends it.
pub struct Throwaway<S: Service> {
    service: S,
    place: Place,
    child: Mutex<Option<Child>>,
    watchdog: Watchdog,
}

impl<S: Service> Throwaway<S> {
    /// Starts one as it comes, and waits until it answers.
    ///
    /// # Errors
    /// If it is not installed (how to get it is said), or cannot be started: why, and the last lines of its log.
    pub fn start() -> Result<Self> {
        Self::with(&[])
    }

    /// Starts one with settings of its own, `[("max_connections", "20")]`.
    ///
    /// # Errors
    /// As [`Throwaway::start`].
    pub fn with(settings: &[(&str, &str)]) -> Result<Self> {
        let make = || S::new(Access::make_up(S::PORTS)?, settings);
        for _ in 1..TRIES {
            match Self::try_start(make()?) {
                Err(error) if format!("{error:#}").to_lowercase().contains("address already in use") => {}
                outcome => return outcome,
            }
        }
        Self::try_start(make()?)
    }

    /// The one in `cell`, which is started by whoever comes first: it ends with the process.
    pub(crate) fn once(
        cell: &'static OnceLock<Result<Self, String>>,
        settings: &[(&str, &str)],
    ) -> Result<&'static Self> {
        let shared = cell.get_or_init(|| Self::with(settings).map_err(|error| format!("{error:#}")));
        shared.as_ref().map_err(|error| anyhow!("{error}"))
    }

    fn try_start(service: S) -> Result<Self> {
        let folder = tempfile::Builder::new().prefix(&format!("jumun-{}-", S::NAME)).tempdir()?;
        // From here on it is the watchdog's to remove.
        let place = Place::new(folder.keep());
        let watchdog = Watchdog::start(&place, S::STOP)?;
        let throwaway = Self { service, place, child: Mutex::new(None), watchdog };
        throwaway.restart()?;
        Ok(throwaway)
    }

    /// How it is run.
    #[must_use]
    pub fn service(&self) -> &S {
        &self.service
    }

    /// Ends it at once, with every process that it began: what a power cut would leave of it. It can be started again.
    ///
    /// # Errors
    /// If it does not run, or cannot be sent signals.
    pub fn kill_9(&self) -> Result<()> {
        self.with_child(running::kill)?;
        self.watchdog.watch(None)?;
        *self.child.lock() = None;
        Ok(())
    }

    /// Ends it well. It can be started again.
    ///
    /// # Errors
    /// If it does not run, or cannot be sent signals.
    pub fn stop(&self) -> Result<()> {
        self.with_child(|child| running::stop(child, S::STOP))?;
        self.watchdog.watch(None)?;
        *self.child.lock() = None;
        Ok(())
    }

    /// Starts it again where it was, over the same data, and waits until it answers; if it runs, it is stopped first.
    ///
    /// # Errors
    /// If it cannot be started: why, and the last lines of its log.
    pub fn restart(&self) -> Result<()> {
        if self.child.lock().is_some() {
            self.stop()?;
        }
        let mut child = running::start(&self.service, &self.place)?;
        self.watchdog.watch(Some(child.id()))?;
        let answers = running::until_it_answers(&self.service, &self.place, &mut child);
        // Whether or not: it is this one's to end.
        *self.child.lock() = Some(child);
        answers
    }

    /// Pauses it, with every process that it began: connections stay, nothing is answered.
    ///
    /// # Errors
    /// If it does not run, or cannot be sent signals.
    pub fn pause(&self) -> Result<()> {
        self.with_child(|child| running::signal_all(child, Signal::SIGSTOP))
    }

    /// Lets it go on after a pause.
    ///
    /// # Errors
    /// If it does not run, or cannot be sent signals.
    pub fn resume(&self) -> Result<()> {
        self.with_child(|child| running::signal_all(child, Signal::SIGCONT))
    }

    /// Where it keeps everything.
    #[must_use]
    pub fn place(&self) -> &Place {
        &self.place
    }

    /// The port that its clients connect to.
    #[must_use]
    pub fn port(&self) -> u16 {
        self.service.port()
    }

    /// The number of its process, while it runs.
    #[must_use]
    pub fn pid(&self) -> Option<u32> {
        self.child.lock().as_ref().map(Child::id)
    }

    /// The last lines of its log.
    #[must_use]
    pub fn last_words(&self) -> String {
        self.place.last_words()
    }

    fn with_child<T>(&self, work: impl FnOnce(&mut Child) -> Result<T>) -> Result<T> {
        let mut child = self.child.lock();
        work(child.as_mut().with_context(|| format!("{} does not run", S::NAME))?)
    }
}

impl<S: Service> Drop for Throwaway<S> {
    fn drop(&mut self) {
        if let Some(child) = self.child.lock().as_mut()
            && running::kill(child).is_ok()
        {
            // If it cannot be told, it finds nobody under that number.
            let _ = self.watchdog.watch(None);
        }
        self.watchdog.end();
    }
}

/// A shell that waits for the end of its input, then ends the server that it was last told of and removes the folder. `$1` is the folder,
/// `$2` the signal that ends it.
const WATCHDOG: &str = r#"
trap '' HUP INT TERM
pid=
while read -r line; do pid=$line; done
if [ -n "$pid" ]; then
    kill -s "$2" "$pid" && kill -s CONT "$pid"
    tries=0
    while kill -0 "$pid" && [ "$tries" -lt 100 ]; do sleep 0.05; tries=$((tries + 1)); done
    kill -s KILL "$pid"
fi 2>/dev/null
rm -rf -- "$1"
"#;

/// The watchdog of one server.
struct Watchdog {
    shell: Mutex<(Child, Option<ChildStdin>)>,
}

impl Watchdog {
    fn start(place: &Place, stop: Signal) -> Result<Self> {
        let mut command = Command::new("sh");
        command.args(["-c", WATCHDOG, "jumun-watchdog"]).arg(place.folder());
        command.arg(stop.as_str().trim_start_matches("SIG"));
        command.stdin(Stdio::piped()).stdout(Stdio::null()).stderr(Stdio::null()).process_group(0);
        let mut shell = command.current_dir("/").spawn().context("a watchdog cannot be started")?;
        let input = shell.stdin.take();
        Ok(Self { shell: Mutex::new((shell, input)) })
    }

    /// Watches this process from now on, or none.
    fn watch(&self, pid: Option<u32>) -> Result<()> {
        let line = pid.map_or_else(|| "\n".to_owned(), |pid| format!("{pid}\n"));
        let mut shell = self.shell.lock();
        let input = shell.1.as_mut().context("the watchdog has been ended")?;
        input.write_all(line.as_bytes()).context("the watchdog is gone")
    }

    /// Lets it do what is left, and waits for that.
    fn end(&self) {
        let mut shell = self.shell.lock();
        drop(shell.1.take());
        let _ = shell.0.wait();
    }
}
