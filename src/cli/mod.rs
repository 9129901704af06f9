//! The command line of `pkeys`: parses, calls, prints. Decides nothing.
//!
//! May import everything; nothing imports it but the program itself.

mod adopt;
mod args;
mod args_adopt;
mod args_break_glass;
mod args_key;
mod args_login;
mod args_policy;
mod args_rotate;
mod args_scan;
mod args_secret;
mod args_trust;
mod break_glass;
mod break_glass_drill;
mod break_glass_new;
mod break_glass_open;
mod break_glass_reseal;
mod break_glass_sheet;
mod check;
mod command_line;
mod context;
mod demo;
mod host;
mod host_check;
mod host_compromised;
mod host_key;
mod import;
mod init;
mod key;
mod key_add;
mod key_generate;
mod key_list;
mod log;
mod login;
mod manual;
mod policy;
mod policy_matrix;
mod push;
mod question;
mod render;
mod rotate;
mod rotate_host;
mod rotate_purge;
mod rotate_secret;
mod rotate_user;
mod scan;
mod secret;
mod secret_edit;
mod secret_new;
mod status;
mod tone;
mod trust;
mod ui;
mod verify;

use crate::base::process;
use crate::operator::environment;
use args::Command;
use context::Context;
use std::process::ExitCode;

/// Runs the program. Exit status: 0 done, 1 something failed and was said, 2 the command line cannot be.
pub fn run() -> ExitCode {
    let arguments = match environment::take() {
        Ok(arguments) => arguments,
        Err(e) => {
            ui::refused(&format!("error: {e}\nhint: {}", e.next_step().unwrap_or_default()));
            return ExitCode::FAILURE;
        }
    };
    process::harden();
    process::wiping(|| run_command(arguments))
}

fn run_command(arguments: Vec<std::ffi::OsString>) -> ExitCode {
    let args = match command_line::read(arguments) {
        Ok(args) => args,
        Err(status) => return status,
    };
    let context = Context::new(&args);
    let result = match args.command {
        Command::Init(args) => init::run(&context, &args),
        Command::Login(args) => login::login(&context, &args),
        Command::Logout(args) => login::logout(&context, &args),
        Command::Host(args) => host::run(&context, &args.command),
        Command::Secret(args) => secret::run(&context, &args.command),
        Command::Key(args) => key::run(&context, &args.command),
        Command::Render(args) => render::run(&context, &args),
        Command::Rotate(args) => rotate::run(&context, &args),
        Command::BreakGlass(args) => break_glass::run(&context, &args.command),
        Command::Push(args) => push::run(&context, &args),
        Command::Verify(args) => verify::run(&context, &args.hosts),
        Command::Status => status::run(&context),
        Command::Check => check::run(&context),
        Command::Policy(args) => policy::run(&context, &args.command),
        Command::Trust(args) => trust::run(&context, &args.command),
        Command::Scan(args) => scan::run(&context, &args),
        Command::Log(args) => log::run(&context, &args),
        Command::Adopt(args) => adopt::run(&context, &args),
        Command::Import(args) => import::run(&context, &args),
        Command::Demo(args) => demo::run(&context, &args),
        Command::Completions { shell } => manual::completions(&context, shell),
        Command::Man => manual::man(&context),
    };
    environment::forget();
    match result.and_then(|good| context.ui.printed().map(|()| good)) {
        Ok(true) => ExitCode::SUCCESS,
        Ok(false) => ExitCode::FAILURE,
        Err(e) => {
            context.ui.error(&e);
            ExitCode::FAILURE
        }
    }
}
