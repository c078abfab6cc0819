#!/bin/sh
# Install the Debian packages this project builds and runs with, as root or through sudo.
set -eu
cd "$(dirname "$0")"
sudo=
[ "$(id -u)" -eq 0 ] || sudo=sudo
packages=$(grep -v '^#' requirements/debian.txt)
# shellcheck disable=SC2086  # one word per package
if ! dpkg-query -W $packages >/dev/null 2>&1; then
    $sudo apt-get update
    $sudo env DEBIAN_FRONTEND=noninteractive apt-get install -y --no-install-recommends $packages
fi
