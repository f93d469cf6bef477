//! `composio completions` and `composio man`

use std::path::{Path, PathBuf};
use std::process::ExitCode;

use clap::{Args, CommandFactory as _};
use clap_complete::Shell;
use clap_mangen::Man;
use clap_mangen::roff::{Roff, bold, roman};
use composio_contract::{Error, ErrorKind, Result};

use super::{Cli, EXIT_CODES, say};

/// What the environment says to every command.
const ENVIRONMENT: [(&str, &str); 4] = [
    ("COMPOSIO_CONFIG", "The configuration, where --config does not name it."),
    ("COMPOSIO_LOG", "What is logged, as debug or composio_router=debug,info."),
    ("OTEL_EXPORTER_OTLP_ENDPOINT", "Where traces go, where --otlp does not say it."),
    (
        "NO_COLOR",
        "Set to anything, nothing has colours. Neither has it where TERM is dumb or the output is no terminal.",
    ),
];

#[derive(Debug, Args)]
pub(super) struct Completions {
    /// For which shell.
    #[arg(value_enum)]
    shell: Shell,
}

#[derive(Debug, Args)]
pub(super) struct Pages {
    /// The page of a command, such as `serve` or `tools run`; else that of the program.
    #[arg(value_name = "COMMAND")]
    command: Vec<String>,
    /// Writes every page into a folder, which is made where it is not there.
    #[arg(long, value_name = "DIR", conflicts_with = "command")]
    out: Option<PathBuf>,
}

pub(super) fn completions(arguments: &Completions) -> Result<ExitCode> {
    let mut script = Vec::new();
    clap_complete::generate(arguments.shell, &mut Cli::command(), "composio", &mut script);
    say(&String::from_utf8_lossy(&script))
}

pub(super) fn man(arguments: &Pages) -> Result<ExitCode> {
    let mut program = Cli::command();
    program.build();
    if let Some(folder) = &arguments.out {
        std::fs::create_dir_all(folder).map_err(|error| cannot_write(folder, error))?;
        write_all(&program, folder)?;
        return Ok(ExitCode::SUCCESS);
    }
    let mut command = &program;
    for name in &arguments.command {
        command = command.find_subcommand(name).ok_or_else(|| {
            Error::new(ErrorKind::NotFound, format!("there is no command `{}`", arguments.command.join(" ")))
                .with_suggested_fix("`composio help` lists them")
        })?;
    }
    say(&String::from_utf8_lossy(&page(command)?))
}

fn write_all(command: &clap::Command, folder: &Path) -> Result<()> {
    let file = folder.join(Man::new(command.clone()).get_filename());
    std::fs::write(&file, page(command)?).map_err(|error| cannot_write(&file, error))?;
    command
        .get_subcommands()
        .filter(|command| command.get_name() != "help")
        .try_for_each(|each| write_all(each, folder))
}

/// The page of one command.
fn page(command: &clap::Command) -> Result<Vec<u8>> {
    let man = Man::new(command.clone()).manual("composio");
    let mut page = Vec::new();
    let written = (|| {
        man.render_title(&mut page)?;
        man.render_name_section(&mut page)?;
        man.render_synopsis_section(&mut page)?;
        man.render_description_section(&mut page)?;
        man.render_options_section(&mut page)?;
        if command.has_subcommands() {
            man.render_subcommands_section(&mut page)?;
        }
        let mut rest = Roff::new();
        rest.control("SH", ["EXIT STATUS"]);
        for line in EXIT_CODES.lines().skip(1) {
            let (code, meaning) = line.trim().split_once("  ").unwrap_or(("", line));
            rest.control("TP", []);
            rest.text([bold(code)]);
            rest.text([roman(meaning.trim())]);
        }
        rest.control("SH", ["ENVIRONMENT"]);
        for (name, meaning) in ENVIRONMENT {
            rest.control("TP", []);
            rest.text([bold(name)]);
            rest.text([roman(meaning)]);
        }
        rest.to_writer(&mut page)
    })();
    written.map_err(|error| Error::new(ErrorKind::Internal, "a page cannot be made").with_source(error))?;
    Ok(page)
}

fn cannot_write(place: &Path, error: std::io::Error) -> Error {
    Error::new(ErrorKind::File, format!("{} cannot be written: {error}", place.display())).with_source(error)
}
