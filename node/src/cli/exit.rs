//! How a command ends. The codes are a contract with scripts; those of problems stand in `problem.rs`.

use std::process::ExitCode;

/// The end of a command that is no problem.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Exit {
    /// Done: 0.
    Done,
    /// The condition asked for with `--exit-code` is true: 10.
    ConditionTrue,
    /// Stopped by Ctrl-C: 130.
    Interrupted,
    /// Stopped by SIGTERM: 143.
    Terminated,
}

impl Exit {
    /// The code a shell sees.
    pub fn code(self) -> u8 {
        match self {
            Self::Done => 0,
            Self::ConditionTrue => 10,
            Self::Interrupted => 130,
            Self::Terminated => 143,
        }
    }
}

impl From<Exit> for ExitCode {
    fn from(exit: Exit) -> Self {
        Self::from(exit.code())
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::problem::Code;

    #[test]
    fn the_codes_are_those_scripts_know() {
        let codes = [Exit::Done, Exit::ConditionTrue, Exit::Interrupted, Exit::Terminated];
        assert_eq!(codes.map(Exit::code), [0, 10, 130, 143]);
    }

    #[test]
    fn no_problem_looks_like_success_or_a_signal() {
        for code in Code::all() {
            assert!(![0, 10, 130, 143].contains(&code.exit_code()), "{code:?}");
        }
    }
}
