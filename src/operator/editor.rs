//! The operator's editor, kept from writing what it edits anywhere but in the file's own directory.

use crate::base::{Error, Result, files};
use std::ffi::OsStr;
use std::path::Path;
use std::process::{Command, Stdio};

/// `$VISUAL` or `$EDITOR`, which is a shell command as git has it, and what is known of the program.
pub struct Editor {
    command: String,
    kind: Kind,
}

/// What keeps an editor's copies away from a disk.
struct Kind {
    /// Go between the operator's own arguments and the file. `@` is the path of [`OWN`].
    flags: &'static [&'static str],
    /// Whether its temporary files go where `TMPDIR` says. Those that talk to a running server look for it there.
    own_process: bool,
    /// What is kept all the same, or not known.
    warning: Option<&'static str>,
}

/// A directory for the editor's own files, beside the file that is edited. No secret has such a name.
const OWN: &str = ".editor";

/// No undo, backup or swap files and no history. `silent!`, because small builds do not have all of the options.
macro_rules! vim_options {
    () => {
        "silent! set noundofile|silent! set nobackup|silent! set nowritebackup|silent! set noswapfile|\
         silent! set viminfo=|silent! set patchmode="
    };
}

/// Without the operator's settings and plugins, which may copy the text anywhere. The options are set before those of the
/// system, and again after them.
const VIM: &[&str] = &["--clean", "-n", "-i", "NONE", "--cmd", vim_options!(), "-c", vim_options!()];
const GVIM: &[&str] = &["-f", "--clean", "-n", "-i", "NONE", "--cmd", vim_options!(), "-c", vim_options!()];
/// `nanorc` can set backups and a history, and no flag unsets them.
const NANO: &[&str] = &["--ignorercfiles"];
const EMACS: &[&str] = &[
    "-Q",
    "--eval",
    "(setq make-backup-files nil auto-save-default nil create-lockfiles nil auto-save-list-file-prefix nil)",
];
/// All that micro keeps, and its plugins, are in this directory.
const MICRO: &[&str] =
    &["-config-dir", "@", "-backup", "false", "-permbackup", "false", "-saveundo", "false", "-savehistory", "false"];
/// Without `kakrc` and `autoload`.
const KAKOUNE: &[&str] = &["-n"];
/// Local history, unsaved text and settings are in the directory, and it is another process than the one that runs.
const CODE: &[&str] = &[
    "--wait",
    "--new-window",
    "--user-data-dir",
    "@",
    "--extensions-dir",
    "@",
    "--disable-extensions",
    "--sync",
    "off",
    "--disable-telemetry",
];
const ZED: &[&str] = &["--wait", "--new", "--user-data-dir", "@"];

/// What only a shell understands.
const SHELL: [char; 19] =
    ['|', '&', ';', '<', '>', '(', ')', '$', '`', '\\', '"', '\'', '*', '?', '[', '#', '~', '=', '%'];

const UNKNOWN: &str = "pkeys does not know this editor: its backups, undo files and history may keep what you edit";
const SERVER: &str =
    "the running editor edits this file with its own settings: its backups, undo files and plugins may keep it";
const SUBLIME: &str = "this editor keeps what you save and what you leave unsaved in its own directory on disk: switch that \
                       off, or use a terminal editor";
const GUI: &str = "this editor is started with a directory of its own in memory; what it sends to its makers is not known: a \
                   terminal editor sends nothing";
const ED: &str = "ed keeps the text in a deleted file below /tmp while it runs";

impl Kind {
    fn known(flags: &'static [&'static str]) -> Self {
        Self { flags, own_process: true, warning: None }
    }

    fn server(flags: &'static [&'static str], warning: &'static str) -> Self {
        Self { flags, own_process: false, warning: Some(warning) }
    }

    /// What is known of a shell command.
    fn of(command: &str) -> Self {
        let program = program(command);
        let name = Path::new(program).file_name().and_then(OsStr::to_str).unwrap_or_default();
        match name {
            // One that hands the file to another Vim, which was started without these flags.
            "vim" | "nvim" | "vimx" | "gvim" | "mvim" | "vim.gtk3"
                if ["--remote", "--server"].iter().any(|option| command.contains(option)) =>
            {
                Self::server(&[], SERVER)
            }
            "vim" | "nvim" | "vim.basic" | "vim.tiny" | "vim.nox" | "rvim" | "vimx" => Self::known(VIM),
            // Others than Vim have the name too, and do not know its flags.
            "vi" if is_vim(program) => Self::known(VIM),
            "gvim" | "mvim" | "rgvim" | "vim.gtk3" => Self::known(GVIM),
            "nano" | "rnano" => Self::known(NANO),
            "emacs" | "emacs-nox" | "emacs-gtk" => Self::known(EMACS),
            "micro" => Self::known(MICRO),
            "kak" => Self::known(KAKOUNE),
            // It keeps nothing beside the file, and has no plugins.
            "hx" | "helix" => Self::known(&[]),
            "ed" => Self { warning: Some(ED), ..Self::known(&[]) },
            "emacsclient" => Self::server(&[], SERVER),
            "code" | "code-insiders" | "codium" | "vscodium" | "cursor" | "windsurf" => Self::server(CODE, GUI),
            "zed" | "zeditor" => Self::server(ZED, GUI),
            "subl" => Self::server(&["--wait"], SUBLIME),
            _ => Self { flags: &[], own_process: true, warning: Some(UNKNOWN) },
        }
    }
}

