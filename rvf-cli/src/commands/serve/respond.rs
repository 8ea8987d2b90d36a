//! What stands where, and the answer to a request.

use std::fmt::Write as _;
use std::fs::File;
use std::io::{self, Read as _, Seek as _, SeekFrom, Write};
use std::time::SystemTime;

use super::conditions::{Wanted, wanted};
use super::page::{self, PageFile};
use super::request::{Refused, Request};
use super::shared::{Shared, decoded};

/// In every answer. The page's own rules, in a form that a browser holds it to: nothing but its own scripts and
/// WebAssembly runs, nobody frames it, no other page sees it or takes from it, and its memory may be shared among
/// its workers (that is what the two cross-origin lines are for). Files may come from elsewhere, if the user asks.
const HEADERS: &str = "\
Content-Security-Policy: default-src 'self'; script-src 'self' 'wasm-unsafe-eval'; \
connect-src 'self' https: http://127.0.0.1:* http://localhost:*; object-src 'none'; base-uri 'none'; \
form-action 'none'; frame-ancestors 'none'\r\n\
X-Content-Type-Options: nosniff\r\n\
Referrer-Policy: no-referrer\r\n\
Permissions-Policy: camera=(), geolocation=(), microphone=()\r\n\
Cross-Origin-Opener-Policy: same-origin\r\n\
Cross-Origin-Embedder-Policy: require-corp\r\n\
Cross-Origin-Resource-Policy: same-origin\r\n";

/// What is served, and under which names.
#[derive(Debug)]
pub(crate) struct Site {
    /// What requests may be addressed to.
    hosts: Vec<String>,
    page: Vec<PageFile>,
    shared: Vec<Shared>,
}

/// An answer that is yet to be sent.
#[derive(Debug)]
pub(crate) struct Answer {
    head: String,
    body: Body,
}

#[derive(Debug)]
enum Body {
    None,
    Bytes(&'static [u8]),
    Text(String),
    /// So many bytes of a file, from where it stands.
    File(File, u64),
}

impl Site {
    pub(crate) fn new(port: u16, shared: Vec<Shared>) -> Self {
        let names = ["127.0.0.1", "localhost"];
        let mut hosts: Vec<_> = names.iter().map(|name| format!("{name}:{port}")).collect();
        if port == 80 {
            // The port that is not said.
            hosts.extend(names.map(str::to_owned));
        }
        Self {
            hosts,
            page: page::all(),
            shared,
        }
    }

    pub(crate) fn answer(&self, request: &Request) -> Answer {
        let mut answer = self.find(request).unwrap_or_else(|error| {
            Answer::text(
                "500 Internal Server Error",
                &format!("The file could not be read: {error}."),
            )
        });
        if request.head {
            answer.body = Body::None;
        }
        if request.close {
            answer.header("Connection", "close");
        }
        answer
    }

    fn find(&self, request: &Request) -> io::Result<Answer> {
        // Any name can be made to point to this machine; a page of that name must not read what is here.
        if !self
            .hosts
            .iter()
            .any(|host| request.host.eq_ignore_ascii_case(host))
        {
            let hosts = self.hosts.join(" or ");
            return Ok(Answer::text(
                "421 Misdirected Request",
                &format!("This server answers for {hosts} alone."),
            ));
        }
        let path = request.target.split(['?', '#']).next().unwrap_or_default();
        let Some(path) = decoded(path.trim_start_matches('/')) else {
            return Ok(Answer::text(
                "400 Bad Request",
                "The path has a bad escape.",
            ));
        };
        if let Some(file) = self.page.iter().find(|file| file.is_at(&path)) {
            let bytes = file.bytes;
            let of = Kind::new(file.mime, &file.etag, bytes.len() as u64);
            return of.answer(request, |from, count| {
                let from = usize::try_from(from).unwrap_or(usize::MAX);
                let count = usize::try_from(count).unwrap_or(usize::MAX);
                let part = bytes.get(from..).and_then(|rest| rest.get(..count));
                Ok(Body::Bytes(part.unwrap_or_default()))
            });
        }
        let named = |file: &&Shared| decoded(&file.url).as_ref() == Some(&path);
        let Some(shared) = self.shared.iter().find(named) else {
            return Ok(Answer::text(
                "404 Not Found",
                "There is nothing of this name.",
            ));
        };
        let mut opened = match shared.open() {
            Ok(opened) => opened,
            Err(error) if error.kind() == io::ErrorKind::NotFound => {
                return Ok(Answer::text(
                    "404 Not Found",
                    "The file is not there any more.",
                ));
            }
            Err(error) => return Err(error),
        };
        Kind::new("application/vnd.rvf", &opened.etag, opened.bytes).answer(
            request,
            |from, count| {
                opened.file.seek(SeekFrom::Start(from))?;
                Ok(Body::File(opened.file, count))
            },
        )
    }
}

/// What is told of a representation.
struct Kind<'a> {
    mime: &'a str,
    etag: &'a str,
    bytes: u64,
}

