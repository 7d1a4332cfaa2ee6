//! Ctrl-C and SIGTERM: the first asks the run to stop and to tell what it has, the second ends the process at once.

use std::{
    io, process,
    sync::{
        Arc,
        atomic::{AtomicBool, Ordering},
    },
    thread,
};

use tokio::{
    runtime::Builder,
    signal::unix::{Signal, SignalKind, signal},
};

use super::Exit;

/// What was asked of this process.
#[derive(Debug, Default)]
pub(super) struct Signals {
    /// Whether the run is to stop.
    pub(super) stop: AtomicBool,
    /// Whether it was SIGTERM that asked.
    terminated: AtomicBool,
}

impl Signals {
    /// Listens from now on, in a thread of its own.
    ///
    /// # Errors
    /// If the system does not let this process listen.
    pub(super) fn listen() -> io::Result<Arc<Self>> {
        let signals = Arc::new(Self::default());
        let heard = Arc::clone(&signals);
        let runtime = Builder::new_current_thread().enable_io().build()?;
        let (interrupt, terminate) = runtime.block_on(async {
            Ok::<_, io::Error>((signal(SignalKind::interrupt())?, signal(SignalKind::terminate())?))
        })?;
        // It ends with the process: there is nothing to join.
        thread::Builder::new()
            .name("signals".to_owned())
            .spawn(move || runtime.block_on(wait(&heard, interrupt, terminate)))?;
        Ok(signals)
    }

    /// How a run that was stopped ends.
    pub(super) fn exit(&self) -> Exit {
        if self.terminated.load(Ordering::SeqCst) { Exit::Terminated } else { Exit::Interrupted }
    }
}

async fn wait(signals: &Signals, mut interrupt: Signal, mut terminate: Signal) {
    loop {
        // Both arms only wait; nothing is lost when the other is first.
        let terminated = tokio::select! {
            _ = interrupt.recv() => false,
            _ = terminate.recv() => true,
        };
        signals.terminated.store(terminated, Ordering::SeqCst);
        if signals.stop.swap(true, Ordering::SeqCst) {
            process::exit(i32::from(signals.exit().code()));
        }
    }
}

#[cfg(test)]
mod tests {
    use std::{
        process::Command,
        time::{Duration, Instant},
    };

    use super::*;

    /// The only test that signals its own process: a second signal would end it, as it should.
    #[test]
    fn the_first_ctrl_c_asks_the_run_to_stop() {
        let signals = Signals::listen().expect("a process may listen");
        let sent = Command::new("kill").args(["-INT", &process::id().to_string()]).status();
        assert!(sent.is_ok_and(|status| status.success()));
        let deadline = Instant::now() + Duration::from_secs(30);
        while !signals.stop.load(Ordering::SeqCst) {
            assert!(Instant::now() < deadline, "nobody heard it");
            thread::yield_now();
        }
        assert_eq!(signals.exit(), Exit::Interrupted);
    }
}