impl Editor {
    /// `$VISUAL`, else `$EDITOR`.
    ///
    /// # Errors
    /// When neither is set.
    pub fn from_environment() -> Result<Self> {
        let set =
            ["VISUAL", "EDITOR"].iter().find_map(|name| std::env::var(name).ok().filter(|v| !v.trim().is_empty()));
        let command = set.ok_or_else(|| Error::new("no editor is set").hint("set EDITOR, such as EDITOR=nano"))?;
        let kind = Kind::of(&command);
        Ok(Self { command, kind })
    }

    /// What this editor may keep of the text in spite of its flags, in one line.
    pub fn warning(&self) -> Option<&str> {
        self.kind.warning
    }

    /// The command that edits a file in a private directory, where the editor gets one for its own files. Where the setting is
    /// more than plain words, a shell reads it, as for git.
    ///
    /// # Errors
    /// If the directory cannot be made.
    pub fn command(&self, file: &Path) -> Result<Command> {
        let mut command = match self.command.contains(SHELL) {
            true => {
                let mut shell = Command::new("sh");
                shell.arg("-c").arg(format!("{} \"$@\"", self.command)).arg(&self.command);
                shell
            }
            false => {
                let mut command = Command::new(program(&self.command));
                command.args(self.command.split_whitespace().skip(1));
                command
            }
        };
        let own = file.with_file_name(OWN);
        if self.kind.flags.contains(&"@") {
            files::make_private_directories(&own)?;
        }
        for flag in self.kind.flags {
            command.arg(if *flag == "@" { own.as_os_str() } else { flag.as_ref() });
        }
        command.arg(file);
        if let (true, Some(directory)) = (self.kind.own_process, file.parent()) {
            // Filters such as `:%!sort` write their input there.
            command.env("TMPDIR", directory);
        }
        Ok(command)
    }
}

/// The first word of a shell command, without the quotes around it.
fn program(command: &str) -> &str {
    let command = command.trim_start();
    match command.chars().next() {
        Some(quote @ ('"' | '\'')) => command[1..].split(quote).next().unwrap_or_default(),
        _ => command.split_whitespace().next().unwrap_or_default(),
    }
}

fn is_vim(program: &str) -> bool {
    let asked = Command::new(program).arg("--version").stdin(Stdio::null()).stderr(Stdio::null()).output();
    asked.is_ok_and(|ran| ran.stdout.starts_with(b"VIM - Vi IMproved") || ran.stdout.starts_with(b"NVIM"))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_program_is_the_first_word_whatever_quotes_are_around_it() {
        for (set, name) in [
            ("vim", "vim"),
            ("  vim -u 'my rc'", "vim"),
            ("/usr/bin/nano -w", "/usr/bin/nano"),
            ("\"/opt/my editors/vim\" -u NONE", "/opt/my editors/vim"),
            ("'hx'", "hx"),
            ("", ""),
        ] {
            assert_eq!(program(set), name, "{set}");
        }
    }

    #[test]
    fn an_editor_that_pkeys_does_not_know_gets_a_warning_and_no_flags() {
        for set in ["FOO=1 vim", "env vim", "myeditor", "./vim-wrapper"] {
            let kind = Kind::of(set);
            assert_eq!((kind.flags.len(), kind.warning), (0, Some(UNKNOWN)), "{set}");
        }
        assert_eq!(Kind::of("vim").warning, None);
    }

    #[test]
    fn an_editor_that_hands_the_file_to_a_running_one_gets_a_warning_and_no_flags() {
        for set in [
            "emacsclient -nw",
            "gvim --remote-wait",
            "nvim --server /tmp/x --remote",
            "vim --servername A --remote-wait",
        ] {
            let kind = Kind::of(set);
            assert_eq!((kind.flags.len(), kind.warning), (0, Some(SERVER)), "{set}");
        }
    }
}
