//! Numbers as people read them.

use std::time::Duration;

/// `1234567` as `1,234,567`.
pub(crate) fn count(n: u64) -> String {
    let digits = n.to_string();
    let mut text = String::with_capacity(digits.len() + digits.len() / 3);
    for (index, digit) in digits.chars().enumerate() {
        if index > 0 && (digits.len() - index).is_multiple_of(3) {
            text.push(',');
        }
        text.push(digit);
    }
    text
}

/// `n` and the noun, with an `s` unless `n` is 1.
pub(crate) fn counted(n: u64, noun: &str) -> String {
    let plural = if n == 1 { "" } else { "s" };
    format!("{} {noun}{plural}", count(n))
}

/// A size: exact below 10 KiB, else with three digits or so, in powers of 1,024.
pub(crate) fn bytes(n: u64) -> String {
    const UNITS: [&str; 4] = ["KiB", "MiB", "GiB", "TiB"];
    if n < 10 * 1024 {
        return format!("{} B", count(n));
    }
    #[expect(clippy::cast_precision_loss, reason = "shown with three digits")]
    let mut value = n as f64 / 1024.0;
    let mut units = UNITS.iter();
    let mut unit = units.next().copied().unwrap_or("");
    while value >= 999.5 {
        let Some(next) = units.next() else { break };
        value /= 1024.0;
        unit = next;
    }
    if value < 99.95 {
        format!("{value:.1} {unit}")
    } else {
        format!("{value:.0} {unit}")
    }
}

/// A time span with three digits or so.
pub(crate) fn duration(time: Duration) -> String {
    let seconds = time.as_secs_f64();
    if seconds < 99.95e-6 {
        format!("{:.1} µs", seconds * 1e6)
    } else if seconds < 999.5e-6 {
        format!("{:.0} µs", seconds * 1e6)
    } else if seconds < 9.995e-3 {
        format!("{:.2} ms", seconds * 1e3)
    } else if seconds < 99.95e-3 {
        format!("{:.1} ms", seconds * 1e3)
    } else if seconds < 0.9995 {
        format!("{:.0} ms", seconds * 1e3)
    } else if seconds < 9.995 {
        format!("{seconds:.2} s")
    } else if seconds < 99.95 {
        format!("{seconds:.1} s")
    } else {
        let whole = time.as_secs();
        format!("{} min {} s", whole / 60, whole % 60)
    }
}

/// A share as a percentage with one decimal; a share that is neither nothing nor all is not rounded to either.
pub(crate) fn percent(share: f64) -> String {
    let percent = share * 100.0;
    if share > 0.0 && percent < 0.05 {
        return "<0.1%".to_owned();
    }
    if share < 1.0 && percent >= 99.95 {
        return ">99.9%".to_owned();
    }
    format!("{percent:.1}%")
}

/// A recall with three decimals; less than 1 is not rounded up to it.
pub(crate) fn recall(value: f64) -> String {
    if (0.9995..1.0).contains(&value) {
        return format!("{:.4}", (value * 1e4).floor() / 1e4);
    }
    format!("{value:.3}")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn counts_have_separators_of_thousands() {
        let shown: Vec<_> = [0, 999, 1000, 50_000, 4_294_967_295, u64::MAX]
            .map(count)
            .into();
        let expected = [
            "0",
            "999",
            "1,000",
            "50,000",
            "4,294,967,295",
            "18,446,744,073,709,551,615",
        ];
        assert_eq!(shown, expected);
        assert_eq!(counted(1, "row"), "1 row");
        assert_eq!(counted(2, "row"), "2 rows");
    }

    #[test]
    fn sizes_keep_three_digits() {
        let cases = [
            (0, "0 B"),
            (10_239, "10,239 B"),
            (10_240, "10.0 KiB"),
            (102_400, "100 KiB"),
            (1_023_488, "1.0 MiB"),
            (3_600_000, "3.4 MiB"),
            (1 << 30, "1.0 GiB"),
            (u64::MAX, "16777216 TiB"),
        ];
        for (size, expected) in cases {
            assert_eq!(bytes(size), expected);
        }
    }

    #[test]
    fn times_have_the_unit_that_fits() {
        let cases = [
            (0.0, "0.0 µs"),
            (23.04e-6, "23.0 µs"),
            (412.2e-6, "412 µs"),
            (0.9996e-3, "1.00 ms"),
            (12.34e-3, "12.3 ms"),
            (0.4123, "412 ms"),
            (1.2345, "1.23 s"),
            (61.0, "61.0 s"),
            (192.0, "3 min 12 s"),
        ];
        for (seconds, expected) in cases {
            assert_eq!(duration(Duration::from_secs_f64(seconds)), expected);
        }
    }

    #[test]
    fn nearly_all_is_not_shown_as_all() {
        assert_eq!(percent(1.0), "100.0%");
        assert_eq!(percent(0.99999), ">99.9%");
        assert_eq!(percent(0.00001), "<0.1%");
        assert_eq!(percent(0.0), "0.0%");
        assert_eq!(recall(1.0), "1.000");
        assert_eq!(recall(0.99996), "0.9999");
        assert_eq!(recall(0.954), "0.954");
    }
}
