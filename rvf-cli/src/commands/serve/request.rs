//! The head of a request. Its grammar is httparse's; what of it is taken, and how much, is said here.

/// More than any browser sends to a page that sets no cookies.
pub(crate) const MOST_BYTES: usize = 16 << 10;
const MOST_HEADERS: usize = 64;

/// What of a request matters here.
#[derive(Debug, Default)]
pub(crate) struct Request {
    /// HEAD; else GET.
    pub(crate) head: bool,
    /// From the first slash to the end, the query too.
    pub(crate) target: String,
    pub(crate) host: String,
    /// No further request comes on this connection.
    pub(crate) close: bool,
    pub(crate) range: Option<String>,
    pub(crate) if_match: Option<String>,
    pub(crate) if_none_match: Option<String>,
    pub(crate) if_range: Option<String>,
}

/// Why a request gets no answer but an error, after which the connection ends: where the next request starts is not
/// certain any more.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Refused {
    /// 400: it breaks the grammar of HTTP, or names no host or several.
    Grammar,
    /// 431
    TooLarge,
    /// 405
    Method,
    /// 413: it has a body.
    Body,
    /// 505: it is not HTTP/1.
    Version,
}

/// Reads one head from the start of `bytes`: it and its length, or `None` while it is not whole.
pub(crate) fn parse(bytes: &[u8]) -> Result<Option<(Request, usize)>, Refused> {
    let mut headers = [httparse::EMPTY_HEADER; MOST_HEADERS];
    let mut head = httparse::Request::new(&mut headers);
    let length = match head.parse(bytes) {
        Ok(httparse::Status::Complete(length)) => length,
        Ok(httparse::Status::Partial) if bytes.len() < MOST_BYTES => return Ok(None),
        Ok(httparse::Status::Partial) | Err(httparse::Error::TooManyHeaders) => {
            return Err(Refused::TooLarge);
        }
        Err(httparse::Error::Version) => return Err(Refused::Version),
        Err(_) => return Err(Refused::Grammar),
    };
    let mut request = Request {
        target: head.path.unwrap_or_default().to_owned(),
        // Of HTTP/1.0 no connection stays open.
        close: head.version != Some(1),
        ..Request::default()
    };
    let mut hosts = 0_usize;
    for header in head.headers.iter() {
        let value = std::str::from_utf8(header.value)
            .map_err(|_| Refused::Grammar)?
            .trim();
        let is = |name: &str| header.name.eq_ignore_ascii_case(name);
        if is("host") {
            hosts = hosts.saturating_add(1);
            value.clone_into(&mut request.host);
        } else if is("connection") {
            let mut words = value.split(',').map(str::trim);
            request.close |= words.any(|word| word.eq_ignore_ascii_case("close"));
        } else if is("transfer-encoding") || is("content-length") && value != "0" {
            return Err(Refused::Body);
        } else if is("range") {
            keep(&mut request.range, value);
        } else if is("if-match") {
            keep(&mut request.if_match, value);
        } else if is("if-none-match") {
            keep(&mut request.if_none_match, value);
        } else if is("if-range") {
            keep(&mut request.if_range, value);
        }
    }
    match head.method {
        Some("GET") => {}
        Some("HEAD") => request.head = true,
        _ => return Err(Refused::Method),
    }
    if hosts != 1 || !request.target.starts_with('/') {
        return Err(Refused::Grammar);
    }
    Ok(Some((request, length)))
}

/// Several lines of one header are a list.
fn keep(field: &mut Option<String>, value: &str) {
    let list = match field.take() {
        Some(before) => format!("{before}, {value}"),
        None => value.to_owned(),
    };
    *field = Some(list);
}

#[cfg(test)]
mod tests {
    use super::*;

    fn refused(text: &str) -> Refused {
        parse(text.as_bytes()).unwrap_err()
    }

    #[test]
    fn a_request_is_read_to_its_end_and_no_further() {
        let text = "GET /a?b HTTP/1.1\r\nHost: localhost:1\r\nRANGE: bytes=0-1\r\nconnection: x, Close\r\n\r\nGET";
        let (request, length) = parse(text.as_bytes()).unwrap().unwrap();
        assert_eq!(length, text.len() - 3);
        assert_eq!((request.target.as_str(), request.head), ("/a?b", false));
        assert_eq!(request.host, "localhost:1");
        assert_eq!(request.range.as_deref(), Some("bytes=0-1"));
        assert!(request.close);
        for end in 0..length {
            assert!(parse(&text.as_bytes()[..end]).unwrap().is_none(), "{end}");
        }
    }

    #[test]
    fn two_ranges_in_two_lines_are_a_list_and_so_no_single_range() {
        let text = "GET / HTTP/1.1\r\nhost: a\r\nrange: bytes=0-1\r\nrange: bytes=2-3\r\n\r\n";
        let (request, _) = parse(text.as_bytes()).unwrap().unwrap();
        assert_eq!(request.range.as_deref(), Some("bytes=0-1, bytes=2-3"));
        assert!(!request.close);
    }

    #[test]
    fn what_is_no_plain_request_is_refused_by_its_kind() {
        let with = |line: &str| format!("GET / HTTP/1.1\r\nHost: a\r\n{line}\r\n\r\n");
        assert_eq!(refused("nonsense\r\n\r\n"), Refused::Grammar);
        assert_eq!(refused("GET / HTTP/1.1\r\n\r\n"), Refused::Grammar);
        assert_eq!(refused(&with("Host: b")), Refused::Grammar);
        assert_eq!(refused(&with("Folded:\r\n b")), Refused::Grammar);
        assert_eq!(refused(&with("Space : b")), Refused::Grammar);
        assert_eq!(
            refused("GET http://a/ HTTP/1.1\r\nHost: a\r\n\r\n"),
            Refused::Grammar
        );
        assert_eq!(
            refused("GET / HTTP/3.0\r\nHost: a\r\n\r\n"),
            Refused::Version
        );
        assert_eq!(
            refused("POST / HTTP/1.1\r\nHost: a\r\n\r\n"),
            Refused::Method
        );
        assert_eq!(refused(&with("Content-Length: 3")), Refused::Body);
        assert_eq!(refused(&with("Transfer-Encoding: chunked")), Refused::Body);
        let many = "A: b\r\n".repeat(MOST_HEADERS);
        assert_eq!(refused(&with(many.trim_end())), Refused::TooLarge);
        let long = with(&format!("A: {}", "b".repeat(MOST_BYTES)));
        assert_eq!(refused(&long[..MOST_BYTES]), Refused::TooLarge);
        assert!(
            parse(with("Content-Length: 0").as_bytes())
                .unwrap()
                .is_some()
        );
    }
}
