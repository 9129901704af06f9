use super::*;
use std::os::unix::fs::PermissionsExt;

#[test]
fn a_directory_is_replaced_whole_and_leftovers_are_swept() {
    let top = tempfile::tempdir().unwrap();
    let place = top.path().join("bundle");
    replace_directory(&place, &[("a", b"1"), ("b", b"2")]).unwrap();
    fs::create_dir(top.path().join(format!("{TEMPORARY}bundle-0123456789abcdef"))).unwrap();
    fs::remove_file(place.join("b")).unwrap();
    replace_directory(&place, &[("a", b"3"), ("b", b"4")]).unwrap();
    sweep(top.path());
    assert_eq!(fs::read(place.join("a")).unwrap(), b"3");
    assert_eq!(fs::read_dir(top.path()).unwrap().count(), 1);
}

#[test]
fn a_directory_with_anything_else_in_it_is_neither_replaced_nor_removed() {
    let top = tempfile::tempdir().unwrap();
    let place = top.path().join("bundle");
    replace_directory(&place, &[("a", b"1"), ("b", b"2")]).unwrap();
    let refused = |error: Error, name: &str| assert!(error.message().contains(name), "{error}");
    refused(replace_directory(&place, &[("a", b"3")]).unwrap_err(), "bundle/b is not a file of pkeys");
    refused(remove_directory(&place, &["a"]).unwrap_err(), "bundle/b is not a file of pkeys");
    fs::remove_file(place.join("b")).unwrap();
    fs::create_dir(place.join("b")).unwrap();
    refused(remove_directory(&place, &["a", "b"]).unwrap_err(), "bundle/b is not a file of pkeys");
    assert_eq!(fs::read(place.join("a")).unwrap(), b"1");
    fs::remove_dir(place.join("b")).unwrap();
    assert!(remove_directory(&place, &["a", "b"]).unwrap());
    assert!(!remove_directory(&place, &["a", "b"]).unwrap());
    assert_eq!(fs::read_dir(top.path()).unwrap().count(), 0);
}

#[test]
fn no_link_leads_out_from_beneath_a_root() {
    use std::os::unix::fs::symlink;
    let top = tempfile::tempdir().unwrap();
    let root = top.path().join("root");
    fs::create_dir_all(root.join("a/b")).unwrap();
    fs::write(top.path().join("out"), "out").unwrap();
    fs::write(root.join("a/in"), "in").unwrap();
    for (name, target) in [
        ("climbs", "../out"),
        ("absolute", "/etc/hostname"),
        ("a/b/deep", "../../../out"),
        ("chain", "a/b/deep"),
        ("directory", ".."),
        ("inside", "a/b/../in"),
        ("a/back", ".."),
        ("dangling", "a/new"),
        ("itself", "itself"),
    ] {
        symlink(target, root.join(name)).unwrap();
    }
    let place = Beneath::root(&root).unwrap();
    for out in
        ["climbs", "absolute", "chain", "directory/out", "../out", "a/../../out", "/etc/hostname", "a/back/../out"]
    {
        let error = read(&place.join(out), 10).unwrap_err();
        assert!(error.message().contains("the repository") && error.is_io(), "{out}: {error}");
        assert!(write(&place.join(out), b"x", PUBLIC).is_err(), "{out}");
    }
    assert_eq!(fs::read(top.path().join("out")).unwrap(), b"out");
    for inside in ["inside", "a/back/a/in", "a/../a/./in", "a/back/inside"] {
        assert_eq!(read(&place.join(inside), 10).unwrap().unwrap(), b"in", "{inside}");
    }
    assert!(read(&place.join("itself"), 10).is_err());
    assert_eq!(read(&place.join("none/none"), 10).unwrap(), None);
    write(&place.join("dangling"), b"made", PUBLIC).unwrap();
    assert_eq!(fs::read(root.join("a/new")).unwrap(), b"made");
    make_directories(&place.join("a/back/c/d")).unwrap();
    assert!(root.join("c/d").is_dir());
    assert!(remove(&place.join("climbs")).unwrap(), "a link itself goes");
    assert_eq!(place.join("c").names().unwrap().unwrap(), ["d"]);
    assert_eq!(place.join("nothing").names().unwrap(), None);
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
