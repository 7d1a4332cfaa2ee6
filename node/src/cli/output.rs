//! The only place that prints. Standard output is data, standard error is talk.
//!
//! With `--json`, data is one document or JSON lines and talk falls silent, apart from a problem at the end.
//! Nobody who prints has to handle errors: a reader that went away (`updraft … | head`) ends the output
//! quietly, any other failure is told by [`Output::finish`].

use std::{
    io::{self, IsTerminal, Write},
    sync::{Arc, Mutex, MutexGuard, PoisonError},
};

use clap::builder::styling::{AnsiColor, Style as Ansi};
use comfy_table::{Table, presets};
use serde::Serialize;
use serde_json::{Map, Value};

use super::{Color, Global, words::clean};
use crate::problem::{Code, Problem};

/// What a piece of text is, for its colour; the words alone must carry the meaning.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Style {
    /// Went well.
    Good,
    /// Went wrong.
    Bad,
    /// Wants attention.
    Warning,
    /// A name, or something to type.
    Name,
    /// A heading.
    Strong,
}

impl Style {
    fn ansi(self) -> Ansi {
        match self {
            Self::Good => AnsiColor::Green.on_default(),
            Self::Bad => AnsiColor::Red.on_default().bold(),
            Self::Warning => AnsiColor::Yellow.on_default(),
            Self::Name => AnsiColor::Cyan.on_default(),
            Self::Strong => Ansi::new().bold(),
        }
    }
}

/// What standard output carries.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Format {
    /// Words and tables for people.
    Text,
    /// Documents and lines for programs.
    Json,
}

/// Where a stream stands.
#[derive(Debug)]
enum Stream {
    Open,
    /// The reader went away; nothing more is written and nobody is told.
    Closed,
    /// Something else went wrong; told at the end.
    Failed(io::Error),
}

struct Sink {
    writer: Box<dyn Write + Send>,
    state: Stream,
}

impl Sink {
    fn write(&mut self, text: &str) {
        if matches!(self.state, Stream::Open) {
            let written = self.writer.write_all(text.as_bytes()).and_then(|()| self.writer.flush());
            match written {
                Ok(()) => {}
                Err(error) if error.kind() == io::ErrorKind::BrokenPipe => {
                    self.state = Stream::Closed
                }
                Err(error) => self.state = Stream::Failed(error),
            }
        }
    }
}

/// Prints for one command. Cheap to clone.
#[derive(Clone)]
pub struct Output {
    data: Arc<Mutex<Sink>>,
    talk: Arc<Mutex<Sink>>,
    format: Format,
    data_terminal: bool,
    data_colour: bool,
    talk_colour: bool,
    quiet: u8,
    progress: bool,
}

impl std::fmt::Debug for Output {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Output").field("format", &self.format).finish_non_exhaustive()
    }
}

impl Output {
    /// Prints to the process's own streams, as the global options and the environment want it.
    pub fn of_process(global: &Global) -> Self {
        let variable = |name: &str| std::env::var(name).ok();
        let (out, err) = (io::stdout().is_terminal(), io::stderr().is_terminal());
        let progress = err && !global.no_progress && variable("CI").is_none();
        Self {
            data: sink(io::stdout()),
            talk: sink(io::stderr()),
            format: if global.json { Format::Json } else { Format::Text },
            data_terminal: out,
            data_colour: wants_colour(global.color, out, variable),
            talk_colour: wants_colour(global.color, err, variable),
            quiet: global.quiet,
            progress,
        }
    }

    /// Prints into two pages, data and talk, that a test reads.
    #[cfg(test)]
    pub(crate) fn to_pages(format: Format) -> (Self, [Page; 2]) {
        let pages = [Page::default(), Page::default()];
        let [data, talk] = pages.clone();
        let output = Self {
            data: sink(data),
            talk: sink(talk),
            format,
            data_terminal: false,
            data_colour: false,
            talk_colour: false,
            quiet: 0,
            progress: false,
        };
        (output, pages)
    }

    /// What standard output carries.
    pub fn format(&self) -> Format {
        self.format
    }

    /// Whether standard error has colours, for those who write there by other ways.
    pub fn talks_in_colour(&self) -> bool {
        self.talk_colour
    }

