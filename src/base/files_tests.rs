use super::*;

#[test]
fn a_directory_is_replaced_whole_and_leftovers_are_swept() {
    let top = tempfile::tempdir().unwrap();
    let place = top.path().join("bundle");
    replace_directory(&place, &[("a", b"1"), ("b", b"2")]).unwrap();
    fs::create_dir(top.path().join(format!("{TEMPORARY}bundle-0123456789abcdef"))).unwrap();
    replace_directory(&place, &[("a", b"3")]).unwrap();
    sweep(top.path());
    assert_eq!(fs::read(place.join("a")).unwrap(), b"3");
    assert!(!place.join("b").exists());
    assert_eq!(fs::read_dir(top.path()).unwrap().count(), 1);
}

#[test]
fn a_new_file_never_replaces_one() {
    let top = tempfile::tempdir().unwrap();
    let place = top.path().join("key");
    assert!(write_new(&place, b"1", PRIVATE).unwrap());
    assert!(!write_new(&place, b"2", PRIVATE).unwrap());
    assert_eq!(fs::read(&place).unwrap(), b"1");
    assert_eq!(fs::metadata(&place).unwrap().permissions().mode() & 0o777, 0o600);
}

#[test]
fn writing_keeps_the_mode_and_follows_a_link_to_its_target() {
    let top = tempfile::tempdir().unwrap();
    let real = top.path().join("real");
    let link = top.path().join("link");
    write(&real, b"1", 0o640).unwrap();
    std::os::unix::fs::symlink(&real, &link).unwrap();
    write(&link, b"2", PUBLIC).unwrap();
    assert!(fs::symlink_metadata(&link).unwrap().is_symlink());
    assert_eq!(fs::read(&real).unwrap(), b"2");
    assert_eq!(fs::metadata(&real).unwrap().permissions().mode() & 0o777, 0o640);
}

#[test]
fn a_pipe_and_a_large_file_are_refused() {
    let top = tempfile::tempdir().unwrap();
    let big = top.path().join("big");
    write(&big, &[0; 11], PUBLIC).unwrap();
    assert!(read(&big, 10).is_err());
    assert_eq!(read(&big, 11).unwrap().unwrap().len(), 11);
    assert!(read(top.path(), 10).is_err());
    assert_eq!(read(&top.path().join("none"), 10).unwrap(), None);
}

#[test]
fn a_file_is_continued_after_what_is_kept_of_it() {
    let top = tempfile::tempdir().unwrap();
    let log = top.path().join("log");
    append(&log, 0, b"one\n", PUBLIC).unwrap();
    append(&log, 4, b"tw", PUBLIC).unwrap();
    append(&log, 4, b"2\n", PUBLIC).unwrap();
    assert_eq!(fs::read(&log).unwrap(), b"one\n2\n");
    assert!(append(top.path(), 0, b"x", PUBLIC).is_err());
}
