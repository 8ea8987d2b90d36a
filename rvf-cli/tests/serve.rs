//! `rvf serve`, as a client on the wire sees it.
#![allow(
    clippy::unwrap_used,
    clippy::panic,
    reason = "a helper that fails is a test that fails"
)]

mod common;

use std::io::{BufRead as _, BufReader, Read as _, Write as _};
use std::net::TcpStream;
use std::process::{Child, Command, Stdio};

use common::{POINTS, Place};
use serde_json::Value;

/// A running server, ended with the test.
struct Server {
    child: Child,
    port: u16,
    report: Value,
}

impl Server {
    fn start(place: &Place, files: &[&str]) -> Self {
        let mut child = Command::new(env!("CARGO_BIN_EXE_rvf"))
            .args(["serve", "--port", "0", "--json"])
            .args(files)
            .current_dir(place.path())
            .stdout(Stdio::piped())
            .spawn()
            .unwrap();
        let mut line = String::new();
        let mut stdout = BufReader::new(child.stdout.take().unwrap());
        stdout.read_line(&mut line).unwrap();
        let report: Value = serde_json::from_str(&line).unwrap();
        let url = report["url"].as_str().unwrap().to_owned();
        let port = url.trim_end_matches('/').rsplit(':').next().unwrap();
        let port = port.parse().unwrap();
        Self {
            child,
            port,
            report,
        }
    }

    fn connect(&self) -> TcpStream {
        TcpStream::connect(("127.0.0.1", self.port)).unwrap()
    }

    /// Sends bytes as they are, and reads to the end of the connection.
    fn raw(&self, bytes: &[u8]) -> Answer {
        let mut stream = self.connect();
        stream.write_all(bytes).unwrap();
        let mut answer = Vec::new();
        stream.read_to_end(&mut answer).unwrap();
        Answer::parse(&answer)
    }

    fn ask(&self, method: &str, path: &str, headers: &[(&str, &str)]) -> Answer {
        let mut text = format!("{method} {path} HTTP/1.1\r\nConnection: close\r\n");
        if !headers.iter().any(|(name, _)| *name == "Host") {
            text += &format!("Host: 127.0.0.1:{}\r\n", self.port);
        }
        for (name, value) in headers {
            text += &format!("{name}: {value}\r\n");
        }
        self.raw(format!("{text}\r\n").as_bytes())
    }

    fn get(&self, path: &str) -> Answer {
        self.ask("GET", path, &[])
    }
}

impl Drop for Server {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

#[derive(Debug)]
struct Answer {
    status: u16,
    head: String,
    body: Vec<u8>,
}

impl Answer {
    fn parse(bytes: &[u8]) -> Self {
        let end = bytes
            .windows(4)
            .position(|four| four == b"\r\n\r\n")
            .unwrap_or_else(|| panic!("no answer: {:?}", String::from_utf8_lossy(bytes)));
        let head = String::from_utf8(bytes[..end].to_vec()).unwrap();
        let status = head.split(' ').nth(1).unwrap().parse().unwrap();
        Self {
            status,
            head,
            body: bytes[end + 4..].to_vec(),
        }
    }

    fn header(&self, name: &str) -> Option<&str> {
        self.head.lines().skip(1).find_map(|line| {
            let (key, value) = line.split_once(':').unwrap();
            key.eq_ignore_ascii_case(name).then(|| value.trim())
        })
    }

