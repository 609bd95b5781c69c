//! How an answer is shown.

use serde_json::Value;
use std::{
    env,
    io::{self, IsTerminal as _, Write},
};

const SPINNER: [&str; 10] = ["⠋", "⠙", "⠹", "⠸", "⠼", "⠴", "⠦", "⠧", "⠇", "⠏"];
/// Back to the line's beginning, and empty it.
const ERASE: &str = "\r\x1b[K";

/// Shows the events of one answer.
pub(crate) enum View {
    /// Text as it comes, tools and a spinner.
    Terminal(Terminal),
    /// The text alone. A step's text is printed when the step is over: until then it may be
    /// taken back.
    Plain {
        /// Of the step under way.
        step: String,
    },
    /// Each event as a line.
    Json,
}

/// What a person looks at.
#[derive(Default)]
pub(crate) struct Terminal {
    has_colours: bool,
    spinning: Option<usize>,
    is_line_open: bool,
}

impl View {
    /// For where standard output goes.
    pub(crate) fn of_output(json: bool) -> Self {
        if json {
            Self::Json
        } else if io::stdout().is_terminal() {
            Self::Terminal(Terminal {
                has_colours: env::var_os("NO_COLOR").is_none(),
                ..Terminal::default()
            })
        } else {
            Self::Plain {
                step: String::new(),
            }
        }
    }

    /// Something is awaited.
    pub(crate) fn wait(&mut self) {
        if let Self::Terminal(terminal) = self {
            terminal.spinning.get_or_insert(0);
        }
    }

    /// Time goes by.
    pub(crate) fn tick(&mut self) -> io::Result<()> {
        if let Self::Terminal(terminal) = self {
            terminal.tick()?;
        }
        Ok(())
    }

    pub(crate) fn event(&mut self, event: &Value) -> io::Result<()> {
        match self {
            Self::Terminal(terminal) => terminal.event(event),
            Self::Json => line(&event.to_string()),
            Self::Plain { step } => {
                match text(event, "type") {
                    "text-delta" => step.push_str(text(event, "delta")),
                    "reset-step" => step.clear(),
                    "finish-step" if !step.is_empty() => line(std::mem::take(step).trim_end())?,
                    _ => {}
                }
                Ok(())
            }
        }
    }

    /// A word to the person, beside the answer.
    pub(crate) fn note(&mut self, note: &str) -> io::Result<()> {
        if let Self::Terminal(terminal) = self {
            terminal.clear()?;
            terminal.close_line()?;
        }
        writeln!(io::stderr(), "{note}")
    }

    /// The answer is over, however it ended.
    pub(crate) fn end(&mut self) -> io::Result<()> {
        match self {
            Self::Terminal(terminal) => {
                terminal.clear()?;
                terminal.close_line()
            }
            Self::Plain { step } if !step.is_empty() => line(std::mem::take(step).trim_end()),
            Self::Plain { .. } | Self::Json => Ok(()),
        }
    }
}

impl Terminal {
    fn event(&mut self, event: &Value) -> io::Result<()> {
        match text(event, "type") {
            "text-delta" => {
                self.clear()?;
                let delta = text(event, "delta");
                print(delta)?;
                self.is_line_open = !delta.ends_with('\n');
            }
            "reasoning-start" => {
                self.spinning.get_or_insert(0);
            }
            "tool-input-available" => {
                let tool = text(event, "toolName").replace('_', " ");
                self.aside(&format!("· {tool} {}", summary(event)))?;
                self.spinning = Some(0);
            }
            "tool-input-error" | "tool-output-error" => {
                self.aside(&format!("  failed: {}", text(event, "errorText")))?;
                self.spinning = Some(0);
            }
            "reset-step" => {
                self.aside("· the server went on elsewhere and says this again")?;
                self.spinning = Some(0);
            }
            _ => {}
        }
        Ok(())
    }

    /// A line between the lines of the answer.
    fn aside(&mut self, said: &str) -> io::Result<()> {
        self.clear()?;
        self.close_line()?;
        let (dim, plain) = if self.has_colours {
            ("\x1b[2m", "\x1b[0m")
        } else {
            ("", "")
        };
        print(&format!("{dim}{}{plain}\n", said.trim_end()))
    }

    fn tick(&mut self) -> io::Result<()> {
        let Some(turn) = self.spinning else {
            return Ok(());
        };
        if self.is_line_open {
            return Ok(());
        }
        self.spinning = Some(turn + 1);
        let sign = SPINNER.get(turn % SPINNER.len()).copied();
        print(&format!("{ERASE}{}", sign.unwrap_or_default()))
    }

    fn clear(&mut self) -> io::Result<()> {
        match self.spinning.take() {
            Some(turns) if turns > 0 => print(ERASE),
            Some(_) | None => Ok(()),
        }
    }

    fn close_line(&mut self) -> io::Result<()> {
        if std::mem::take(&mut self.is_line_open) {
            print("\n")?;
        }
        Ok(())
    }
}

/// A few words on what a tool was asked.
fn summary(event: &Value) -> String {
    let input = event.get("input").unwrap_or(&Value::Null);
    let told = ["query", "path", "url", "command", "question", "filename"];
    let told = told.iter().find_map(|name| input.get(name)?.as_str());
    // What a model wrote must not steer the terminal.
    told.unwrap_or_default().replace(char::is_control, " ")
}

fn text<'a>(event: &'a Value, field: &str) -> &'a str {
    event.get(field).and_then(Value::as_str).unwrap_or_default()
}

fn line(text: &str) -> io::Result<()> {
    print(&format!("{text}\n"))
}

/// At once, also inside a line.
fn print(text: &str) -> io::Result<()> {
    let mut output = io::stdout().lock();
    output.write_all(text.as_bytes())?;
    output.flush()
}
