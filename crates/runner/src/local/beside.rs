//! Where programs of ours are: beside the launcher, or this very program when it is its own launcher.

use crate::program::ProgramError;
use crate::recipe::{Candidate, Credential, Recipe};
use countersign_jail::LauncherPath;
use std::path::{Path, PathBuf};

/// The program of the drivers.
const DRIVER: &str = "countersign-driver";

/// The place of a program of ours.
pub(super) fn beside(launcher: &LauncherPath, name: &str) -> Result<PathBuf, ProgramError> {
    let launcher_path = launcher.as_path();
    if *launcher == LauncherPath::this_program() {
        let real = std::fs::canonicalize(launcher_path);
        return real.map_err(|source| ProgramError::Unreadable { path: launcher_path.to_owned(), source });
    }
    Ok(launcher_path.parent().unwrap_or(Path::new("/")).join(name))
}

/// The recipe with its drivers where they are. One that is not found is reported like any other program.
pub(super) fn with_drivers(mut recipe: Recipe, launcher: &LauncherPath) -> Recipe {
    if recipe.credential == Credential::Job
        && let Ok(path) = beside(launcher, DRIVER)
    {
        for candidate in recipe.programs.values_mut().flatten() {
            // Beside a driver may stand a program of somebody else's, with an installation of its own.
            *candidate = Candidate { run: path.to_string_lossy().into_owned(), ..candidate.clone() };
        }
    }
    recipe
}
