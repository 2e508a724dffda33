# Who may do what. The names in the log follow from who writes, so each process may write its own alone; what it writes
# there is believed by its signature, not by its place. Fates and outcomes lie below their pool's name: whoever creates
# one first decides, so a worker may create its own pool's alone.

locals {
  # Listing makes an absent object a 404 and not a 403; versions show what was written over or hidden.
  look = [
    "s3:GetBucketObjectLockConfiguration",
    "s3:GetBucketVersioning",
    "s3:ListBucket",
    "s3:ListBucketVersions",
  ]
  read = ["s3:GetObject", "s3:GetObjectVersion", "s3:GetObjectRetention"]
  # PutObject with a lock of its own needs PutObjectRetention; compliance mode only ever lets it be prolonged.
  write = ["s3:PutObject", "s3:PutObjectRetention"]
  # Below these a gateway writes, in the log and in the fates.
  gateway = {
    role = "gateway"
    log  = ["records/v1/writer=gateway-*", "heads/v1/writer=gateway-*", "keys/v1/*"]
    fate = ["fate/*", "control/*"]
  }
  # And the workers of each pool. Where a program tries out the store when it starts is nobody's pool, and the units of
  # people's budgets are counted over all.
  worker = { for pool in keys(var.workers) : "worker-${pool}" => {
    role = "worker"
    log  = ["records/v1/writer=worker-*", "heads/v1/writer=worker-*", "outputs/v1/*", "keys/v1/*"]
    fate = ["fate/${pool}/*", "outcome/${pool}/*", "fate/startup-probe/*", "slot/*"]
  } }
  names = merge({ gateway = local.gateway }, local.worker)
  roles = merge({ gateway = var.gateways }, { for pool, roles in var.workers : "worker-${pool}" => roles })
}

# What every bucket denies everybody.
data "aws_iam_policy_document" "guarded" {
  for_each = { log = local.log_arn, fate = local.fate_arn, anchor = local.anchor_arn }

  statement {
    sid       = "EncryptedOnTheWay"
    effect    = "Deny"
    actions   = ["s3:*"]
    resources = [each.value, "${each.value}/*"]
    principals {
      type        = "*"
      identifiers = ["*"]
    }
    condition {
      test     = "Bool"
      variable = "aws:SecureTransport"
      values   = ["false"]
    }
  }

  statement {
    sid       = "WithTls12"
    effect    = "Deny"
    actions   = ["s3:*"]
    resources = [each.value, "${each.value}/*"]
    principals {
      type        = "*"
      identifiers = ["*"]
    }
    condition {
      test     = "NumericLessThan"
      variable = "s3:TlsVersion"
      values   = ["1.2"]
    }
  }

  statement {
    sid       = "OnlyAdministratorsChangeSettings"
    effect    = "Deny"
    actions   = local.settings
    resources = [each.value]
    principals {
      type        = "*"
      identifiers = ["*"]
    }
    condition {
      test     = "ArnNotLike"
      variable = "aws:PrincipalArn"
      values   = each.key == "anchor" && var.anchor_role != "" ? setunion(var.administrators, [var.anchor_role]) : var.administrators
    }
  }
}

data "aws_iam_policy_document" "writer" {
  for_each = local.names

  statement {
    sid       = "Look"
    actions   = concat(local.look, ["s3:GetLifecycleConfiguration"])
    resources = [local.log_arn, local.fate_arn, local.anchor_arn]
  }

  statement {
    sid       = "ReadWhatIsThere"
    actions   = local.read
    resources = ["${local.log_arn}/*", "${local.fate_arn}/*", "${local.anchor_arn}/heads/v1/*"]
  }

  statement {
    sid       = "WriteItsOwn"
    actions   = local.write
    resources = [for name in each.value.log : "${local.log_arn}/${name}"]
  }

  statement {
    sid       = "DecideFates"
    actions   = ["s3:PutObject"]
    resources = [for name in each.value.fate : "${local.fate_arn}/${name}"]
  }

  statement {
    sid       = "KeepHeads"
    actions   = local.write
    resources = ["${local.anchor_arn}/heads/v1/writer=${each.value.role}-*"]
  }
}

# Everything `countersign audit verify` asks for, and nothing that writes.
data "aws_iam_policy_document" "auditor" {
  statement {
    sid       = "Look"
    actions   = concat(local.look, ["s3:GetLifecycleConfiguration"])
    resources = [local.log_arn, local.fate_arn, local.anchor_arn]
  }

  statement {
    sid       = "Read"
    actions   = local.read
    resources = ["${local.log_arn}/*", "${local.fate_arn}/*", "${local.anchor_arn}/*"]
  }
}

resource "aws_iam_policy" "writer" {
  for_each = local.names
  name     = "${var.name}-countersign-${each.key}"
  policy   = data.aws_iam_policy_document.writer[each.key].json
}

resource "aws_iam_policy" "auditor" {
  name   = "${var.name}-countersign-auditor"
  policy = data.aws_iam_policy_document.auditor.json
}

resource "aws_iam_role_policy_attachment" "writer" {
  for_each = merge([
    for kind, roles in local.roles : { for role in roles : "${kind} ${role}" => { kind = kind, role = role } }
  ]...)
  policy_arn = aws_iam_policy.writer[each.value.kind].arn
  role       = element(split("/", each.value.role), -1)
}

resource "aws_iam_role_policy_attachment" "auditor" {
  for_each   = var.auditors
  policy_arn = aws_iam_policy.auditor.arn
  role       = element(split("/", each.value), -1)
}
