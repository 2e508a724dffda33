//! Anchored regular expressions for parameters, matched in linear time.
//!
//! **Invariant:** a match looks at every character once against a set of states (Thompson's
//! construction), so no pattern of the catalog and no typed value can make the parser slow.
//!
//! Understood are literals, `.`, classes `[a-z_-]` and `[^…]`, `\d`, `\w`, escaped punctuation,
//! groups, `|`, `*`, `+`, `?`, `{n}`, `{n,}` and `{n,m}`. A pattern always matches the whole value;
//! `^` at its start and `$` at its end may be written and change nothing.

use std::fmt;

/// A compiled pattern.
#[derive(Clone)]
pub struct Pattern {
    source: String,
    program: Vec<Step>,
}

/// Why a text is not a pattern; `column` counts characters from 1.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("{reason} at column {column}")]
pub struct PatternError {
    /// What is wrong, in words.
    pub reason: String,
    /// Where.
    pub column: usize,
}

/// Patterns larger than this are refused: `{n,m}` is compiled by repetition.
const MOST_STEPS: usize = 4_096;
/// The largest count in `{n,m}`.
const MOST_REPEATS: usize = 255;
/// Groups nest no deeper than this, so that parsing cannot exhaust the stack.
const DEEPEST: usize = 20;

#[derive(Debug, Clone)]
enum Step {
    One(Class),
    Split(usize, usize),
    Jump(usize),
    Done,
}

/// A set of characters.
#[derive(Debug, Clone)]
struct Class {
    negated: bool,
    ranges: Vec<(char, char)>,
}

impl Class {
    fn one(c: char) -> Self {
        Self { negated: false, ranges: vec![(c, c)] }
    }

    fn holds(&self, c: char) -> bool {
        self.ranges.iter().any(|(from, to)| (*from..=*to).contains(&c)) != self.negated
    }
}

#[derive(Debug, Clone)]
enum Node {
    One(Class),
    Sequence(Vec<Node>),
    Either(Vec<Node>),
    Repeat(Box<Node>, usize, Option<usize>),
}

impl Pattern {
    /// Compiles a pattern.
    ///
    /// # Errors
    /// When the pattern is not well-formed, uses what is not understood, or is too large.
    pub fn new(source: &str) -> Result<Self, PatternError> {
        let body = source.strip_prefix('^').unwrap_or(source);
        let skipped = source.chars().count() - body.chars().count();
        let body = match body.strip_suffix('$') {
            Some(rest) if !rest.ends_with('\\') => rest,
            _ => body,
        };
        let mut parser = Parser { chars: body.chars().collect(), next: 0, skipped, depth: 0 };
        let node = parser.alternatives()?;
        if parser.next < parser.chars.len() {
            return Err(parser.wrong("`)` closes no group"));
        }
        let mut program = Vec::new();
        emit(&node, &mut program)
            .map_err(|Large| PatternError { reason: "the pattern is too large".to_owned(), column: 1 })?;
        program.push(Step::Done);
        Ok(Self { source: source.to_owned(), program })
    }

    /// The pattern as written.
    #[must_use]
    pub fn as_str(&self) -> &str {
        &self.source
    }

    /// Whether the whole value matches.
    #[must_use]
    pub fn matches(&self, value: &str) -> bool {
        let mut states = vec![false; self.program.len()];
        self.enter(0, &mut states);
        for c in value.chars() {
            let mut after = vec![false; self.program.len()];
            for (at, step) in self.program.iter().enumerate() {
                let here = states.get(at).copied().unwrap_or(false);
                if here && matches!(step, Step::One(class) if class.holds(c)) {
                    self.enter(at + 1, &mut after);
                }
            }
            states = after;
        }
        states.last().copied().unwrap_or(false)
    }

    /// Marks a state and everything reachable from it without reading a character.
    fn enter(&self, start: usize, states: &mut [bool]) {
        let mut waiting = vec![start];
        while let Some(at) = waiting.pop() {
            let Some(seen) = states.get_mut(at) else {
                continue;
            };
            if std::mem::replace(seen, true) {
                continue;
            }
            match self.program.get(at) {
                Some(Step::Split(one, other)) => waiting.extend([*one, *other]),
                Some(Step::Jump(to)) => waiting.push(*to),
                Some(Step::One(_) | Step::Done) | None => {}
            }
        }
    }
}

impl fmt::Debug for Pattern {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Pattern({:?})", self.source)
    }
}

impl fmt::Display for Pattern {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.source)
    }
}

impl PartialEq for Pattern {
    fn eq(&self, other: &Self) -> bool {
        self.source == other.source
    }
}

impl Eq for Pattern {}

/// The program would be larger than allowed.
struct Large;

