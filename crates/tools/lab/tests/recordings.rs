//! Every recording in the book is what its program does: each is made again and compared.
//!
//! `RECORDINGS=overwrite`, which `just renew` says, writes what was seen into the book.

mod common;

use common::{Done, project};
use lab::recording::Recording;
use lab::{chapters, directive, workspace::Workspace};
use std::collections::{BTreeMap, BTreeSet};
use std::error::Error;
use std::fs;
use std::path::PathBuf;
use std::process::{Command, Stdio};
use std::time::Duration;
use trace::Event;

/// The longest recording of the book takes a second, one that hangs some more.
const DEADLINE: Duration = Duration::from_secs(20);

/// The recorder's own failure.
const FAILED: i32 = 125;

#[test]
fn every_recording_in_the_book_is_what_happens() -> Done {
    let workspace = Workspace::at(project());
    let overwrite = std::env::var_os("RECORDINGS").is_some_and(|how| how == "overwrite");
    let asked = asked_for(&workspace)?;
    let crates: BTreeSet<_> =
        asked.values().map(|recording| recording.krate.as_str()).chain(["recorder"]).collect();
    build(&crates)?;

    let mut differences = Vec::new();
    for (file, recording) in &asked {
        let path = project().join(file);
        let Some(new) = record(recording).map_err(|error| format!("{file}: {error}"))? else {
            eprintln!("not checked: this machine refuses ptrace");
            return Ok(());
        };
        if overwrite {
            fs::create_dir_all(path.parent().unwrap_or(&path))?;
            fs::write(&path, new)?;
            continue;
        }
        let difference = match fs::read(&path) {
            Ok(old) => trace::same::difference(&read(&old)?, &read(&new)?),
            Err(error) => Some(error.to_string()),
        };
        differences.extend(difference.map(|difference| format!("{file}:\n{difference}")));
    }
    for file in files(&workspace)?.difference(&asked.keys().cloned().collect()) {
        if overwrite {
            fs::remove_file(project().join(file))?;
        } else {
            differences.push(format!("{file}: no page shows it"));
        }
    }
    assert!(
        differences.is_empty(),
        "the book's recordings differ from new ones (the book's first):\n\n{}\n\n\
         If the new ones are right: just renew",
        differences.join("\n\n")
    );
    Ok(())
}

#[test]
fn the_pages_have_the_style_and_the_script_of_the_recordings() -> Done {
    let overwrite = std::env::var_os("RECORDINGS").is_some_and(|how| how == "overwrite");
    let parts = [
        ("recording.css", trace::html::style_for_mdbook()),
        ("recording.js", trace::html::SCRIPT.to_owned()),
    ];
    for (name, text) in parts {
        let path = Workspace::at(project()).book().join("theme").join(name);
        if overwrite {
            fs::write(&path, &text)?;
        }
        assert!(
            fs::read_to_string(&path)? == text,
            "book/theme/{name} is not the recordings' own: just renew"
        );
    }
    Ok(())
}

/// All recordings that pages ask for, by their files.
fn asked_for(workspace: &Workspace) -> Result<BTreeMap<String, Recording>, Box<dyn Error>> {
    let mut asked = BTreeMap::<String, Recording>::new();
    for page in fs::read_dir(workspace.book().join("src"))? {
        let page = page?.path();
        if page.extension().is_none_or(|end| end != "md") {
            continue;
        }
        let slug = chapters::slug(&page).unwrap_or_default();
        let text = fs::read_to_string(&page)?;
        for directive in directive::find(&text).iter().filter(|found| found.name == "recording") {
            let recording = Recording::of(&slug, directive.argument);
            let file = recording.file();
            if let Some(other) = asked.get(&file)
                && *other != recording
            {
                return Err(format!("two recordings are {file}: say `as NAME`").into());
            }
            asked.insert(file, recording);
        }
    }
    Ok(asked)
}

/// The recordings that are there.
fn files(workspace: &Workspace) -> Result<BTreeSet<String>, Box<dyn Error>> {
    let mut files = BTreeSet::new();
    let folder = workspace.book().join("recordings");
    if !folder.exists() {
        return Ok(files);
    }
    for krate in fs::read_dir(folder)? {
        for file in fs::read_dir(krate?.path())? {
            files.insert(file?.path().strip_prefix(project())?.display().to_string());
        }
    }
    Ok(files)
}

fn build(crates: &BTreeSet<&str>) -> Done {
    let cargo = std::env::var_os("CARGO").unwrap_or_else(|| "cargo".into());
    let mut build = Command::new(cargo);
    build.args(["build", "--quiet", "--bins"]).current_dir(project());
    for krate in crates {
        build.args(["--package", krate]);
    }
    if !build.status()?.success() {
        return Err("the programs could not be built".into());
    }
    Ok(())
}

/// The folder of programs: the one that this test is in.
fn programs() -> Result<PathBuf, Box<dyn Error>> {
    let test = std::env::current_exe()?;
    Ok(test.ancestors().nth(2).ok_or("no folder")?.to_owned())
}

/// What a recording is now; `None`: nobody may be recorded here.
fn record(recording: &Recording) -> Result<Option<Vec<u8>>, Box<dyn Error>> {
    let folder = tempfile::tempdir()?;
    let events = folder.path().join("events");
    let programs = programs()?;
    let mut command = Command::new(programs.join("recorder"));
    command.args(["run", "--clean"]).args(&recording.options).arg("--events").arg(&events);
    command.arg("--").arg(programs.join(&recording.program)).args(&recording.arguments);
    command.current_dir(project()).stdin(Stdio::null());
    let done = assert_cmd::Command::from_std(command).timeout(DEADLINE).output()?;
    let said = String::from_utf8_lossy(&done.stderr);
    match done.status.code() {
        Some(FAILED) if said.contains("cannot trace the program: ") => Ok(None),
        None | Some(FAILED) => Err(format!("{}: {said}", done.status).into()),
        Some(_) => Ok(Some(fs::read(events)?)),
    }
}

fn read(events: &[u8]) -> std::io::Result<Vec<Event>> {
    trace::event::read(events)
}

/// The test's test: a changed program is seen.
#[test]
fn another_program_has_another_recording() -> Done {
    build(&["recorder", "fork"].into())?;
    let record = |argument: &str| record(&Recording::of("fork", argument));
    let (Some(one), Some(two)) = (record("fork_twice")?, record("fork_twice")?) else {
        return Ok(());
    };
    assert_eq!(trace::same::difference(&read(&one)?, &read(&two)?), None);
    let other = record("fork_twice --policy child-first")?.ok_or("it could be recorded before")?;
    assert!(trace::same::difference(&read(&one)?, &read(&other)?).is_some());
    Ok(())
}