    /// Whether people watch standard output, so that a picture on it may be replaced by the next.
    pub fn is_terminal(&self) -> bool {
        self.data_terminal
    }

    /// Whether bars may move on standard error.
    pub fn shows_bars(&self) -> bool {
        self.progress && self.quiet == 0 && self.format == Format::Text
    }

    /// Whether nobody reads the data any more; a command that streams then stops.
    pub fn is_closed(&self) -> bool {
        !matches!(lock(&self.data).state, Stream::Open)
    }

    /// A line of data for people.
    pub fn line(&self, text: &str) {
        lock(&self.data).write(&format!("{text}\n"));
    }

    /// Data as it is, without a new line: a file, a script.
    pub fn raw(&self, text: &str) {
        lock(&self.data).write(text);
    }

    /// Text in the colour of data. Text of somebody else's has to be cleaned before.
    pub fn paint(&self, style: Style, text: &str) -> String {
        paint(self.data_colour, style, text)
    }

    /// A table of data for people. Cells are cleaned; the last column is not padded.
    pub fn table<const N: usize>(
        &self,
        header: [&str; N],
        rows: impl IntoIterator<Item = [String; N]>,
    ) {
        let mut table = Table::new();
        table.load_style(presets::NOTHING).set_header(header);
        for row in rows {
            table.add_row(row.map(|cell| clean(&cell)));
        }
        for column in table.column_iter_mut() {
            column.set_padding((0, 2));
        }
        let text = table.trim_fmt();
        for (n, line) in text.lines().enumerate() {
            let heading = n == 0 && self.data_colour;
            self.line(&if heading { self.paint(Style::Strong, line) } else { line.to_owned() });
        }
    }

    /// The one document of a command: `{"schema":"updraft.<command>/1", …}` with the members of `members`.
    ///
    /// # Errors
    /// If `members` cannot be written as a JSON object.
    pub fn document(&self, command: &str, members: &impl Serialize) -> Result<(), Problem> {
        let Value::Object(members) = to_value(members)? else {
            return Err(Problem::new(Code::Failed, "the answer is not a JSON object"));
        };
        let document = Document { schema: format!("updraft.{command}/1"), members };
        self.line(&to_text(&document)?);
        Ok(())
    }

    /// One JSON line of a command that streams; it should have a member `type`.
    ///
    /// # Errors
    /// If `members` cannot be written as JSON.
    pub fn json_line(&self, members: &impl Serialize) -> Result<(), Problem> {
        self.line(&to_text(members)?);
        Ok(())
    }

    /// A line of talk: what is going on. Silent with `--json` and `-q`.
    pub fn say(&self, text: &str) {
        if self.format == Format::Text && self.quiet == 0 {
            lock(&self.talk).write(&format!("{text}\n"));
        }
    }

    /// A warning. Silent with `--json` and `-qq`.
    pub fn warn(&self, text: &str) {
        if self.format == Format::Text && self.quiet < 2 {
            let word = paint(self.talk_colour, Style::Warning, "warning");
            lock(&self.talk).write(&format!("{word}: {text}\n"));
        }
    }

    /// What to do next, after an empty line.
    pub fn hint(&self, text: &str) {
        self.say(&format!("\n{}: {text}", paint(self.talk_colour, Style::Name, "hint")));
    }

    /// A question on standard error, without a new line; for [`Context::ask`](super::Context::ask).
    pub(super) fn question(&self, text: &str) {
        lock(&self.talk).write(text);
    }

    /// The problem a command ends with: words for people, with `--json` the document the API would send.
    pub fn problem(&self, problem: &Problem) {
        let text = match self.format {
            Format::Json => serde_json::to_string(problem)
                .unwrap_or_else(|_| format!("{{\"code\":\"{}\"}}", problem.code)),
            Format::Text => words_of(problem, self.talk_colour),
        };
        lock(&self.talk).write(&format!("{text}\n"));
    }

    /// Tells whether all data was written, or nobody wanted it any more.
    ///
    /// # Errors
    /// If standard output could not be written, for example to a full disk.
    pub fn finish(&self) -> Result<(), Problem> {
        match &lock(&self.data).state {
            Stream::Open | Stream::Closed => Ok(()),
            Stream::Failed(error) => {
                Err(Problem::new(Code::FileUnusable, "cannot write standard output")
                    .cause(error.to_string()))
            }
        }
    }
}

