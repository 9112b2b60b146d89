//! P1: physical access controls of vendors.

use super::answered_by_a_vendor;

#[test]
fn p1() {
    answered_by_a_vendor(104, "P1", "p1-guard");
}
