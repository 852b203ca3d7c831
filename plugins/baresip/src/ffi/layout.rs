//! Where libre keeps the body and the status code of a message: found by decoding a known one, for its headers are not
//! there to ask and its versions differ.

use std::ffi::{c_int, c_void};

use rollmark_core::message::Headers;

use super::api::{Api, Const, Pl, Ptr, Version};

/// Offsets within `struct sip_msg`.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Layout {
    buffer: usize,
    status: usize,
}

/// Offset of `val` in `struct sip_hdr`: behind two list elements and the name.
const HEADER_VALUE: usize = 80;
/// Offsets in `struct mbuf`.
const BUFFER_START: usize = 0;
const BUFFER_POSITION: usize = 16;
const BUFFER_END: usize = 24;
/// Where the last field that is looked for can be at most; `struct sip_msg` is larger than this.
const SEARCHED_1: usize = 920;
const SEARCHED_4: usize = 1168;
/// A status that nobody uses.
const PROBE_STATUS: u16 = 299;
const PROBE: &std::ffi::CStr = c"SIP/2.0 299 Probe\r\nVia: SIP/2.0/UDP 127.0.0.1:9;branch=z9hG4bKx\r\nFrom: <sip:a@b>;tag=1\r\nTo: <sip:a@b>;tag=2\r\nCall-ID: c\r\nCSeq: 7 OPTIONS\r\nExpires: 77\r\nContent-Length: 2\r\n\r\nok";

/// Headers that the core reads.
const READ: [&str; 16] = [
    "Accept",
    "Call-ID",
    "Contact",
    "Content-Encoding",
    "Content-Length",
    "Content-Type",
    "CSeq",
    "Event",
    "Expires",
    "From",
    "Min-Expires",
    "Record-Route",
    "Require",
    "Retry-After",
    "Subscription-State",
    "To",
];

impl Layout {
    pub(super) fn find(api: &Api) -> Result<Self, &'static str> {
        // SAFETY: the buffer is made, filled, set back to its start and decoded as libre does with what it receives; both
        // objects are released once.
        unsafe {
            let buffer = (api.mbuf_alloc)(1024);
            if buffer.is_null() {
                return Err("no memory");
            }
            (api.mbuf_write_str)(buffer, PROBE.as_ptr());
            buffer
                .cast::<u8>()
                .add(BUFFER_POSITION)
                .cast::<usize>()
                .write(0);
            let mut message = std::ptr::null_mut();
            let found = if (api.sip_msg_decode)(&raw mut message, buffer) == 0 {
                Self::search(api, message, buffer)
            } else {
                Err("a plain message cannot be decoded")
            };
            (api.mem_deref)(message);
            (api.mem_deref)(buffer);
            found
        }
    }

    /// # Safety
    /// The message was decoded from the buffer and holds it.
    unsafe fn search(api: &Api, message: Ptr, buffer: Ptr) -> Result<Self, &'static str> {
        let searched = match api.version {
            Version::One(_) => SEARCHED_1,
            Version::Four(_) => SEARCHED_4,
        };
        // SAFETY: only within the message's own memory.
        let layout = unsafe {
            let place = (64..=searched)
                .step_by(8)
                .find(|at| message.cast::<u8>().add(*at).cast::<usize>().read() == buffer as usize);
            let status = (64..600)
                .step_by(2)
                .find(|at| message.cast::<u8>().add(*at).cast::<u16>().read() == PROBE_STATUS);
            Self {
                buffer: place.ok_or("the body of a message is not where it was")?,
                status: status.ok_or("the status of a message is not where it was")?,
            }
        };
        // SAFETY: the message is a decoded one.
        let (body, headers) = unsafe { (layout.body(message), headers(api, message)) };
        if body != b"ok" || headers.get("Expires") != Some("77") {
            return Err("a message does not read as it was written");
        }
        Ok(layout)
    }

    /// # Safety
    /// A message that libre has decoded.
    pub(super) unsafe fn status(self, message: Const) -> u16 {
        // SAFETY: the offset was found in such a message.
        unsafe { message.cast::<u8>().add(self.status).cast::<u16>().read() }
    }

    /// The body, copied.
    ///
    /// # Safety
    /// A message that libre has decoded.
    pub(super) unsafe fn body(self, message: Const) -> Vec<u8> {
        // SAFETY: the offset was found in such a message; position and end lie within the buffer.
        unsafe {
            let buffer = message
                .cast::<u8>()
                .add(self.buffer)
                .cast::<*const u8>()
                .read();
            if buffer.is_null() {
                return Vec::new();
            }
            let start = buffer.add(BUFFER_START).cast::<*const u8>().read();
            let position = buffer.add(BUFFER_POSITION).cast::<usize>().read();
            let end = buffer.add(BUFFER_END).cast::<usize>().read();
            if start.is_null() || end <= position {
                return Vec::new();
            }
            std::slice::from_raw_parts(start.add(position), end - position).to_vec()
        }
    }
}

/// The headers that the core reads, copied.
///
/// # Safety
/// A message that libre has decoded.
pub(super) unsafe fn headers(api: &Api, message: Const) -> Headers {
    let mut headers = Headers::new();
    for name in READ {
        let mut collected = (name, &mut headers);
        // SAFETY: the handler takes what is given here, during this call only.
        unsafe {
            let arg = (&raw mut collected).cast::<c_void>();
            (api.sip_msg_hdr_apply)(message, true, header_id(name), collect, arg);
        }
    }
    headers
}

extern "C" fn collect(header: Const, _message: Const, arg: Ptr) -> bool {
    super::guarded(true, || {
        // SAFETY: libre gives a struct sip_hdr, whose value lies in the message's buffer; `arg` is from `headers`.
        unsafe {
            let (name, headers) = &mut *arg.cast::<(&str, &mut Headers)>();
            let value = header.cast::<u8>().add(HEADER_VALUE).cast::<Pl>().read();
            if !value.p.is_null() {
                let value = std::slice::from_raw_parts(value.p.cast::<u8>(), value.l);
                headers.push(*name, String::from_utf8_lossy(value));
            }
        }
        false
    })
}

/// libre's number of a header: the low bits of a hash of its name in lower case.
fn header_id(name: &str) -> c_int {
    let mut hash = 0u32;
    for byte in name.bytes() {
        hash = hash.wrapping_add(byte.to_ascii_lowercase().into());
        hash = hash.wrapping_add(hash << 10);
        hash ^= hash >> 6;
    }
    hash = hash.wrapping_add(hash << 3);
    hash ^= hash >> 11;
    hash = hash.wrapping_add(hash << 15);
    c_int::try_from(hash & 0xfff).unwrap_or(-1)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn headers_have_the_numbers_of_libre() {
        assert_eq!(header_id("Contact"), 229);
        assert_eq!(header_id("Subscription-State"), 2884);
        assert_eq!(header_id("Content-Type"), 809);
        assert_eq!(header_id("CSeq"), 746);
    }
}
