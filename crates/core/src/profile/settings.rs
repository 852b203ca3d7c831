//! What the profiles can be set to (OMA-21…29, IMS-26, SW-02, SW-03).

use alloc::string::String;

/// How strongly a focus with the IM feature tag is asked for (OMA-22, RFC 3841 §9.2).
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum ContactPreference {
    /// `require` and `explicit`: only where the tag is registered, as OMA SIMPLE IM has it.
    #[default]
    Strict,
    /// The tag alone, as RCS clients send it.
    Lenient,
    /// No Accept-Contact.
    None,
}

/// What the profiles can be set to.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Settings {
    /// Accept-Contact of the SUBSCRIBE to a conference.
    pub accept_contact: ContactPreference,
    /// IMS communication service identifier of the operator's IM service, a URN such as
    /// `urn:urn-7:3gpp-service.ims.icsi.example`. OMA SIMPLE IM itself has none (IMS-26).
    pub icsi: Option<String>,
    /// Vendor tokens of User-Agent, behind the OMA token; none for rollmark's own (OMA-24).
    pub product: Option<String>,
    /// In plain mode the registrar's Service-Route is followed (RFC 3608, SW-02).
    pub service_route: bool,
    /// In plain mode the next hop is a trusted proxy in the sense of RFC 3325, so it may be told the preferred identity
    /// (SW-03).
    pub trusted_proxy: bool,
    /// In IMS mode the account subscribes to its own registration state (`reg`, RFC 3680), so that it learns what the
    /// network does with it (IMS-05).
    pub watch_registration: bool,
}

impl Default for Settings {
    fn default() -> Self {
        Self {
            accept_contact: ContactPreference::Strict,
            icsi: None,
            product: None,
            service_route: true,
            trusted_proxy: false,
            watch_registration: false,
        }
    }
}
