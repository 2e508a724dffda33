//! The table of what aws-cli can do: `data/aws.txt`, which `generate/aws.py` makes.
//!
//! **Invariant:** the table is text in the binary and is never copied: services are indexed once by
//! where they begin, an operation is found by halving, and its one line is read when it is asked for.

use std::sync::LazyLock;

/// Its header explains the notation.
const TEXT: &str = include_str!("../../data/aws.txt");

/// A service and the lines of its operations, sorted by name.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Service {
    /// As typed: `ec2`.
    pub(super) name: &'static str,
    lines: &'static str,
}

/// What the sources say about an operation's access to data.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Access {
    /// Reads or lists.
    Read,
    /// Tags.
    Tag,
    /// Writes.
    Write,
    /// Manages permissions.
    Permissions,
    /// Nobody says.
    Unknown,
}

/// An operation of a service, or a command of aws-cli that is none.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Operation {
    /// Of which service.
    pub(super) service: Service,
    /// As typed: `describe-instances`, `wait instance-running`.
    pub(super) name: String,
    pub(super) access: Access,
    /// Whether `--starting-token`, `--max-items` and `--page-size` are its options.
    pub(super) pages: bool,
    /// What it takes that is no option.
    pub(super) argument: Argument,
    /// Whether aws-cli made it up, and it is not one operation of the service.
    pub(super) made_up: bool,
    /// In the order of the service model, which is the order of canonical argv.
    pub(super) options: Vec<Opt>,
}

/// A word of an operation that is no option.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Argument {
    /// It takes none.
    None,
    /// The name of a file for what it gets.
    File,
    /// What it is about.
    Subject,
}

/// An option of an operation.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Opt {
    /// Without the dashes.
    pub(super) name: &'static str,
    pub(super) required: bool,
    pub(super) kind: Kind,
}

/// How an option is written, and what aws-cli makes of its value.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Kind {
    /// A value.
    Value,
    /// A value in which aws-cli looks for no file and no address.
    Verbatim,
    /// Values up to the next option.
    Values,
    /// A structure or map: JSON or shorthand.
    Structure,
    /// Structures up to the next option.
    Structures,
    /// On, and off with the other name; `None` for `no-` and the name.
    Switch(Option<&'static str>),
    /// On.
    Flag,
    /// On, or with a value, and off with `no-` and the name.
    Optional,
    /// Bytes as text.
    Bytes,
    /// A file of the machine that aws-cli runs on.
    File,
}

impl Kind {
    /// Whether values follow until the next option.
    pub(super) const fn is_many(self) -> bool {
        matches!(self, Self::Values | Self::Structures)
    }

    /// Whether aws-cli may read the value as shorthand; commands of its own do so with lists too.
    pub(super) const fn is_read_apart(self) -> bool {
        self.is_structured() || matches!(self, Self::Values)
    }

    /// Whether aws-cli reads the value as JSON or shorthand.
    pub(super) const fn is_structured(self) -> bool {
        matches!(self, Self::Structure | Self::Structures | Self::Optional)
    }
}

/// Where each service begins, sorted by name.
static SERVICES: LazyLock<Vec<Service>> = LazyLock::new(|| {
    let services = TEXT.split("\n@").skip(1).filter_map(|block| block.split_once('\n'));
    services.map(|(name, lines)| Service { name, lines: lines.trim_end_matches('\n') }).collect()
});

/// Every service, sorted by name.
pub(super) fn services() -> &'static [Service] {
    &SERVICES
}

/// The service of this name.
pub(super) fn service(name: &str) -> Option<Service> {
    let at = SERVICES.binary_search_by(|service| service.name.cmp(name)).ok()?;
    SERVICES.get(at).copied()
}

impl Service {
    /// Names of all operations, for suggestions; `wait.x` stands for `wait x`.
    pub(super) fn operations(self) -> impl Iterator<Item = &'static str> {
        self.lines.lines().map(name_of)
    }

    /// The operation of this name; `wait.x` for `wait x`.
    pub(super) fn operation(self, name: &str) -> Option<Operation> {
        let line = find(self.lines, name)?;
        if let Some((_, asked)) = line.split_once(" = ") {
            let asked = self.operation(asked)?;
            let name = name.replacen('.', " ", 1);
            return Some(Operation { name, access: Access::Read, pages: false, argument: Argument::None, ..asked });
        }
        let mut words = line.split(' ');
        let name = words.next()?.to_owned();
        let marks = words.next()?;
        Some(Operation {
            service: self,
            name,
            access: access(marks)?,
            pages: marks.contains('P'),
            argument: argument(marks),
            made_up: marks.contains('C'),
            options: words.map(option).collect::<Option<_>>()?,
        })
    }
}

impl Operation {
    /// `ec2 describe-instances`.
    pub(super) fn full_name(&self) -> String {
        format!("{} {}", self.service.name, self.name)
    }

    /// The option that a name without its dashes means, and whether the name turns it off.
    pub(super) fn option(&self, name: &str) -> Option<(Opt, bool)> {
        let turns_off = |option: &Opt| match option.kind {
            Kind::Switch(Some(off)) => name == off,
            Kind::Switch(None) | Kind::Optional => name.strip_prefix("no-") == Some(option.name),
            _ => false,
        };
        let on = self.options.iter().find(|option| option.name == name).map(|option| (*option, false));
        on.or_else(|| self.options.iter().find(|option| turns_off(option)).map(|option| (*option, true)))
    }

