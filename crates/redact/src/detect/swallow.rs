//! Goes on hiding what is longer than what can be held.
//!
//! **Invariant:** needs no memory, and ends where the hidden thing ends, seen a byte at a time.

/// What is being hidden, and where in it the stream is.
#[derive(Debug, Clone, Copy)]
pub(crate) enum Swallow {
    /// As long as the bytes are of a token.
    Run(fn(u8) -> bool),
    /// To the end of the line.
    Line,
    /// To the closing quote or the end of the line; `backslashes` stand before each quote.
    Quoted {
        /// Which quote.
        quote: u8,
        /// How many backslashes stand before it.
        backslashes: usize,
        /// How many were just seen.
        run: usize,
    },
    /// The body of a key: to `-----END …-----`, or to what no such body holds.
    Pem {
        /// Bytes of the closing dashes and their label seen.
        dashes: usize,
        /// Whether the label of the end is being read.
        label: bool,
    },
    /// Lines of YAML, to one that is not deeper than this column.
    Yaml {
        /// Where the keys of the object stand.
        column: usize,
        /// Blanks seen at the beginning of a line; `None` within one.
        indent: Option<usize>,
    },
    /// JSON, to the end of the object around it.
    Json(Json),
}

/// Where in an object of JSON, possibly written inside a string of another.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Json {
    pub(crate) quote: u8,
    /// Backslashes before each quote.
    pub(crate) backslashes: usize,
    /// Objects and lists that are open, the outermost not counted.
    pub(crate) depth: usize,
    pub(crate) in_string: bool,
    /// Backslashes just seen.
    pub(crate) run: usize,
}

/// What a quote with so many backslashes before it is, where `usual` stand before each.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Quote {
    /// Begins or ends a string.
    Plain,
    /// Stands inside a string.
    Escaped,
    /// Ends what is around it.
    Outer,
}

/// JSON inside a string doubles its backslashes and adds one before each quote (RFC 8259 §7).
pub(crate) const fn quote(usual: usize, run: usize) -> Quote {
    if run < usual {
        return Quote::Outer;
    }
    let within = run % (2 * (usual + 1));
    if within == usual { Quote::Plain } else { Quote::Escaped }
}

impl Swallow {
    /// Takes the next bytes; how many of them are hidden when the end is among them.
    pub(crate) fn take(&mut self, bytes: &[u8]) -> Option<usize> {
        bytes.iter().position(|&byte| self.ends_before(byte))
    }

    fn ends_before(&mut self, byte: u8) -> bool {
        match self {
            Self::Run(belongs) => !belongs(byte),
            Self::Line => matches!(byte, b'\n' | b'\r'),
            Self::Quoted { quote: wanted, backslashes, run } => {
                if byte == b'\\' {
                    *run += 1;
                    return false;
                }
                let closes = byte == *wanted && quote(*backslashes, *run) != Quote::Escaped;
                *run = 0;
                closes || byte == b'\n'
            }
            Self::Pem { dashes, label } => pem(byte, dashes, label),
            Self::Yaml { column, indent } => match (byte, *indent) {
                (b'\n', _) => {
                    *indent = Some(0);
                    false
                }
                (b' ', Some(blanks)) => {
                    *indent = Some(blanks + 1);
                    false
                }
                (b'\r', _) | (_, None) => false,
                (_, Some(blanks)) => {
                    *indent = None;
                    blanks <= *column
                }
            },
            Self::Json(json) => json.ends_before(byte),
        }
    }
}

/// Dashes, the label, dashes again; then it is over.
fn pem(byte: u8, dashes: &mut usize, label: &mut bool) -> bool {
    const BOTH: usize = 10;
    if *dashes >= BOTH {
        return true;
    }
    match byte {
        b'-' => *dashes += 1,
        b' ' | b'A'..=b'Z' | b'0'..=b'9' if *dashes >= BOTH / 2 => *label = true,
        _ if byte.is_ascii_alphanumeric() || byte.is_ascii_whitespace() || b"+/=\\:,.()<>@".contains(&byte) => {
            (*dashes, *label) = (0, false);
        }
        _ => return true,
    }
    false
}

impl Json {
    fn ends_before(&mut self, byte: u8) -> bool {
        if byte == b'\\' {
            self.run += 1;
            return false;
        }
        let run = std::mem::take(&mut self.run);
        match byte {
            _ if byte == self.quote => match quote(self.backslashes, run) {
                Quote::Plain => self.in_string = !self.in_string,
                Quote::Escaped => {}
                Quote::Outer => return true,
            },
            b'{' | b'[' if !self.in_string => self.depth += 1,
            b'}' | b']' if !self.in_string => match self.depth.checked_sub(1) {
                Some(depth) => self.depth = depth,
                None => return true,
            },
            _ => {}
        }
        false
    }
}
