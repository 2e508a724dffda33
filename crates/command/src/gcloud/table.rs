//! What the commands of gcloud take, from the generated table.
//!
//! **Invariant:** the table is sorted by path and is the allow-list: a command or flag that is not in
//! it does not exist. Lines are taken apart when they are asked for.
//!
//! Source: `data/gcloud.tsv`, written by `generate/gcloud.py`, which says how it reads.

use std::sync::OnceLock;

const TEXT: &str = include_str!("../../data/gcloud.tsv");

/// A command as its line has it.
#[derive(Debug, PartialEq, Eq)]
pub(super) struct Spec {
    /// `compute instances list`.
    pub(super) path: &'static str,
    positionals: &'static str,
    flags: &'static str,
    /// The flags, sorted by name, once somebody asked for them.
    read: OnceLock<Vec<Flag>>,
}

/// What a flag takes.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Takes {
    /// Nothing.
    Nothing,
    /// A value.
    Value,
    /// A value or nothing.
    Maybe,
    /// A value, and may be given again.
    Many,
    /// The name of a file of the machine that gcloud runs on.
    File,
    /// A value, or the name of such a file if it looks like one.
    Either,
}

/// A flag of a command.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Flag {
    /// `boot-disk-size`.
    pub(super) name: &'static str,
    pub(super) takes: Takes,
    /// Whether `--no-…` is its opposite.
    pub(super) has_opposite: bool,
    /// Other spellings, without their dashes, separated by `|`.
    others: &'static str,
}

/// How many words a positional takes.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Count {
    One,
    AtMostOne,
    Any,
    AtLeastOne,
}

/// A positional argument.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Positional {
    /// `INSTANCE_NAME`.
    pub(super) name: &'static str,
    pub(super) count: Count,
    /// Whether it is the name of a local file.
    pub(super) is_file: bool,
}

fn commands() -> &'static [Spec] {
    static COMMANDS: OnceLock<Vec<Spec>> = OnceLock::new();
    COMMANDS.get_or_init(|| TEXT.lines().filter(|line| !line.starts_with('#')).map(Spec::read).collect())
}

/// The command of this path.
pub(super) fn find(path: &str) -> Option<&'static Spec> {
    let commands = commands();
    let at = commands.binary_search_by_key(&path, |spec| spec.path).ok()?;
    commands.get(at)
}

/// Every command, sorted by path.
#[cfg(test)]
pub(super) fn all() -> impl Iterator<Item = &'static Spec> {
    commands().iter()
}

/// The words that may follow this path, which is a group or empty; none if there is no such group.
pub(super) fn below(group: &str) -> Vec<&'static str> {
    let start = commands().partition_point(|spec| spec.path < group);
    let rest = commands().get(start..).unwrap_or_default().iter();
    let inside = rest.map_while(|spec| spec.path.strip_prefix(group));
    let mut words: Vec<&str> = inside
        .filter_map(|rest| if group.is_empty() { Some(rest) } else { rest.strip_prefix(' ') })
        .filter_map(|rest| rest.split(' ').next())
        .collect();
    words.sort_unstable();
    words.dedup();
    words
}

/// Whether there are commands below this path.
pub(super) fn is_group(path: &str) -> bool {
    let start = commands().partition_point(|spec| spec.path <= path);
    let rest = commands().get(start..).unwrap_or_default().iter();
    let mut inside = rest.map_while(|spec| spec.path.strip_prefix(path));
    inside.any(|rest| rest.starts_with(' '))
}

impl Spec {
    fn read(line: &'static str) -> Self {
        let mut fields = line.split('\t');
        let mut next = || fields.next().unwrap_or_default();
        Self { path: next(), positionals: next(), flags: next(), read: OnceLock::new() }
    }

