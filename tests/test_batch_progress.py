"""What a batch shows while a notebook runs: bars, lines and the time left."""

import os
import subprocess
import sys
import time

import pytest
from batch_toys import captured_console, toy_task

from moslab.batch.durations import duration
from moslab.batch.progress import Watch, read_progress
from moslab.utils import paths
from moslab.utils.files import write_json


def test_progress_of_processes_that_are_gone_is_swept_away(home):
    folder = paths.profile_dir("smoke")
    gone = subprocess.Popen([sys.executable, "-c", ""])
    gone.wait()
    for name, pid in (("00_toy", os.getpid()), ("run", os.getpid()), ("dead", gone.pid)):
        write_json(
            folder / f"progress/{name}.json",
            {"label": name, "done": 1, "total": 4, "started": time.time() - 30, "pid": pid},
        )
    records = read_progress(folder / "progress")
    assert [record["label"] for record in records] == ["00_toy", "run"]
    assert not (folder / "progress/dead.json").exists()
    console, shown = captured_console()
    watch = Watch(console, toy_task(folder, missing=3, seconds=100.0), runs_before=0)
    line = watch.line(records)
    assert "cell 1 of 4" in line and "1 in flight" in line
    console.print(watch.bars(records))
    assert "1 of 4 cells" in shown.getvalue()
    assert "90 s left" in shown.getvalue().replace("2 min", "90 s")


def test_time_left_trusts_the_plan_first_and_the_pace_later(home, monkeypatch):
    console, _ = captured_console()
    task = toy_task(home, missing=20, seconds=200.0)
    watch = Watch(console, task, runs_before=0, started=time.time() - 60)
    flying = [{"name": "00_toy", "done": 1, "total": 2}, {"name": "run", "done": 3, "total": 6}]
    assert watch.left([]) == pytest.approx(140, abs=2)  # nothing trained yet: the plan less what has passed
    trust = 0.5 / 8
    assert watch.left(flying) == pytest.approx(19.5 * ((1 - trust) * 10 + trust * 120), abs=5)
    monkeypatch.setattr(watch, "finished", lambda: 10)
    assert watch.left([]) == pytest.approx(60, abs=2)


@pytest.mark.parametrize(
    ("seconds", "words"), [(None, "unknown"), (12.3, "12 s"), (600, "10 min"), (7500, "2 h 05 min")]
)
def test_durations_as_people_say_them(seconds, words):
    assert duration(seconds) == words
