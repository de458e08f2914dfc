//! From a program's source to the program: by cargo, where something has changed.

use super::message::Message;
use super::run::Page;
use crate::workspace::Workspace;
use std::fs;
use std::path::{Path, PathBuf};
use std::process::Stdio;
use std::time::SystemTime;
use tokio::io::{AsyncBufReadExt as _, BufReader};
use tokio::process::Command;

/// Why there is no program.
#[derive(Debug)]
pub(super) enum Unbuilt {
    /// What the compiler says.
    Refused(String),
    /// Cargo can't be run.
    Impossible(String),
}

/// Where a program is, once it is built.
fn place(workspace: &Workspace, name: &str) -> PathBuf {
    let target = std::env::var_os("CARGO_TARGET_DIR").map_or("target".into(), PathBuf::from);
    workspace.root().join(target).join("debug").join(name)
}

/// The program, built anew if its source, or anything that it is made of, is newer.
pub(super) async fn program(
    workspace: &Workspace,
    krate: &str,
    name: &str,
    page: &Page,
) -> Result<PathBuf, Unbuilt> {
    let program = place(workspace, name);
    if is_fresh(workspace, &program) == Some(true) {
        return Ok(program);
    }
    let cannot = |error: std::io::Error| Unbuilt::Impossible(format!("cannot run cargo: {error}"));
    let cargo = std::env::var_os("CARGO").unwrap_or_else(|| "cargo".into());
    let mut build = Command::new(cargo)
        .args(["build", "--color", "never", "--package", krate, "--bin", name])
        .current_dir(workspace.root())
        .stdin(Stdio::null())
        .stdout(Stdio::null())
        .stderr(Stdio::piped())
        .kill_on_drop(true)
        .spawn()
        .map_err(cannot)?;
    let mut said = String::new();
    if let Some(stderr) = build.stderr.take() {
        let mut lines = BufReader::new(stderr).lines();
        while let Ok(Some(line)) = lines.next_line().await {
            said += &line;
            said.push('\n');
            page.tell(Message::Building { text: line }).await;
        }
    }
    match build.wait().await.map_err(cannot)?.success() {
        true => Ok(program),
        false => Err(Unbuilt::Refused(said)),
    }
}

/// Whether the program is newer than all that it is made of: what cargo has written down beside it, and the manifests.
/// `None`: that can't be told.
fn is_fresh(workspace: &Workspace, program: &Path) -> Option<bool> {
    let built = modified(program)?;
    let listed = fs::read_to_string(program.with_extension("d")).ok()?;
    let (_, sources) = listed.split_once(": ")?;
    // A space in a path is written with a backslash before it.
    let sources = sources.replace("\\ ", "\0");
    let sources = sources.split_whitespace().map(|path| PathBuf::from(path.replace('\0', " ")));
    let root = workspace.root();
    let manifests = ["Cargo.toml", "Cargo.lock"].map(|name| root.join(name));
    let own = sources.clone().filter_map(|source| {
        source.ancestors().map(|above| above.join("Cargo.toml")).find(|it| it.is_file())
    });
    let own: Vec<PathBuf> = own.collect();
    let all = sources.chain(own).chain(manifests.into_iter().filter(|it| it.is_file()));
    all.map(|path| Some(modified(&path)? <= built)).try_fold(true, |all, it| Some(all && it?))
}

fn modified(path: &Path) -> Option<SystemTime> {
    fs::metadata(path).ok()?.modified().ok()
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::fs::File;
    use std::time::Duration;

    #[test]
    fn a_program_is_fresh_while_it_is_newer_than_all_that_it_is_made_of() -> std::io::Result<()> {
        let folder = tempfile::tempdir()?;
        let root = folder.path().join("a course");
        fs::create_dir_all(root.join("src"))?;
        let workspace = Workspace::at(&root);
        let paths = ["Cargo.toml", "src/main.rs", "src/lib.rs", "hello"].map(|it| root.join(it));
        for path in &paths {
            fs::write(path, "")?;
        }
        let [manifest, main, library, program] = &paths;
        let written = |path: &Path| path.display().to_string().replace(' ', "\\ ");
        let depends = format!("{}: {} {}\n", written(program), written(main), written(library));
        assert_eq!(is_fresh(&workspace, program), None, "nobody says what it is made of");
        fs::write(program.with_extension("d"), depends)?;

        let later = SystemTime::now() + Duration::from_secs(10);
        File::open(program)?.set_modified(later)?;
        assert_eq!(is_fresh(&workspace, program), Some(true));
        for path in [main, library, manifest] {
            let was = fs::metadata(path)?.modified()?;
            File::open(path)?.set_modified(later + Duration::from_secs(1))?;
            assert_eq!(is_fresh(&workspace, program), Some(false), "{}", path.display());
            File::open(path)?.set_modified(was)?;
        }
        fs::remove_file(library)?;
        assert_eq!(is_fresh(&workspace, program), None);
        Ok(())
    }
}
