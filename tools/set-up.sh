#!/usr/bin/env bash
# Brings a fresh machine to the point where the pinned Node runs: checks what must be there, installs the packages.
set -euo pipefail
cd "$(dirname "$0")/.."

missing() {
  echo "latchkey: $1" >&2
  exit 69
}

command -v node >/dev/null || missing 'Node is missing. Install version 20 or newer (Debian: apt-get install nodejs npm).'
command -v npm >/dev/null || missing 'npm is missing. Debian: apt-get install npm'
command -v python3 >/dev/null || missing 'Python 3 is missing. Debian: apt-get install python3 python3-pip'

# The stamp is the lock file as it was installed, so a changed lock installs anew and nothing else does.
stamp=node_modules/.installed-lock.json
if cmp -s package-lock.json "$stamp"; then exit 0; fi

major=$(PATH=${PATH#"$PWD/node_modules/.bin:"} node -p 'process.versions.node.split(".")[0]')
[ "$major" -ge 20 ] || missing "Node $major is too old to install packages with. Install version 20 or newer."
echo 'latchkey: installing packages (npm ci) …'
npm ci --no-audit --no-fund --loglevel=error
cp package-lock.json "$stamp"
