//! Our own rules: what a provider meets.
//!
//! They lie in `detections/` at the root of the repository, each with cases in `detections/cases`
//! that make it fire and that leave it quiet.

/// The files of the pack: their names and texts, as [`Rules::parse`](crate::Rules::parse) takes
/// them.
pub const PACK: &[(&str, &str)] = &[
    ("abnormal-export.yml", include_str!("../../../detections/abnormal-export.yml")),
    ("brute-force.yml", include_str!("../../../detections/brute-force.yml")),
    ("canary.yml", include_str!("../../../detections/canary.yml")),
    ("credential-stuffing.yml", include_str!("../../../detections/credential-stuffing.yml")),
    ("emergency-access.yml", include_str!("../../../detections/emergency-access.yml")),
    ("first-access.yml", include_str!("../../../detections/first-access.yml")),
    ("impossible-travel.yml", include_str!("../../../detections/impossible-travel.yml")),
    ("leaver.yml", include_str!("../../../detections/leaver.yml")),
    ("log-gap.yml", include_str!("../../../detections/log-gap.yml")),
    ("mass-deletion.yml", include_str!("../../../detections/mass-deletion.yml")),
    ("scan.yml", include_str!("../../../detections/scan.yml")),
    ("vendor-hours.yml", include_str!("../../../detections/vendor-hours.yml")),
];
