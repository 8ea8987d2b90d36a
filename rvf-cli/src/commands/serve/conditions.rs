//! The conditions and the range of a request (RFC 9110, sections 13 and 14). Only ETags count: they are strong.

use super::request::Request;

/// What of a representation is wanted.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Wanted {
    Whole,
    /// The first byte, and how many.
    Part(u64, u64),
    /// The client has it (304).
    Nothing,
    /// It is another one than the client asks for (412).
    Another,
    /// No byte of the range exists (416).
    Beyond,
}

/// What `request` wants of a representation of `bytes` bytes with this ETag.
pub(crate) fn wanted(request: &Request, etag: &str, bytes: u64) -> Wanted {
    if let Some(tags) = &request.if_match
        && !names(tags, etag)
    {
        return Wanted::Another;
    }
    if let Some(tags) = &request.if_none_match
        && names(&tags.replace("W/", ""), etag)
    {
        return Wanted::Nothing;
    }
    // A range is defined for GET alone.
    let Some(range) = request.range.as_deref().filter(|_| !request.head) else {
        return Wanted::Whole;
    };
    // What it was a part of has changed, or is told by a date, which is no strong validator here.
    if request.if_range.as_ref().is_some_and(|tag| tag != etag) {
        return Wanted::Whole;
    }
    part(range, bytes)
}

/// Whether a list of ETags, or `*`, names this one.
fn names(tags: &str, etag: &str) -> bool {
    tags.split(',')
        .map(str::trim)
        .any(|tag| tag == "*" || tag == etag)
}

/// One range of bytes. What is not understood, and several ranges at once, are answered with the whole.
fn part(range: &str, bytes: u64) -> Wanted {
    let Some((unit, spec)) = range.split_once('=') else {
        return Wanted::Whole;
    };
    let Some((first, last)) = spec.trim().split_once('-') else {
        return Wanted::Whole;
    };
    if !unit.trim().eq_ignore_ascii_case("bytes") {
        return Wanted::Whole;
    }
    let (first, last) = (first.trim(), last.trim());
    let (from, count) = if first.is_empty() {
        // The last so many.
        let Some(count) = number(last) else {
            return Wanted::Whole;
        };
        let count = count.min(bytes);
        (bytes.saturating_sub(count), count)
    } else {
        let last = if last.is_empty() {
            Some(u64::MAX)
        } else {
            number(last)
        };
        let (Some(from), Some(last)) = (number(first), last) else {
            return Wanted::Whole;
        };
        if last < from {
            return Wanted::Whole;
        }
        let end = last.saturating_add(1).min(bytes);
        (from, end.saturating_sub(from))
    };
    if count == 0 {
        Wanted::Beyond
    } else {
        Wanted::Part(from, count)
    }
}

/// Digits and nothing else; what is too large for any file is the largest number.
fn number(digits: &str) -> Option<u64> {
    let whole = !digits.is_empty() && digits.bytes().all(|byte| byte.is_ascii_digit());
    whole.then(|| digits.parse().unwrap_or(u64::MAX))
}

#[cfg(test)]
mod tests {
    use super::*;

    const TAG: &str = "\"abc\"";

    #[test]
    fn one_range_is_answered_and_what_is_none_is_not() {
        use Wanted::{Beyond, Part, Whole};
        for (range, expected) in [
            ("bytes=0-0", Part(0, 1)),
            ("bytes=0-9", Part(0, 10)),
            ("bytes=5-", Part(5, 5)),
            ("bytes=5-99999999999999999999999", Part(5, 5)),
            ("Bytes = 2-3", Part(2, 2)),
            ("bytes=-3", Part(7, 3)),
            ("bytes=-30", Part(0, 10)),
            ("bytes=-0", Beyond),
            ("bytes=10-", Beyond),
            ("bytes=10-10", Beyond),
            ("bytes=99999999999999999999999-", Beyond),
            ("bytes=3-2", Whole),
            ("bytes=-", Whole),
            ("bytes=", Whole),
            ("bytes", Whole),
            ("bytes=1-2,4-5", Whole),
            ("bytes=+1-2", Whole),
            ("bytes=--1", Whole),
            ("rows=1-2", Whole),
        ] {
            assert_eq!(part(range, 10), expected, "{range}");
        }
        assert_eq!(part("bytes=0-", 0), Beyond);
    }

    #[test]
    fn conditions_come_before_ranges() {
        let ask = |set: fn(&mut Request)| {
            let mut request = Request {
                range: Some("bytes=1-2".to_owned()),
                ..Request::default()
            };
            set(&mut request);
            wanted(&request, TAG, 10)
        };
        assert_eq!(ask(|_| {}), Wanted::Part(1, 2));
        assert_eq!(ask(|r| r.head = true), Wanted::Whole);
        assert_eq!(ask(|r| r.if_range = Some(TAG.into())), Wanted::Part(1, 2));
        assert_eq!(ask(|r| r.if_range = Some("\"old\"".into())), Wanted::Whole);
        assert_eq!(
            ask(|r| r.if_range = Some(format!("W/{TAG}"))),
            Wanted::Whole
        );
        assert_eq!(
            ask(|r| r.if_match = Some(format!("\"x\", {TAG}"))),
            Wanted::Part(1, 2)
        );
        assert_eq!(ask(|r| r.if_match = Some("*".into())), Wanted::Part(1, 2));
        assert_eq!(
            ask(|r| r.if_match = Some("\"old\"".into())),
            Wanted::Another
        );
        assert_eq!(
            ask(|r| r.if_match = Some(format!("W/{TAG}"))),
            Wanted::Another
        );
        assert_eq!(
            ask(|r| r.if_none_match = Some(format!("W/{TAG}"))),
            Wanted::Nothing
        );
        assert_eq!(
            ask(|r| r.if_none_match = Some("\"old\"".into())),
            Wanted::Part(1, 2)
        );
    }
}
