#!/usr/bin/env bash
# Run the README's two commands in clean roots of Debian releases, from the commit checked out here.
#
#   tests/clean-roots.sh FOLDER [RELEASE...]      default: bookworm trixie
#   PRESETS=demo tests/clean-roots.sh FOLDER      without the tests
#
# FOLDER/RELEASE becomes the root (some 20 GB where PyTorch comes with its libraries for GPUs); a root
# that is there is used again, with the packages it has: remove it to start from nothing. Logs and
# pictures are left in FOLDER. Needs to be root, and debootstrap. Mounts end with the command.
set -euo pipefail
repository=$(cd "$(dirname "$0")/.." && pwd)
folder=$(realpath -m "${1:?a folder for the roots}")
shift
mkdir -p "$folder"

# The package settings of this machine: mirrors behind it are often the only ones that are reached.
settings=(/etc/resolv.conf /etc/hosts /etc/pip.conf /etc/xdg/pip /root/.config/pip
          /etc/ssl/certs/ca-certificates.crt /usr/local/share/ca-certificates)

make_root() {
    local release=$1 root=$2 path
    [ -e "$root/etc/debian_version" ] || debootstrap --variant=minbase \
        --include=git,python3,ca-certificates "$release" "$root"
    for path in "${settings[@]}" /etc/apt/apt.conf.d/99*; do
        if [ -e "$path" ]; then mkdir -p "$root${path%/*}"; cp -rLT "$path" "$root$path"; fi
    done
}

# In a mount namespace of its own, so that nothing stays mounted whatever happens.
run_in() {
    local root=$1 command=$2
    # shellcheck disable=SC2016
    unshare --mount --propagation private bash -euc '
        root=$1
        mount -t proc proc "$root/proc"
        mount -t sysfs sys "$root/sys"
        mount --rbind /dev "$root/dev"
        for wheels in ${PIP_FIND_LINKS:-}; do
            if [ -d "$wheels" ]; then mkdir -p "$root$wheels"; mount --bind "$wheels" "$root$wheels"; fi
        done
        mapfile -t kept < <(env | grep -E "^(PIP_|SSL_|REQUESTS_|https?_proxy|no_proxy)" || true)
        exec chroot "$root" env -i HOME=/root LANG=C.UTF-8 CI=true \
            PATH=/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin "${kept[@]}" \
            bash -c "$2"' - "$root" "$command"
}

failed=0
for release in "${@:-bookworm trixie}"; do
    for name in $release; do
        root=$folder/$name
        make_root "$name" "$root" >"$folder/$name-root.log" 2>&1
        rm -rf "$root/src"
        git clone -q "$repository" "$root/src"
        for preset in ${PRESETS:-demo test}; do
            started=$SECONDS
            run_in "$root" "cd /src && ./install-debian.sh && cmake --workflow --preset $preset" \
                >"$folder/$name-$preset.log" 2>&1 && result=passed || { result=FAILED; failed=1; }
            echo "$name $preset: $result after $((SECONDS - started)) s, $folder/$name-$preset.log"
            grep -E "^(=+ )?[0-9]+ (passed|failed)|^[0-9]+% tests" "$folder/$name-$preset.log" || true
        done
        rm -rf "$folder/$name-pictures"
        cp -r "$root/src/build/demo" "$folder/$name-pictures" || true
    done
done
exit $failed
