# Heads a second time. It proves something only where whoever can harm the log cannot reach: another account, locked.

resource "aws_s3_bucket" "anchor" {
  provider            = aws.anchor
  bucket              = local.anchor
  object_lock_enabled = true

  lifecycle {
    prevent_destroy = true
  }
}

resource "aws_s3_bucket_versioning" "anchor" {
  provider = aws.anchor
  bucket   = aws_s3_bucket.anchor.id
  versioning_configuration {
    status = "Enabled"
  }
}

resource "aws_s3_bucket_object_lock_configuration" "anchor" {
  provider   = aws.anchor
  bucket     = aws_s3_bucket.anchor.id
  depends_on = [aws_s3_bucket_versioning.anchor]

  rule {
    default_retention {
      mode = "COMPLIANCE"
      days = var.retention_days
    }
  }
}

resource "aws_s3_bucket_ownership_controls" "anchor" {
  provider = aws.anchor
  bucket   = aws_s3_bucket.anchor.id
  rule {
    object_ownership = "BucketOwnerEnforced"
  }
}

resource "aws_s3_bucket_public_access_block" "anchor" {
  provider                = aws.anchor
  bucket                  = aws_s3_bucket.anchor.id
  block_public_acls       = true
  block_public_policy     = true
  ignore_public_acls      = true
  restrict_public_buckets = true
}

resource "aws_s3_bucket_server_side_encryption_configuration" "anchor" {
  provider = aws.anchor
  bucket   = aws_s3_bucket.anchor.id
  rule {
    apply_server_side_encryption_by_default {
      sse_algorithm = "AES256"
    }
  }
}

resource "aws_s3_bucket_policy" "anchor" {
  provider = aws.anchor
  bucket   = aws_s3_bucket.anchor.id
  policy   = data.aws_iam_policy_document.anchor_bucket.json
  depends_on = [
    aws_s3_bucket_object_lock_configuration.anchor,
    aws_s3_bucket_ownership_controls.anchor,
    aws_s3_bucket_public_access_block.anchor,
    aws_s3_bucket_server_side_encryption_configuration.anchor,
  ]
}

data "aws_iam_policy_document" "anchor_bucket" {
  source_policy_documents = [data.aws_iam_policy_document.guarded["anchor"].json]

  statement {
    sid       = "NobodyDeletesOrLiftsALock"
    effect    = "Deny"
    actions   = ["s3:DeleteObject", "s3:DeleteObjectVersion", "s3:BypassGovernanceRetention"]
    resources = ["${local.anchor_arn}/*"]
    principals {
      type        = "*"
      identifiers = ["*"]
    }
  }

  statement {
    sid       = "NobodyWritesOverAHead"
    effect    = "Deny"
    actions   = ["s3:PutObject"]
    resources = ["${local.anchor_arn}/*"]
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

  # Another account's role needs the bucket's word as well as its own policy's.
  dynamic "statement" {
    for_each = length(local.writers) == 0 ? [] : [local.writers]
    content {
      sid       = "WritersKeepHeads"
      actions   = ["s3:GetObject", "s3:GetObjectVersion", "s3:GetObjectRetention", "s3:PutObject", "s3:PutObjectRetention"]
      resources = ["${local.anchor_arn}/heads/v1/*"]
      principals {
        type        = "AWS"
        identifiers = statement.value
      }
    }
  }

  dynamic "statement" {
    for_each = length(var.auditors) == 0 ? [] : [var.auditors]
    content {
      sid       = "AuditorsReadHeads"
      actions   = ["s3:GetObject", "s3:GetObjectVersion", "s3:GetObjectRetention"]
      resources = ["${local.anchor_arn}/heads/v1/*"]
      principals {
        type        = "AWS"
        identifiers = statement.value
      }
    }
  }

  dynamic "statement" {
    for_each = length(setunion(local.writers, var.auditors)) == 0 ? [] : [setunion(local.writers, var.auditors)]
    content {
      sid       = "BothLookAtTheBucket"
      actions   = local.look
      resources = [local.anchor_arn]
      principals {
        type        = "AWS"
        identifiers = statement.value
      }
    }
  }
}
