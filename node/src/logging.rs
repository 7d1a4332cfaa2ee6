//! Starts tracing for the process: which lines, how they look, where they go.
//!
//! Lines go to standard error or a file, never to standard output, which belongs to data. A line that
//! cannot be written is lost without a word: a full disk or a closed pipe must not end the node.

use std::{
    fs::{self, OpenOptions},
    io::{self, IsTerminal},
    os::unix::fs::OpenOptionsExt,
    path::{Path, PathBuf},
    sync::Mutex,
};

use tracing::Subscriber;
use tracing_subscriber::{EnvFilter, fmt, fmt::MakeWriter, util::SubscriberInitExt};

use crate::config::{Log, LogFormat};

/// Why the log could not be started.
#[derive(Debug, thiserror::Error)]
pub enum LoggingError {
    /// The log file cannot be opened.
    #[error("cannot open the log file {}", path.display())]
    File {
        /// The file.
        path: PathBuf,
        /// What the system said.
        #[source]
        source: io::Error,
    },
    /// The filter is none; settings that were checked never have such a one.
    #[error("`{0}` is not a log filter")]
    Filter(String),
    /// The process has a log already.
    #[error("logging was started twice")]
    Twice,
}

/// Whether lines on standard error may have colours.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Colour {
    /// They may.
    On,
    /// They may not.
    Off,
}

/// Starts the log of the process. To be called once, before anything is worth a line.
///
/// # Errors
/// If the file cannot be opened or the filter is none.
pub fn start(log: &Log, colour: Colour) -> Result<(), LoggingError> {
    let filter = || filter(&log.level).map_err(|_| LoggingError::Filter(log.level.clone()));
    let subscriber = match &log.file {
        None => {
            let is_terminal = io::stderr().is_terminal();
            subscriber(log.format, filter()?, colour, is_terminal, io::stderr)
        }
        Some(path) => {
            let file =
                open(path).map_err(|source| LoggingError::File { path: path.clone(), source })?;
            subscriber(log.format, filter()?, Colour::Off, false, Mutex::new(file))
        }
    };
    subscriber.try_init().map_err(|_| LoggingError::Twice)
}

/// Whether `text` is a level or a filter. A word that is no level would count as the name of a module and
/// silence everything else, so it is refused.
pub fn is_filter(text: &str) -> bool {
    let is_level = |word: &str| {
        ["off", "error", "warn", "info", "debug", "trace"]
            .contains(&word.to_ascii_lowercase().as_str())
    };
    let mut words = text.split(',').map(str::trim);
    let is_plain = |word: &str| !word.contains(['=', '[']);
    words.all(|word| !is_plain(word) || is_level(word)) && EnvFilter::try_new(text).is_ok()
}

/// What is logged. libp2p tells every address it hears of as information; a node's own log tells what happened to
/// releases, so libp2p's is shown from warnings on unless the filter names it.
fn filter(level: &str) -> Result<EnvFilter, tracing_subscriber::filter::ParseError> {
    if level.contains("libp2p") || matches!(level, "debug" | "trace" | "error") {
        return EnvFilter::try_new(level);
    }
    EnvFilter::try_new(format!("{level},libp2p_swarm=warn,libp2p_mdns=warn,libp2p_kad=warn"))
}

/// Opened for appending, so that a program that rotates logs may cut it off under the running node.
fn open(path: &Path) -> io::Result<fs::File> {
    if let Some(folder) = path.parent() {
        fs::create_dir_all(folder)?;
    }
    OpenOptions::new().create(true).append(true).mode(0o640).open(path)
}

fn subscriber<W>(
    format: LogFormat,
    filter: EnvFilter,
    colour: Colour,
    is_terminal: bool,
    writer: W,
) -> Box<dyn Subscriber + Send + Sync>
where
    W: for<'w> MakeWriter<'w> + Send + Sync + 'static,
{
    let base = fmt().with_env_filter(filter).log_internal_errors(false).with_writer(writer);
    let is_pretty = match format {
        LogFormat::Pretty => true,
        LogFormat::Auto => is_terminal,
        LogFormat::Plain | LogFormat::Json => false,
    };
    if format == LogFormat::Json {
        return Box::new(base.json().flatten_event(true).with_ansi(false).finish());
    }
    // People read a terminal beside the program; where a line comes from matters in files and journals.
    let ansi = is_pretty && colour == Colour::On;
    Box::new(base.compact().with_ansi(ansi).with_target(!is_pretty).finish())
}

#[cfg(test)]
mod tests {
    use std::{io::Write, sync::Arc};

    use super::*;

    #[derive(Clone, Default)]
    struct Page(Arc<Mutex<Vec<u8>>>);

    impl Write for Page {
        fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
            self.0.lock().expect("one thread").extend_from_slice(bytes);
            Ok(bytes.len())
        }
        fn flush(&mut self) -> io::Result<()> {
            Ok(())
        }
    }

    fn line(format: LogFormat, filter: &str, colour: Colour) -> String {
        let page = Page::default();
        let writer = page.clone();
        let filter = EnvFilter::try_new(filter).expect("a filter");
        let subscriber = subscriber(format, filter, colour, true, move || writer.clone());
        tracing::subscriber::with_default(subscriber, || {
            tracing::info!(peers = 3, "connected");
        });
        let bytes = page.0.lock().expect("one thread").clone();
        String::from_utf8(bytes).expect("text")
    }

    #[test]
    fn levels_and_filters_are_told_from_slips() {
        for good in ["info", "WARN", "off", "info,libp2p=warn", "updraft_node::fetch=trace,error"] {
            assert!(is_filter(good), "{good}");
        }
        for bad in ["", "verbose", "infos", "info,debgu", "libp2p=loud", ","] {
            assert!(!is_filter(bad), "{bad:?}");
        }
    }

    #[test]
    fn a_json_line_is_one_document_with_its_fields() {
        let text = line(LogFormat::Json, "info", Colour::On);
        let document: serde_json::Value = serde_json::from_str(&text).expect("json");
        assert_eq!((&document["message"], &document["peers"]), (&"connected".into(), &3.into()));
        assert_eq!(document["level"], "INFO");
    }

    #[test]
    fn colours_are_only_where_they_are_wanted() {
        assert!(line(LogFormat::Auto, "info", Colour::On).contains('\u{1b}'));
        assert!(!line(LogFormat::Auto, "info", Colour::Off).contains('\u{1b}'));
        assert!(!line(LogFormat::Plain, "info", Colour::On).contains('\u{1b}'));
    }

    #[test]
    fn what_the_filter_leaves_out_is_not_written() {
        assert_eq!(line(LogFormat::Plain, "warn", Colour::Off), "");
        assert!(line(LogFormat::Plain, "warn,updraft_node=info", Colour::Off).contains("peers=3"));
    }
}
