# Records, heads, outputs and keys. Each object is locked on its own by the process that writes it, and by the bucket's
# default as well; there is no lifecycle, because what expires is decided by the lock.

resource "aws_s3_bucket" "log" {
  bucket              = local.log
  object_lock_enabled = true

  lifecycle {
    prevent_destroy = true
  }
}

resource "aws_s3_bucket_versioning" "log" {
  bucket = aws_s3_bucket.log.id
  versioning_configuration {
    status = "Enabled"
  }
}

resource "aws_s3_bucket_object_lock_configuration" "log" {
  bucket     = aws_s3_bucket.log.id
  depends_on = [aws_s3_bucket_versioning.log]

  rule {
    default_retention {
      mode = "COMPLIANCE"
      days = var.retention_days
    }
  }
}

resource "aws_s3_bucket_ownership_controls" "log" {
  bucket = aws_s3_bucket.log.id
  rule {
    object_ownership = "BucketOwnerEnforced"
  }
}

resource "aws_s3_bucket_public_access_block" "log" {
  bucket                  = aws_s3_bucket.log.id
  block_public_acls       = true
  block_public_policy     = true
  ignore_public_acls      = true
  restrict_public_buckets = true
}

resource "aws_s3_bucket_server_side_encryption_configuration" "log" {
  bucket = aws_s3_bucket.log.id
  rule {
    apply_server_side_encryption_by_default {
      sse_algorithm = "AES256"
    }
  }
}

resource "aws_s3_bucket_policy" "log" {
  bucket = aws_s3_bucket.log.id
  policy = data.aws_iam_policy_document.log_bucket.json
  # Afterwards only administrators may do these.
  depends_on = [
    aws_s3_bucket_object_lock_configuration.log,
    aws_s3_bucket_ownership_controls.log,
    aws_s3_bucket_public_access_block.log,
    aws_s3_bucket_server_side_encryption_configuration.log,
  ]
}

data "aws_iam_policy_document" "log_bucket" {
  # Statements that every bucket has.
  source_policy_documents = [data.aws_iam_policy_document.guarded["log"].json]

  statement {
    sid       = "NobodyDeletesOrLiftsALock"
    effect    = "Deny"
    actions   = ["s3:DeleteObject", "s3:DeleteObjectVersion", "s3:BypassGovernanceRetention"]
    resources = ["${local.log_arn}/*"]
    principals {
      type        = "*"
      identifiers = ["*"]
    }
  }

  # Without the condition key there is no multipart upload either: a part cannot be conditional.
  statement {
    sid       = "NobodyWritesOverAnObject"
    effect    = "Deny"
    actions   = ["s3:PutObject"]
    resources = ["${local.log_arn}/*"]
    principals {
      type        = "*"
      identifiers = ["*"]
    }
    condition {
      test     = "Null"
      variable = "s3:if-none-match"
      values   = ["true"]
    }
  }

  statement {
    sid       = "NoOtherModeThanCompliance"
    effect    = "Deny"
    actions   = ["s3:PutObject", "s3:PutObjectRetention"]
    resources = ["${local.log_arn}/*"]
    principals {
      type        = "*"
      identifiers = ["*"]
    }
    condition {
      test     = "Null"
      variable = "s3:object-lock-mode"
      values   = ["false"]
    }
    condition {
      test     = "StringNotEquals"
      variable = "s3:object-lock-mode"
      values   = ["COMPLIANCE"]
    }
  }

  # The default would be replaced by a shorter lock of one's own.
  statement {
    sid       = "NoShorterLock"
    effect    = "Deny"
    actions   = ["s3:PutObject", "s3:PutObjectRetention"]
    resources = ["${local.log_arn}/*"]
    principals {
      type        = "*"
      identifiers = ["*"]
    }
    condition {
      test     = "Null"
      variable = "s3:object-lock-remaining-retention-days"
      values   = ["false"]
    }
    condition {
      test     = "NumericLessThan"
      variable = "s3:object-lock-remaining-retention-days"
      values   = [var.retention_days]
    }
  }
}
