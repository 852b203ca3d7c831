//! The IMS lab itself: several at once, and nothing left of one that has ended.

use std::path::{Path, PathBuf};

use rollmark_tests::ims::ImsLab;
use serde_json::json;

#[test]
fn cores_run_side_by_side_and_end_without_a_trace() {
    let (one, two) = (ImsLab::start(&[]), ImsLab::start(&[]));
    assert_ne!(one.pcscf(), two.pcscf());
    for lab in [&one, &two] {
        let peers = lab.hss(&json!({"cmd": "peers"}));
        assert_eq!(
            peers,
            json!(["icscf.ims.test", "scscf.ims.test"]),
            "both CSCFs have their Diameter link"
        );
        lab.publish("conf-room", &[("bob", "connected")]);
    }
    let pids = std::fs::read_to_string(one.dir().join("pids")).expect("the pids of the nodes");
    let processes: Vec<PathBuf> = pids
        .lines()
        .filter_map(|line| line.split_once(' '))
        .map(|(_, pid)| Path::new("/proc").join(pid))
        .collect();
    assert_eq!(processes.len(), 5);
    assert!(processes.iter().all(|process| process.exists()));
    let dir = one.dir().to_owned();
    drop(one);
    assert!(!dir.exists(), "the run folder is removed");
    assert!(
        !processes.iter().any(|process| process.exists()),
        "a node outlived its lab"
    );
    two.publish("conf-room", &[("bob", "disconnected")]);
}
