# SPDX-License-Identifier: Apache-2.0
"""What RAUC and SWUpdate of Debian need in a machine that they update: configuration, keys, a bundle and an image."""
import hashlib
import os
import subprocess
import sys

sys.path.insert(0, os.path.join(os.path.dirname(os.path.abspath(__file__)), "..", "e2e"))
from rauc import BOOT_LOADER, MANIFEST  # noqa: E402  (beside the tests that they were made for)

MIB = 1 << 20
SLOT_BYTES = 16 * MIB
IMAGE_BYTES = 8 * MIB
PACKAGES = ("dbus", "rauc", "rauc-service", "swupdate")

FILES = {
    "etc/rauc/system.conf": """[system]
compatible=kernel-exporter-test
bootloader=custom
statusfile=/var/lib/rauc.status
bundle-formats=plain
[handlers]
bootloader-custom-backend=/etc/rauc/boot-loader
[keyring]
path=/etc/rauc/cert.pem
[slot.rootfs.0]
device=/dev/vdb
type=raw
bootname=A
[slot.rootfs.1]
device=/dev/vdc
type=raw
bootname=B
""",
    "etc/rauc/boot-loader": BOOT_LOADER.format(folder="/etc/rauc"),
    "etc/rauc/bootenv": "primary=A\nA=good\nB=bad\n",
    "etc/swupdate/conf.d/10-test": 'SWUPDATE_ARGS="-v -f /etc/swupdate.cfg -H board:1.0 -k /etc/rauc/cert.pem"\n',
    "etc/swupdate.cfg": 'globals : { loglevel = 5; bootloader = "none"; public-key-file = "/etc/rauc/cert.pem"; };\n',
    "etc/hwrevision": "board 1.0\n",
    "etc/kernel_exporter/ota.yaml": """adapters: {rauc: {}, swupdate: {}}
devices: {/dev/vdd: slot}
thresholds: {starved: 1s}
""",
}
DESCRIPTION = """software = {{
  version = "5.0";
  hardware-compatibility: [ "1.0" ];
  images: ( {{ filename = "rootfs.img"; device = "/dev/vdd"; type = "raw"; installed-directly = true;
               sha256 = "{}"; }} );
}}
"""


def run(*command, **arguments):
    subprocess.run(command, check=True, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, **arguments)


def write(path, content):
    os.makedirs(os.path.dirname(path), exist_ok=True)
    with open(path, "wb") as file:
        file.write(content if isinstance(content, bytes) else content.encode())


def bundle(folder, version, path):
    content = os.path.join(folder, "bundle-" + version)
    write(os.path.join(content, "rootfs.img"), os.urandom(IMAGE_BYTES))
    write(os.path.join(content, "manifest.raucm"), MANIFEST.format(version=version))
    # Random bytes cannot be compressed: why try.
    run("rauc", f"--cert={folder}/cert.pem", f"--key={folder}/key.pem",
        "--mksquashfs-args=-noI -noD -noF -noX -quiet", "bundle", content, path)


def image(folder, path):
    content = os.path.join(folder, "image")
    rootfs = os.urandom(IMAGE_BYTES)
    write(os.path.join(content, "rootfs.img"), rootfs)
    write(os.path.join(content, "sw-description"), DESCRIPTION.format(hashlib.sha256(rootfs).hexdigest()))
    run("openssl", "cms", "-sign", "-in", "sw-description", "-out", "sw-description.sig", "-signer",
        f"{folder}/cert.pem", "-inkey", f"{folder}/key.pem", "-outform", "DER", "-nosmimecap", "-binary", cwd=content)
    with open(path, "wb") as file:
        subprocess.run(["cpio", "-o", "-H", "crc"], cwd=content, input=b"sw-description\nsw-description.sig\nrootfs.img\n",
                       stdout=file, stderr=subprocess.DEVNULL, check=True)


def prepare(root, folder):
    """Puts everything into a root directory. `folder`: for what only the preparation needs."""
    run("openssl", "req", "-x509", "-newkey", "rsa:2048", "-nodes", "-keyout", f"{folder}/key.pem", "-out",
        f"{folder}/cert.pem", "-subj", "/CN=kernel_exporter test", "-days", "3650",
        "-addext", "extendedKeyUsage=emailProtection", "-addext", "keyUsage=digitalSignature")
    for path, content in FILES.items():
        write(os.path.join(root, path), content)
    os.chmod(os.path.join(root, "etc/rauc/boot-loader"), 0o755)
    with open(f"{folder}/cert.pem", "rb") as file:
        write(os.path.join(root, "etc/rauc/cert.pem"), file.read())
    for version in ("2", "3"):
        bundle(folder, version, os.path.join(root, f"bundle-{version}.raucb"))
    image(folder, os.path.join(root, "image.swu"))
