//! Operations that no source of access levels has, and that only read.
//!
//! **Invariant:** each describes, gets, lists, searches or detects, its documentation says that it
//! returns what there is, and nothing that it returns is a credential, a signed address or a secret.

/// Sorted by name. Sources: documentation and response shapes of botocore 1.43.11, which name other
/// actions of IAM for some: `cassandra:Select`, `dms:ListMetadataModel…`, `ecr:BatchGetImage`,
/// `glue:GetPartition`, `glue:GetTable`, `lex:ListAggregatedUtterances`, `tax:GetExemptions`.
const READS: &[&str] = &[
    "cloudhsm describe-hapg",
    "cloudhsm describe-hsm",
    "cloudhsm describe-luna-client",
    "cloudhsm list-available-zones",
    "cloudhsm list-hapgs",
    "cloudhsm list-hsms",
    "cloudhsm list-luna-clients",
    "cloudhsm list-tags-for-resource",
    "cloudtrail list-insights-metric-data",
    "cloudwatch describe-alarm-contributors",
    "codecatalyst list-access-tokens",
    "codecatalyst list-dev-environment-sessions",
    "codecatalyst list-dev-environments",
    "codecatalyst list-event-logs",
    "codecatalyst list-projects",
    "codecatalyst list-source-repositories",
    "codecatalyst list-source-repository-branches",
    "codecatalyst list-spaces",
    "codecatalyst list-workflow-runs",
    "codecatalyst list-workflows",
    "codecatalyst verify-session",
    "comprehendmedical detect-entities",
    "connect search-test-cases",
    "dms describe-metadata-model-assessments",
    "dms describe-metadata-model-conversions",
    "dms describe-metadata-model-exports-as-script",
    "dms describe-metadata-model-exports-to-target",
    "ecr list-image-referrers",
    "glue batch-get-data-quality-result",
    "glue get-materialized-view-refresh-task-run",
    "glue get-unfiltered-partition-metadata",
    "glue get-unfiltered-partitions-metadata",
    "glue get-unfiltered-table-metadata",
    "glue list-data-quality-statistic-annotations",
    "glue list-data-quality-statistics",
    "glue list-materialized-view-refresh-task-runs",
    "iotsecuretunneling list-tags-for-resource",
    "iotthingsgraph describe-namespace",
    "iotthingsgraph get-entities",
    "iotthingsgraph get-flow-template",
    "iotthingsgraph get-flow-template-revisions",
    "iotthingsgraph get-namespace-deletion-status",
    "iotthingsgraph get-system-instance",
    "iotthingsgraph get-system-template",
    "iotthingsgraph get-system-template-revisions",
    "iotthingsgraph get-upload-status",
    "iotthingsgraph list-flow-execution-messages",
    "iotthingsgraph list-tags-for-resource",
    "iotthingsgraph search-entities",
    "iotthingsgraph search-flow-executions",
    "iotthingsgraph search-flow-templates",
    "iotthingsgraph search-system-instances",
    "iotthingsgraph search-system-templates",
    "iotthingsgraph search-things",
    "keyspaces get-table-auto-scaling-settings",
    "keyspaces get-type",
    "keyspaces list-types",
    "lexv2-models list-bot-analyzer-history",
    "lexv2-models list-utterance-analytics-data",
    "lexv2-models list-utterance-metrics",
    "partnercentral-benefits get-benefit",
    "partnercentral-benefits get-benefit-allocation",
    "partnercentral-benefits get-benefit-application",
    "partnercentral-benefits list-benefit-allocations",
    "partnercentral-benefits list-benefit-applications",
    "partnercentral-benefits list-benefits",
    "rds describe-serverless-v2-platform-versions",
    "securityhub get-finding-statistics-v2",
    "securityhub get-findings-v2",
    "taxsettings batch-get-tax-exemptions",
    "taxsettings get-tax-exemption-types",
    "taxsettings list-tax-exemptions",
];

/// Whether an operation is one of them.
pub(super) fn is_read(full_name: &str) -> bool {
    READS.binary_search(&full_name).is_ok()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::aws::table::{self, Access};

    #[test]
    fn documented_reads_are_sorted_and_known_to_nobody_else() {
        assert!(READS.is_sorted());
        for name in READS {
            let (service, operation) = name.split_once(' ').unwrap();
            let operation = table::service(service).and_then(|service| service.operation(operation));
            assert!(operation.is_some_and(|it| it.access == Access::Unknown), "{name}");
        }
    }
}
