#!/usr/bin/env bash
# Makes .venv beside the project, with all that training and testing need. Costs nothing when nothing has changed.
#   PYTHON=python3.12   takes this Python instead of the first suitable one
#   UV_TORCH_BACKEND=   chooses the build of torch (cpu, cu130, auto...; see uv pip install --help)
# uv, which installs, is given the settings of pip (find-links, index-url, extra-index-url, cert).
set -euo pipefail
cd "$(dirname "${BASH_SOURCE[0]}")/.."
venv=.venv/bin/python

fail() {
    echo "$*" >&2
    exit 1
}

version_of() {
    "$1" -c 'import sys; print("%d.%d" % sys.version_info[:2])' 2>/dev/null
}

suits() {
    case $1 in 3.10 | 3.11 | 3.12) ;; *) return 1 ;; esac
}

choose_python() {
    local candidate version
    if [ -n "${PYTHON:-}" ]; then
        version=$(version_of "$PYTHON") || fail "PYTHON=$PYTHON does not run."
        suits "$version" || fail "hybridkp needs Python 3.10, 3.11 or 3.12; PYTHON=$PYTHON is Python $version."
        python=$PYTHON
        return
    fi
    for candidate in python3 python3.12 python3.11 python3.10; do
        if version=$(version_of "$candidate") && suits "$version"; then
            python=$candidate
            return
        fi
    done
    fail 'hybridkp needs Python 3.10, 3.11 or 3.12, and none was found; name one in PYTHON.'
}

make_venv() {
    local version
    if version=$(version_of "$venv"); then
        suits "$version" || fail "hybridkp needs Python 3.10, 3.11 or 3.12; .venv holds Python $version: remove it."
        if "$venv" -m pip --version >/dev/null 2>&1; then return; fi
    fi
    choose_python
    echo "Making .venv with $python."
    "$python" -m venv --clear .venv
}

# pip's value of setting $1, on one line: from the environment, else from its files.
pip_setting() {
    local scope value
    for scope in :env: install global; do
        value=$(sed -n "s/^$scope\.$1='\(.*\)'\$/\1/p" <<<"$pip_settings")
        if [ -n "$value" ]; then
            xargs <<<"${value//\\n/ }"
            return
        fi
    done
}

# Sets the variable $1 to $2, unless it is set already or there is nothing to set it to.
default() {
    if [ -n "$2" ] && [ -z "${!1:-}" ]; then export "$1=$2"; fi
}

give_uv_the_settings_of_pip() {
    local pip_settings place places=''
    pip_settings=$("$venv" -m pip config list)
    for place in $(pip_setting find-links); do
        # a folder that is missing is nothing to pip and an error to uv
        if [[ $place == http*://* || -d ${place#file://} ]]; then places+=${places:+,}$place; fi
    done
    default UV_FIND_LINKS "$places"
    default UV_DEFAULT_INDEX "$(pip_setting index-url)"
    default UV_INDEX "$(pip_setting extra-index-url)"
    default SSL_CERT_FILE "$(pip_setting cert)"
    default UV_HTTP_TIMEOUT "$(pip_setting default-timeout)"
    # Like pip: the best version in all the indexes, not the first index that knows the name.
    default UV_INDEX_STRATEGY unsafe-best-match
}

# Without a GPU the ordinary torch for Linux brings gigabytes for nothing. A machine with package places of its own
# is left alone: they say which torch it takes.
wants_cpu_torch() {
    [ "$(uname)" = Linux ] && ! command -v nvidia-smi >/dev/null &&
        [ -z "${UV_TORCH_BACKEND:-}${UV_FIND_LINKS:-}${UV_DEFAULT_INDEX:-}${UV_INDEX:-}" ]
}

install() {
    "$venv" -m uv pip install --quiet --python "$venv" --compile-bytecode \
        -c requirements/constraints.txt -e '.[tests,deploy]'
}

check() {
    "$venv" -c 'import cv2' || fail 'OpenCV does not import. If a system library is missing, install libGL and' \
        'libglib (Debian, Ubuntu: libgl1 libglib2.0-0; Fedora: mesa-libGL glib2), then run this again.'
    "$venv" - <<'PYTHON'
import platform, cv2, mmpose, torch
print(f'Python {platform.python_version()}, torch {torch.__version__}, OpenCV {cv2.__version__}, '
      f'mmpose {mmpose.__version__}, GPU: {torch.cuda.is_available()}')
PYTHON
}

stamp=$(cat setup.py pyproject.toml requirements/*.txt tools/setup_env.sh - <<<"$PWD" | cksum)
is_done() {
    [ -x "$venv" ] && [ "$stamp" = "$(cat .venv/stamp 2>/dev/null)" ]
}

if is_done; then exit; fi
if command -v flock >/dev/null; then
    exec 9>.venv.lock
    flock 9
    if is_done; then exit; fi
fi
make_venv
rm -f .venv/stamp
give_uv_the_settings_of_pip
echo 'Installing (about a minute when nothing is cached).'
"$venv" -m pip install -qq --disable-pip-version-check uv
if wants_cpu_torch; then
    echo 'No GPU: taking torch for the CPU (UV_TORCH_BACKEND chooses another).'
    UV_TORCH_BACKEND=cpu install || { echo 'That did not work: taking the ordinary torch.' && install; }
else
    install
fi
check
echo "$stamp" >.venv/stamp
