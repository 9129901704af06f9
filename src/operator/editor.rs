//! The operator's editor, kept from writing what it edits anywhere but in the file's own directory.

use crate::base::{Error, Result};
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
    /// Goes between the operator's own arguments and the file.
    flags: &'static [&'static str],
    /// Whether its temporary files go where `TMPDIR` says. Those that talk to a running server look for it there.
    own_process: bool,
    /// What is kept all the same, or not known.
    warning: Option<&'static str>,
}

/// No undo, backup or swap files and no history. `silent!`, because small builds do not have all of the options.
macro_rules! vim_options {
    () => {
        "silent! set noundofile|silent! set nobackup|silent! set nowritebackup|silent! set noswapfile|\
         silent! set viminfo=|silent! set patchmode="
    };
}

/// Before the operator's own settings, and again after them.
const VIM: &[&str] = &["-n", "-i", "NONE", "--cmd", vim_options!(), "-c", vim_options!()];
const GVIM: &[&str] = &["-f", "-n", "-i", "NONE", "--cmd", vim_options!(), "-c", vim_options!()];
/// `nanorc` can set backups and a history, and no flag unsets them.
const NANO: &[&str] = &["--ignorercfiles"];
const EMACS: &[&str] = &[
    "--eval",
    "(progn (setq make-backup-files nil auto-save-default nil create-lockfiles nil auto-save-list-file-prefix nil \
     undo-tree-auto-save-history nil) (when (bound-and-true-p savehist-mode) (savehist-mode -1)))",
];
const MICRO: &[&str] = &["-backup", "false", "-permbackup", "false", "-saveundo", "false", "-savehistory", "false"];

/// What only a shell understands.
const SHELL: [char; 19] =
    ['|', '&', ';', '<', '>', '(', ')', '$', '`', '\\', '"', '\'', '*', '?', '[', '#', '~', '=', '%'];

const UNKNOWN: &str = "pkeys does not know this editor: its backups, undo files and history may keep what you edit";
const SERVER: &str = "the running Emacs edits this file with its own settings: its backups and auto-saves may keep it";
const GUI: &str = "this editor keeps what you save and what you leave unsaved in its own directory on disk (VS Code: \
                   User/History and Backups): switch that off, or use a terminal editor";
const ED: &str = "ed keeps the text in a deleted file below /tmp while it runs";

impl Kind {
    fn known(flags: &'static [&'static str]) -> Self {
        Self { flags, own_process: true, warning: None }
    }

    fn of(program: &str) -> Self {
        let name = Path::new(program).file_name().and_then(OsStr::to_str).unwrap_or_default();
        match name {
            "vim" | "nvim" | "vim.basic" | "vim.tiny" | "vim.nox" | "rvim" | "vimx" => Self::known(VIM),
            // Others than Vim have the name too, and do not know its flags.
            "vi" if is_vim(program) => Self::known(VIM),
            "gvim" | "mvim" | "rgvim" | "vim.gtk3" => Self::known(GVIM),
            "nano" | "rnano" => Self::known(NANO),
            "emacs" | "emacs-nox" | "emacs-gtk" => Self::known(EMACS),
            "micro" => Self::known(MICRO),
            // They keep nothing beside the file.
            "hx" | "helix" | "kak" => Self::known(&[]),
            "ed" => Self { warning: Some(ED), ..Self::known(&[]) },
            "emacsclient" => Self { flags: &[], own_process: false, warning: Some(SERVER) },
            "code" | "code-insiders" | "codium" | "vscodium" | "cursor" | "windsurf" | "zed" | "zeditor" | "subl" => {
                Self { flags: &["--wait"], own_process: false, warning: Some(GUI) }
            }
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
        let kind = Kind::of(program(&command));
        Ok(Self { command, kind })
    }

    /// What this editor may keep of the text in spite of its flags, in one line.
    pub fn warning(&self) -> Option<&str> {
        self.kind.warning
    }

    /// The command that edits a file. Where the setting is more than plain words, a shell reads it, as for git.
    pub fn command(&self, file: &Path) -> Command {
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
        command.args(self.kind.flags).arg(file);
        if let (true, Some(directory)) = (self.kind.own_process, file.parent()) {
            // Filters such as `:%!sort` write their input there.
            command.env("TMPDIR", directory);
        }
        command
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
            let kind = Kind::of(program(set));
            assert_eq!((kind.flags.len(), kind.warning), (0, Some(UNKNOWN)), "{set}");
        }
        assert_eq!(Kind::of("vim").warning, None);
    }
}
