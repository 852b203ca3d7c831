//! The second line of a recording: what the engine was made with.

use alloc::string::String;

use super::Fault;
use super::fields::Fields;
use crate::host::Capabilities;

/// The second line: what the engine was made with.
pub(super) fn engine_line(mut capabilities: Capabilities, mut seed: [u8; 32]) -> String {
    let mut fields = Fields::to_write();
    // Writing finds no fault.
    let _ = describe_engine(&mut capabilities, &mut seed, &mut fields);
    alloc::format!("engine {}\n", fields.text())
}

pub(super) fn describe_engine(
    capabilities: &mut Capabilities,
    seed: &mut [u8; 32],
    fields: &mut Fields,
) -> Result<(), Fault> {
    let Capabilities {
        kind,
        sees_final_notify,
        keeps_order,
        sees_2xx,
        per_request_headers,
        explicit_routes,
        chooses_answer,
    } = capabilities;
    fields.value("kind", kind)?;
    fields.value("sees-final-notify", sees_final_notify)?;
    fields.value("keeps-order", keeps_order)?;
    fields.value("sees-2xx", sees_2xx)?;
    fields.value("per-request-headers", per_request_headers)?;
    fields.value("explicit-routes", explicit_routes)?;
    fields.value("chooses-answer", chooses_answer)?;
    fields.value("seed", seed)
}
