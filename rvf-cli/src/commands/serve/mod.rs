//! `rvf serve`
//!
//! A server for the browser on the same machine, and for no other: it listens on loopback, answers only requests that
//! were addressed to loopback by name (so that no foreign web page reaches it by a name of its own that points here),
//! reads no request bodies, and gives out only the page and the files that were named.

mod conditions;
mod page;
mod request;
mod respond;
mod server;
mod shared;

use std::io;
use std::net::TcpListener;
use std::path::PathBuf;
use std::sync::{Arc, mpsc};

use rvf_host::{OpenOptions, Reader};

use self::respond::Site;
use self::shared::Shared;
use crate::failure::{self, Failure};
use crate::report::serve::{ServeReport, Served};
use crate::target::plain_io;
use crate::view::Out;

/// The port that is tried where none is named: a page that is installed, and what it keeps, belong to one port.
const USUAL_PORT: u16 = 8383;

#[derive(Debug, clap::Args)]
#[command(after_help = "\
Examples, on the sample that comes with the source:
  rvf pack samples/wordnet-8k/base.i8.npy \\
      --ids samples/wordnet-8k/ids.txt -o wordnet.rvf
  rvf serve wordnet.rvf

Open the address that it prints; only this machine can reach it. Of a large file the page reads
no more than its searches need. Ctrl-C ends it.")]
pub(crate) struct Args {
    /// The .rvf files to serve; without any the page alone, which opens files that are dropped on it
    #[arg(value_name = "FILE")]
    files: Vec<PathBuf>,

    /// Listen on this port; 0 takes any that is free [default: 8383, or any if that is taken]
    #[arg(long, value_name = "N")]
    port: Option<u16>,

    /// Open the page in the browser
    #[arg(long)]
    open: bool,

    /// Print one JSON object with the addresses, then serve
    #[arg(long)]
    json: bool,
}

pub(crate) fn run(args: &Args, out: &mut Out) -> Result<(), Failure> {
    let shared = Shared::all(&args.files)?;
    for path in &args.files {
        // It is served all the same: the page says what is wrong with it, and where.
        if let Err(error) = Reader::open_path(path, &OpenOptions::new()) {
            super::about(path, error).as_warning();
        }
    }
    let listener = listen(args.port)?;
    let cannot = |error: io::Error| {
        Failure::new(format!("cannot serve: {}", plain_io(&error)))
            .remedy("try again, or name another --port")
    };
    let port = listener.local_addr().map_err(cannot)?.port();

    // Before the address is printed: who reads it may end the program at once.
    let (end, ended) = mpsc::channel();
    let handler = ctrlc::set_handler(move || {
        // The receiver is gone only where the program ends already.
        let _ = end.send(());
    });
    // Without a handler a signal ends the program as ever.
    drop(handler);

    let report = report_of(port, &shared);
    let site = Arc::new(Site::new(port, shared));
    server::start(listener, site).map_err(cannot)?;
    if args.json {
        out.json(&report)?;
    } else {
        report.print(out)?;
    }
    out.flush()?;
    if args.open {
        open_browser(report.first());
    }
    match ended.recv() {
        Ok(()) => Ok(()),
        // No handler could be set: what serves runs on until the process is ended.
        Err(_) => loop {
            std::thread::park();
        },
    }
}

/// Loopback alone: no other machine can connect.
fn listen(port: Option<u16>) -> Result<TcpListener, Failure> {
    let bind = |port| TcpListener::bind(("127.0.0.1", port));
    let wanted = port.unwrap_or(USUAL_PORT);
    let bound = match bind(wanted) {
        Err(error) if error.kind() == io::ErrorKind::AddrInUse && port.is_none() => {
            failure::warn(&format!(
                "port {USUAL_PORT} is taken, so another one is used; an installed page belongs to its port"
            ));
            bind(0)
        }
        bound => bound,
    };
    bound.map_err(|error| {
        Failure::new(format!(
            "cannot listen on port {wanted} of 127.0.0.1: {}",
            plain_io(&error)
        ))
        .remedy("name another port with --port, or 0 for any that is free")
    })
}

fn report_of(port: u16, shared: &[Shared]) -> ServeReport {
    let page = format!("http://127.0.0.1:{port}/");
    let files = shared
        .iter()
        .map(|file| Served {
            file: file.path.to_string_lossy().into_owned(),
            bytes: file.bytes,
            // Once more, for the query: its decoding takes one layer off, and the path needs the other.
            url: format!("{page}?file={}", file.url.replace('%', "%25")),
            source: format!("{page}{}", file.url),
        })
        .collect();
    ServeReport { url: page, files }
}

/// Asks the system to show the address. A desktop without a browser is no reason not to serve.
fn open_browser(url: &str) {
    use std::process::{Command, Stdio};
    let mut command = if cfg!(target_os = "macos") {
        Command::new("open")
    } else if cfg!(windows) {
        let mut command = Command::new("rundll32");
        command.arg("url.dll,FileProtocolHandler");
        command
    } else {
        Command::new("xdg-open")
    };
    let started = command
        .arg(url)
        .stdin(Stdio::null())
        .stdout(Stdio::null())
        .stderr(Stdio::null())
        .spawn();
    if let Err(error) = started {
        failure::warn(&format!(
            "no browser could be started ({}); open the address yourself",
            plain_io(&error)
        ));
    }
}
