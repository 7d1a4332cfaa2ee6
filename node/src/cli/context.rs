//! What every command has at hand: global options, output, folders, configuration, questions.

use std::{
    env,
    error::Error,
    io::{self, BufRead, IsTerminal},
    path::PathBuf,
};

use tokio::runtime::{Builder, Runtime};

use super::{
    Exit, Global,
    client::{Client, Places},
    output::{Format, Output},
};
use crate::{
    build::Build,
    config::{InvalidConfig, Loaded, Log, Override, Sources, load},
    dirs::Dirs,
    logging::{self, Colour},
    problem::{Code, Problem},
};

/// Longest answer to a question that is read.
const MAX_ANSWER: u64 = 1024;

/// What every command has at hand.
#[derive(Debug)]
pub struct Context {
    /// The global options as given.
    pub global: Global,
    /// Where the command prints.
    pub output: Output,
    /// What this program is.
    pub build: Build,
}

/// What somebody answered.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Answer {
    /// Yes, by a person or by `--yes`.
    Yes,
    /// No, or nobody was there to be asked.
    No,
}

impl Context {
    /// The context of this process.
    pub fn of_process(global: Global, build: Build) -> Self {
        let output = Output::of_process(&global);
        Self { global, output, build }
    }

    /// The folders, of the directory named with `-d` or of the usual one.
    ///
    /// # Errors
    /// If there is neither a named directory nor a home, or the current directory is gone.
    pub fn dirs(&self) -> Result<Dirs, Problem> {
        let data_dir = self.global.data_dir.as_deref();
        let current = match data_dir {
            Some(named) if !named.is_absolute() => env::current_dir().map_err(|error| {
                Problem::new(Code::FileUnusable, "the current directory cannot be found")
                    .cause(error.to_string())
            })?,
            _ => PathBuf::new(),
        };
        Dirs::find(|name| env::var_os(name), data_dir, &current)
            .map_err(|error| Problem::from_error(Code::ConfigInvalid, &error))
    }

    /// The configuration in force, with `flags` as its strongest layer. Its notes are shown as warnings.
    ///
    /// # Errors
    /// [`Code::ConfigInvalid`] with everything that is wrong.
    pub fn load(&self, mut flags: Vec<Override>) -> Result<Loaded, Problem> {
        flags.splice(0..0, log_level(env::var("UPDRAFT_LOG").ok()));
        let sources = Sources {
            files: self.global.config.clone(),
            dirs: self.dirs()?,
            environment: env::vars_os().collect(),
            flags,
            host_name: rustix::system::uname().nodename().to_string_lossy().into_owned(),
        };
        let loaded = load(&sources).map_err(|invalid| problem_of(&invalid))?;
        for note in &loaded.notes {
            self.output.warn(note);
        }
        Ok(loaded)
    }

    /// What `-v` and `-q` mean for a node's log, to be put among the flags of [`load`](Self::load).
    pub fn verbosity(&self) -> Option<Override> {
        let level = match (self.global.quiet, self.global.verbose) {
            (0, 0) => return None,
            (0, 1) => "debug",
            (0, _) => "trace",
            (1, _) => "warn",
            _ => "error",
        };
        let flag = if self.global.quiet > 0 { "--quiet" } else { "--verbose" };
        Some(Override { flag, key: "log.level", value: level.to_owned() })
    }

    /// Starts the log as the settings say.
    ///
    /// # Errors
    /// If the log file cannot be opened.
    pub fn start_logging(&self, log: &Log) -> Result<(), Problem> {
        let colour = if self.output.talks_in_colour() { Colour::On } else { Colour::Off };
        logging::start(log, colour).map_err(|error| Problem::from_error(Code::FileUnusable, &error))
    }

    /// A runtime for commands that wait for something.
    ///
    /// # Errors
    /// If the system gives no threads.
    pub fn runtime(&self) -> Result<Runtime, Problem> {
        Builder::new_multi_thread().enable_all().build().map_err(|error| {
            Problem::new(Code::Failed, "cannot start the runtime").cause(error.to_string())
        })
    }

