//! The image of a program for level `job`: the very files that a jail's root has.
//!
//! The build of an image runs this over the folder that becomes it (runners/*/Dockerfile), so a tool has one list of
//! files: its runner.yaml. **Invariant:** an image holds what the recipe names, what runs it in a pod, and nothing else;
//! links stand where the recipe's names are, and lead to real files of the image.

use crate::files::{FilesError, expand};
use crate::program::{Program, ProgramError};
use crate::recipe::Recipe;
use countersign_jail::{Level, MountKind};
use std::fs;
use std::io;
use std::os::unix::fs::{PermissionsExt as _, symlink};
use std::path::{Path, PathBuf};

/// The argument that makes a program with this library the builder of an image: a program of the recipe and a folder
/// follow.
pub const MARKER: &str = "__countersign-image";

/// What runs in the pod, and is this program's own file.
const POD: &str = "/usr/lib/countersign/countersign-pod";

/// What it needs itself, where it is linked dynamically.
const POD_FILES: [&str; 5] = [
    "/lib64/ld-linux-x86-64.so.*",
    "/lib/ld-linux-aarch64.so.*",
    "/lib/*-linux-gnu/libc.so.*",
    "/lib/*-linux-gnu/libgcc_s.so.*",
    "/lib/*-linux-gnu/libm.so.*",
];

/// Folders that a container's own mounts need.
const PLACES: [&str; 6] = ["dev", "home", "proc", "run/countersign", "sys", "tmp"];

