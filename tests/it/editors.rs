//! `secret edit` with editors whose settings and plugins copy what is edited: they are not loaded, and what an editor keeps
//! itself is in memory.

use crate::common::{Ran, Sandbox, run_command};
use std::io::{Read, Write};
use std::path::Path;
use std::process::Stdio;

const NEEDLE: &str = "hunter2-needle";

fn sandbox(files: &[(&str, &str)]) -> Sandbox {
    let sandbox = Sandbox::new();
    sandbox.secret("mine", format!("{NEEDLE}-before\n").as_bytes(), &[]);
    for (name, text) in files {
        let path = sandbox.path(name);
        std::fs::create_dir_all(path.parent().unwrap()).unwrap();
        std::fs::write(path, text.replace("HOME", sandbox.top.path().to_str().unwrap())).unwrap();
    }
    sandbox
}

/// Whether a program is there; says so in one line where it is not.
fn has(program: &str) -> bool {
    let found = std::env::split_paths(&std::env::var_os("PATH").unwrap()).any(|place| place.join(program).exists());
    if !found {
        eprintln!("skipped: {program} is not installed");
    }
    found
}

/// Edits on a terminal. Each of these keys is typed once its word is on the screen.
#[track_caller]
fn edits(sandbox: &Sandbox, editor: &str, keys: &[(&str, &[u8])]) {
    let mut command = sandbox.command_of("timeout");
    let line = format!("{} secret edit mine", crate::common::pkeys_binary());
    command.args(["60", "script", "-qec", &line, "/dev/null"]).env("TERM", "xterm").env("EDITOR", editor);
    // Emacs reads the settings of who logged in, and that is not ann.
    command.env_remove("USER");
    let mut child = command.stdin(Stdio::piped()).stdout(Stdio::piped()).spawn().expect("tests/run installs it");
    let (mut keyboard, mut screen) = (child.stdin.take().unwrap(), child.stdout.take().unwrap());
    let (mut seen, mut byte) = (Vec::new(), [0]);
    for (word, typed) in keys {
        while !String::from_utf8_lossy(&seen).contains(word) && screen.read(&mut byte).is_ok_and(|n| n == 1) {
            seen.push(byte[0]);
        }
        std::thread::sleep(std::time::Duration::from_millis(500));
        keyboard.write_all(typed).unwrap();
    }
    drop(screen.read_to_end(&mut seen));
    drop(keyboard);
    let seen = String::from_utf8_lossy(&seen);
    assert!(child.wait().unwrap().success(), "{editor}: {seen}");
    assert!(!seen.contains("warning:"), "{editor}: {seen}");
    let now = sandbox.pkeys(&["secret", "show", "mine"]).good();
    assert!(now.contains("changed") && now.contains(NEEDLE), "{editor}: {now}");
    sandbox.nowhere(NEEDLE.as_bytes(), &[]);
}

const VIM_LEAK: &str = "autocmd BufReadPost,BufWritePost,VimLeave * call writefile(getline(1, '$'), 'HOME/leak')\n";

#[test]
fn plugins_and_settings_of_vim_do_not_see_what_is_edited() {
    for (vim, files) in [
        (
            "vim",
            &[
                ".vimrc",
                ".vim/vimrc",
                ".vim/plugin/leak.vim",
                ".vim/pack/x/start/y/plugin/leak.vim",
                ".vim/after/plugin/leak.vim",
            ][..],
        ),
        (
            "nvim",
            &[
                ".config/nvim/init.vim",
                ".config/nvim/plugin/leak.vim",
                ".local/share/nvim/site/pack/x/start/y/plugin/leak.vim",
                ".config/nvim/after/plugin/leak.vim",
            ],
        ),
    ] {
        if vim == "nvim" && !has(vim) {
            continue;
        }
        for file in files {
            let sandbox = sandbox(&[(file, VIM_LEAK)]);
            let keys = sandbox.path("keys");
            std::fs::write(&keys, "ochanged\u{1b}yyp:%!sort\r:wq\r").unwrap();
            edits(&sandbox, &format!("{vim} -s {}", keys.display()), &[]);
        }
        // One that the operator names as an argument, too.
        let sandbox = sandbox(&[("rc", VIM_LEAK)]);
        let keys = sandbox.path("keys");
        std::fs::write(&keys, "ochanged\u{1b}:wq\r").unwrap();
        edits(&sandbox, &format!("{vim} -u ~/rc -s {}", keys.display()), &[]);
    }
}

#[test]
fn settings_of_emacs_do_not_see_what_is_edited() {
    if !has("emacs") {
        return;
    }
    let leak = "(add-hook 'find-file-hook (lambda () (write-region nil nil \"HOME/leak\")))\n\
        (setq backup-directory-alist '((\".\" . \"HOME/backup\")) delete-by-moving-to-trash t)\n";
    for file in [".emacs", ".emacs.d/init.el", ".config/emacs/init.el"] {
        let sandbox = sandbox(&[(file, leak)]);
        let edit =
            "(add-hook 'find-file-hook (lambda () (insert \"changed\") (save-buffer) (do-auto-save) (kill-emacs)) t)";
        edits(&sandbox, &format!("emacs -nw --eval \"{}\"", edit.replace('"', "\\\"")), &[]);
    }
}