    /// Finds the running node and has `work` talk to it. Ctrl-C ends that with 130; the node goes on.
    ///
    /// # Errors
    /// If no node answers, and whatever `work` fails with.
    pub fn talk<W>(&self, work: impl FnOnce(Client) -> W) -> Result<Exit, Problem>
    where
        W: Future<Output = Result<Exit, Problem>>,
    {
        let places = Places::of(self)?;
        self.runtime()?.block_on(async {
            let talking = async { work(Client::find(&places).await?).await };
            tokio::select! {
                ended = talking => ended,
                pressed = tokio::signal::ctrl_c() => {
                    // Without a handler the system ends the process by itself.
                    pressed.map(|()| Exit::Interrupted).map_err(|error| {
                        Problem::new(Code::Failed, "cannot listen for Ctrl-C").because(Some(&error))
                    })
                }
            }
        })
    }

    /// Where the data goes of a command that is often asked for its exit code alone; nowhere with `-q`.
    pub fn data(&self) -> Option<&Output> {
        let wanted = self.global.quiet == 0 || self.output.format() == Format::Json;
        wanted.then_some(&self.output)
    }

    /// Asks a question that is answered with yes or no; only on a terminal, elsewhere the answer is no.
    pub fn ask(&self, question: &str) -> Answer {
        if self.global.yes {
            return Answer::Yes;
        }
        if self.global.no_input || !io::stdin().is_terminal() {
            self.output.hint("nobody was there to be asked; `--yes` answers yes");
            return Answer::No;
        }
        self.output.question(&format!("{question} [y/N] "));
        read_answer(io::stdin().lock())
    }

    /// Asks for a name to be typed, before what cannot be taken back; else as [`Context::ask`].
    pub fn ask_for_name(&self, question: &str, name: &str) -> Answer {
        if self.global.yes {
            return Answer::Yes;
        }
        if self.global.no_input || !io::stdin().is_terminal() {
            self.output.hint("nobody was there to be asked; `--yes` answers yes");
            return Answer::No;
        }
        self.output.question(&format!("{question} Type `{name}`: "));
        read_name(io::stdin().lock(), name)
    }
}

fn read_name(input: impl BufRead, name: &str) -> Answer {
    let mut line = String::new();
    match input.take(MAX_ANSWER).read_line(&mut line) {
        Ok(_) if line.trim() == name => Answer::Yes,
        _ => Answer::No,
    }
}

fn log_level(variable: Option<String>) -> Option<Override> {
    let value = variable.filter(|value| !value.is_empty())?;
    Some(Override { flag: "UPDRAFT_LOG", key: "log.level", value })
}

fn read_answer(input: impl BufRead) -> Answer {
    let mut line = String::new();
    let read = input.take(MAX_ANSWER).read_line(&mut line);
    match (read, line.trim().to_ascii_lowercase().as_str()) {
        (Ok(_), "y" | "yes") => Answer::Yes,
        _ => Answer::No,
    }
}

/// A refused configuration as a problem: one fault is the detail, several are its causes.
fn problem_of(invalid: &InvalidConfig) -> Problem {
    let base = match invalid.faults() {
        [fault] => Problem::from_error(Code::ConfigInvalid, fault),
        faults => faults
            .iter()
            .fold(Problem::from_error(Code::ConfigInvalid, invalid), |problem, fault| {
                problem.cause(fault.to_string()).because(fault.source())
            }),
    };
    base.hint("`updraft config default` shows every key, `updraft config check` looks again")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_a_clear_yes_is_one() {
        for yes in ["y\n", "Y", "yes\n", " YES \n"] {
            assert_eq!(read_answer(yes.as_bytes()), Answer::Yes, "{yes:?}");
        }
        let long = "y".repeat(5_000);
        for no in ["", "\n", "n\n", "yeah\n", "no\nyes\n", long.as_str()] {
            assert_eq!(read_answer(no.as_bytes()), Answer::No, "{no:?}");
        }
        assert_eq!(read_answer(&b"\xff\xfe\n"[..]), Answer::No);
    }

    #[test]
    fn what_cannot_be_undone_wants_the_very_name() {
        assert_eq!(read_name(&b" ci \n"[..], "ci"), Answer::Yes);
        for no in ["", "\n", "y\n", "yes\n", "CI\n", "ci-2\n"] {
            assert_eq!(read_name(no.as_bytes(), "ci"), Answer::No, "{no:?}");
        }
    }

    #[test]
    fn an_empty_variable_sets_no_level() {
        assert_eq!(log_level(Some(String::new())), None);
        let level = log_level(Some("debug".to_owned())).expect("a level");
        assert_eq!((level.key, level.value.as_str()), ("log.level", "debug"));
    }
}
