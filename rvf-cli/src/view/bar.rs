//! A share, drawn.

/// A bar of exactly `width` characters, of which `share` (0 to 1) is filled, in steps of an eighth of a character.
///
/// A share above 0 always shows.
pub(crate) fn bar(share: f64, width: usize) -> String {
    const EIGHTHS: [&str; 8] = ["", "▏", "▎", "▍", "▌", "▋", "▊", "▉"];
    let share = if share.is_finite() {
        share.clamp(0.0, 1.0)
    } else {
        0.0
    };
    let all = width * 8;
    #[expect(
        clippy::cast_possible_truncation,
        clippy::cast_sign_loss,
        clippy::cast_precision_loss,
        reason = "a few hundred at most, and not negative"
    )]
    let mut eighths = (share * all as f64).round() as usize;
    if share > 0.0 {
        eighths = eighths.max(1);
    }
    let eighths = eighths.min(all);
    let mut drawn = "█".repeat(eighths / 8);
    drawn.push_str(EIGHTHS.get(eighths % 8).copied().unwrap_or(""));
    let used = eighths.div_ceil(8);
    drawn.extend(std::iter::repeat_n(' ', width - used));
    drawn
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_bar_has_the_same_width() {
        for step in 0..=1000 {
            let drawn = bar(f64::from(step) / 1000.0, 24);
            assert_eq!(drawn.chars().count(), 24, "{step}");
        }
    }

    #[test]
    fn more_is_never_drawn_shorter() {
        let filled = |share: f64| bar(share, 20).trim_end().to_owned();
        assert_eq!(filled(0.0), "");
        assert_eq!(filled(0.5), "██████████");
        assert_eq!(filled(1.0), "█".repeat(20));
        assert_eq!(filled(1e-9), "▏");
        assert_eq!(filled(f64::NAN), "");
    }
}