    fn length(&self) -> usize {
        self.header("Content-Length").unwrap().parse().unwrap()
    }
}

#[test]
fn the_page_and_the_file_are_served_whole_with_their_types() {
    let place = Place::new();
    place.small(&POINTS);
    let server = Server::start(&place, &["small.rvf"]);
    let page = server.get("/?file=files/small.rvf");
    assert_eq!(page.status, 200);
    assert_eq!(
        page.header("Content-Type"),
        Some("text/html; charset=utf-8")
    );
    assert_eq!(page.body.len(), page.length());
    let file = server.get("/files/small.rvf");
    assert_eq!(file.status, 200);
    assert_eq!(file.header("Content-Type"), Some("application/vnd.rvf"));
    assert_eq!(file.header("Accept-Ranges"), Some("bytes"));
    assert!(file.header("Date").unwrap().ends_with("GMT"));
    assert_eq!(file.body, place.read("small.rvf"));
    let head = server.ask("HEAD", "/files/small.rvf", &[]);
    assert_eq!(head.length(), file.body.len());
    assert_eq!(head.header("ETag"), file.header("ETag"));
    assert!(head.body.is_empty());
    let served = &server.report["files"][0];
    assert_eq!(served["bytes"], file.body.len());
    let base = server.report["url"].as_str().unwrap();
    assert_eq!(served["source"], format!("{base}files/small.rvf"));
    assert_eq!(served["url"], format!("{base}?file=files/small.rvf"));
}

#[test]
fn ranges_give_the_bytes_that_they_name() {
    let place = Place::new();
    place.small(&POINTS);
    let server = Server::start(&place, &["small.rvf"]);
    let bytes = place.read("small.rvf");
    let size = bytes.len();
    for (range, from, to) in [
        ("bytes=0-0", 0, 1),
        ("bytes=100-299", 100, 300),
        ("bytes=4000-", 4000, size),
        ("bytes=-7", size - 7, size),
        ("bytes=5-999999999", 5, size),
    ] {
        let part = server.ask("GET", "/files/small.rvf", &[("Range", range)]);
        assert_eq!(part.status, 206, "{range}");
        assert_eq!(part.body, bytes[from..to], "{range}");
        assert_eq!(part.length(), to - from);
        let said = format!("bytes {from}-{}/{size}", to - 1);
        assert_eq!(part.header("Content-Range"), Some(said.as_str()));
    }
    let beyond = format!("bytes={size}-");
    let answer = server.ask("GET", "/files/small.rvf", &[("Range", &beyond)]);
    assert_eq!(answer.status, 416);
    let said = format!("bytes */{size}");
    assert_eq!(answer.header("Content-Range"), Some(said.as_str()));
    // Several at once are answered with the whole, as the standard allows.
    let two = [("Range", "bytes=0-1,4-5")];
    assert_eq!(server.ask("GET", "/files/small.rvf", &two).status, 200);
}

#[test]
fn a_replaced_file_has_another_etag_and_parts_of_the_old_one_are_not_given() {
    let place = Place::new();
    place.small(&POINTS);
    let server = Server::start(&place, &["small.rvf"]);
    let etag = server.get("/files/small.rvf");
    let etag = etag.header("ETag").unwrap();
    assert!(etag.starts_with('"'), "strong: {etag}");
    let ask = |name, extra: &[(&str, &str)]| {
        let headers = [&[(name, etag)], extra].concat();
        server.ask("GET", "/files/small.rvf", &headers).status
    };
    let range = [("Range", "bytes=0-9")];
    assert_eq!(ask("If-None-Match", &[]), 304);
    assert_eq!(ask("If-Match", &range), 206);
    assert_eq!(ask("If-Range", &range), 206);
    place
        .rvf(&["pack", "small.npy", "-o", "small.rvf", "--force", "--quiet"])
        .ok();
    assert_eq!(ask("If-None-Match", &[]), 200);
    assert_eq!(ask("If-Match", &range), 412);
    assert_eq!(ask("If-Range", &range), 200);
    std::fs::remove_file(place.file("small.rvf")).unwrap();
    assert_eq!(ask("If-Match", &range), 404);
}

#[test]
fn every_answer_carries_the_rules_that_the_page_lives_under() {
    let place = Place::new();
    place.small(&POINTS);
    let server = Server::start(&place, &["small.rvf"]);
    for path in ["/", "/files/small.rvf", "/nothing"] {
        let answer = server.get(path);
        let policy = answer.header("Content-Security-Policy").unwrap();
        for part in [
            "default-src 'self'",
            "script-src 'self' 'wasm-unsafe-eval'",
            "frame-ancestors 'none'",
            "base-uri 'none'",
        ] {
            assert!(policy.contains(part), "{path}: {policy}");
        }
        assert!(!policy.contains("unsafe-inline"), "{policy}");
        for (name, value) in [
            ("X-Content-Type-Options", "nosniff"),
            ("Referrer-Policy", "no-referrer"),
            ("Cross-Origin-Opener-Policy", "same-origin"),
            ("Cross-Origin-Embedder-Policy", "require-corp"),
            ("Cross-Origin-Resource-Policy", "same-origin"),
        ] {
            assert_eq!(answer.header(name), Some(value), "{path}");
        }
        assert_eq!(answer.header("Access-Control-Allow-Origin"), None);
    }
}

#[test]
fn a_name_that_was_made_to_point_here_is_not_answered() {
    let place = Place::new();
    place.small(&POINTS);
    let server = Server::start(&place, &["small.rvf"]);
    let port = server.port;
    for host in [
        format!("evil.example:{port}"),
        "127.0.0.1".to_owned(),
        format!("127.0.0.1:{}", port ^ 1),
        format!("127.0.0.1.evil.example:{port}"),
        String::new(),
    ] {
        let answer = server.ask("GET", "/files/small.rvf", &[("Host", &host)]);
        assert_eq!(answer.status, 421, "{host}");
    }
    let host = format!("LOCALHOST:{port}");
    let answer = server.ask("GET", "/files/small.rvf", &[("Host", &host)]);
    assert_eq!(answer.status, 200);
}

#[test]
fn nothing_but_the_named_files_can_be_had() {
    let place = Place::new();
    place.small(&POINTS);
    place.write("secret.txt", "secret");
    let server = Server::start(&place, &["small.rvf"]);
    for path in [
        "/files/secret.txt",
        "/files/",
        "/files/../secret.txt",
        "/files/%2e%2e/secret.txt",
        "/secret.txt",
        "//etc/passwd",
        "/%2fetc%2fpasswd",
        "/..%5c..%5csecret.txt",
        "/files/small.rvf/",
        "/files/small.rvf%00",
    ] {
        assert_eq!(server.get(path).status, 404, "{path}");
    }
    assert_eq!(server.get("/%zz").status, 400);
}

#[test]
fn bad_requests_are_refused_and_the_server_goes_on() {
    let place = Place::new();
    place.small(&POINTS);
    let server = Server::start(&place, &["small.rvf"]);
    assert_eq!(server.raw(b"\x16\x03\x01\x02\x00\x01\r\n\r\n").status, 400);
    assert_eq!(server.ask("POST", "/", &[]).status, 405);
    assert_eq!(
        server.ask("GET", "/", &[("Content-Length", "5")]).status,
        413
    );
    let long = "x".repeat(20_000);
    let mut stream = server.connect();
    // The server may close before all of it is written.
    let _ = stream.write_all(format!("GET /{long} HTTP/1.1\r\n").as_bytes());
    let mut answer = [0; 12];
    if stream.read_exact(&mut answer).is_ok() {
        assert_eq!(&answer, b"HTTP/1.1 431");
    }
    assert_eq!(server.get("/").status, 200);
}

#[test]
fn one_connection_answers_many_requests_sent_at_once() {
    let place = Place::new();
    place.small(&POINTS);
    let server = Server::start(&place, &["small.rvf"]);
    let host = format!("Host: localhost:{}\r\n", server.port);
    let part = |range: &str| {
        format!("GET /files/small.rvf HTTP/1.1\r\n{host}Range: bytes={range}\r\n\r\n")
    };
    let last = format!("HEAD / HTTP/1.1\r\n{host}Connection: close\r\n\r\n");
    let mut stream = server.connect();
    let requests = format!("{}{}{last}", part("0-3"), part("4-7"));
    stream.write_all(requests.as_bytes()).unwrap();
    let mut answers = Vec::new();
    stream.read_to_end(&mut answers).unwrap();
    let text = String::from_utf8_lossy(&answers);
    assert_eq!(text.matches("HTTP/1.1 206").count(), 2, "{text}");
    assert_eq!(text.matches("HTTP/1.1 200").count(), 1, "{text}");
}

#[test]
fn too_many_connections_are_told_so_and_places_come_back() {
    let place = Place::new();
    let server = Server::start(&place, &[]);
    let held: Vec<_> = (0..64)
        .map(|_| {
            let mut stream = server.connect();
            let host = format!("Host: localhost:{}\r\n\r\n", server.port);
            stream
                .write_all(format!("HEAD / HTTP/1.1\r\n{host}").as_bytes())
                .unwrap();
            // An answer shows that it has its place.
            stream.read_exact(&mut [0; 12]).unwrap();
            stream
        })
        .collect();
    let mut answer = [0; 12];
    server.connect().read_exact(&mut answer).unwrap();
    assert_eq!(&answer, b"HTTP/1.1 503");
    drop(held);
    // Until the threads have seen that their clients are gone.
    for _ in 0..1000 {
        let mut stream = server.connect();
        let host = format!("Host: localhost:{}\r\n\r\n", server.port);
        let _ = stream.write_all(format!("HEAD / HTTP/1.1\r\n{host}").as_bytes());
        if stream.read_exact(&mut answer).is_ok() && &answer == b"HTTP/1.1 200" {
            return;
        }
        std::thread::sleep(std::time::Duration::from_millis(10));
    }
    panic!("no place came back");
}

#[test]
#[cfg(unix)]
fn an_interrupt_ends_it_well() {
    let place = Place::new();
    let mut server = Server::start(&place, &[]);
    let id = server.child.id().to_string();
    assert!(
        Command::new("kill")
            .args(["-INT", &id])
            .status()
            .unwrap()
            .success()
    );
    assert_eq!(server.child.wait().unwrap().code(), Some(0));
}

#[test]
fn what_can_t_be_served_is_said() {
    let place = Place::new();
    place.write("notes.txt", "no vectors");
    let error = place.rvf(&["serve", "none.rvf"]).failed();
    assert!(error.contains("cannot open none.rvf"), "{error}");
    let error = place.rvf(&["serve", "."]).failed();
    assert!(error.contains("not a regular file"), "{error}");
    let server = Server::start(&place, &[]);
    let port = server.port.to_string();
    let error = place.rvf(&["serve", "--port", &port]).failed();
    assert!(error.contains(&port) && error.contains("--port"), "{error}");
}

#[test]
fn a_name_with_signs_of_its_own_stands_in_the_page_s_address_once_more_encoded() {
    let place = Place::new();
    place.small(&POINTS);
    let name = "100% a#b?.rvf";
    std::fs::copy(place.path().join("small.rvf"), place.path().join(name)).unwrap();
    let server = Server::start(&place, &[name]);
    let served = &server.report["files"][0];
    let base = server.report["url"].as_str().unwrap();
    let source = served["source"].as_str().unwrap();
    assert_eq!(source, format!("{base}files/100%25%20a%23b%3F.rvf"));
    assert_eq!(
        served["url"],
        format!("{base}?file=files/100%2525%2520a%2523b%253F.rvf")
    );
    let path = source.strip_prefix(base).unwrap();
    assert_eq!(server.get(&format!("/{path}")).status, 200);
}
