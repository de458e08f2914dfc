//! Programs that the test's own user alone can come to, and that run as another one, if the test is root's.

use grader::{Exit, Folder, Run};
use std::fs::Permissions;
use std::os::unix::fs::PermissionsExt as _;

#[test]
fn a_program_runs_that_its_owner_alone_may_execute() {
    let folder = tempfile::tempdir().expect("a folder");
    let program = folder.path().join("program");
    std::fs::copy("/bin/echo", &program).expect("it can be copied");
    std::fs::set_permissions(&program, Permissions::from_mode(0o700)).expect("it is ours");
    let outcome = Run::new(&program).arg("here").finish();
    assert_eq!((outcome.exit, outcome.stdout), (Exit::Code(0), b"here\n".to_vec()));
}

#[test]
fn a_shell_can_become_a_program_whose_folder_is_closed_to_it() {
    let (closed, folder) = (tempfile::tempdir().expect("a folder"), Folder::new());
    let program = closed.path().join("program");
    std::fs::copy("/bin/true", &program).expect("it can be copied");
    std::fs::set_permissions(&closed, Permissions::from_mode(0o700)).expect("it is ours");
    let shell = Run::new("/bin/sh").args(["-c", r#"exec "$@""#, "sh"]).may_write(folder.path());
    let outcome = shell.arg(folder.put_program(&program)).finish();
    assert_eq!(outcome.exit, Exit::Code(0), "{:?}", outcome.complaint());
}
