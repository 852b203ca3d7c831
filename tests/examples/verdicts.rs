//! Prints what core's XML reader says of each file named on standard input: `ok`, or the fault. For `fuzz/libxml2.py`.

use std::io::{BufRead, stdin};

use rollmark_core::xml::{Limits, Reader};

fn main() -> std::io::Result<()> {
    for path in stdin().lock().lines() {
        let body = std::fs::read(path?)?;
        let verdict = Reader::new(&body, Limits::default())
            .and_then(|mut reader| {
                while reader.read()?.is_some() {}
                Ok(())
            })
            .map_or_else(|error| format!("{:?}", error.fault), |()| "ok".into());
        println!("{verdict}");
    }
    Ok(())
}
