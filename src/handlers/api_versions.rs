//! `ApiVersions` v0-4 (KIP-35, KIP-511, KIP-584): what this broker answers.
//!
//! An unknown version is answered in version 0 with `UNSUPPORTED_VERSION` and the whole list, so that a newer client can choose.
//! Finalized features are those of the metadata image.

use super::{BUILT, Context, Credit, Outcome, malformed, respond};
use crate::protocol::messages::api_versions::{ApiVersion, FinalizedFeatureKey, SupportedFeatureKey};
use crate::protocol::messages::{ApiVersionsRequest, ApiVersionsResponse};
use crate::protocol::{ErrorCode, Frame};

pub(super) fn handle(context: &Context, frame: &Frame, credit: Credit) -> Outcome {
    let range = frame.api.advertised().filter(|range| range.contains(frame.version));
    if range.is_none() {
        let response = ApiVersionsResponse {
            error_code: ErrorCode::UNSUPPORTED_VERSION,
            api_keys: built(),
            ..Default::default()
        };
        let first = Frame { version: 0, ..frame.clone() };
        return respond(&first, &response, credit);
    }
    let request: ApiVersionsRequest = match frame.decode() {
        Ok(request) => request,
        Err(error) => return malformed(frame, &error),
    };
    if frame.version >= 3
        && !(is_software_name(&request.client_software_name)
            && is_software_name(&request.client_software_version))
    {
        let response = ApiVersionsResponse { error_code: ErrorCode::INVALID_REQUEST, ..Default::default() };
        return respond(frame, &response, credit);
    }
    respond(frame, &list(context), credit)
}

fn list(context: &Context) -> ApiVersionsResponse {
    let image = context.image();
    let finalized = image.features().map(|(name, level)| FinalizedFeatureKey {
        name: name.into(),
        max_version_level: level,
        min_version_level: level,
        ..Default::default()
    });
    let supported = crate::metadata::SUPPORTED_FEATURES.iter().map(|feature| SupportedFeatureKey {
        name: feature.name.into(),
        min_version: feature.min,
        max_version: feature.max,
        ..Default::default()
    });
    ApiVersionsResponse {
        api_keys: built(),
        supported_features: supported.collect(),
        finalized_features_epoch: context.version().0 as i64,
        finalized_features: finalized.collect(),
        ..Default::default()
    }
}

fn built() -> Vec<ApiVersion> {
    let mut keys: Vec<ApiVersion> = BUILT
        .iter()
        .filter_map(|api| api.advertised().map(|range| (*api as i16, range)))
        .map(|(api_key, range)| ApiVersion {
            api_key,
            min_version: range.min,
            max_version: range.max,
            ..Default::default()
        })
        .collect();
    keys.sort_by_key(|key| key.api_key);
    keys
}

/// KIP-511: letters, digits, `-` and `.`, with a letter or digit at both ends.
fn is_software_name(text: &str) -> bool {
    let alphanumeric = |byte: Option<&u8>| byte.is_some_and(u8::is_ascii_alphanumeric);
    let bytes = text.as_bytes();
    alphanumeric(bytes.first())
        && alphanumeric(bytes.last())
        && bytes.iter().all(|byte| byte.is_ascii_alphanumeric() || matches!(byte, b'-' | b'.'))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn software_names() {
        for good in ["apache-kafka-java", "4.3.1", "a"] {
            assert!(is_software_name(good), "{good}");
        }
        for bad in ["", "-a", "a.", "a b", "ä"] {
            assert!(!is_software_name(bad), "{bad}");
        }
    }
}
