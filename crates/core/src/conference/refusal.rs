//! Why a document was refused whole.

use thiserror::Error;

use super::deviation::DeviationCode;
use crate::xml;

/// Why nothing of a document was applied.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Error)]
#[non_exhaustive]
pub enum Refusal {
    /// Not a document that an XML reader accepts.
    #[error("the body is not readable XML: {0}")]
    Malformed(#[from] xml::Error),
    /// More users than [`Limits::users`](super::Limits::users).
    #[error("the roster would hold more users than the limit")]
    TooManyUsers,
    /// More than [`Limits::store`](super::Limits::store).
    #[error("the roster would take more memory than the limit")]
    StoreFull,
    /// More endpoints than [`Limits::endpoints`](super::Limits::endpoints).
    #[error("a user would have more endpoints than the limit")]
    TooManyEndpoints,
    /// More media than [`Limits::media`](super::Limits::media).
    #[error("an endpoint would have more media than the limit")]
    TooManyMedia,
    /// More sidebars than [`Limits::sidebars`](super::Limits::sidebars).
    #[error("the conference would have more sidebars than the limit")]
    TooManySidebars,
    /// Another root than `conference-info` of RFC 4575 §4.2.
    #[error("the root element is not conference-info of RFC 4575")]
    NotConferenceInfo,
    /// `conference-info` without namespace (strict).
    #[error("conference-info is in no namespace")]
    NoNamespace,
    /// The root, or an entry of `sidebars-by-val`, without `entity` (strict; RFC 4575 §4.5, §5.2).
    #[error("the conference is not named: no entity on conference-info")]
    MissingEntity,
    /// No readable `version` (strict; RFC 4575 §4.3).
    #[error("conference-info has no readable version")]
    MissingVersion,
    /// A user without `entity` (strict; RFC 4575 §4.5).
    #[error("a user has no entity")]
    UserWithoutEntity,
    /// An endpoint without `entity` (strict; RFC 4575 §4.5).
    #[error("an endpoint has no entity")]
    EndpointWithoutEntity,
    /// A medium without `id` (strict; RFC 4575 §4.5).
    #[error("a medium has no id")]
    MediaWithoutId,
}

impl Refusal {
    /// The code under which it is reported.
    pub const fn code(&self) -> DeviationCode {
        match self {
            Self::Malformed(_)
            | Self::TooManyUsers
            | Self::StoreFull
            | Self::TooManyEndpoints
            | Self::TooManyMedia
            | Self::TooManySidebars => DeviationCode::MalformedBody,
            Self::NotConferenceInfo => DeviationCode::NotConferenceInfo,
            Self::NoNamespace => DeviationCode::NoNamespace,
            Self::MissingEntity => DeviationCode::MissingEntity,
            Self::MissingVersion => DeviationCode::MissingVersion,
            Self::UserWithoutEntity => DeviationCode::UserWithoutEntity,
            Self::EndpointWithoutEntity => DeviationCode::EndpointWithoutEntity,
            Self::MediaWithoutId => DeviationCode::MediaWithoutId,
        }
    }
}
