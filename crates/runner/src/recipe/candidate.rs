//! One way in which a program may be installed: a file, or an interpreter with what it runs.
//!
//! **Invariant:** whatever a candidate names is absolute once its places are filled in, and nothing of it is searched
//! for.

use serde::{Deserialize, Serialize};
use std::path::{Path, PathBuf};

/// Stands for the folder of the installation.
const AT: &str = "{at}";

/// Stands for the installation that the program belongs to once links are resolved: of `/usr/bin/python3.11` it is
/// `/usr`.
const BASE: &str = "{base}";

/// One way in which a program may be installed. Texts may begin with `{at}` and, but for `run`, with `{base}`.
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Candidate {
    /// The folder of the installation; the worker's configuration may name another.
    pub at: Option<PathBuf>,
    /// What is executed.
    pub run: String,
    /// Arguments before the decided ones.
    pub with: Vec<String>,
    /// The script that an interpreter runs: its path comes after `with`.
    pub entry: Option<String>,
    /// Folders that belong to the program, with everything in them; patterns, of which each matches something.
    pub trees: Vec<String>,
    /// Files that belong to the program.
    pub files: Vec<String>,
}

impl Candidate {
    /// A program that is one file.
    #[must_use]
    pub fn file(run: impl Into<String>) -> Self {
        Self { run: run.into(), ..Self::default() }
    }

    /// The same, where the worker's configuration says: the folder of the installation, or the one file.
    #[must_use]
    pub fn moved(&self, to: &Path) -> Self {
        match self.at {
            Some(_) => Self { at: Some(to.to_owned()), ..self.clone() },
            None => Self { run: to.to_string_lossy().into_owned(), ..self.clone() },
        }
    }

    /// Where the program stands.
    #[must_use]
    pub fn path(&self) -> PathBuf {
        PathBuf::from(self.filled(&self.run, Path::new("")))
    }

    /// A text with its place filled in; `real` is the program with links resolved.
    pub(crate) fn filled(&self, text: &str, real: &Path) -> String {
        let base = real.parent().and_then(Path::parent).unwrap_or(Path::new(""));
        let place = |text: &str, name: &str, folder: Option<&Path>| {
            let rest = text.strip_prefix(name)?;
            Some(format!("{}{rest}", folder?.to_string_lossy()))
        };
        place(text, AT, self.at.as_deref()).or_else(|| place(text, BASE, Some(base))).unwrap_or_else(|| text.to_owned())
    }
}

/// What is left of a text when its place is taken away.
pub(super) fn without_place(text: &str) -> &str {
    text.strip_prefix(AT).or_else(|| text.strip_prefix(BASE)).unwrap_or(text)
}

/// Whether a text needs the folder of the installation.
pub(super) fn needs_at(text: &str) -> bool {
    text.starts_with(AT)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_installation_can_be_elsewhere() {
        let venv = Candidate {
            at: Some("/opt/aws-cli".into()),
            run: "{at}/bin/python3".into(),
            trees: vec!["{at}/lib".into(), "{base}/lib/python3*".into()],
            ..Candidate::default()
        };
        assert_eq!(venv.path(), Path::new("/opt/aws-cli/bin/python3"));
        let moved = venv.moved(Path::new("/srv/aws"));
        let real = Path::new("/usr/bin/python3.11");
        let trees: Vec<String> = moved.trees.iter().map(|tree| moved.filled(tree, real)).collect();
        assert_eq!(moved.path(), Path::new("/srv/aws/bin/python3"));
        assert_eq!(trees, ["/srv/aws/lib", "/usr/lib/python3*"]);
        assert_eq!(Candidate::file("/usr/bin/df").moved(Path::new("/bin/df")).path(), Path::new("/bin/df"));
    }
}
