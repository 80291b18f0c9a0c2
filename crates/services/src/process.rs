//! Processes by their number: signals, and who began whom.

use anyhow::{Context, Result};
use nix::errno::Errno;
use nix::sys::signal::{Signal, kill};
use nix::unistd::Pid;

/// Sends `signal`; whoever is gone already needs none.
///
/// # Errors
/// If it may not be sent.
pub(crate) fn signal(pid: u32, signal: Signal) -> Result<()> {
    let number = i32::try_from(pid).context("no process has this number")?;
    match kill(Pid::from_raw(number), signal) {
        Ok(()) | Err(Errno::ESRCH) => Ok(()),
        Err(error) => Err(error).with_context(|| format!("cannot send {signal} to process {pid}")),
    }
}

/// Processes that `pid` began and that still run.
pub(crate) fn children(pid: u32) -> Vec<u32> {
    let processes = std::fs::read_dir("/proc").into_iter().flatten().filter_map(Result::ok);
    let numbers = processes.filter_map(|entry| entry.file_name().to_str()?.parse().ok());
    numbers.filter(|number| Stat::of(*number).is_some_and(|stat| stat.parent == pid)).collect()
}

/// When the process called `pid` began, in the system's own count: with its number, what tells it from any other. `None` if there is none,
/// or if it has ended and nobody has asked how.
pub(crate) fn began(pid: u32) -> Option<u64> {
    Stat::of(pid).map(|stat| stat.began)
}

/// What the system says of a process that runs.
struct Stat {
    parent: u32,
    began: u64,
}

impl Stat {
    fn of(pid: u32) -> Option<Self> {
        Self::parse(&std::fs::read_to_string(format!("/proc/{pid}/stat")).ok()?)
    }

    /// Reads a line of `/proc/<pid>/stat`; `None` for a process that has ended.
    fn parse(line: &str) -> Option<Self> {
        // The name may hold anything, blanks and brackets too; what comes after it is regular.
        let fields: Vec<&str> = line.rsplit_once(')')?.1.split_whitespace().collect();
        let [state, parent, ..] = fields.as_slice() else { return None };
        if ["Z", "X"].contains(state) {
            return None;
        }
        Some(Self { parent: parent.parse().ok()?, began: fields.get(19)?.parse().ok()? })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_process_is_known_by_who_began_it_and_when() {
        let line = |state: &str| {
            format!("812 (a (b) c) {state} 7 812 812 0 -1 4194560 1 0 0 0 2 1 0 0 20 0 1 0 778899 2 3")
        };
        let stat = Stat::parse(&line("S")).unwrap();
        assert_eq!((stat.parent, stat.began), (7, 778_899));
        assert!(Stat::parse(&line("Z")).is_none(), "it has ended");
    }

    #[test]
    fn this_process_runs() {
        assert!(began(std::process::id()).is_some());
    }
}
