#!/bin/sh
# Install the Debian packages this project builds and runs with, as root or through sudo.
set -eu
cd "$(dirname "$0")"
sudo=
[ "$(id -u)" -eq 0 ] || sudo=sudo
packages=$(grep -v '^#' requirements/debian.txt)

# One word per package, and the icons' plugin for the Qt of this release's ParaView.
wanted() {
    icons=libqt5svg5
    if apt-cache depends paraview 2>/dev/null | grep -q libqt6; then icons=qt6-svg-plugins; fi
    # shellcheck disable=SC2086
    echo $packages $icons
}

missing() {
    for package in $(wanted); do
        state=$(dpkg-query -W -f '${db:Status-Status}' "$package" 2>/dev/null) || return 0
        [ "$state" = installed ] || return 0
    done
    return 1
}

if missing; then
    $sudo apt-get update
    # shellcheck disable=SC2046
    $sudo env DEBIAN_FRONTEND=noninteractive apt-get install -y --no-install-recommends $(wanted)
fi