fn emit(node: &Node, program: &mut Vec<Step>) -> Result<(), Large> {
    if program.len() > MOST_STEPS {
        return Err(Large);
    }
    match node {
        Node::One(class) => program.push(Step::One(class.clone())),
        Node::Sequence(nodes) => {
            for one in nodes {
                emit(one, program)?;
            }
        }
        Node::Either(nodes) => emit_either(nodes, program)?,
        Node::Repeat(inner, least, most) => {
            for _ in 0..*least {
                emit(inner, program)?;
            }
            match most {
                None => emit_star(inner, program)?,
                Some(most) => {
                    for _ in *least..*most {
                        emit_optional(inner, program)?;
                    }
                }
            }
        }
    }
    Ok(())
}

fn emit_either(nodes: &[Node], program: &mut Vec<Step>) -> Result<(), Large> {
    let mut jumps = Vec::new();
    for (nth, node) in nodes.iter().enumerate() {
        if nth + 1 == nodes.len() {
            emit(node, program)?;
            continue;
        }
        let split = program.len();
        program.push(Step::Done);
        emit(node, program)?;
        jumps.push(program.len());
        program.push(Step::Done);
        let next = program.len();
        replace(program, split, Step::Split(split + 1, next));
    }
    let end = program.len();
    for jump in jumps {
        replace(program, jump, Step::Jump(end));
    }
    Ok(())
}

fn emit_star(inner: &Node, program: &mut Vec<Step>) -> Result<(), Large> {
    let split = program.len();
    program.push(Step::Done);
    emit(inner, program)?;
    program.push(Step::Jump(split));
    let end = program.len();
    replace(program, split, Step::Split(split + 1, end));
    Ok(())
}

fn emit_optional(inner: &Node, program: &mut Vec<Step>) -> Result<(), Large> {
    let split = program.len();
    program.push(Step::Done);
    emit(inner, program)?;
    let end = program.len();
    replace(program, split, Step::Split(split + 1, end));
    Ok(())
}

fn replace(program: &mut [Step], at: usize, step: Step) {
    if let Some(slot) = program.get_mut(at) {
        *slot = step;
    }
}

struct Parser {
    chars: Vec<char>,
    next: usize,
    skipped: usize,
    depth: usize,
}

impl Parser {
    fn wrong(&self, reason: &str) -> PatternError {
        PatternError { reason: reason.to_owned(), column: self.next + self.skipped + 1 }
    }

    fn peek(&self) -> Option<char> {
        self.chars.get(self.next).copied()
    }

    fn take(&mut self, c: char) -> bool {
        let found = self.peek() == Some(c);
        self.next += usize::from(found);
        found
    }

    fn alternatives(&mut self) -> Result<Node, PatternError> {
        self.depth += 1;
        if self.depth > DEEPEST {
            return Err(self.wrong("groups are nested too deeply"));
        }
        let mut nodes = vec![self.sequence()?];
        while self.take('|') {
            nodes.push(self.sequence()?);
        }
        self.depth -= 1;
        Ok(match nodes.len() {
            1 => nodes.remove(0),
            _ => Node::Either(nodes),
        })
    }

    fn sequence(&mut self) -> Result<Node, PatternError> {
        let mut nodes = Vec::new();
        while let Some(c) = self.peek() {
            if matches!(c, '|' | ')') {
                break;
            }
            let one = self.one()?;
            nodes.push(self.repeated(one)?);
        }
        Ok(Node::Sequence(nodes))
    }

    fn one(&mut self) -> Result<Node, PatternError> {
        let Some(c) = self.peek() else {
            return Err(self.wrong("the pattern ends too early"));
        };
        if matches!(c, '*' | '+' | '?' | '{') {
            return Err(self.wrong(&format!("`{c}` repeats nothing")));
        }
        if matches!(c, '^' | '$') {
            return Err(self.wrong(&format!("`{c}` belongs at the ends only; for the character write `\\{c}`")));
        }
        self.next += 1;
        match c {
            '(' => self.group(),
            '[' => self.class().map(Node::One),
            '\\' => self.escaped().map(Node::One),
            '.' => Ok(Node::One(Class { negated: true, ranges: Vec::new() })),
            _ => Ok(Node::One(Class::one(c))),
        }
    }

    fn group(&mut self) -> Result<Node, PatternError> {
        if self.take('?') && !self.take(':') {
            return Err(self.wrong("only `(?:` is understood"));
        }
        let node = self.alternatives()?;
        if self.take(')') { Ok(node) } else { Err(self.wrong("a group is not closed")) }
    }

    fn escaped(&mut self) -> Result<Class, PatternError> {
        let Some(c) = self.peek() else {
            return Err(self.wrong("`\\` escapes nothing"));
        };
        let ranges = match c {
            'd' => vec![('0', '9')],
            'w' => vec![('a', 'z'), ('A', 'Z'), ('0', '9'), ('_', '_')],
            _ if c.is_ascii_punctuation() => vec![(c, c)],
            _ => return Err(self.wrong(&format!("`\\{c}` is not understood"))),
        };
        self.next += 1;
        Ok(Class { negated: false, ranges })
    }

