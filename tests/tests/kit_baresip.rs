//! Debian's baresip with the module in it passes the conformance kit.

use rollmark_tests::kit::baresip::Baresip;
use rollmark_tests::kit::wire::Transport;
use rollmark_tests::kit::{Adapter, impossible};

mod udp {
    use super::{Baresip, Transport};
    rollmark_tests::conformance!(Baresip(Transport::Udp));
}

mod tcp {
    use super::{Baresip, Transport};
    rollmark_tests::conformance!(Baresip(Transport::Tcp));
}

/// SW-12: what baresip makes impossible is known by name.
#[test]
fn nothing_else_is_impossible() {
    let found = impossible(&Baresip(Transport::Udp).abilities());
    assert_eq!(
        found,
        [(
            "lost_connection",
            "there is no connection that could be lost"
        )]
    );
}
