//! Connections: a thread for each, so many at once, each for so long.

use std::io::{self, Read as _};
use std::net::{TcpListener, TcpStream};
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::thread;
use std::time::{Duration, Instant};

use super::request::{self, MOST_BYTES};
use super::respond::{Answer, Site};

/// A browser opens six for a page.
const MOST_CONNECTIONS: usize = 64;
/// How long a connection may stand idle between requests, or in the middle of an answer that the client reads slowly.
const IDLE: Duration = Duration::from_secs(60);
/// How long a request may take to arrive, from its first byte on.
const SLOWEST: Duration = Duration::from_secs(15);

/// Takes connections from now on, on a thread of its own that never ends.
pub(crate) fn start(listener: TcpListener, site: Arc<Site>) -> io::Result<()> {
    thread::Builder::new()
        .name("accept".to_owned())
        .spawn(move || accept(&listener, &site))
        .map(drop)
}

fn accept(listener: &TcpListener, site: &Arc<Site>) {
    let open = Arc::new(AtomicUsize::new(0));
    loop {
        let Ok((stream, _)) = listener.accept() else {
            // Out of file handles, most likely: they come back as connections end.
            thread::sleep(Duration::from_millis(50));
            continue;
        };
        let place = Place::take(&open);
        let site = Arc::clone(site);
        // If no thread can be had, the stream is dropped, and with it the connection.
        let _ = thread::Builder::new()
            .name("connection".to_owned())
            .spawn(move || {
                // A client that goes away is no failure of the server.
                let _ = if place.is_one_too_many() {
                    refuse(stream)
                } else {
                    converse(stream, &site)
                };
            });
    }
}

/// One of the connections that may be open at once, given back when it is dropped.
struct Place {
    open: Arc<AtomicUsize>,
    before: usize,
}

impl Place {
    fn take(open: &Arc<AtomicUsize>) -> Self {
        let before = open.fetch_add(1, Ordering::Relaxed);
        let open = Arc::clone(open);
        Self { open, before }
    }

    fn is_one_too_many(&self) -> bool {
        self.before >= MOST_CONNECTIONS
    }
}

impl Drop for Place {
    fn drop(&mut self) {
        self.open.fetch_sub(1, Ordering::Relaxed);
    }
}

fn refuse(mut stream: TcpStream) -> io::Result<()> {
    stream.set_write_timeout(Some(Duration::from_secs(1)))?;
    Answer::busy().send(&mut stream)
}

/// Answers the requests of one connection, one after the other.
fn converse(mut stream: TcpStream, site: &Site) -> io::Result<()> {
    stream.set_nodelay(true)?;
    stream.set_write_timeout(Some(IDLE))?;
    // What has been read and not yet answered. Never more than the longest head and one read.
    let mut read = Vec::new();
    loop {
        let (request, length) = match next(&mut stream, &mut read)? {
            Next::End => return Ok(()),
            Next::Refused(refused) => return Answer::refusal(refused).send(&mut stream),
            Next::Request(request, length) => (request, length),
        };
        read.drain(..length);
        site.answer(&request).send(&mut stream)?;
        if request.close {
            return Ok(());
        }
    }
}

enum Next {
    Request(request::Request, usize),
    Refused(request::Refused),
    End,
}

/// Reads until there is a request, or there can't be one.
fn next(stream: &mut TcpStream, read: &mut Vec<u8>) -> io::Result<Next> {
    let mut until = Instant::now() + if read.is_empty() { IDLE } else { SLOWEST };
    let mut chunk = [0; 4096];
    loop {
        match request::parse(read) {
            Ok(Some((request, length))) => return Ok(Next::Request(request, length)),
            Ok(None) => {}
            Err(refused) => return Ok(Next::Refused(refused)),
        }
        let left = until.saturating_duration_since(Instant::now());
        if left.is_zero() {
            return Ok(Next::End);
        }
        stream.set_read_timeout(Some(left))?;
        let room = chunk.len().min(MOST_BYTES.saturating_sub(read.len()));
        let Some(space) = chunk.get_mut(..room).filter(|space| !space.is_empty()) else {
            return Ok(Next::Refused(request::Refused::TooLarge));
        };
        let count = stream.read(space)?;
        if count == 0 {
            return Ok(Next::End);
        }
        if read.is_empty() {
            until = Instant::now() + SLOWEST;
        }
        read.extend_from_slice(space.get(..count).unwrap_or_default());
    }
}
