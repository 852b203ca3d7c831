//! What the fuzz targets check: one function a target, total over all byte strings, panicking on a finding.
//!
//! Each runs under libFuzzer (`tests/fuzz/run`) and, on inputs of a fixed seed, in `tests/fuzz_short.rs`. Targets that
//! want structure read their bytes as a list of choices ([`arbitrary::Unstructured`]), so that any input means
//! something and small changes of it are small changes of what is tried.

mod documents;
mod engine;
mod headers;
mod markup;
mod reader;
mod rules;
mod short;
mod uris;
mod xcap_diff;

pub use documents::documents;
pub use engine::engine_inputs;
pub use headers::headers;
pub use reader::{Verdict, compare_with_roxmltree, reader_events, reader_well_formed};
pub use rules::rules;
pub use short::{Shape, inputs};
pub use uris::uri_pair;
pub use xcap_diff::xcap_diff;

/// A target: its name as in `tests/fuzz`, what it checks, and which inputs are worth trying.
#[derive(Clone, Copy, Debug)]
pub struct Target {
    /// Name of the binary.
    pub name: &'static str,
    /// Panics on a finding.
    pub check: fn(&[u8]),
    /// What inputs of the short form look like.
    pub shape: Shape,
}

/// All targets.
pub const TARGETS: [Target; 8] = [
    Target {
        name: "reader_well_formed",
        check: reader_well_formed,
        shape: Shape::Markup,
    },
    Target {
        name: "reader_events",
        check: reader_events,
        shape: Shape::Markup,
    },
    Target {
        name: "documents",
        check: documents,
        shape: Shape::Choices { longest: 600 },
    },
    Target {
        name: "uri_pair",
        check: uri_pair,
        shape: Shape::Uris,
    },
    Target {
        name: "headers",
        check: headers,
        shape: Shape::Headers,
    },
    Target {
        name: "rules",
        check: rules,
        shape: Shape::Choices { longest: 300 },
    },
    Target {
        name: "xcap_diff",
        check: xcap_diff,
        shape: Shape::Choices { longest: 200 },
    },
    Target {
        name: "engine_inputs",
        check: engine_inputs,
        shape: Shape::Choices { longest: 500 },
    },
];
