#!/bin/sh
# Installs the third-party programs that the marked tests talk to, skipping what is there already.
set -eu
PATH="$PATH:/usr/sbin:/usr/local/sbin"
want=""
need() { # command package
    command -v "$1" >/dev/null 2>&1 || want="$want $2"
}
need sipp sip-tester
need bearerbox kannel
need tshark tshark
need node nodejs
need npm npm
need chromium chromium
need baresip baresip
need prometheus prometheus
ls /usr/lib/postgresql/*/bin/initdb >/dev/null 2>&1 || want="$want postgresql"
if [ -n "$want" ]; then
    echo "Installing:$want"
    export DEBIAN_FRONTEND=noninteractive
    apt-get update -qq
    # shellcheck disable=SC2086
    apt-get install -y -qq --no-install-recommends $want >/dev/null
fi
