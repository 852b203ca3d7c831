//! baresip 4.x with the module in it passes the conformance kit: `cargo xtask baresip4`.

use rollmark_tests::kit::baresip::Baresip4;
use rollmark_tests::kit::wire::Transport;

mod udp {
    use super::{Baresip4, Transport};
    rollmark_tests::conformance!(Baresip4(Transport::Udp));
}

mod tcp {
    use super::{Baresip4, Transport};
    rollmark_tests::conformance!(Baresip4(Transport::Tcp));
}
