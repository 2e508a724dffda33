# The log's buckets on AWS. See README.md: what is written in compliance mode stays until its time is over.

terraform {
  required_version = ">= 1.9"
  required_providers {
    aws = {
      source  = "hashicorp/aws"
      version = ">= 5.80"
    }
  }
}

variable "name" {
  description = "Begins the names of the buckets and policies: <name>-countersign-log, -fate, -heads."
  type        = string
  validation {
    condition     = can(regex("^[a-z0-9][a-z0-9-]{1,40}$", var.name))
    error_message = "Small letters, digits and dashes; 2 to 41 of them."
  }
}

variable "region" {
  description = "Where the log and the fates are."
  type        = string
}

variable "retention_days" {
  description = "How long each object of the log is locked. 365 is usual; nobody can shorten it afterwards."
  type        = number
  validation {
    condition     = var.retention_days >= 1 && var.retention_days <= 36500
    error_message = "From a day to a century."
  }
}

variable "fate_days" {
  description = "After so many days a fate is forgotten. At least the longest `expires` of rbac.yaml (a day) and a week."
  type        = number
  default     = 60
  validation {
    condition     = var.fate_days >= 8
    error_message = "A fate that is forgotten too soon would let a command run again: at least 8 days."
  }
}

variable "anchor_region" {
  description = "Where the heads are; better not where the log is."
  type        = string
}

variable "anchor_role" {
  description = "A role of another account that makes the heads' bucket there; empty: it is made in this account."
  type        = string
  default     = ""
}

variable "gateways" {
  description = "Roles of the gateways (ARNs)."
  type        = set(string)
}

variable "workers" {
  description = "Roles of the workers (ARNs) of each pool. One role serves one pool: nothing of another pool is its to decide."
  type        = map(set(string))
  validation {
    condition     = alltrue([for pool in keys(var.workers) : can(regex("^[A-Za-z0-9._-]+$", pool))])
    error_message = "A pool is letters, digits, `.`, `_` and `-`."
  }
}

variable "auditors" {
  description = "Roles that read the log and verify it (ARNs)."
  type        = set(string)
  default     = []
}

variable "administrators" {
  description = "Roles that may change a bucket's settings (ARNs); everybody else is denied. The role that applies this must be one of them."
  type        = set(string)
  validation {
    condition     = length(var.administrators) > 0
    error_message = "Somebody must be able to change the buckets' settings."
  }
}

provider "aws" {
  region = var.region
}

provider "aws" {
  alias  = "anchor"
  region = var.anchor_region

  dynamic "assume_role" {
    for_each = var.anchor_role == "" ? [] : [var.anchor_role]
    content {
      role_arn = assume_role.value
    }
  }
}

locals {
  log    = "${var.name}-countersign-log"
  fate   = "${var.name}-countersign-fate"
  anchor = "${var.name}-countersign-heads"
  # By name, so that a policy can be made before its bucket.
  log_arn    = "arn:aws:s3:::${local.log}"
  fate_arn   = "arn:aws:s3:::${local.fate}"
  anchor_arn = "arn:aws:s3:::${local.anchor}"
  writers    = setunion(var.gateways, var.workers)
  # What could weaken a bucket.
  settings = [
    "s3:DeleteBucket",
    "s3:DeleteBucketPolicy",
    "s3:PutBucketAcl",
    "s3:PutBucketObjectLockConfiguration",
    "s3:PutBucketOwnershipControls",
    "s3:PutBucketPolicy",
    "s3:PutBucketPublicAccessBlock",
    "s3:PutBucketVersioning",
    "s3:PutLifecycleConfiguration",
    "s3:PutReplicationConfiguration",
  ]
}

output "countersign_yaml" {
  description = "The `audit` section of gateway.yaml and worker.yaml."
  value       = <<-YAML
    audit:
      bucket: { name: ${local.log}, region: ${var.region}, retention_days: ${var.retention_days} }
      fate: { bucket: { name: ${local.fate}, region: ${var.region} } }
      anchors:
        - { bucket: { name: ${local.anchor}, region: ${var.anchor_region}, retention_days: ${var.retention_days} } }
  YAML
}
