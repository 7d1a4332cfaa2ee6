//! The options every command has.

use std::path::PathBuf;

use clap::{ArgAction, Args, ValueEnum, builder::BoolishValueParser};

/// Options every command takes, before or after its name.
#[derive(Debug, Clone, Args)]
#[command(next_help_heading = "Global options")]
pub struct Global {
    /// Configuration file
    ///
    /// May be given more than once; later files win.
    #[arg(short, long, global = true, value_name = "FILE", env = "UPDRAFT_CONFIG")]
    pub config: Vec<PathBuf>,
    /// Directory for identity, store, history and token
    #[arg(short, long, global = true, value_name = "DIR", env = "UPDRAFT_DATA_DIR")]
    pub data_dir: Option<PathBuf>,
    /// Where a node answers: unix:PATH or http://HOST:PORT
    #[arg(long, global = true, value_name = "ADDR", env = "UPDRAFT_API")]
    pub api: Option<String>,
    /// File that holds the API token
    ///
    /// Never the token itself: arguments are visible to others.
    #[arg(long, global = true, value_name = "FILE", env = "UPDRAFT_TOKEN_FILE")]
    pub token_file: Option<PathBuf>,
    /// One JSON document on standard output
    ///
    /// JSON lines from commands that stream.
    #[arg(long, global = true, env = "UPDRAFT_JSON", value_parser = BoolishValueParser::new(), action = ArgAction::SetTrue)]
    pub json: bool,
    /// Less output; twice: only errors
    #[arg(short, long, global = true, action = ArgAction::Count)]
    pub quiet: u8,
    /// More output; up to three times
    #[arg(short, long, global = true, action = ArgAction::Count, conflicts_with = "quiet")]
    pub verbose: u8,
    /// When to use colours
    #[arg(long, global = true, value_enum, default_value_t = Color::Auto, value_name = "WHEN", env = "UPDRAFT_COLOR")]
    pub color: Color,
    /// No progress bars
    #[arg(long, global = true, env = "UPDRAFT_NO_PROGRESS", value_parser = BoolishValueParser::new(), action = ArgAction::SetTrue)]
    pub no_progress: bool,
    /// Answer yes to every question
    #[arg(short, long, global = true)]
    pub yes: bool,
    /// Never ask; a question counts as answered with no
    #[arg(long, global = true, conflicts_with = "yes")]
    pub no_input: bool,
}

/// When to use colours.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub enum Color {
    /// On a terminal, unless NO_COLOR is set; with CLICOLOR_FORCE everywhere.
    Auto,
    /// Everywhere.
    Always,
    /// Nowhere.
    Never,
}