    /// What can be written after two dashes.
    pub(super) fn option_names(&self) -> impl Iterator<Item = String> {
        self.options.iter().flat_map(|option| {
            let off = match option.kind {
                Kind::Switch(Some(off)) => Some(off.to_owned()),
                Kind::Switch(None) | Kind::Optional => Some(format!("no-{}", option.name)),
                _ => None,
            };
            std::iter::once(option.name.to_owned()).chain(off)
        })
    }
}

fn name_of(line: &'static str) -> &'static str {
    line.split_once(' ').map_or(line, |(name, _)| name)
}

/// Halves sorted lines until the one with this name is left.
fn find(lines: &'static str, name: &str) -> Option<&'static str> {
    let mut rest = lines;
    while !rest.is_empty() {
        let middle = rest.len() / 2;
        let start = rest.as_bytes().get(..middle)?.iter().rposition(|byte| *byte == b'\n').map_or(0, |at| at + 1);
        let end = rest.get(start..)?.find('\n').map_or(rest.len(), |at| start + at);
        let line = rest.get(start..end)?;
        rest = match name.cmp(name_of(line)) {
            std::cmp::Ordering::Equal => return Some(line),
            std::cmp::Ordering::Less => rest.get(..start.saturating_sub(1))?,
            std::cmp::Ordering::Greater => rest.get((end + 1).min(rest.len())..)?,
        };
    }
    None
}

fn argument(marks: &str) -> Argument {
    match (marks.contains('O'), marks.contains('A')) {
        (true, _) => Argument::File,
        (false, true) => Argument::Subject,
        (false, false) => Argument::None,
    }
}

fn access(marks: &str) -> Option<Access> {
    match marks.chars().next()? {
        // Where no source has the action, a model that says of itself that it reads is believed.
        'r' | 'm' => Some(Access::Read),
        't' => Some(Access::Tag),
        'w' => Some(Access::Write),
        'p' => Some(Access::Permissions),
        'u' => Some(Access::Unknown),
        _ => None,
    }
}

fn option(word: &'static str) -> Option<Opt> {
    let (required, word) = word.strip_prefix('!').map_or((false, word), |word| (true, word));
    if let Some((name, off)) = word.split_once('/') {
        return Some(Opt { name, required, kind: Kind::Switch(Some(off)) });
    }
    let kind = match word.chars().next_back()? {
        '*' => Kind::Values,
        '%' => Kind::Structure,
        '&' => Kind::Structures,
        '?' => Kind::Switch(None),
        '~' => Kind::Flag,
        '=' => Kind::Optional,
        '@' => Kind::Bytes,
        '^' => Kind::File,
        '|' => Kind::Verbatim,
        _ => return Some(Opt { name: word, required, kind: Kind::Value }),
    };
    Some(Opt { name: word.get(..word.len() - 1)?, required, kind })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn found(service_name: &str, name: &str) -> Operation {
        service(service_name).unwrap().operation(name).unwrap()
    }

    #[test]
    fn every_line_is_read_and_every_operation_found() {
        let mut lines = 0;
        for service in services() {
            let names: Vec<&str> = service.operations().collect();
            assert!(names.is_sorted(), "{}", service.name);
            for name in names {
                let operation = service.operation(name).unwrap_or_else(|| panic!("{} {name}", service.name));
                assert_eq!(operation.name, name.replacen('.', " ", usize::from(name.starts_with("wait."))));
                for option in &operation.options {
                    let plain = |c: char| c.is_ascii_lowercase() || c.is_ascii_digit() || c == '-' || c == '_';
                    assert!(option.name.chars().all(plain), "{} {name} {}", service.name, option.name);
                }
                lines += 1;
            }
        }
        assert!(services().is_sorted_by_key(|service| service.name));
        // Counted in the table itself, so that a cut file is noticed.
        assert_eq!((services().len(), lines), (426, 18_766));
    }

    #[test]
    fn a_line_says_what_the_tool_says() {
        let run = found("ec2", "run-instances");
        assert_eq!(run.access, Access::Write);
        assert_eq!(run.option("image-id").unwrap().0.kind, Kind::Value);
        assert_eq!(run.option("security-group-ids").unwrap().0.kind, Kind::Values);
        assert_eq!(run.option("no-dry-run").map(|(option, off)| (option.name, off)), Some(("dry-run", true)));
        let renamed = run.option("enable-api-termination").map(|(option, off)| (option.name, off));
        assert_eq!(renamed, Some(("disable-api-termination", true)));
        assert!(run.option("image").is_none());
        assert_eq!(found("s3api", "put-object").option("body").unwrap().0.kind, Kind::File);
        assert_eq!(found("sqs", "send-message").option("queue-url").unwrap().0.kind, Kind::Verbatim);
        assert!(found("s3api", "get-object").argument == Argument::File && found("ec2", "describe-instances").pages);
        let waits = found("ec2", "wait.instance-running");
        assert_eq!((waits.name.as_str(), waits.access), ("wait instance-running", Access::Read));
        assert!(waits.option("instance-ids").is_some() && !waits.pages);
        assert!(service("ec3").is_none() && service("ec2").unwrap().operation("describe").is_none());
    }
}
