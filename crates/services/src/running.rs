//! A server that is started, and waited for until it answers.

use crate::process::{children, signal};
use crate::service::{Place, Service};
use anyhow::{Context, Result, anyhow, bail};
use nix::sys::signal::Signal;
use std::fs::File;
use std::os::unix::process::CommandExt;
use std::process::{Child, Stdio};
use std::time::{Duration, Instant};

/// How long a server may take until it answers, and to end.
const PATIENCE: Duration = Duration::from_secs(60);
/// How often it is asked meanwhile.
const BETWEEN: Duration = Duration::from_millis(20);

/// Starts the server of `place`: in a process group of its own, so that what is typed at this terminal does not end it.
///
/// # Errors
/// If it cannot be made ready or started.
pub(crate) fn start<S: Service>(service: &S, place: &Place) -> Result<Child> {
    let account = service.account()?;
    account.own(place)?;
    service.prepare(place).with_context(|| format!("{} cannot be made ready", S::NAME))?;
    let log = File::options().create(true).append(true).open(place.log())?;
    let mut command = service.command(place)?;
    account.run_as(&mut command);
    command.current_dir(place.folder()).process_group(0).stdin(Stdio::null());
    command.stdout(log.try_clone()?).stderr(log);
    command.spawn().with_context(|| format!("{} cannot be started", S::NAME))
}

/// Waits until a started server answers.
///
/// # Errors
/// If it ends, or does not answer in time: with the last lines of its log.
pub(crate) fn until_it_answers<S: Service>(service: &S, place: &Place, child: &mut Child) -> Result<()> {
    let mut answer = Err(anyhow!("not asked yet"));
    let asked = poll(|| {
        if let Some(status) = child.try_wait()? {
            bail!("{} ended while it started ({status}); its log ends:\n{}", S::NAME, place.last_words());
        }
        answer = service.ask();
        Ok(answer.is_ok())
    })?;
    match (asked, answer) {
        (true, _) | (_, Ok(())) => Ok(()),
        (false, Err(error)) => {
            bail!(
                "{} does not answer after {PATIENCE:?} ({error:#}); its log ends:\n{}",
                S::NAME,
                place.last_words()
            )
        }
    }
}

/// Ends a server well; by force, if it does not.
///
/// # Errors
/// If it cannot be sent signals.
pub(crate) fn stop(child: &mut Child, how: Signal) -> Result<()> {
    signal(child.id(), how)?;
    // Signals wait while a process is paused.
    signal_all(child, Signal::SIGCONT)?;
    if !poll(|| Ok(child.try_wait()?.is_some()))? {
        kill(child)?;
    }
    Ok(())
}

/// Ends a server at once, with every process that it began: what a power cut would leave of it.
///
/// # Errors
/// If it cannot be sent signals.
pub(crate) fn kill(child: &mut Child) -> Result<()> {
    // Paused, it can begin no more of them.
    signal(child.id(), Signal::SIGSTOP)?;
    let children = children(child.id());
    for pid in &children {
        signal(*pid, Signal::SIGKILL)?;
    }
    child.kill()?;
    child.wait()?;
    // They are nobody's children now, but may hold files and memory for another moment.
    let gone = poll(|| Ok(children.iter().all(|pid| crate::process::began(*pid).is_none())))?;
    anyhow::ensure!(gone, "processes of a killed server are still there: {children:?}");
    Ok(())
}

/// Sends a signal to a server and to every process that it began: its own first, so that it begins no more of them meanwhile.
///
/// # Errors
/// If it cannot be sent.
pub(crate) fn signal_all(child: &Child, how: Signal) -> Result<()> {
    signal(child.id(), how)?;
    for pid in children(child.id()) {
        signal(pid, how)?;
    }
    Ok(())
}

/// Looks until `done` says so; `false` if that takes too long.
#[expect(clippy::disallowed_methods, reason = "another program is waited for, in real time")]
pub(crate) fn poll(mut done: impl FnMut() -> Result<bool>) -> Result<bool> {
    let begun = Instant::now();
    loop {
        if done()? {
            return Ok(true);
        }
        if begun.elapsed() >= PATIENCE {
            return Ok(false);
        }
        std::thread::sleep(BETWEEN);
    }
}