/// What was printed, for a test.
#[cfg(test)]
#[derive(Debug, Clone, Default)]
pub(crate) struct Page(Arc<Mutex<Vec<u8>>>);

#[cfg(test)]
impl Page {
    pub(crate) fn text(&self) -> String {
        String::from_utf8(self.0.lock().expect("no test panics here").clone()).expect("text")
    }
}

#[cfg(test)]
impl Write for Page {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        self.0.lock().expect("no test panics here").extend_from_slice(bytes);
        Ok(bytes.len())
    }
    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}

fn sink(writer: impl Write + Send + 'static) -> Arc<Mutex<Sink>> {
    Arc::new(Mutex::new(Sink { writer: Box::new(writer), state: Stream::Open }))
}

/// A panic while printing cannot leave a sink half changed, so its poison says nothing.
fn lock(sink: &Mutex<Sink>) -> MutexGuard<'_, Sink> {
    sink.lock().unwrap_or_else(PoisonError::into_inner)
}

/// A document with its schema in front, where people and `head` look first.
#[derive(Serialize)]
struct Document {
    schema: String,
    #[serde(flatten)]
    members: Map<String, Value>,
}

fn no_json(error: &serde_json::Error) -> Problem {
    Problem::from_error(Code::Failed, error).cause("while writing JSON")
}

fn to_text(value: &impl Serialize) -> Result<String, Problem> {
    serde_json::to_string(value).map_err(|error| no_json(&error))
}

fn to_value(members: &impl Serialize) -> Result<Value, Problem> {
    serde_json::to_value(members).map_err(|error| no_json(&error))
}

fn paint(colour: bool, style: Style, text: &str) -> String {
    let ansi = style.ansi();
    if colour { format!("{ansi}{text}{ansi:#}") } else { text.to_owned() }
}

/// A problem in words. Its texts may come from a peer by way of the API, so they are cleaned.
fn words_of(problem: &Problem, colour: bool) -> String {
    let head = paint(colour, Style::Bad, &format!("error[{}]", problem.code));
    let mut text = format!("{head}: {}", clean(&problem.detail));
    for line in problem.causes.iter().flat_map(|cause| cause.lines()) {
        text.push_str(&format!("\n  {}", clean(line)));
    }
    if let Some(hint) = &problem.hint {
        let lines: Vec<_> = hint.lines().map(clean).collect();
        text.push_str(&format!("\n\n{}: {}", paint(colour, Style::Name, "hint"), lines.join("\n")));
    }
    text
}