    fn class(&mut self) -> Result<Class, PatternError> {
        let negated = self.take('^');
        let mut ranges = Vec::new();
        loop {
            let Some(c) = self.peek() else {
                return Err(self.wrong("a class is not closed"));
            };
            self.next += 1;
            match c {
                ']' if ranges.is_empty() => return Err(self.wrong("an empty class matches nothing")),
                ']' => return Ok(Class { negated, ranges }),
                '[' => return Err(self.wrong("write `\\[` for the character")),
                '\\' => ranges.extend(self.escaped()?.ranges),
                _ => ranges.push(self.range(c)?),
            }
        }
    }

    fn range(&mut self, from: char) -> Result<(char, char), PatternError> {
        let dash = self.peek() == Some('-');
        let to = self.chars.get(self.next + 1).copied();
        match to {
            Some(to) if dash && !matches!(to, ']' | '\\' | '[') => {
                self.next += 2;
                if from > to {
                    return Err(self.wrong("a range runs backwards"));
                }
                Ok((from, to))
            }
            _ => Ok((from, from)),
        }
    }

    fn repeated(&mut self, node: Node) -> Result<Node, PatternError> {
        let (least, most) = match self.peek() {
            Some('*') => (0, None),
            Some('+') => (1, None),
            Some('?') => (0, Some(1)),
            Some('{') => {
                self.next += 1;
                let bounds = self.bounds()?;
                return self.once(Node::Repeat(Box::new(node), bounds.0, bounds.1));
            }
            _ => return Ok(node),
        };
        self.next += 1;
        self.once(Node::Repeat(Box::new(node), least, most))
    }

    /// A repetition of a repetition is a typing mistake, or asks for lazy matching.
    fn once(&self, node: Node) -> Result<Node, PatternError> {
        match self.peek() {
            Some('*' | '+' | '?' | '{') => Err(self.wrong("a repetition is repeated")),
            _ => Ok(node),
        }
    }

    fn bounds(&mut self) -> Result<(usize, Option<usize>), PatternError> {
        let least = self.number()?;
        let most = match (self.take(','), self.peek()) {
            (false, _) => Some(least),
            (true, Some('}')) => None,
            (true, _) => Some(self.number()?),
        };
        if !self.take('}') {
            return Err(self.wrong("`{n,m}` is not closed"));
        }
        if most.is_some_and(|most| most < least) {
            return Err(self.wrong("`{n,m}` runs backwards"));
        }
        Ok((least, most))
    }

    fn number(&mut self) -> Result<usize, PatternError> {
        let mut digits = String::new();
        while let Some(c) = self.peek().filter(char::is_ascii_digit) {
            digits.push(c);
            self.next += 1;
        }
        match digits.parse::<usize>() {
            Ok(number) if number <= MOST_REPEATS => Ok(number),
            _ => Err(self.wrong(&format!("expected a number up to {MOST_REPEATS}"))),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[track_caller]
    fn check(pattern: &str, yes: &[&str], no: &[&str]) {
        let compiled = Pattern::new(pattern).unwrap();
        for value in yes {
            assert!(compiled.matches(value), "{pattern} matches {value}");
        }
        for value in no {
            assert!(!compiled.matches(value), "{pattern} does not match {value}");
        }
    }

    #[test]
    fn the_whole_value_matches_or_nothing_does() {
        check("[a-z]+", &["abc"], &["abc1", "1abc", "", "ab c"]);
        check("^a|b$", &["a", "b"], &["ab", ""]);
        check("v\\d+(\\.\\d+){2}", &["v1.20.3"], &["v1.2", "v1.2.3.4", "v1x2x3"]);
        check("(?:ab){1,2}c?", &["ab", "abab", "ababc"], &["", "ababab"]);
        check("[^/ ]{2,}", &["ab"], &["a", "a/b"]);
        check("[a-z0-9._-]*", &["", "a-b_c.d"], &["A"]);
        check("a.c\\$", &["abc$"], &["abc"]);
    }

    #[test]
    fn nested_repetition_takes_linear_time() {
        let pattern = Pattern::new("(a*)*b").unwrap();
        assert!(!pattern.matches(&"a".repeat(4_000)));
    }

    #[test]
    fn what_is_not_understood_is_refused() {
        for bad in [
            "(",
            ")",
            "a)",
            "[",
            "[]",
            "*a",
            "a**",
            "a+?",
            "a{3,1}",
            "a{999}",
            "a{1",
            "\\b",
            "\\",
            "(?=a)",
            "(?i)a",
            "a^b",
            "[z-a]",
            "((a{255}){255}){255}",
        ] {
            assert!(Pattern::new(bad).is_err(), "{bad}");
        }
        assert!(Pattern::new(&"(".repeat(100_000)).is_err());
    }
}
