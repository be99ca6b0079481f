"""SEG and SR as dcmqi reads them: an independent reader, in C++ on DCMTK."""

import json
import shutil
import subprocess
import sys
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import SimpleITK as sitk


@dataclass(frozen=True)
class ReadSegment:
    """One segment."""

    voxels: int
    spacing_mm: tuple[float, ...]
    centroid_mm: tuple[float, ...]
    """LPS."""
    tracking: tuple[str, str]
    """Identifier and UID."""
    label: str


def read_segmentation(content: bytes, folder: Path) -> list[ReadSegment]:
    """Every segment, by number."""
    folder.mkdir(parents=True, exist_ok=True)
    file = folder / "seg.dcm"
    file.write_bytes(content)
    _run(
        "segimage2itkimage", "--inputDICOM", file, "--outputDirectory", folder, "--outputType", "nrrd", "--prefix", "x"
    )
    told = json.loads((folder / "x-meta.json").read_text(encoding="utf-8"))
    found = []
    for (segment,) in told["segmentAttributes"]:
        image = sitk.ReadImage(str(folder / f"x-{segment['labelID']}.nrrd"))
        inside = sitk.GetArrayFromImage(image) != 0
        places = [
            image.TransformIndexToPhysicalPoint(tuple(int(one) for one in at[::-1]))
            for at in zip(*inside.nonzero(), strict=True)
        ]
        found.append(
            ReadSegment(
                voxels=int(inside.sum()),
                spacing_mm=image.GetSpacing(),
                centroid_mm=tuple(sum(axis) / len(places) for axis in zip(*places, strict=True)),
                tracking=(segment["TrackingIdentifier"], segment["TrackingUniqueIdentifier"]),
                label=segment["SegmentLabel"],
            )
        )
    return found


def read_report(content: bytes, folder: Path) -> dict[str, Any]:
    """A report in dcmqi's JSON."""
    folder.mkdir(parents=True, exist_ok=True)
    file, out = folder / "sr.dcm", folder / "sr.json"
    file.write_bytes(content)
    _run("tid1500reader", "--inputDICOM", file, "--outputMetadata", out)
    told: dict[str, Any] = json.loads(out.read_text(encoding="utf-8"))
    return told


def _run(tool: str, *words: object) -> None:
    program = shutil.which(tool, path=str(Path(sys.executable).parent)) or shutil.which(tool)
    assert program is not None, f"dcmqi's {tool} is not there; it is among the development packages"
    done = subprocess.run([program, *map(str, words)], capture_output=True, text=True, check=False, timeout=120)
    assert done.returncode == 0, done.stdout[-2000:] + done.stderr[-2000:]