/// `--color` decides; left to `auto`, `NO_COLOR` and `CLICOLOR_FORCE` do, then whether people look.
fn wants_colour(
    color: Color,
    is_terminal: bool,
    variable: impl Fn(&str) -> Option<String>,
) -> bool {
    let is_set = |name: &str| variable(name).is_some_and(|value| !value.is_empty());
    match color {
        Color::Always => true,
        Color::Never => false,
        Color::Auto if is_set("NO_COLOR") => false,
        Color::Auto if is_set("CLICOLOR_FORCE") => {
            variable("CLICOLOR_FORCE").as_deref() != Some("0")
        }
        Color::Auto => is_terminal && variable("TERM").as_deref() != Some("dumb"),
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    /// Takes a number of writes, then fails.
    struct Pipe {
        page: Arc<Mutex<String>>,
        writes_left: usize,
        error: io::ErrorKind,
    }

    impl Write for Pipe {
        fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
            self.writes_left = self.writes_left.checked_sub(1).ok_or(self.error)?;
            let text = std::str::from_utf8(bytes).expect("text");
            self.page.lock().expect("one thread").push_str(text);
            Ok(bytes.len())
        }
        fn flush(&mut self) -> io::Result<()> {
            Ok(())
        }
    }

    fn output(
        format: Format,
        writes: usize,
        error: io::ErrorKind,
    ) -> (Output, [Arc<Mutex<String>>; 2]) {
        let pages = [Arc::default(), Arc::default()];
        let pipe =
            |n: usize, writes_left| sink(Pipe { page: Arc::clone(&pages[n]), writes_left, error });
        let output = Output {
            data: pipe(0, writes),
            talk: pipe(1, usize::MAX),
            format,
            data_terminal: false,
            data_colour: false,
            talk_colour: false,
            quiet: 0,
            progress: false,
        };
        (output, pages)
    }

    fn page(page: &Arc<Mutex<String>>) -> String {
        page.lock().expect("one thread").clone()
    }

    #[test]
    fn a_reader_that_goes_away_ends_the_output_quietly() {
        let (output, [data, talk]) = output(Format::Text, 1, io::ErrorKind::BrokenPipe);
        for n in 0..5 {
            output.line(&n.to_string());
        }
        assert!(output.is_closed());
        assert_eq!(output.finish(), Ok(()));
        assert_eq!((page(&data).as_str(), page(&talk).as_str()), ("0\n", ""));
    }

    #[test]
    fn a_full_disk_is_told_at_the_end() {
        let (output, _) = output(Format::Text, 0, io::ErrorKind::StorageFull);
        output.line("lost");
        let problem = output.finish().expect_err("lost data");
        assert_eq!(problem.detail, "cannot write standard output");
    }

    #[test]
    fn a_table_is_plain_lines_without_escapes() {
        let (output, [data, _]) = output(Format::Text, usize::MAX, io::ErrorKind::Other);
        let rows =
            [["demo-app".to_owned(), "2.4.1".to_owned()], ["a".to_owned(), "\u{1b}[2J".to_owned()]];
        output.table(["COMPONENT", "INSTALLED"], rows);
        assert_eq!(page(&data), "COMPONENT  INSTALLED\ndemo-app   2.4.1\na          \\u{1b}[2J\n");
    }

    #[test]
    fn a_document_begins_with_its_schema_and_silences_talk() {
        let (output, [data, talk]) = output(Format::Json, usize::MAX, io::ErrorKind::Other);
        output.say("working");
        output.warn("careful");
        output.hint("next");
        output.document("version", &json!({ "version": "0.1.0" })).expect("an object");
        let expected = r#"{"schema":"updraft.version/1","version":"0.1.0"}"#;
        assert_eq!(page(&data), format!("{expected}\n"));
        assert_eq!(page(&talk), "");
        assert!(output.document("x", &[1]).is_err(), "a list is no document");
    }

    #[test]
    fn a_problem_is_words_for_people_and_a_document_for_programs() {
        let problem = Problem::new(Code::NoPeers, "no\u{1b}peers").cause("a\nb").hint("wait");
        let (text, [_, talk]) = output(Format::Text, 0, io::ErrorKind::Other);
        text.problem(&problem);
        assert_eq!(page(&talk), "error[UD0701]: no\\u{1b}peers\n  a\n  b\n\nhint: wait\n");
        let (json, [_, talk]) = output(Format::Json, 0, io::ErrorKind::Other);
        json.problem(&problem);
        assert_eq!(serde_json::from_str::<Problem>(&page(&talk)).expect("json"), problem);
    }

    #[test]
    fn colours_follow_the_option_then_the_environment_then_the_terminal() {
        let with = |pairs: &'static [(&str, &str)]| {
            move |name: &str| {
                pairs.iter().find(|(known, _)| *known == name).map(|(_, value)| (*value).to_owned())
            }
        };
        assert!(wants_colour(Color::Auto, true, with(&[])));
        assert!(!wants_colour(Color::Auto, false, with(&[])));
        assert!(!wants_colour(Color::Auto, true, with(&[("NO_COLOR", "1")])));
        assert!(wants_colour(Color::Auto, true, with(&[("NO_COLOR", "")])));
        assert!(wants_colour(Color::Auto, false, with(&[("CLICOLOR_FORCE", "1")])));
        assert!(!wants_colour(Color::Auto, true, with(&[("TERM", "dumb")])));
        assert!(wants_colour(Color::Always, false, with(&[("NO_COLOR", "1")])));
        assert!(!wants_colour(Color::Never, true, with(&[("CLICOLOR_FORCE", "1")])));
    }
}
