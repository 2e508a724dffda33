# What a worker of the pool `main` may do in Vault. Another pool has a policy of its own, with its own
# mounts and folders: that is what keeps a worker of `dev` from minting for `prod`.
#
#   vault policy write countersign-worker-main worker.hcl
#   vault write auth/approle/role/countersign-worker-main \
#     token_policies=countersign-worker-main token_ttl=8h token_max_ttl=8h \
#     secret_id_num_uses=0 token_bound_cidrs=10.0.8.0/24
#
# `token_ttl` must be longer than the longest command by two minutes: what Vault issues ends with the
# token that asked for it.

# A token for each command. It inherits these policies, ends with the command, and its leases with it.
path "auth/token/create" { capabilities = ["update"] }

# What a worker that died left behind, by the accessor in the journal.
path "auth/token/revoke-accessor" { capabilities = ["update"] }
path "sys/leases/revoke" { capabilities = ["update"] }

# The journal: which token belongs to which command.
path "kv/data/countersign/leases/main/*" { capabilities = ["create", "update", "read"] }
path "kv/metadata/countersign/leases/main/*" { capabilities = ["delete"] }
path "kv/metadata/countersign/leases/main" { capabilities = ["list"] }
path "kv/metadata/countersign/leases/main/" { capabilities = ["list"] }

# The roles of the targets in this pool, each by its name.
path "aws/main/creds/read" { capabilities = ["update"] }
path "aws/main/creds/change" { capabilities = ["update"] }
path "gcp/main/roleset/read/token" { capabilities = ["read"] }
path "kubernetes/main/creds/read" { capabilities = ["update"] }
path "kv/data/alertmanagers/main" { capabilities = ["read"] }
