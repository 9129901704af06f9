//! `completions` and `man`: made from the command line's own description.

use crate::base::{Error, Result};
use crate::cli::{args::Args, context::Context};
use clap::CommandFactory;

pub(super) fn completions(context: &Context, shell: clap_complete::Shell) -> Result<bool> {
    let mut text = Vec::new();
    clap_complete::generate(shell, &mut Args::command(), "pkeys", &mut text);
    context.ui.text(String::from_utf8_lossy(&text).trim_end());
    Ok(true)
}

pub(super) fn man(context: &Context) -> Result<bool> {
    let mut text = Vec::new();
    let mut command = Args::command();
    command.build();
    let written = pages(&command, &mut text);
    written.map_err(|e| Error::new(format!("cannot make the manual: {}", e.kind())))?;
    context.ui.text(String::from_utf8_lossy(&text).trim_end());
    Ok(true)
}

/// The page of the program, then each command's options, in one page.
fn pages(command: &clap::Command, out: &mut Vec<u8>) -> std::io::Result<()> {
    let page = clap_mangen::Man::new(command.clone());
    page.render(out)?;
    subcommands(command, out)
}

fn subcommands(command: &clap::Command, out: &mut Vec<u8>) -> std::io::Result<()> {
    for sub in command.get_subcommands().filter(|sub| sub.get_name() != "help") {
        let title = sub.get_bin_name().unwrap_or(sub.get_name()).to_uppercase();
        out.extend(format!(".SH {title}\n").as_bytes());
        let page = clap_mangen::Man::new(sub.clone());
        page.render_description_section(out)?;
        page.render_options_section(out)?;
        subcommands(sub, out)?;
    }
    Ok(())
}
