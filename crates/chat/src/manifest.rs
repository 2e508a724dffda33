//! A manifest as people read it.
//!
//! **Invariant:** no character of the text is left out, and none is added but line breaks and the
//! spaces after them: what is shown is what will be applied.

/// JSON in lines, a value each. The text is our own rewriting, which has no blank outside of quotes
/// but at the ends of lines.
pub(crate) fn lines(text: &str) -> Vec<String> {
    let mut pretty = Pretty::default();
    let mut characters = text.chars().peekable();
    while let Some(c) = characters.next() {
        let is_empty = matches!((c, characters.peek()), ('{', Some('}')) | ('[', Some(']')));
        pretty.take(c, is_empty);
    }
    pretty.end()
}

#[derive(Default)]
struct Pretty {
    lines: Vec<String>,
    line: String,
    depth: usize,
    quoted: bool,
    escaped: bool,
    /// The list or map that was just opened has nothing in it.
    empty: bool,
}

impl Pretty {
    fn take(&mut self, c: char, is_empty: bool) {
        if self.quoted {
            self.line.push(c);
            self.quoted = self.escaped || c != '"';
            self.escaped = !self.escaped && c == '\\';
            return;
        }
        match c {
            '"' => {
                self.quoted = true;
                self.line.push(c);
            }
            '{' | '[' => {
                self.line.push(c);
                self.empty = is_empty;
                if !is_empty {
                    self.depth += 1;
                    self.feed();
                }
            }
            '}' | ']' => {
                if !std::mem::take(&mut self.empty) {
                    self.depth = self.depth.saturating_sub(1);
                    self.feed();
                }
                self.line.push(c);
            }
            ',' => {
                self.line.push(c);
                self.feed();
            }
            ':' => self.line.push_str(": "),
            '\n' => {}
            c => self.line.push(c),
        }
    }

    /// Begins the next line.
    fn feed(&mut self) {
        let next = "  ".repeat(self.depth);
        let line = std::mem::replace(&mut self.line, next);
        if !line.trim().is_empty() {
            self.lines.push(line);
        }
    }

    fn end(mut self) -> Vec<String> {
        self.depth = 0;
        self.feed();
        self.lines
    }
}

#[cfg(test)]
mod tests {
    use super::lines;

    #[test]
    fn every_character_is_shown_and_blanks_alone_are_added() {
        let text =
            "{\"kind\":\"List\",\"items\":[\n{\"a\":{},\"b\":[],\"c\":\"x,\\\"{\\\\\"},\n{\"d\":[1,2.5e1,null]}\n]}\n";
        let shown = lines(text);
        let expected = [
            "{",
            "  \"kind\": \"List\",",
            "  \"items\": [",
            "    {",
            "      \"a\": {},",
            "      \"b\": [],",
            "      \"c\": \"x,\\\"{\\\\\"",
            "    },",
            "    {",
            "      \"d\": [",
            "        1,",
            "        2.5e1,",
            "        null",
            "      ]",
            "    }",
            "  ]",
            "}",
        ];
        assert_eq!(shown, expected);
        let bare = |text: &str| text.chars().filter(|c| !c.is_whitespace()).collect::<String>();
        assert_eq!(bare(&shown.concat()), bare(text));
    }
}
