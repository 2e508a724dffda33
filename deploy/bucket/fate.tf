# Who started what, or that nobody ever will. The first writer of a name decides, so a name is never written again and
# never free again while its request could still run. Without versions and locks: in a bucket with them some stores let
# every writer win.

resource "aws_s3_bucket" "fate" {
  bucket = local.fate

  lifecycle {
    prevent_destroy = true
  }
}

resource "aws_s3_bucket_ownership_controls" "fate" {
  bucket = aws_s3_bucket.fate.id
  rule {
    object_ownership = "BucketOwnerEnforced"
  }
}

resource "aws_s3_bucket_public_access_block" "fate" {
  bucket                  = aws_s3_bucket.fate.id
  block_public_acls       = true
  block_public_policy     = true
  ignore_public_acls      = true
  restrict_public_buckets = true
}

resource "aws_s3_bucket_server_side_encryption_configuration" "fate" {
  bucket = aws_s3_bucket.fate.id
  rule {
    apply_server_side_encryption_by_default {
      sse_algorithm = "AES256"
    }
  }
}

# What is forgotten: fates, outcomes and the units of budgets. The log keeps a copy of the first two and names the units.
resource "aws_s3_bucket_lifecycle_configuration" "fate" {
  bucket = aws_s3_bucket.fate.id

  dynamic "rule" {
    for_each = toset(["fate/", "outcome/", "slot/"])
    content {
      id     = "forget-${trimsuffix(rule.value, "/")}"
      status = "Enabled"
      filter {
        prefix = rule.value
      }
      expiration {
        days = var.fate_days
      }
    }
  }
}

resource "aws_s3_bucket_policy" "fate" {
  bucket = aws_s3_bucket.fate.id
  policy = data.aws_iam_policy_document.fate_bucket.json
  depends_on = [
    aws_s3_bucket_lifecycle_configuration.fate,
    aws_s3_bucket_ownership_controls.fate,
    aws_s3_bucket_public_access_block.fate,
    aws_s3_bucket_server_side_encryption_configuration.fate,
  ]
}

data "aws_iam_policy_document" "fate_bucket" {
  source_policy_documents = [data.aws_iam_policy_document.guarded["fate"].json]

  # The lifecycle is not bound by this.
  statement {
    sid       = "NobodyDeletes"
    effect    = "Deny"
    actions   = ["s3:DeleteObject", "s3:DeleteObjectVersion"]
    resources = ["${local.fate_arn}/*"]
    principals {
      type        = "*"
      identifiers = ["*"]
    }
  }

  statement {
    sid       = "FirstWriterDecides"
    effect    = "Deny"
    actions   = ["s3:PutObject"]
    resources = ["${local.fate_arn}/*"]
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
}
