//! Work that ends at once, and leaves nothing, when somebody stops it: Ctrl-C, or SIGTERM from a service manager.
//!
//! The thread that works may be in the middle of a long computation. It is not waited for: what it has prepared on the
//! disk is taken away under a lock, after which it can write nothing more, and it ends with the process. Must never
//! stop what is in its place already.

use tokio::signal::unix::{Signal, SignalKind, signal};

use super::super::{
    Context, Exit,
    workplace::{Abandoned, GivenUp, Wanted},
};
use crate::problem::{Code, Problem};

/// How work ended.
#[derive(Debug)]
pub(super) enum Ended<T> {
    /// By itself.
    Done(T),
    /// Somebody stopped it.
    Stopped(Exit),
}

/// Does work until it ends or is stopped.
pub(super) fn interruptible<T: Send + 'static>(
    context: &Context,
    work: impl FnOnce(&Abandoned) -> Result<T, Problem> + Send + 'static,
) -> Result<Ended<T>, Problem> {
    let runtime = context.runtime()?;
    let ended = runtime.block_on(async {
        let mut interrupt = listen(SignalKind::interrupt())?;
        let mut terminate = listen(SignalKind::terminate())?;
        let wanted = Wanted::default();
        let abandoned = wanted.watched();
        let mut work = tokio::task::spawn_blocking(move || work(&abandoned));
        let exit = tokio::select! {
            ended = &mut work => return of_thread(ended).map(Ended::Done),
            _ = interrupt.recv() => Exit::Interrupted,
            _ = terminate.recv() => Exit::Terminated,
        };
        match wanted.give_up() {
            GivenUp::InTime => Ok(Ended::Stopped(exit)),
            GivenUp::TooLate => of_thread(work.await).map(Ended::Done),
        }
    });
    runtime.shutdown_background();
    ended
}

fn of_thread<T>(ended: Result<Result<T, Problem>, tokio::task::JoinError>) -> Result<T, Problem> {
    ended.unwrap_or_else(|error| Err(Problem::from_error(Code::Failed, &error)))
}

fn listen(kind: SignalKind) -> Result<Signal, Problem> {
    signal(kind).map_err(|error| {
        Problem::new(Code::Failed, "signals cannot be listened for").cause(error.to_string())
    })
}