impl<'a> Kind<'a> {
    fn new(mime: &'a str, etag: &'a str, bytes: u64) -> Self {
        Self { mime, etag, bytes }
    }

    /// The part that is wanted, as `body` gives it for a first byte and a count.
    fn answer(
        self,
        request: &Request,
        body: impl FnOnce(u64, u64) -> io::Result<Body>,
    ) -> io::Result<Answer> {
        let (status, from, count) = match wanted(request, self.etag, self.bytes) {
            Wanted::Whole => ("200 OK", 0, self.bytes),
            Wanted::Part(from, count) => ("206 Partial Content", from, count),
            Wanted::Nothing => {
                let mut answer = Answer::new("304 Not Modified");
                self.describe(&mut answer);
                return Ok(answer);
            }
            Wanted::Another => {
                let mut answer = Answer::text(
                    "412 Precondition Failed",
                    "The file is another one than was asked for: it was replaced.",
                );
                answer.header("ETag", self.etag);
                return Ok(answer);
            }
            Wanted::Beyond => {
                let mut answer = Answer::text(
                    "416 Range Not Satisfiable",
                    "The range starts behind the end of the file.",
                );
                answer.header("Content-Range", &format!("bytes */{}", self.bytes));
                answer.header("ETag", self.etag);
                return Ok(answer);
            }
        };
        let mut answer = Answer::new(status);
        self.describe(&mut answer);
        answer.header("Content-Type", self.mime);
        answer.header("Content-Length", &count.to_string());
        answer.header("Accept-Ranges", "bytes");
        if status.starts_with("206") {
            let last = from.saturating_add(count).saturating_sub(1);
            answer.header(
                "Content-Range",
                &format!("bytes {from}-{last}/{}", self.bytes),
            );
        }
        answer.body = body(from, count)?;
        Ok(answer)
    }

    fn describe(&self, answer: &mut Answer) {
        answer.header("ETag", self.etag);
        answer.header("Cache-Control", "no-cache, no-transform");
    }
}

impl Answer {
    fn new(status: &str) -> Self {
        let date = httpdate::fmt_http_date(SystemTime::now());
        let head = format!("HTTP/1.1 {status}\r\nDate: {date}\r\n{HEADERS}");
        Self {
            head,
            body: Body::None,
        }
    }

    fn text(status: &str, text: &str) -> Self {
        let mut answer = Self::new(status);
        let text = format!("{text}\n");
        answer.header("Content-Type", "text/plain; charset=utf-8");
        answer.header("Content-Length", &text.len().to_string());
        answer.header("Cache-Control", "no-store");
        answer.body = Body::Text(text);
        answer
    }

    /// The answer to what could not be read, after which the connection ends.
    pub(crate) fn refusal(refused: Refused) -> Self {
        let (status, text) = match refused {
            Refused::Grammar => ("400 Bad Request", "This is not a request of HTTP/1.1."),
            Refused::TooLarge => (
                "431 Request Header Fields Too Large",
                "The request is too long.",
            ),
            Refused::Method => ("405 Method Not Allowed", "GET and HEAD are answered."),
            Refused::Body => ("413 Content Too Large", "A request has no body here."),
            Refused::Version => ("505 HTTP Version Not Supported", "HTTP/1.1 is spoken here."),
        };
        let mut answer = Self::text(status, text);
        if refused == Refused::Method {
            answer.header("Allow", "GET, HEAD");
        }
        answer.header("Connection", "close");
        answer
    }

    /// The answer to a connection too many.
    pub(crate) fn busy() -> Self {
        let mut answer = Self::text("503 Service Unavailable", "Too many connections at once.");
        answer.header("Retry-After", "1");
        answer.header("Connection", "close");
        answer
    }

    fn header(&mut self, name: &str, value: &str) {
        // Writing to a String cannot fail.
        let _ = write!(self.head, "{name}: {value}\r\n");
    }

    pub(crate) fn send(mut self, to: &mut impl Write) -> io::Result<()> {
        self.head.push_str("\r\n");
        if let Body::Text(text) = &self.body {
            self.head.push_str(text);
        }
        to.write_all(self.head.as_bytes())?;
        match self.body {
            Body::None | Body::Text(_) => Ok(()),
            Body::Bytes(bytes) => to.write_all(bytes),
            Body::File(file, count) => {
                let sent = io::copy(&mut file.take(count), to)?;
                // It was cut meanwhile. An end before the announced length tells the client.
                if sent == count {
                    Ok(())
                } else {
                    Err(io::ErrorKind::UnexpectedEof.into())
                }
            }
        }
    }
}
