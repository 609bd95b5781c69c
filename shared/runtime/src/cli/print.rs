use std::io::{self, ErrorKind, Write as _};

/// Writes `text` and a line's end to standard output. A reader that has seen enough and went
/// away (`| head`) is no error.
pub fn print(text: &str) -> io::Result<()> {
    let mut out = io::stdout().lock();
    match writeln!(out, "{text}").and_then(|()| out.flush()) {
        Err(error) if error.kind() == ErrorKind::BrokenPipe => Ok(()),
        written => written,
    }
}
