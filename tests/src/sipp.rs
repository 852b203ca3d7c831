//! A notifier played by SIPp from a scenario file in `labs/sipp`.

use std::net::{Ipv4Addr, TcpListener, UdpSocket};
use std::path::PathBuf;
use std::process::Command;
use std::time::{Duration, Instant};

use crate::lab::INSTALL;
use crate::process::{Ended, PATIENCE, Process, labs_dir, run_dir};

/// One SIPp run. Dropping it kills it.
#[derive(Debug)]
pub struct Sipp {
    process: Process,
    port: u16,
    dir: PathBuf,
}

impl Sipp {
    /// Starts `scenario` (a file name without `.xml`) for `calls` subscriptions over `transport`
    /// (`udp` or `tcp`), and waits until it listens.
    ///
    /// # Panics
    /// When SIPp is not installed or does not come up.
    pub fn start(scenario: &str, transport: &str, calls: u32) -> Self {
        // A port is free when it is chosen, a moment before SIPp binds it: one clash is forgiven.
        Self::attempt(scenario, transport, calls)
            .or_else(|_| Self::attempt(scenario, transport, calls))
            .unwrap_or_else(|said| panic!("SIPp does not listen. {INSTALL}\n{said}"))
    }

    fn attempt(scenario: &str, transport: &str, calls: u32) -> Result<Self, String> {
        let port = free_port();
        let dir = run_dir("sipp");
        let mut command = Command::new("sipp");
        command
            .arg("-sf")
            .arg(labs_dir().join(format!("sipp/{scenario}.xml")))
            .args(["-i", "127.0.0.1", "-p", &port.to_string()])
            .args(["-t", if transport == "tcp" { "t1" } else { "u1" }])
            .args(["-m", &calls.to_string()])
            .args(["-timeout", "60", "-timeout_error", "-nostdin", "-trace_err"])
            .current_dir(&dir);
        let mut process = Process::start(&mut command, INSTALL);
        let deadline = Instant::now() + PATIENCE;
        while !listens(transport, port) {
            // SIPp says nothing when it begins to listen, so the kernel's table is asked.
            if !process.running_after(Duration::from_millis(10)) || Instant::now() > deadline {
                return Err(process.transcript());
            }
        }
        Ok(Self { process, port, dir })
    }

    /// Where it listens: `127.0.0.1:PORT`.
    pub fn server(&self) -> String {
        format!("127.0.0.1:{}", self.port)
    }

    /// Waits for its end. Exit status 0 says that the watcher did its part in every call.
    pub fn finish(&mut self) -> Ended {
        self.process.finish(PATIENCE)
    }
}

impl Drop for Sipp {
    fn drop(&mut self) {
        if std::thread::panicking() {
            eprintln!("SIPp's own account is in {}", self.dir.display());
        } else {
            // A folder that stays behind does no harm.
            let _ = std::fs::remove_dir_all(&self.dir);
        }
    }
}

/// A port on which nothing listens, neither UDP nor TCP.
///
/// # Panics
/// When none can be found.
pub fn free_port() -> u16 {
    for _ in 0..100 {
        let tcp = TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).expect("a TCP port is free");
        let port = tcp.local_addr().expect("it has an address").port();
        if UdpSocket::bind((Ipv4Addr::LOCALHOST, port)).is_ok() {
            return port;
        }
    }
    panic!("no port is free for both UDP and TCP");
}

/// Whether a socket is bound (UDP) or listening (TCP) on 127.0.0.1, by the kernel's table.
fn listens(transport: &str, port: u16) -> bool {
    let table = std::fs::read_to_string(format!("/proc/net/{transport}")).unwrap_or_default();
    let local = format!("0100007F:{port:04X}");
    table.lines().skip(1).any(|line| {
        let mut fields = line.split_whitespace().skip(1);
        let here = fields.next() == Some(&local);
        let listening = transport == "udp" || fields.nth(1) == Some("0A");
        here && listening
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_listening_port_is_seen_and_a_closed_one_is_not() {
        let tcp = TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).unwrap();
        let udp = UdpSocket::bind((Ipv4Addr::LOCALHOST, 0)).unwrap();
        let (t, u) = (
            tcp.local_addr().unwrap().port(),
            udp.local_addr().unwrap().port(),
        );
        assert!(listens("tcp", t) && listens("udp", u));
        // Nobody listens on port 1 of a loopback. A port closed just now may live on for a moment, in a child that
        // another test is about to start.
        assert!(!listens("tcp", 1) && !listens("udp", 1));
    }
}
