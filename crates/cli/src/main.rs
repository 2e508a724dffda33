//! The `countersign` program.

use clap::Parser as _;
use countersign::CommandLine;
use std::process::ExitCode;
use tracing_subscriber::EnvFilter;

fn main() -> ExitCode {
    // First of all, before any thread: this program is its own jail launcher, and its own filters inside a jail.
    countersign_jail::enter_if_asked();
    countersign_tools::enter_if_asked();
    let command = match CommandLine::try_parse() {
        Ok(command) => command,
        Err(told) => {
            // Whoever closed the other end of the pipe does not read it.
            let _ = told.print();
            // Not clap's 2: to a verification that means that something was changed.
            return ExitCode::from(if told.use_stderr() { 3 } else { 0 });
        }
    };
    if !command.is_installed() {
        tracing_subscriber::fmt()
            .with_env_filter(
                EnvFilter::try_from_default_env().unwrap_or_else(|_| EnvFilter::new("warn,vaultrs=off,rustify=off")),
            )
            .with_writer(std::io::stderr)
            .init();
    }
    if rustls::crypto::ring::default_provider().install_default().is_err() {
        eprintln!("another TLS backend is linked; this build is not to be used");
        return ExitCode::from(3);
    }
    let runtime = match tokio::runtime::Builder::new_multi_thread().enable_all().build() {
        Ok(runtime) => runtime,
        Err(error) => {
            eprintln!("cannot start: {error}");
            return ExitCode::from(3);
        }
    };
    match runtime.block_on(command.run()) {
        Ok(code) => code,
        Err(error) => {
            eprintln!("{error:#}");
            ExitCode::from(3)
        }
    }
}
