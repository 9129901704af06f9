use super::*;
use serde_json::json;
use std::io::ErrorKind::PermissionDenied;

/// Runs in a thread of its own, which is all that is confined.
fn confined<T: Send>(work: impl FnOnce() -> T + Send) -> T {
    std::thread::scope(|scope| scope.spawn(work).join().unwrap())
}

/// Whether this kernel has Landlock; says so in one line where it has not.
fn landlock() -> bool {
    let there = required().is_ok();
    if !there {
        eprintln!("skipped: what Landlock refuses (this kernel has none)");
    }
    there
}

fn spec(at: &Path) -> Spec {
    let at = |name: &str| at.join(name).to_str().unwrap().to_owned();
    let spec = json!({
        "version": 1,
        "host": "web",
        "bundles": [at("bundle")],
        "identities": [at("identity")],
        "trustedSigners": [],
        "secrets": { "a": { "path": at("app/not/yet/secret") } },
        "stateDirectory": at("state"),
    });
    serde_json::from_value(spec).unwrap()
}

#[test]
fn only_what_an_activation_changes_can_be_changed_and_only_its_files_read() {
    if !landlock() {
        return;
    }
    let top = tempfile::tempdir().unwrap();
    let top = top.path();
    for directory in ["bundle", "app", "state", "home"] {
        std::fs::create_dir(top.join(directory)).unwrap();
    }
    for file in ["bundle/manifest.json", "identity", "home/private"] {
        std::fs::write(top.join(file), "x").unwrap();
    }
    let spec = spec(top);
    let (write, read) = (|name: &str| std::fs::write(top.join(name), "y"), |name: &str| std::fs::read(top.join(name)));
    for changes in [true, false] {
        confined(|| {
            confine(&spec, &Options::default(), changes).unwrap();
            for readable in ["bundle/manifest.json", "identity"] {
                read(readable).unwrap();
                assert_eq!(write(readable).unwrap_err().kind(), PermissionDenied);
                assert_eq!(std::fs::remove_file(top.join(readable)).unwrap_err().kind(), PermissionDenied);
            }
            assert_eq!(read("home/private").unwrap_err().kind(), PermissionDenied);
            assert_eq!(std::fs::read_dir(top.join("home")).unwrap_err().kind(), PermissionDenied);
            for outside in ["home/new", "new"] {
                assert_eq!(write(outside).unwrap_err().kind(), PermissionDenied);
                assert_eq!(std::os::unix::fs::symlink("x", top.join(outside)).unwrap_err().kind(), PermissionDenied);
            }
            if changes {
                write("state/links.json").unwrap();
                std::fs::create_dir_all(top.join("app/not/yet")).unwrap();
                std::os::unix::fs::symlink("x", top.join("app/not/yet/secret")).unwrap();
                std::fs::rename(top.join("app/not/yet/secret"), top.join("app/moved")).unwrap();
                std::fs::remove_dir_all(top.join("app/not")).unwrap();
                std::fs::remove_file(top.join("app/moved")).unwrap();
            } else {
                assert_eq!(write("state/other").unwrap_err().kind(), PermissionDenied);
                assert_eq!(std::fs::create_dir(top.join("app/not")).unwrap_err().kind(), PermissionDenied);
            }
            // What it runs is confined too, and no network is there.
            let mut touch = std::process::Command::new("touch");
            touch.arg(top.join("home/new")).stderr(std::process::Stdio::null());
            assert!(!touch.status().unwrap().success());
        });
    }
}

#[test]
fn no_network_is_reached() {
    if !landlock() {
        return;
    }
    let listener = std::net::TcpListener::bind("127.0.0.1:0").unwrap();
    let address = listener.local_addr().unwrap();
    std::net::TcpStream::connect(address).unwrap();
    confined(|| {
        only_read();
        assert_eq!(std::net::TcpStream::connect(address).unwrap_err().kind(), PermissionDenied);
        assert_eq!(std::net::TcpListener::bind("127.0.0.1:0").unwrap_err().kind(), PermissionDenied);
        assert!(std::fs::read("/etc/passwd").is_ok());
        let place = std::env::temp_dir().join("pkeys-not-to-be-written");
        assert_eq!(std::fs::write(place, "x").unwrap_err().kind(), PermissionDenied);
    });
}
