//! Chains of other programs that drop what is forwarded.

use super::Owner;
use crate::Result;

impl Owner {
    pub(super) fn watch_foreign(&mut self) -> Result<()> {
        Ok(())
    }

    pub(super) fn leave_foreign(&mut self) -> Result<()> {
        Ok(())
    }
}