#[test]
fn settings_of_kakoune_do_not_see_what_is_edited() {
    if !has("kak") {
        return;
    }
    let leak = "hook global BufWritePost .* %{ nop %sh{ cp \"$kak_hook_param\" HOME/leak } }\n";
    for file in [".config/kak/kakrc", ".config/kak/autoload/leak.kak"] {
        let sandbox = sandbox(&[(file, leak)]);
        edits(&sandbox, "kak -e 'exec ochanged<esc>; write-quit'", &[]);
    }
}

#[test]
fn settings_of_micro_do_not_see_what_is_edited_and_its_own_files_are_in_memory() {
    if !has("micro") {
        return;
    }
    let leak = "local shell = import(\"micro/shell\")\nfunction onSave(bp) shell.RunCommand(\"cp \" .. bp.Buf.AbsPath .. \" HOME/leak\") end\n";
    let settings =
        "{ \"backupdir\": \"HOME/backup\", \"permbackup\": true, \"saveundo\": true, \"savehistory\": true }\n";
    for (file, text) in [(".config/micro/init.lua", leak), (".config/micro/settings.json", settings)] {
        let sandbox = sandbox(&[(file, text)]);
        edits(&sandbox, "micro", &[(NEEDLE, b"changed "), ("", b"\x13"), ("", b"\x11")]);
        // Nothing was made where its own settings are.
        let left = std::fs::read_dir(sandbox.path(".config/micro")).unwrap().count();
        assert_eq!(left, 1);
    }
}

/// Runs a program of this name that shows its arguments, one a line. The private directory is shown as `DIR`.
fn arguments(name: &str, more: &str) -> (Vec<String>, Ran) {
    let sandbox = sandbox(&[]);
    std::fs::create_dir(sandbox.path("bin")).unwrap();
    let list = sandbox.path("arguments");
    let script = format!(
        "printf '%s\\n' \"$@\" > {0}; for each; do case $each in */.editor) [ -d \"$each\" ] || exit 9;; esac; done",
        list.display()
    );
    sandbox.script(&format!("bin/{name}"), &script);
    let mut command = sandbox.command();
    command
        .env("PATH", format!("{}:/usr/bin:/bin", sandbox.path("bin").display()))
        .env("EDITOR", format!("{name}{more}"));
    let ran = run_command(command.args(["secret", "edit", "mine"]), b"");
    assert_eq!(ran.status, 0, "{name}: {ran:?}");
    let list = std::fs::read_to_string(list).unwrap();
    let directory = Path::new(list.lines().last().unwrap()).parent().unwrap().to_str().unwrap().to_owned();
    assert!(!Path::new(&directory).exists());
    (list.lines().map(|line| line.replace(&directory, "DIR")).collect(), ran)
}

#[test]
fn editors_with_windows_get_a_directory_in_memory_and_no_extensions() {
    let code = "--wait --new-window --user-data-dir DIR/.editor --extensions-dir DIR/.editor --disable-extensions --sync off \
        --disable-telemetry DIR/mine";
    let zed = "--wait --new --user-data-dir DIR/.editor DIR/mine";
    for (editor, wanted) in [("code", code), ("codium", code), ("code-insiders", code), ("zed", zed), ("zeditor", zed)]
    {
        let (arguments, ran) = arguments(editor, "");
        assert_eq!(arguments.join(" "), wanted);
        assert!(ran.err.contains("warning: this editor is started with a directory of its own in memory"), "{ran:?}");
    }
    let (arguments, ran) = arguments("subl", " --new-window");
    assert_eq!(arguments.join(" "), "--new-window --wait DIR/mine");
    assert!(ran.err.contains("warning: this editor keeps what you save"), "{ran:?}");
}

#[test]
fn terminal_editors_get_flags_and_those_of_a_running_server_a_warning() {
    for (editor, wanted) in [
        ("kak", "-n DIR/mine"),
        ("hx", "DIR/mine"),
        ("helix", "DIR/mine"),
        ("nano", "--ignorercfiles DIR/mine"),
        (
            "micro",
            "-config-dir DIR/.editor -backup false -permbackup false -saveundo false -savehistory false DIR/mine",
        ),
    ] {
        let (arguments, ran) = arguments(editor, "");
        assert_eq!(arguments.join(" "), wanted);
        assert!(!ran.err.contains("warning"), "{ran:?}");
    }
    for (editor, more) in [("emacsclient", " -nw"), ("gvim", " --remote-wait"), ("nvim", " --server x --remote")] {
        let (arguments, ran) = arguments(editor, more);
        assert_eq!(arguments.join(" "), format!("{} DIR/mine", more.trim()));
        assert!(ran.err.contains("warning: the running editor edits this file with its own settings"), "{ran:?}");
    }
}
