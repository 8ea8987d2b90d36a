//! Memory whose size a file says.

use crate::error::HostError;

/// So many zero bytes; an error where the machine has no room for them.
pub(crate) fn zeroed(what: &'static str, bytes: u64) -> Result<Vec<u8>, HostError> {
    let len = usize::try_from(bytes).map_err(|_| HostError::TooLarge { what, bytes })?;
    let mut zeros = with_room(what, len)?;
    zeros.resize(len, 0);
    Ok(zeros)
}

/// An empty vector with room for `count` values.
pub(crate) fn with_room<T>(what: &'static str, count: usize) -> Result<Vec<T>, HostError> {
    let mut values = Vec::new();
    match values.try_reserve_exact(count) {
        Ok(()) => Ok(values),
        Err(_) => Err(HostError::NoRoom {
            what,
            bytes: (count as u64).saturating_mul(size_of::<T>() as u64),
        }),
    }
}
