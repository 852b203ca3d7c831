//! The embedded XDMS alone, for trials: `cargo run -p rollmark-xdms --example xdms -- --help`.

use std::net::{IpAddr, SocketAddr};
use std::path::PathBuf;
use std::process::ExitCode;

use clap::Parser;
use rollmark_xdms::{Settings, TlsFiles, Xdms, read_users};

/// An XDMS (RFC 4825) until Ctrl-C. It prints its XCAP root, then each change.
#[derive(Parser)]
struct Args {
    /// Where to listen.
    #[arg(long, value_name = "ADDR:PORT", default_value = "127.0.0.1:8080")]
    listen: SocketAddr,
    /// Keep the documents in this folder; without it they are gone at the end.
    #[arg(long, value_name = "FOLDER")]
    folder: Option<PathBuf>,
    /// Ask for passwords: a file with lines NAME PASSWORD XUI... (NAME PASSWORD * for a privileged user).
    #[arg(long, value_name = "FILE")]
    users: Option<PathBuf>,
    /// Believe this address in what it says in X-3GPP-Intended-Identity; may be repeated.
    #[arg(long, value_name = "ADDR")]
    front: Vec<IpAddr>,
    /// HTTPS with this certificate chain (PEM).
    #[arg(long, value_name = "FILE", requires = "key")]
    certificate: Option<PathBuf>,
    /// Private key of the certificate (PEM).
    #[arg(long, value_name = "FILE", requires = "certificate")]
    key: Option<PathBuf>,
    /// Host name in the XCAP root, if not the address.
    #[arg(long, value_name = "NAME")]
    host: Option<String>,
}

#[tokio::main(flavor = "current_thread")]
async fn main() -> ExitCode {
    tracing_subscriber::fmt()
        .with_writer(std::io::stderr)
        .init();
    match run(Args::parse()).await {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            eprintln!("{error}");
            ExitCode::FAILURE
        }
    }
}

async fn run(args: Args) -> Result<(), Box<dyn std::error::Error>> {
    let mut settings = Settings::new(args.listen);
    settings.folder = args.folder;
    settings.fronts = args.front;
    settings.host = args.host;
    settings.tls = args
        .certificate
        .zip(args.key)
        .map(|(certificate, key)| TlsFiles { certificate, key });
    if let Some(file) = args.users {
        let text = std::fs::read_to_string(&file)
            .map_err(|error| format!("cannot read {}: {error}", file.display()))?;
        settings.users = read_users(&text)?;
    }
    let xdms = Xdms::start(settings).await?;
    let mut changes = xdms.changes();
    println!("{}", xdms.root());
    loop {
        tokio::select! {
            change = changes.recv() => match change {
                Ok(change) => {
                    let tag = |tag: Option<String>| tag.unwrap_or_else(|| "-".to_owned());
                    println!("{} {} {}", change.path, tag(change.old), tag(change.new));
                }
                // Some were missed; the next comes.
                Err(_) => continue,
            },
            stopped = tokio::signal::ctrl_c() => return Ok(stopped?),
        }
    }
}
