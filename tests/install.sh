# Sourced by tests/run: installs what the tests need and says what cannot be installed.
# shellcheck shell=bash disable=SC2154

# Debian packages, as `program:package`; the program tells whether the package is needed.
packages=(
  "/usr/bin/kubectl:kubernetes-client"   # a real kubectl, 1.20; newer ones are taken when they are there
  "/usr/bin/redis-server:redis-server"   # the production queue
  "/usr/bin/redis-sentinel:redis-sentinel" # its failover
  "/usr/bin/bwrap:bubblewrap"            # the peer of the jail's launch bench
  "/usr/bin/prometheus-alertmanager:prometheus-alertmanager" # where silences are made
  "/usr/bin/docker-registry:docker-registry" # what the registry stand-in is measured by
  "/usr/bin/git:git"                     # a second place for signed heads
  "/usr/bin/g++:g++"                     # libFuzzer is C++
  "/usr/bin/ceph-mon:ceph-mon"           # a real Object Lock store: its monitor,
  "/usr/bin/ceph-osd:ceph-osd"           # its storage,
  "/usr/bin/radosgw:radosgw"             # its S3 front,
  "/usr/bin/ceph-authtool:ceph-common"   # and the tools that set it up
  "/usr/bin/chromium:chromium"           # drives the console as people do
)
python3 -c 'import ensurepip' 2>/dev/null || packages+=("/usr/bin/python3-venv-missing:python3-venv") # other people's programs of tests/python
command -v npm >/dev/null || packages+=("/usr/bin/npm:npm") # other people's programs of tests/npm

install_missing() {
  local wanted=() entry program package
  for entry in "${packages[@]}"; do
    program=${entry%%:*}; package=${entry##*:}
    [ -e "$program" ] || wanted+=("$package")
  done
  [ "${#wanted[@]}" -eq 0 ] && return 0
  local sudo=""; [ "$(id -u)" -eq 0 ] || sudo=sudo
  echo "installing: ${wanted[*]}"
  $sudo apt-get update -q >"$log" 2>&1 &&
    $sudo env DEBIAN_FRONTEND=noninteractive apt-get install -y -q --no-install-recommends "${wanted[@]}" >>"$log" 2>&1 ||
    { tail -n 30 "$log"; return 1; }
}

# Installs the programs of tests/npm, in exactly the locked versions, where git does not look. Not by `npm ci`: it
# wants every optional package of other platforms to be in the lock, and those are not everywhere to be had.
install_from_npm() {
  local home=.cache/npm
  cmp -s tests/npm/package-lock.json "$home/installed.lock" && return 0
  echo "installing: the programs of tests/npm"
  rm -rf "$home" && mkdir -p "$home" && cp tests/npm/package.json tests/npm/package-lock.json "$home/" &&
    npm install --prefix "$home" --ignore-scripts --no-audit --no-fund >"$log" 2>&1 &&
    cmp "$home/package-lock.json" tests/npm/package-lock.json >>"$log" &&
    cp tests/npm/package-lock.json "$home/installed.lock" || { tail -n 30 "$log"; return 1; }
}

# Installs the programs of tests/python, in exactly the named versions, where git does not look: moto in one place, and
# aws-cli, which wants another botocore, in one of its own.
install_from_pypi() {
  into_venv requirements.txt .cache/python && into_venv awscli.txt .cache/awscli
}

into_venv() {
  local wanted=tests/python/$1 home=$2
  cmp -s "$wanted" "$home/installed.txt" && return 0
  echo "installing: $wanted"
  # Whatever others could write does not run.
  umask 022
  rm -rf "$home" && python3 -m venv "$home" >"$log" 2>&1 &&
    "$home/bin/pip" install --quiet --disable-pip-version-check --no-deps -r "$wanted" >>"$log" 2>&1 &&
    "$home/bin/pip" check >>"$log" 2>&1 &&
    cp "$wanted" "$home/installed.txt" || { tail -n 30 "$log"; return 1; }
}

# Programs that are in no registry: tests that need one use it when it is there.
report_missing_programs() {
  local name path
  while read -r name path; do
    [ -n "$name" ] || continue
    # shellcheck disable=SC2086
    if ! ls $path >/dev/null 2>&1; then
      echo "not run: $name"
      if [ "$require_all" = yes ]; then failed=$((failed + 1)); failures+=("$name is missing"); fi
    fi
  done < <(sed -nE 's/^([a-z0-9_-]+) *= *"([^"]+)".*/\1 \2/p' tests/programs.toml)
}
