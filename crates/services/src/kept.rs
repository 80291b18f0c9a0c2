//! A server that is kept: it goes on after whoever started it, until it is taken down.

use crate::access::Access;
use crate::process;
use crate::running;
use crate::service::{Place, Service};
use anyhow::{Context, Result, ensure};
use std::marker::PhantomData;
use std::path::{Path, PathBuf};

/// The server of one kind that is kept in a folder.
pub struct Kept<S> {
    place: Place,
    kind: PhantomData<S>,
}

/// How it is found.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Found {
    /// It does not run.
    Down,
    /// It runs and answers, at this URL.
    Up(String),
    /// It runs, but does not answer: why not.
    Silent(String),
}

/// A process, so that no other is ever taken for it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
struct Process {
    pid: u32,
    began: u64,
}

impl<S: Service> Kept<S> {
    /// The one in `home`, in a folder of its kind's name.
    #[must_use]
    pub fn in_home(home: &Path) -> Self {
        Self { place: Place::new(home.join(S::NAME)), kind: PhantomData }
    }

    /// How it is.
    ///
    /// # Errors
    /// If the kind of server is not installed any more.
    pub fn find(&self) -> Result<Found> {
        let Some(_) = self.process() else { return Ok(Found::Down) };
        let access = Access::kept(&self.place).context("it runs, and nobody knows how to reach it")?;
        let service = S::new(access, &[])?;
        Ok(match service.ask() {
            Ok(()) => Found::Up(service.url()),
            Err(error) => Found::Silent(format!("{error:#}")),
        })
    }

    /// Starts it, on `port` if one is given, and waits until it answers: its URL.
    ///
    /// # Errors
    /// If it runs already, or cannot be started: why, and the last lines of its log.
    pub fn up(&self, port: Option<u16>) -> Result<String> {
        ensure!(self.process().is_none(), "{} runs already", S::NAME);
        std::fs::create_dir_all(self.place.folder())?;
        let service = S::new(Access::at(&self.place, S::PORTS, port)?, &[])?;
        let mut child = running::start(&service, &self.place)?;
        let started = self.note(child.id()).and_then(|()| {
            running::until_it_answers(&service, &self.place, &mut child)?;
            service.furnish()?;
            Ok(service.url())
        });
        if started.is_err() {
            // Nothing is left behind by what failed.
            running::kill(&mut child)?;
            self.forget();
        }
        started
    }

    /// Ends it; whether it ran.
    ///
    /// # Errors
    /// If it cannot be ended.
    pub fn down(&self) -> Result<bool> {
        let Some(Process { pid, .. }) = self.process() else { return Ok(false) };
        process::signal(pid, S::STOP)?;
        let ended = running::poll(|| Ok(self.process().is_none()))?;
        ensure!(ended, "{} (process {pid}) does not end; its log: {}", S::NAME, self.place.log().display());
        self.forget();
        Ok(true)
    }

    /// Where it keeps everything.
    #[must_use]
    pub fn place(&self) -> &Place {
        &self.place
    }

    fn file(&self) -> PathBuf {
        self.place.folder().join("server.pid")
    }

    fn note(&self, pid: u32) -> Result<()> {
        let began = process::began(pid).context("it ended at once")?;
        Ok(std::fs::write(self.file(), format!("{pid} {began}\n"))?)
    }

    fn forget(&self) {
        // What is left of it names a process that is gone.
        let _ = std::fs::remove_file(self.file());
    }

    /// The process that was started, if it still runs.
    fn process(&self) -> Option<Process> {
        let text = std::fs::read_to_string(self.file()).ok()?;
        let (pid, began) = text.trim().split_once(' ')?;
        let noted = Process { pid: pid.parse().ok()?, began: began.parse().ok()? };
        (process::began(noted.pid) == Some(noted.began)).then_some(noted)
    }
}
