//! A program that is run together with whatever it starts: it leads a group of its own, and the group is ended with it.
//!
//! The group is ended before its leader is waited for: as long as the leader has not been, nobody else can have its
//! number. Whoever leaves the group (`setsid`) is not ended; nothing short of a prison would do that. Says nothing
//! about what is run, or with what.

use std::{
    io,
    os::{
        fd::{AsFd as _, OwnedFd},
        unix::process::CommandExt as _,
    },
    process::{Child, Command, ExitStatus},
};

use rustix::{
    io::Errno,
    process::{
        Pid, PidfdFlags, Signal, WaitId, WaitIdOptions, kill_process_group, pidfd_open, waitid,
    },
};

/// A program that has been started. Ends with this value, and so does everything in its group; what it was lent, such
/// as a folder, goes when it has ended.
#[derive(Debug)]
pub struct Group<L: Send + 'static> {
    /// `None` once it was waited for.
    leader: Option<Child>,
    number: Pid,
    lent: Option<L>,
}

impl<L: Send + 'static> Group<L> {
    /// Starts a program as the leader of a group. Blocks for a moment.
    ///
    /// # Errors
    /// What the system says.
    pub fn start(command: &mut Command, lent: L) -> io::Result<Self> {
        let leader = command.process_group(0).spawn()?;
        let number = Pid::from_child(&leader);
        Ok(Self { leader: Some(leader), number, lent: Some(lent) })
    }

    /// Ends when the program has ended, and leaves it to be waited for. It is waited for on a thread, which ends with
    /// the program.
    ///
    /// # Errors
    /// What the system says.
    pub fn ended(
        &self,
    ) -> io::Result<impl Future<Output = io::Result<()>> + Send + Unpin + use<L>> {
        // A handle that is the program's alone, whoever gets its number later.
        let handle = pidfd_open(self.number, PidfdFlags::empty())?;
        let waiting = tokio::task::spawn_blocking(move || wait(&handle));
        Ok(Box::pin(async { waiting.await.unwrap_or_else(|error| Err(error.into())) }))
    }

    /// Ends whoever is left of the group, until its leader was waited for.
    pub fn kill(&self) {
        if self.leader.is_some() {
            // Nobody left is as good as killed.
            let _ = kill_process_group(self.number, Signal::KILL);
        }
    }

    /// How a program that has ended did so. It has, so this does not wait.
    ///
    /// # Errors
    /// What the system says, or that it was waited for already.
    pub fn reap(&mut self) -> io::Result<ExitStatus> {
        let leader = self.leader.take();
        leader.map_or_else(
            || Err(io::Error::other("it was waited for already")),
            |mut leader| leader.wait(),
        )
    }
}

/// Waits until a program has ended, and leaves it to be waited for.
fn wait(program: &OwnedFd) -> io::Result<()> {
    let options = WaitIdOptions::EXITED | WaitIdOptions::NOWAIT;
    loop {
        match waitid(WaitId::PidFd(program.as_fd()), options) {
            Err(Errno::INTR) => {}
            ended => return Ok(ended.map(drop)?),
        }
    }
}

impl<L: Send + 'static> Drop for Group<L> {
    fn drop(&mut self) {
        self.kill();
        let (leader, lent) = (self.leader.take(), self.lent.take());
        // Neither a process that takes its time to die nor a full folder may hold up a worker of the runtime.
        std::thread::spawn(move || {
            if let Some(mut leader) = leader {
                let _ = leader.wait();
            }
            drop(lent);
        });
    }
}
