//! Cortex-M: through the frame that an exception pushed.

use super::{End, Frame, Unwinder};

impl Unwinder<'_, '_> {
    /// What was interrupted, if `frame` is the return from an exception.
    pub(super) fn interrupted(&self, _frame: &Frame) -> Option<Result<Frame, End>> {
        None
    }
}
