//! Clients that are open on threads of their own. A process that exits while one is being closed pulls its cryptography from under it.

use std::sync::{Condvar, Mutex, PoisonError};
use std::time::Duration;

static OPEN: Mutex<usize> = Mutex::new(0);
static CLOSED: Condvar = Condvar::new();

/// One that is open. To be dropped after the client.
#[derive(Debug)]
pub(super) struct Open(());

impl Open {
    pub(super) fn one() -> Self {
        *OPEN.lock().unwrap_or_else(PoisonError::into_inner) += 1;
        Self(())
    }
}

impl Drop for Open {
    fn drop(&mut self) {
        *OPEN.lock().unwrap_or_else(PoisonError::into_inner) -= 1;
        CLOSED.notify_all();
    }
}

/// Waits until every reader, member of a group and replaced producer that nobody uses any more is closed, or for so long. For the last moment of a
/// process.
pub fn wait_until_closed(most: Duration) {
    let open = OPEN.lock().unwrap_or_else(PoisonError::into_inner);
    drop(CLOSED.wait_timeout_while(open, most, |open| *open > 0));
}