    /// The last word of the path.
    pub(super) fn verb(&self) -> &'static str {
        self.path.rsplit(' ').next().unwrap_or_default()
    }

    /// The words of the path before the last.
    pub(super) fn group(&self) -> &'static str {
        self.path.rsplit_once(' ').map_or("", |(group, _)| group)
    }

    /// Its flags, sorted by name.
    pub(super) fn flags(&self) -> &[Flag] {
        self.read.get_or_init(|| {
            let mut flags: Vec<Flag> = self.flags.split(' ').filter(|text| !text.is_empty()).map(Flag::read).collect();
            flags.sort_unstable_by_key(|flag| flag.name);
            flags
        })
    }

    /// The flag of this name.
    pub(super) fn flag(&self, name: &str) -> Option<Flag> {
        let flags = self.flags();
        flags.binary_search_by_key(&name, |flag| flag.name).ok().and_then(|at| flags.get(at)).copied()
    }

    /// Its positionals; what follows `--` is none of them.
    pub(super) fn positionals(&self) -> impl Iterator<Item = Positional> + use<> {
        let texts = self.positionals.split(' ').filter(|text| !text.is_empty() && !text.ends_with("..."));
        texts.map(Positional::read)
    }
}

impl Flag {
    fn read(text: &'static str) -> Self {
        let (first, others) = text.split_once('|').unwrap_or((text, ""));
        let (name, takes, has_opposite) = match first.split_at_checked(first.len().saturating_sub(1)) {
            Some((name, "!")) => (name, Takes::Nothing, false),
            Some((name, "~")) => (name, Takes::Nothing, true),
            Some((name, "?")) => (name, Takes::Maybe, false),
            Some((name, "+")) => (name, Takes::Many, false),
            Some((name, "@")) => (name, Takes::File, false),
            Some((name, "%")) => (name, Takes::Either, false),
            Some(_) | None => (first, Takes::Value, false),
        };
        Self { name, takes, has_opposite, others }
    }

    /// Whether it is also spelled so, without its dashes; a single letter has one dash.
    pub(super) fn is_also(&self, spelling: &str) -> bool {
        !spelling.is_empty() && self.others.split('|').any(|other| other == spelling)
    }
}

impl Positional {
    fn read(text: &'static str) -> Self {
        let (name, count, is_file) = match text.split_at_checked(text.len().saturating_sub(1)) {
            Some((name, "@")) => (name, Count::One, true),
            Some((name, "?")) => (name, Count::AtMostOne, false),
            Some((name, "*")) => (name, Count::Any, false),
            Some((name, "+")) => (name, Count::AtLeastOne, false),
            Some(_) | None => (text, Count::One, false),
        };
        Self { name, count, is_file }
    }

    pub(super) const fn is_demanded(&self) -> bool {
        matches!(self.count, Count::One | Count::AtLeastOne)
    }

    pub(super) const fn is_many(&self) -> bool {
        matches!(self.count, Count::Any | Count::AtLeastOne)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_table_is_sorted_and_whole() {
        assert!(commands().is_sorted_by(|a, b| a.path < b.path));
        assert!(commands().len() > 2_000);
        for spec in commands() {
            assert_eq!(find(spec.path), Some(spec));
            assert!(is_group(spec.group()) && !is_group(spec.path), "{}", spec.path);
            assert!(below(spec.group()).contains(&spec.verb()));
            assert!(spec.flags().is_sorted_by(|a, b| a.name < b.name), "{}", spec.path);
            assert!(spec.positionals().filter(Positional::is_many).count() <= 1, "{}", spec.path);
        }
    }

    #[test]
    fn flags_and_positionals_are_what_the_line_says() {
        let cp = find("storage cp").unwrap();
        let recursive = cp.flag("recursive").unwrap();
        assert_eq!((recursive.takes, recursive.has_opposite), (Takes::Nothing, false));
        assert!(recursive.is_also("r") && recursive.is_also("R") && !recursive.is_also("") && !recursive.is_also("x"));
        assert_eq!(cp.flag("manifest-path").unwrap().takes, Takes::File);
        let counts: Vec<_> = cp.positionals().map(|one| (one.name, one.count)).collect();
        assert_eq!(counts, [("SOURCE", Count::Any), ("DESTINATION", Count::One)]);
        assert!(find("compute instances list").unwrap().flag("uri").unwrap().has_opposite);
        assert_eq!(find("compute instances create").unwrap().flag("disk").unwrap().takes, Takes::Many);
    }
}
