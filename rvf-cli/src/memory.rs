//! How much memory this process has taken.

/// The most memory that this process has held at a time, in bytes, mapped pages of files included; `None` where the
/// system doesn't tell in a way that this program knows (it knows Linux).
pub(crate) fn peak() -> Option<u64> {
    if !cfg!(target_os = "linux") {
        return None;
    }
    let status = std::fs::read_to_string("/proc/self/status").ok()?;
    peak_in(&status)
}

fn peak_in(status: &str) -> Option<u64> {
    let line = status
        .lines()
        .find_map(|line| line.strip_prefix("VmHWM:"))?;
    let kib: u64 = line.trim().strip_suffix("kB")?.trim().parse().ok()?;
    kib.checked_mul(1024)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_peak_is_read_from_what_linux_says() {
        let status = "Name:\trvf\nVmPeak:\t    9000 kB\nVmHWM:\t    1234 kB\nThreads:\t1\n";
        assert_eq!(peak_in(status), Some(1234 * 1024));
        assert_eq!(peak_in("Name:\trvf\n"), None);
        assert_eq!(peak_in("VmHWM:\t many kB\n"), None);
    }

    #[test]
    #[cfg(target_os = "linux")]
    fn this_process_has_taken_some() {
        assert!(peak().is_some_and(|bytes| bytes > 100_000));
    }
}
