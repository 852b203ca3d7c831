//! ezk passes the conformance kit, over UDP and over TCP.

use rollmark_tests::kit::ezk::Ezk;
use rollmark_tests::kit::wire::Transport;
use rollmark_tests::kit::{Adapter, impossible};

mod udp {
    use super::{Ezk, Transport};
    rollmark_tests::conformance!(Ezk(Transport::Udp));
}

mod tcp {
    use super::{Ezk, Transport};
    rollmark_tests::conformance!(Ezk(Transport::Tcp));
}

/// SW-11: a transaction host can play everything; over UDP there is no connection to lose.
#[test]
fn nothing_else_is_impossible() {
    let udp = impossible(&Ezk(Transport::Udp).abilities());
    assert_eq!(
        udp,
        [(
            "lost_connection",
            "there is no connection that could be lost"
        )]
    );
    assert_eq!(impossible(&Ezk(Transport::Tcp).abilities()), []);
}