/// Why an image was not made.
#[derive(Debug, thiserror::Error)]
pub enum ImageError {
    /// No recipe has the program.
    #[error("no recipe has a program `{0}`")]
    Unknown(String),
    /// The program is not installed here, or not as it must be.
    #[error("the program cannot be used")]
    Program(#[source] ProgramError),
    /// What it needs.
    #[error("the files the program needs cannot be used")]
    Files(#[source] FilesError),
    /// A file could not be copied.
    #[error("`{}` could not be copied", .0.display())]
    Copy(PathBuf, #[source] io::Error),
}

/// Becomes the builder of an image if this process was started as one, and then never returns.
pub fn enter_if_asked() {
    let mut arguments = std::env::args().skip(1);
    if arguments.next().is_none_or(|first| first != MARKER) {
        return;
    }
    let (program, folder) = (arguments.next().unwrap_or_default(), arguments.next().unwrap_or_default());
    let recipe = Recipe::shipped().into_iter().find(|recipe| recipe.programs.contains_key(&program));
    let made = match recipe {
        Some(recipe) => assemble(&recipe, Path::new(&folder)),
        None => Err(ImageError::Unknown(program)),
    };
    if let Err(error) = made {
        let mut text = error.to_string();
        let mut source = std::error::Error::source(&error);
        while let Some(error) = source {
            text = format!("{text}: {error}");
            source = error.source();
        }
        eprintln!("countersign-pod: {text}");
        std::process::exit(1);
    }
    std::process::exit(0);
}

/// Copies the programs of a recipe with everything they need, and this very program as what runs them, below a folder.
///
/// # Errors
/// [`ImageError`]; the folder is then not an image.
pub fn assemble(recipe: &Recipe, root: &Path) -> Result<(), ImageError> {
    let found = recipe.programs.iter().map(|(name, candidates)| Program::find(name, candidates, &recipe.manifest));
    let found = found.collect::<Result<Vec<_>, _>>().map_err(ImageError::Program)?;
    let files = expand(&recipe.files, &recipe.files_if_present).map_err(ImageError::Files)?;
    let own = expand(&[], &POD_FILES.map(str::to_owned)).map_err(ImageError::Files)?;
    for place in PLACES {
        folder(&root.join(place)).map_err(|error| ImageError::Copy(place.into(), error))?;
    }
    let files = files.iter().chain(&own).map(|file| file.mount(Level::Strict));
    for mount in files.chain(found.iter().flat_map(Program::everything)) {
        let target = Path::new(&mount.target);
        let copied = place(root, &mount.source, target, mount.kind);
        copied.map_err(|error| ImageError::Copy(mount.source.clone(), error))?;
    }
    let pod = below(root, Path::new(POD));
    copy(Path::new("/proc/self/exe"), &pod).map_err(|error| ImageError::Copy(pod, error))
}

/// A real file or folder where it really is, and its name as a link to it.
fn place(root: &Path, real: &Path, name: &Path, kind: MountKind) -> io::Result<()> {
    match kind {
        MountKind::File => copy(real, &below(root, real))?,
        MountKind::Dir => tree(real, &below(root, real))?,
    }
    let link = below(root, name);
    if name == real || link.exists() {
        return Ok(());
    }
    folder(link.parent().unwrap_or(root))?;
    symlink(real, link)
}

fn below(root: &Path, path: &Path) -> PathBuf {
    root.join(path.strip_prefix("/").unwrap_or(path))
}

/// A folder with those above it, which everybody may enter.
fn folder(path: &Path) -> io::Result<()> {
    if path.is_dir() {
        return Ok(());
    }
    if let Some(parent) = path.parent() {
        folder(parent)?;
    }
    fs::create_dir(path)?;
    fs::set_permissions(path, fs::Permissions::from_mode(0o755))
}

fn copy(from: &Path, to: &Path) -> io::Result<()> {
    folder(to.parent().unwrap_or(to))?;
    fs::copy(from, to)?;
    // Everybody may read it, and nobody but root change it: what runs in a pod is not root.
    let mode = fs::metadata(from)?.permissions().mode();
    fs::set_permissions(to, fs::Permissions::from_mode(0o444 | (mode & 0o755)))
}

/// Links stay links.
fn tree(from: &Path, to: &Path) -> io::Result<()> {
    folder(to)?;
    for entry in fs::read_dir(from)? {
        let entry = entry?;
        let (from, to) = (entry.path(), to.join(entry.file_name()));
        let kind = entry.file_type()?;
        if kind.is_symlink() {
            symlink(fs::read_link(&from)?, &to)?;
        } else if kind.is_dir() {
            tree(&from, &to)?;
        } else {
            copy(&from, &to)?;
        }
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    const DOCKERFILES: [(&str, &str); 5] = [
        ("kubectl", include_str!("../../../runners/kubectl/Dockerfile")),
        ("aws", include_str!("../../../runners/aws/Dockerfile")),
        ("gcloud", include_str!("../../../runners/gcloud/Dockerfile")),
        ("silence", include_str!("../../../runners/silence/Dockerfile")),
        ("printf", include_str!("../../../runners/coreutils/Dockerfile")),
    ];

    /// So a tool has one list of files: nothing gets into an image but by what `assemble` puts there.
    #[test]
    fn an_image_is_what_the_recipe_lists() {
        for (program, text) in DOCKERFILES {
            let (_, last) = text.rsplit_once("\nFROM ").unwrap();
            let expected = "scratch\nCOPY --from=tool /image /\nUSER 65532:65532\nENTRYPOINT [\"/usr/lib/countersign/countersign-pod\"]\n";
            assert_eq!(last, expected, "{program}");
            let builds: Vec<&str> = text.lines().filter(|line| line.contains("/image\"]")).collect();
            let expected = format!("RUN [\"{POD}\", \"{MARKER}\", \"{program}\", \"/image\"]");
            assert_eq!(builds, [expected.as_str()], "{program}");
            assert!(Recipe::shipped().iter().any(|recipe| recipe.programs.contains_key(program)), "{program}");
        }
    }

    #[test]
    fn a_name_that_is_a_link_leads_to_the_real_file_in_the_image() {
        let folder = tempfile::tempdir().unwrap();
        let base = folder.path().canonicalize().unwrap();
        fs::create_dir(base.join("real")).unwrap();
        fs::write(base.join("real/tool-1"), "x").unwrap();
        fs::write(base.join("real/other"), "y").unwrap();
        symlink(base.join("real/tool-1"), base.join("tool")).unwrap();
        let root = base.join("image");
        place(&root, &base.join("real/tool-1"), &base.join("tool"), MountKind::File).unwrap();
        assert_eq!(fs::read_link(below(&root, &base.join("tool"))).unwrap(), base.join("real/tool-1"));
        assert_eq!(fs::read(below(&root, &base.join("real/tool-1"))).unwrap(), b"x");
        assert!(!below(&root, &base.join("real/other")).exists(), "nothing else is copied");
    }
}
