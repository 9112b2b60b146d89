//! P6: vendors protect Service Data against accidental destruction or loss.

use super::answered_by_a_vendor;

#[test]
fn p6() {
    answered_by_a_vendor(109, "P6", "p6-restore");
}
