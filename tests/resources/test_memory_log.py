"""What a home's log says of memory."""

import json
import math
from pathlib import Path

from resources.memory_log import peak_megabytes, peaks_in_gigabytes
from trading.evaluation.operations import highest


def test_memory_is_the_highest_peak_of_the_runs(tmp_path: Path) -> None:
    lines = [("a", 1024), ("a", 2048), ("b", 512)]
    text = [json.dumps({"event": "stage_made", "run_id": run, "peak_megabytes": size}) for run, size in lines]
    (tmp_path / "fabline.jsonl").write_text("\n".join([*text, '{"event": "other"}']) + "\n", encoding="utf-8")

    assert peaks_in_gigabytes(tmp_path) == [2.0, 0.5]
    assert highest(peaks_in_gigabytes(tmp_path)).value == 2.0
    assert peaks_in_gigabytes(tmp_path / "none") == []
    assert math.isnan(highest([]).value)
    assert peak_megabytes() > 10
