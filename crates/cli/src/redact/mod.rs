//! `countersign redact`: takes secrets out of a text.
//!
//! **Invariant:** what goes out went through the same redactor as the output of commands; no message repeats a secret.

mod batch;

use anyhow::Context as _;
use countersign_redact::{NotASecret, Patterns, Redactor, SHORTEST};
use secrecy::SecretString;
use std::io::{Read, Write};
use std::path::{Path, PathBuf};
use std::process::ExitCode;

/// What every known secret is called that has no name of its own.
const KNOWN: &str = "known";

/// One read of the input.
const READ: usize = 64 * 1024;

/// What `countersign redact` was asked for.
///
/// Reads standard input and writes it without secrets, as it comes. Secrets named with --known are found in every
/// encoding: base64, hexadecimal, URL and JSON escapes, wrapped lines, escape sequences in between. Others are found by
/// what they look like and where they stand. Each is replaced by [redacted:<name>].
#[derive(Debug, clap::Args)]
pub struct Redact {
    /// Known secrets, one a line, each at least six bytes long. The whole line is the secret.
    #[arg(long, value_name = "FILE")]
    pub known: Option<PathBuf>,
    /// Answers JSON lines: `{"id", "text" or "chunks", "known"}` with `{"id", "text", "counts"}`, or with
    /// `{"id", "error"}`; then the exit code is 1.
    ///
    /// A chunk is a string, a list of bytes, or `{"base64": …}`; what is known is a list of strings, of `{"name", "value"}`,
    /// or an object of names and secrets.
    #[arg(long)]
    pub batch: bool,
}

impl Redact {
    /// Does it.
    ///
    /// # Errors
    /// When something cannot be read or written, or a known secret is too short to be looked for.
    pub fn run(self) -> anyhow::Result<ExitCode> {
        let known = self.known.as_deref().map(read_known).transpose()?.unwrap_or_default();
        let (input, output) = (std::io::stdin().lock(), std::io::stdout().lock());
        if self.batch {
            return batch::run(&known, input, output);
        }
        stream(&patterns(&known)?, input, output).map(|()| ExitCode::SUCCESS)
    }
}

/// A secret and its name.
#[derive(Debug, Clone)]
struct Secret {
    name: String,
    value: SecretString,
}

fn patterns(known: &[Secret]) -> Result<Patterns, NotASecret> {
    Patterns::new(known.iter().map(|secret| (secret.name.clone(), secret.value.clone())))
}

fn read_known(path: &Path) -> anyhow::Result<Vec<Secret>> {
    let text = std::fs::read_to_string(path).with_context(|| format!("`{}` cannot be read", path.display()))?;
    let mut known = Vec::new();
    for (nth, line) in text.lines().enumerate().filter(|(_, line)| !line.trim().is_empty()) {
        if line.trim().len() < SHORTEST {
            let (path, line) = (path.display(), nth + 1);
            anyhow::bail!(
                "line {line} of `{path}` is too short to be found safely: a secret has at least {SHORTEST} bytes"
            );
        }
        known.push(Secret { name: KNOWN.to_owned(), value: line.to_owned().into() });
    }
    Ok(known)
}

/// Gives on what is certain as soon as it is.
fn stream(patterns: &Patterns, mut input: impl Read, mut output: impl Write) -> anyhow::Result<()> {
    let mut redactor = Redactor::over(patterns);
    let mut buffer = vec![0; READ];
    loop {
        let count = match input.read(&mut buffer) {
            Ok(0) => break,
            Ok(count) => count,
            Err(error) if error.kind() == std::io::ErrorKind::Interrupted => continue,
            Err(error) => return Err(error).context("the input cannot be read"),
        };
        let redacted = redactor.push(buffer.get(..count).unwrap_or_default());
        output.write_all(&redacted).and_then(|()| output.flush()).context("the output cannot be written")?;
    }
    let (rest, _) = redactor.finish();
    output.write_all(&rest).and_then(|()| output.flush()).context("the output cannot be written")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_stream_comes_out_without_its_secrets() {
        let mut file = tempfile::NamedTempFile::new().unwrap();
        file.write_all(b"canary-81f2\n\nother=secret 1\n").unwrap();
        let known = read_known(file.path()).unwrap();
        let mut output = Vec::new();
        let input = "a canary-81f2 b\nother=secret 1\ngit clone https://u:p4ssw0rd@h/x\n";
        stream(&patterns(&known).unwrap(), input.as_bytes(), &mut output).unwrap();
        assert_eq!(
            String::from_utf8(output).unwrap(),
            "a [redacted:known] b\n[redacted:known]\ngit clone https://u:[redacted:url-password]@h/x\n"
        );
    }

    #[test]
    fn a_secret_that_is_too_short_is_refused_by_its_line() {
        let mut file = tempfile::NamedTempFile::new().unwrap();
        file.write_all(b"long enough\n12345\n").unwrap();
        let error = read_known(file.path()).unwrap_err().to_string();
        assert!(error.starts_with("line 2 of `") && !error.contains("12345"), "{error}");
    }
}
