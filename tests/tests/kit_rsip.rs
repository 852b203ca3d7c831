//! A host that speaks rsip passes the conformance kit, over UDP.

use rollmark_tests::kit::rsip::Rsip;
use rollmark_tests::kit::{Adapter, impossible};

rollmark_tests::conformance!(Rsip);

/// SW-11: a transaction host can play everything; over UDP there is no connection to lose.
#[test]
fn nothing_else_is_impossible() {
    assert_eq!(
        impossible(&Rsip.abilities()),
        [(
            "lost_connection",
            "there is no connection that could be lost"
        )]
    );
}
